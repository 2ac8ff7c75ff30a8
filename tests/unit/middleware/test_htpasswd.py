"""htpasswd files: what is accepted, what is refused and how that is said, and whose password is right."""

from __future__ import annotations

import sys

import argon2
import bcrypt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from potstill.middleware.htpasswd import parse_users
from potstill.middleware.reloaded import FileError

# Cheap ones, made by the libraries themselves.
BCRYPT = bcrypt.hashpw(b"secret", bcrypt.gensalt(5)).decode()
ARGON2 = argon2.PasswordHasher(time_cost=1, memory_cost=4096, parallelism=1).hash("secret")
# Written by other implementations: Apache's htpasswd (2y), OpenBSD's test vector (2a).
APACHE = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"


@pytest.mark.parametrize(
    "hashed", [BCRYPT, BCRYPT.replace("$2b$", "$2y$"), BCRYPT.replace("$2b$", "$2a$"), ARGON2]
)
def test_the_right_password_matches_and_others_do_not(hashed: str) -> None:
    """bcrypt under each of its good names, argon2."""
    (user,) = parse_users("users", f"alice:{hashed}\n").values()
    assert user.text == hashed
    assert user.matches(b"secret")
    for wrong in (b"", b"Secret", b"secret ", b"secre", b"secret\xff", b"x" * 1000):
        assert not user.matches(wrong)


def test_argon2i_too() -> None:
    """The older of the two kinds."""
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=4096, parallelism=1, type=argon2.Type.I)
    (user,) = parse_users("users", f"a:{hasher.hash('p')}").values()
    assert (user.matches(b"p"), user.matches(b"q")) == (True, False)


@settings(max_examples=30)
@given(st.binary(max_size=100).filter(lambda password: b"\0" not in password))
def test_whatever_bcrypt_writes_is_accepted(password: bytes) -> None:
    """Every salt and hash there can be; beyond 72 octets bcrypt has never looked."""
    hashed = bcrypt.hashpw(password[:72], bcrypt.gensalt(5)).decode()
    (user,) = parse_users("users", f"a:{hashed}").values()
    assert user.matches(password)
    assert user.matches(password + b"x") == (len(password) >= 72)


def test_a_file_has_users_comments_and_empty_lines() -> None:
    """Names are octets of UTF-8."""
    text = f"# users\n\nalice:{BCRYPT}\r\n  élan:{ARGON2}  # since May\nx y:{BCRYPT}\n"
    assert list(parse_users("users", text)) == [b"alice", "élan".encode(), b"x y"]
    assert parse_users("users", "# nobody\n") == {}


PLAIN = "swordfish"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"alice:{PLAIN}", "plain text"),
        ("alice:", "plain text"),
        ("alice:rqXexS6ZhobKA", "plain text"),  # DES
        ("alice:$apr1$lZL6V/ci$eIMz/iKDkbtys/uU7LEK00", "Apache's MD5"),
        ("alice:$1$abcdefgh$irWbblnpmw.5z7wgBnprh0", "MD5-crypt"),
        ("alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "SHA-1"),
        ("alice:$5$rounds=5000$saltsalt$abc", "SHA-crypt"),
        ("alice:$6$saltsalt$abc", "SHA-crypt"),
        (f"alice:{BCRYPT.replace('$2b$', '$2x$')}", "broken bcrypt"),
        (f"alice:{BCRYPT.replace('$05$', '$04$')}", "cost of 4"),
        (f"alice:{BCRYPT.replace('$05$', '$31$')}", "cost of 31"),
        (f"alice:{BCRYPT[:-1]}", "plain text"),
        (f"alice:{BCRYPT}x", "plain text"),
        (f"alice:{BCRYPT}:comment", "plain text"),
        (f"alice:{BCRYPT[:-1]}1", "plain text"),
        (f"alice:{ARGON2.replace('m=4096', 'm=8')}", "memory in KiB is 8"),
        (f"alice:{ARGON2.replace('m=4096', 'm=999999999')}", "memory in KiB is 999999999"),
        (f"alice:{ARGON2.replace('t=1', 't=0')}", "passes is 0"),
        (f"alice:{ARGON2.replace('p=1', 'p=99')}", "lanes is 99"),
        (f"alice:{ARGON2.replace('argon2id', 'argon2d')}", "argon2d"),
        (f"alice:{ARGON2.replace('v=19', 'v=16')}", "plain text"),
        ("alice", "a user, a colon and a hash"),
        (f":{BCRYPT}", "name of a user"),
        (f"a\x07:{BCRYPT}", "name of a user"),
        (f"{'a' * 256}:{BCRYPT}", "name of a user"),
        (f"bob:{BCRYPT}", "second time"),
    ],
)
def test_what_is_refused_is_said_with_file_and_line_and_without_the_secret(line: str, says: str) -> None:
    """The log must not hold what stands behind the colon."""
    with pytest.raises(FileError, match=says) as raised:
        parse_users("/etc/users", f"# users\nbob:{BCRYPT}\n{line}\n")
    assert str(raised.value).startswith("/etc/users:3: ")
    secret = line.partition(":")[2]
    assert not secret or secret not in str(raised.value)


@pytest.mark.parametrize(
    ("module", "hashed", "package"),
    [("bcrypt", BCRYPT, "bcrypt"), ("argon2.low_level", ARGON2, "argon2-cffi")],
)
def test_a_missing_library_is_named_with_its_extra(
    module: str, hashed: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only for a hash that needs it."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(FileError, match=rf"{package}: pip install 'potstill\[auth\]'"):
        parse_users("users", f"alice:{hashed}")
    other = ARGON2 if hashed == BCRYPT else BCRYPT
    assert len(parse_users("users", f"alice:{other}")) == 1


def test_a_vector_of_another_implementation() -> None:
    """crypt_blowfish's: `U*U` with the salt of Cs."""
    (user,) = parse_users("users", f"alice:{APACHE}").values()
    assert user.matches(b"U*U")
    assert not user.matches(b"U*U*")
