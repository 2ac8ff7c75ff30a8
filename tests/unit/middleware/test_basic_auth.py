"""BasicAuth: who is let in, what the application sees, what it costs, and attempts to be somebody."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.middleware import BasicAuth, basic_auth
from potstill.middleware.basic_auth import REMEMBERED_MAX, credentials_of
from potstill.middleware.htpasswd import PasswordHash
from potstill.middleware.reloaded import FileError, ReloadedFile
from tests.unit.middleware.hosts import HOSTS, Answered, Recorder, ask, fetch, hosted, validated
from tests.unit.middleware.test_htpasswd import ARGON2, BCRYPT


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture
def users(tmp_path: Path) -> str:
    path = tmp_path / "htpasswd"
    path.write_text(f"alice:{BCRYPT}\nélan:{ARGON2}\n", encoding="utf-8")
    return str(path)


def through(users: str, authorization: str | None, **changes: Any) -> Answered:
    environ = {key: changes.pop(key) for key in list(changes) if key.isupper()}
    if authorization is not None:
        environ["HTTP_AUTHORIZATION"] = authorization
    return ask(lambda app: BasicAuth(app, users, **changes), **environ)


def test_who_knows_the_password_is_let_in(users: str) -> None:
    """REMOTE_USER and AUTH_TYPE say who; the password goes no further."""
    answer = through(users, basic("alice", "secret"))
    assert answer.environ is not None
    assert (answer.code, answer.environ["REMOTE_USER"], answer.environ["AUTH_TYPE"]) == (
        200,
        "alice",
        "Basic",
    )
    assert "HTTP_AUTHORIZATION" not in answer.environ
    kept = through(users, basic("alice", "secret"), keep_authorization=True)
    assert kept.environ is not None
    assert kept.environ["HTTP_AUTHORIZATION"] == basic("alice", "secret")


def test_a_name_in_utf8_is_octets_as_latin1(users: str) -> None:
    """PEP 3333's way for every text."""
    answer = through(users, basic("élan", "secret"))
    assert answer.environ is not None
    assert answer.environ["REMOTE_USER"].encode("latin-1").decode() == "élan"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        basic("alice", "Secret"),
        basic("alice", ""),
        basic("Alice", "secret"),
        basic("alice ", "secret"),
        basic("", "secret"),
        basic("bob", "secret"),
        basic("", ""),
        basic("alice", "secret\0"),
        basic("alice\0", "secret"),
        basic("alice", "secret\n"),
        basic("alice", f"{BCRYPT}"),
        basic("alice", ":secret"),
        basic("alice:", "secret"),
        f"{basic('alice', 'secret')}, {basic('alice', 'secret')}",
        f" {basic('alice', 'secret')}",
        f"{basic('alice', 'secret')} x",
        basic("alice", "secret").replace("Basic ", "Basic\t"),
        basic("alice", "secret").replace("Basic ", "Bearer "),
        basic("alice", "secret").replace("Basic ", "Basic:"),
        basic("alice", "secret") + "==",
        basic("alice", "secret") + "\n",
        "Basic YWxpY2U",
        "Basic ====",
        "Basic " + b64encode(b"\xe9lan:secret").decode(),
        basic("alice", "secret" + "x" * 2000),
        "Digest username=alice",
        "Basic YWxpY2U6c2Vjcm_0",
    ],
)
def test_everybody_else_is_not(users: str, authorization: str | None) -> None:
    """401 with the challenge of RFC 7617, and the application is not asked."""
    answer = through(users, authorization, realm='Back "office"')
    assert (answer.status, answer.environ) == ("401 Unauthorized", None)
    assert answer.all("WWW-Authenticate") == ['Basic realm="Back \\"office\\"", charset="UTF-8"']


def test_the_scheme_is_any_case(users: str) -> None:
    """RFC 9110 section 11.1."""
    for scheme in ("basic", "BASIC", "bAsIc "):
        assert through(users, basic("alice", "secret").replace("Basic", scheme)).code == 200


def test_nothing_a_client_sends_becomes_the_user(users: str) -> None:
    """Fields that other servers set for who has logged in, and what was in the environ before."""
    spoofed = dict.fromkeys(basic_auth._SPOOFABLE, "admin")
    answer = through(users, basic("alice", "secret"), **spoofed, REMOTE_USER="admin", AUTH_TYPE="Negotiate")
    assert answer.environ is not None
    assert spoofed.keys() & answer.environ.keys() == set()
    assert (answer.environ["REMOTE_USER"], answer.environ["AUTH_TYPE"]) == ("alice", "Basic")


class Counting:
    """Users whose hashes count how often they are computed, in a file that a test changes."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int = 3) -> None:
        self.checked: list[str] = []
        self.now = 0.0
        self.path = tmp_path / "users"
        self.write({f"user{i}": f"password{i}" for i in range(count)})

        def watched(path: str, parse: Callable[[str, str], Any]) -> ReloadedFile[Any]:
            return ReloadedFile(path, self.parse, lambda: self.now)

        monkeypatch.setattr(basic_auth, "ReloadedFile", watched)
        self.auth = BasicAuth(Recorder(), str(self.path))

    def write(self, passwords: dict[str, str]) -> None:
        self.path.write_text("\n".join(":".join(pair) for pair in passwords.items()))
        self.now += 2

    def parse(self, path: str, text: str) -> dict[bytes, PasswordHash]:
        def one(name: str, password: str) -> PasswordHash:
            def matches(given: bytes) -> bool:
                self.checked.append(name)
                return given == password.encode()

            return PasswordHash(f"hash of {password}", matches)

        return {
            name.encode(): one(name, password) for name, password in (li.split(":") for li in text.split())
        }

    def knows(self, name: str, password: str) -> bool:
        return self.auth.knows(name.encode(), password.encode())


@pytest.fixture
def counting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Counting:
    return Counting(tmp_path, monkeypatch)


def test_a_right_password_is_computed_once_and_a_wrong_one_each_time(counting: Counting) -> None:
    """Remembering what is wrong would only help who tries."""
    assert [counting.knows("user1", "password1") for _ in range(5)] == [True] * 5
    assert counting.checked == ["user1"]
    assert [counting.knows("user1", "password2") for _ in range(3)] == [False] * 3
    assert len(counting.checked) == 4


def test_an_unknown_user_costs_what_a_known_one_does(counting: Counting) -> None:
    """One hash, always of the same user; different names look like different users."""
    stands_in = {}
    for name in (f"nobody{i}" for i in range(40)):
        for _ in range(3):
            counting.checked.clear()
            assert not counting.knows(name, "password1")
            assert len(counting.checked) == 1
            assert stands_in.setdefault(name, counting.checked[0]) == counting.checked[0]
    assert set(stands_in.values()) == {"user0", "user1", "user2"}


def test_knowing_somebody_elses_password_does_not_help_an_unknown_user(counting: Counting) -> None:
    """Whoever stands in for him has it, and is not asked who he is."""
    for i in range(3):
        assert [counting.knows(f"nobody{n}", f"password{i}") for n in range(20)] == [False] * 20


def test_a_changed_password_is_changed_at_once_and_a_removed_user_gone(counting: Counting) -> None:
    """What was remembered belongs to the line as it was."""
    assert counting.knows("user1", "password1")
    counting.write({"user0": "password0", "user1": "other"})
    assert not counting.knows("user1", "password1")
    assert counting.knows("user1", "other")
    counting.write({"user0": "password0"})
    assert not counting.knows("user1", "other")
    counting.write({"user0": "password0", "user1": "password1"})
    assert counting.knows("user1", "password1")


def test_no_more_is_remembered_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one who has been quiet for longest is forgotten."""
    counting = Counting(tmp_path, monkeypatch, REMEMBERED_MAX + 1)
    for i in range(REMEMBERED_MAX):
        assert counting.knows(f"user{i}", f"password{i}")
    assert counting.knows("user0", "password0")
    assert counting.knows(f"user{REMEMBERED_MAX}", f"password{REMEMBERED_MAX}")
    counting.checked.clear()
    assert counting.knows("user0", "password0")
    assert counting.checked == []
    assert counting.knows("user1", "password1")
    assert counting.checked == ["user1"]


def test_an_empty_file_lets_nobody_in(tmp_path: Path) -> None:
    """And says so only to who asks."""
    (tmp_path / "users").write_text("")
    assert through(str(tmp_path / "users"), basic("alice", "secret")).code == 401


@given(
    st.text(st.characters(exclude_characters=":", exclude_categories=["Cc", "Cs"])),
    st.text(st.characters(exclude_categories=["Cc", "Cs"])),
)
def test_credentials_are_read_back(user: str, password: str) -> None:
    """Every name without a colon, every password."""
    expected = (user.encode(), password.encode())
    if len(basic(user, password)) < 1000 and b"\x7f" not in b"".join(expected):
        assert credentials_of(basic(user, password)) == expected


@pytest.mark.parametrize(
    ("base64", "expected"),
    [
        ("YTpi", (b"a", b"b")),
        ("YTpiYw==", (b"a", b"bc")),
        ("YTpiYw=", None),
        ("YTpiYw", None),
        ("YTpiYx==", None),  # bits behind the end
        ("YTpi====", None),
        ("YTpiYw==YTpi", None),
        ("YTp\u0131", None),
    ],
)
def test_base64_has_one_form(base64: str, expected: tuple[bytes, bytes] | None) -> None:
    """RFC 4648 section 3.5: what can be written in two ways is two things to some reader."""
    assert credentials_of(f"Basic {base64}") == expected


@pytest.mark.parametrize(
    "octets", [b"a", b"", b"a:b\0", b"a\0:b", b"a\tb:c", b"a:b\x7f", b"a:b\r\n", b"a:\xff", b"\xc0\x80:b"]
)
def test_control_characters_and_what_is_not_utf8_are_no_credentials(octets: bytes) -> None:
    """RFC 7617 section 2; a NUL would also let two pairs look like one another when they are remembered."""
    assert credentials_of("Basic " + b64encode(octets).decode()) is None


@given(st.text())
def test_no_field_does_anything_but_be_credentials_or_none(text: str) -> None:
    """No exception, whatever comes."""
    for value in (
        text,
        f"Basic {text}",
        "Basic " + b64encode(text.encode("utf-8", "surrogatepass")).decode(),
    ):
        credentials_of(value)


@pytest.mark.parametrize("realm", ["", "a\nb", "é", "x" * 256])
def test_a_realm_that_cannot_be_said_is_refused(users: str, realm: str) -> None:
    """Not at the first request."""
    with pytest.raises(ValueError, match="realm"):
        BasicAuth(Recorder(), users, realm=realm)


def test_a_file_that_cannot_be_read_is_told_at_the_beginning(tmp_path: Path) -> None:
    """Missing, or with a line that is not accepted."""
    with pytest.raises(FileNotFoundError):
        BasicAuth(Recorder(), str(tmp_path / "missing"))
    (tmp_path / "users").write_text("alice:secret\n")
    with pytest.raises(FileError, match=r"users:1: the user 'alice'"):
        BasicAuth(Recorder(), str(tmp_path / "users"))


@pytest.mark.parametrize("host", HOSTS)
def test_under_real_servers(host: str, users: str) -> None:
    """The header as it comes off the wire."""
    recorder = Recorder()
    with hosted(host, BasicAuth(validated(recorder), users)) as address:
        assert fetch(address).code == 401
        assert fetch(address, Authorization=basic("alice", "wrong"), Remote_User="admin").code == 401
        assert fetch(address, Authorization=basic("alice", "secret"), Remote_User="admin").code == 200
    (environ,) = recorder.seen
    assert (environ["REMOTE_USER"], "HTTP_REMOTE_USER" in environ) == ("alice", False)
