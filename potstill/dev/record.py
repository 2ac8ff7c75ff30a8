"""Requests as lines of a file (`--record FILE`), to be sent again by `potstill replay`.

A line is written before the application is called, so the request that hangs or kills the process is there
too. One line, one write at the end of the file: several processes may write to the same one. It has what a
client has sent, cookies and passwords included, so nobody but its owner may read the file.

A body that comes as it is read (--request-buffering off) cannot be recorded, nor the rest of a large one.
"""

from __future__ import annotations

import base64
import logging
import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

logger = logging.getLogger("potstill")

BODY_BYTES_MAX = 8 << 20
# Who forgets that it records should find a full disk in no case.
FILE_BYTES_MAX = 4 << 30
OWNER_ALONE = 0o600
# These two are fields of the request that environ has under names of their own.
PLAIN = ("CONTENT_TYPE", "CONTENT_LENGTH")


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One request."""

    at: float  # seconds since 1970
    method: str
    target: str
    fields: list[tuple[str, str]]
    body: str = ""  # base64
    cut: bool = False  # there was more than that


class Record:
    """Around the application. Raises OSError when the file cannot be written to."""

    def __init__(self, application: WSGIApplication, path: str) -> None:
        self._application = application
        self._path = os.path.abspath(path)
        self._full = False
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, OWNER_ALONE)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            if os.fstat(self._file).st_size < FILE_BYTES_MAX:
                os.write(self._file, msgspec.json.encode(recorded(environ)) + b"\n")
            elif not self._full:
                self._full = True
                logger.warning("%s is full: nothing more is recorded in it", self._path)
        except OSError as error:
            logger.error("cannot record %s: %s", environ.get("REQUEST_URI"), error)
        return self._application(environ, start_response)


def recorded(environ: dict[str, Any]) -> Recorded:
    """The request of an environ, whose body can be read afterwards as if nobody had."""
    body, cut = body_of(environ["wsgi.input"])
    fields = [(name_of(key), str(value)) for key, value in environ.items() if key.startswith("HTTP_")]
    fields += [(name_of(f"HTTP_{key}"), str(environ[key])) for key in PLAIN if environ.get(key)]
    return Recorded(
        at=time.time(),
        method=environ["REQUEST_METHOD"],
        target=environ.get("REQUEST_URI") or environ.get("PATH_INFO", ""),
        fields=fields,
        body=base64.b64encode(body).decode("ascii"),
        cut=cut,
    )


def body_of(stream: Any) -> tuple[bytes, bool]:
    """The beginning of a body, and whether there is more."""
    seekable = getattr(stream, "seekable", None)
    if seekable is None or not seekable():
        return b"", True
    body = bytes(stream.read(BODY_BYTES_MAX))
    more = bool(stream.read(1))
    stream.seek(0)
    return body, more


def name_of(key: str) -> str:
    """`HTTP_X_SHOP` → `X-Shop`."""
    return key[5:].replace("_", "-").title()
