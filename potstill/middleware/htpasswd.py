"""The users of an htpasswd file, and whether a password is theirs.

    alice:$2y$12$…            bcrypt, as `htpasswd -B -C 12` writes it
    bob:$argon2id$v=19$…      argon2

Nothing else is accepted. What else such files may hold (MD5, SHA-1, DES, SHA-crypt, plain text) is either
quickly guessed by whoever gets hold of the file or cannot be checked by Python alone. A hash that is
accepted can be checked: its form and its cost are looked at when the file is read, so that no request meets
a surprise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from potstill.middleware.reloaded import FileError, lines_of

# htpasswd's own default is 5. Each step more doubles the time; 16 takes seconds.
BCRYPT_COST_MIN, BCRYPT_COST_MAX = 5, 16
# bcrypt has never looked at more, in any implementation; the library wants it said.
BCRYPT_PASSWORD_BYTES = 72
ARGON2_KIB_MIN, ARGON2_KIB_MAX = 4096, 1024 * 1024
ARGON2_PASSES_MAX = 32
ARGON2_LANES_MAX = 16

# Some bits of the last characters of salt and hash mean nothing, and must be 0.
_BCRYPT = re.compile(
    r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]", re.ASCII
)
_ARGON2 = re.compile(
    r"\$(argon2id|argon2i)\$v=19\$m=([0-9]{1,9}),t=([0-9]{1,9}),p=([0-9]{1,9})"
    r"\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})",
    re.ASCII,
)
_NAME = re.compile(r"[^\x00-\x1f\x7f:]{1,255}")

_REFUSED = (
    ("$apr1$", "Apache's MD5"),
    ("$1$", "MD5-crypt"),
    ("{SHA}", "SHA-1 without salt"),
    ("{SSHA}", "SHA-1"),
    ("$5$", "SHA-crypt"),
    ("$6$", "SHA-crypt"),
    ("$2x$", "the broken bcrypt of 2011"),
    ("$argon2d$", "argon2d, which tells by its timing"),
)


@dataclass(frozen=True)
class PasswordHash:
    """What the file says of one user: the text of the hash, and whether a password has it."""

    text: str
    matches: Callable[[bytes], bool]


def parse_users(path: str, text: str) -> dict[bytes, PasswordHash]:
    """The users of an htpasswd file by name, in UTF-8.

    Raises FileError, naming file and line, and never what stands there.
    """
    users: dict[bytes, PasswordHash] = {}
    for number, line in lines_of(text):
        name, colon, hashed = line.partition(":")
        if not colon:
            raise FileError(path, number, "a line is a user, a colon and a hash")
        if not _NAME.fullmatch(name):
            raise FileError(
                path, number, "the name of a user is 1 to 255 characters, and no control characters"
            )
        if name.encode() in users:
            raise FileError(path, number, f"the user {name!r} stands here for the second time")
        try:
            users[name.encode()] = _password_hash(hashed)
        except ValueError as error:
            raise FileError(path, number, f"the user {name!r}: {error}") from None
    return users


def _password_hash(text: str) -> PasswordHash:
    if bcrypt := _BCRYPT.fullmatch(text):
        cost = int(bcrypt[1])
        if not BCRYPT_COST_MIN <= cost <= BCRYPT_COST_MAX:
            raise ValueError(f"a bcrypt cost of {cost} is not within {BCRYPT_COST_MIN} to {BCRYPT_COST_MAX}")
        return PasswordHash(text, _bcrypt_matcher(text.encode()))
    if argon2 := _ARGON2.fullmatch(text):
        memory_kib, passes, lanes = (int(argon2[index]) for index in (2, 3, 4))
        for name, value, least, most in (
            ("memory in KiB", memory_kib, ARGON2_KIB_MIN, ARGON2_KIB_MAX),
            ("number of passes", passes, 1, ARGON2_PASSES_MAX),
            ("number of lanes", lanes, 1, ARGON2_LANES_MAX),
        ):
            if not least <= value <= most:
                raise ValueError(f"argon2's {name} is {value}, not within {least} to {most}")
        if len(argon2[5]) % 4 == 1 or len(argon2[6]) % 4 == 1:
            raise ValueError("its argon2 hash is cut short")
        return PasswordHash(text, _argon2_matcher(text.encode(), argon2[1]))
    kind = next(
        (kind for prefix, kind in _REFUSED if text.startswith(prefix)), "this kind of hash, or plain text,"
    )
    raise ValueError(f"{kind} is not accepted: write the line anew with `htpasswd -B`, or with argon2id")


def _bcrypt_matcher(hashed: bytes) -> Callable[[bytes], bool]:
    bcrypt = _library("bcrypt", "bcrypt")
    return lambda password: bool(bcrypt.checkpw(password[:BCRYPT_PASSWORD_BYTES], hashed))


def _argon2_matcher(hashed: bytes, kind: str) -> Callable[[bytes], bool]:
    argon2 = _library("argon2.low_level", "argon2-cffi")
    errors = _library("argon2.exceptions", "argon2-cffi")
    type_ = argon2.Type.ID if kind == "argon2id" else argon2.Type.I

    def matches(password: bytes) -> bool:
        try:
            return bool(argon2.verify_secret(hashed, password, type_))
        except errors.VerificationError:
            return False

    return matches


def _library(name: str, package: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise ValueError(f"this hash needs {package}: pip install 'potstill[auth]'") from None
