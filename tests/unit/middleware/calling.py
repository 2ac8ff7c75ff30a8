"""Applications that answer in all the ways PEP 3333 knows, and a server that looks closely at each.

What goes through a middleware may be returned whole or made block by block, started at once or as late as in
the first step of the iterable, written with write(), and corrected by a second start_response with exc_info.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from tests.unit.middleware.hosts import environ_of, validated

Fields = list[tuple[str, str]]
WAYS = ("whole", "blocks", "late", "write", "corrected")


@dataclass
class Speaker:
    """An application that says `blocks`, in one of WAYS, and counts its close()."""

    way: str
    blocks: list[bytes]
    fields: Fields = field(default_factory=lambda: [("Content-Type", "text/plain")])
    status: str = "200 OK"
    closed: int = 0

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        match self.way:
            case "late":
                return _Closing(self, self._late(start_response))
            case "corrected":
                start_response("200 OK", [("Content-Type", "text/wrong")])
                try:
                    raise KeyError("found out late")
                except KeyError:
                    start_response(self.status, [*self.fields], sys.exc_info())
                return _Closing(self, iter(self.blocks))
            case "write":
                write = start_response(self.status, [*self.fields])
                for block in self.blocks[:-1]:
                    write(block)
                return _Closing(self, iter(self.blocks[-1:]))
        start_response(self.status, [*self.fields])
        return [b"".join(self.blocks)] if self.way == "whole" else _Closing(self, iter(self.blocks))

    def _late(self, start_response: StartResponse) -> Iterator[bytes]:
        start_response(self.status, [*self.fields])
        yield from self.blocks


class _Closing:
    def __init__(self, speaker: Speaker, blocks: Iterator[bytes]) -> None:
        self._speaker, self._blocks = speaker, blocks

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks

    def close(self) -> None:
        self._speaker.closed += 1


@dataclass
class Heard:
    """What a server was told, in its order: `sent` has what came by write() and what was iterated."""

    status: str = ""
    fields: Fields = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        return b"".join(self.sent)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]


class Server:
    """Calls an application as PEP 3333 has it; bare, so that a list stays a list."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self.heard = Heard()

    def start_response(self, status: str, fields: Fields, exc_info: Any = None) -> Callable[[bytes], object]:
        if exc_info is not None and self.heard.body:
            raise exc_info[1].with_traceback(exc_info[2])
        assert exc_info is not None or not self.heard.status
        self.heard.status, self.heard.fields = status, list(fields)
        return self.heard.sent.append

    def ask(self, environ: WSGIEnvironment) -> Heard:
        result: Any = self._app(environ, self.start_response)
        try:
            for block in result:
                assert self.heard.status, "a block came before the head"
                self.heard.sent.append(block)
        finally:
            if hasattr(result, "close"):
                result.close()
        return self.heard


def hear(app: WSGIApplication, *, validate: bool = True, **changes: str) -> Heard:
    """One request; between validators, or bare, which shows what the server gets to see."""
    return Server(validated(app) if validate else app).ask(environ_of(**changes))


def through(wrap: Callable[[WSGIApplication], WSGIApplication], speaker: Speaker, **changes: str) -> Heard:
    """Both ways, which must come to the same once it is decoded; the answer is the bare one's."""
    bare = hear(wrap(speaker), validate=False, **changes)
    checked = hear(wrap(validated(speaker)), **changes)
    assert (bare.status, decoded(bare)) == (checked.status, decoded(checked))
    if speaker.way != "whole":
        assert speaker.closed == 2
    return bare


def decoded(heard: Heard) -> bytes:
    """The body without gzip."""
    whole = heard.all("Content-Encoding") == ["gzip"] and heard.body
    return gzip.decompress(heard.body) if whole else heard.body
