"""The format of the access log: a text with atoms in it, and four that have names.

    127.0.0.1 - - [22/May/2015:21:01:25 +0000] "GET / HTTP/1.1" 200 13         common
    %(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s                                … and how it is written

An atom is written as gunicorn has it: `%(name)s`, `%({field}i)s` for a field of the request, `%({field}o)s`
for one of the answer, `%({key}e)s` for what the environ has under a key. `parse` takes a format apart into
steps, and decides for each how a value is to be escaped where it stands, so that nothing that a client sends
can end a field or a line:

- between double quotes: the quote, the backslash and all that is not visible ASCII or a space, as \\x22;
- elsewhere also the space and the character that follows in the format;
- in a format that begins with a brace, and in logfmt: as JSON has it.
"""

from __future__ import annotations

import re
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

# The atoms without a key, and what each says.
ATOMS = MappingProxyType(
    {
        "h": "address of the client",
        "l": "always -",
        "u": "REMOTE_USER, as middleware or the application has set it",
        "t": "time as [22/May/2015:21:01:25 +0000]",
        "time": "time as 2015-05-22T21:01:25.042Z",
        "clock": "time as 22/May/2015 21:01:25",
        "r": "request line",
        "m": "method",
        "U": "path as it was sent, without the query",
        "q": "query, without its question mark",
        "H": "protocol",
        "s": "status",
        "B": "bytes of the answer's body",
        "b": "the same, - for none",
        "f": "Referer",
        "a": "User-Agent",
        "T": "seconds from when the request was there until the answer was made",
        "M": "the same in milliseconds",
        "D": "the same in microseconds",
        "L": "the same in seconds, with six digits behind the point",
        "queue_time": "of these, seconds that it waited for a thread",
        "app_time": "of these, seconds in the application",
        "first_byte_time": "seconds until the head of the answer was made",
        "received": "bytes of the request's body",
        "p": "process id",
        "worker": "number of the worker",
        "id": "id of the request",
        "route": "what the environ has as potstill.route",
        "scheme": "http or https",
        "tls": "version of TLS",
        "colour": "begins the colour of the status, for a terminal",
        "plain": "ends it",
    }
)
# Whose values the server makes itself: no character of theirs needs escaping.
OURS = frozenset(
    {"t", "time", "clock", "s", "B", "b", "T", "M", "D", "L", "queue_time", "app_time", "first_byte_time"}
    | {"received", "p", "worker", "colour", "plain", "l"}
)
KEYED = MappingProxyType({"i": "field", "o": "answer", "e": "environ"})

# RFC 3875: the two fields whose keys have no HTTP_ in front.
WITHOUT_HTTP = frozenset({"CONTENT_TYPE", "CONTENT_LENGTH"})

COMMON = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s'
NAMED = MappingProxyType(
    {
        "common": COMMON,
        "combined": COMMON + ' "%(f)s" "%(a)s"',
        "json": '{"time":"%(time)s","peer":"%(h)s","user":"%(u)s","method":"%(m)s","path":"%(U)s",'
        '"query":"%(q)s","protocol":"%(H)s","status":%(s)s,"received":%(received)s,"sent":%(B)s,"seconds":%(L)s,'
        '"queue_seconds":%(queue_time)s,"app_seconds":%(app_time)s,"id":"%(id)s","route":"%(route)s",'
        '"referer":"%(f)s","user_agent":"%(a)s","worker":%(worker)s,"pid":%(p)s,"tls":"%(tls)s"}',
        "logfmt": 'time=%(time)s peer="%(h)s" user="%(u)s" method="%(m)s" path="%(U)s" query="%(q)s" '
        'protocol="%(H)s" '
        "status=%(s)s received=%(received)s sent=%(B)s seconds=%(L)s queue_seconds=%(queue_time)s "
        'app_seconds=%(app_time)s id="%(id)s" route="%(route)s" referer="%(f)s" user_agent="%(a)s" '
        "worker=%(worker)s pid=%(p)s",
        "terminal": '%(h)s - - [%(clock)s] "%(r)s" %(colour)s%(s)s%(plain)s %(b)s %(M)sms',
    }
)
_ATOM = re.compile(r"%\((?:\{([^{}]+)\}([a-z])|([A-Za-z_]+))\)[sd]|%(%)|%")


class Escape(IntEnum):
    """How a value is made harmless where it stands."""

    NONE = 0
    QUOTED = 1
    BARE = 2
    JSON = 3


class Step(NamedTuple):
    """A piece of a line: what it is, a text or a key, how it is escaped, what character it must not hold."""

    atom: str  # "text", a name of ATOMS, or a value of KEYED
    text: str = ""
    escape: Escape = Escape.NONE
    fence: str = ""


def parse(text: str) -> tuple[Step, ...]:
    """The steps of a format, or of one of NAMED. Raises ValueError with what is allowed."""
    written = NAMED.get(text, text)
    if not written.isprintable() or not written.isascii():
        raise ValueError("a format of one line, in ASCII")
    as_json = written.startswith("{") or text == "logfmt"
    steps: list[Step] = []
    at, quoted = 0, False
    for found in _ATOM.finditer(written):
        literal = written[at : found.start()] + (found[4] or "")
        steps.append(Step("text", literal))
        quoted ^= literal.count('"') % 2 == 1
        at = found.end()
        if found[4]:
            continue
        atom, key = name_of(found)
        if atom in OURS:
            escape = Escape.NONE
        elif as_json:
            escape = Escape.JSON
        else:
            escape = Escape.QUOTED if quoted else Escape.BARE
        steps.append(Step(atom, key, escape, written[at : at + 1]))
    steps.append(Step("text", written[at:]))
    return tuple(step for step in steps if step != Step("text"))


def name_of(found: re.Match[str]) -> tuple[str, str]:
    """The atom, and what it is asked for."""
    key, kind, name = found[1], found[2], found[3]
    if name in ATOMS:
        return name, ""
    if kind in KEYED and key.isascii():
        if kind == "i":
            name = key.upper().replace("-", "_")
            return "environ", name if name in WITHOUT_HTTP else f"HTTP_{name}"
        return KEYED[kind], key if kind == "e" else key.lower()
    raise ValueError(
        f"one of {', '.join(NAMED)}, or a format with atoms like %(h)s, of which {found[0]!r} is none"
    )
