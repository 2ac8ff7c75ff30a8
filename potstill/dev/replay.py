"""Recorded requests, sent again one after the other, each on a connection of its own."""

from __future__ import annotations

import base64
import http.client
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from potstill.dev.record import Recorded

ANSWER_S = 60.0
# They are about the connection that there was, or are made anew.
LEFT_OUT = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "te", "upgrade"}
)


class RecordingError(ValueError):
    """A line of the file is no request; the text says which, and why."""


@dataclass(frozen=True)
class Outcome:
    """What has come of one request; `error` says why there is no answer."""

    request: Recorded
    status: int
    size: int
    took_s: float
    error: str = ""

    def __str__(self) -> str:
        what = f"{self.request.method} {self.request.target}"
        if self.error:
            return f"{what}  no answer: {self.error}"
        cut = "  (its body was not recorded whole)" if self.request.cut else ""
        return f"{what}  {self.status}  {self.size} bytes  {self.took_s * 1000:.0f} ms{cut}"


def read_recording(lines: Iterable[bytes]) -> list[Recorded]:
    """The requests of a file; RecordingError for a line that is none."""
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                found.append(msgspec.json.decode(line, type=Recorded))
            except msgspec.DecodeError as error:
                raise RecordingError(f"line {number} is no recorded request: {error}") from None
    return found


def replay(requests: Iterable[Recorded], url: str) -> Iterator[Outcome]:
    """Send each to the server at `url`, and tell what it answers. ValueError for another kind of URL."""
    place = urlsplit(url)
    if place.scheme != "http" or not place.hostname:
        raise ValueError(f"{url!r} is not like http://127.0.0.1:8000")
    for request in requests:
        yield send(request, place.hostname, place.port or 80)


def send(request: Recorded, host: str, port: int) -> Outcome:
    began = time.monotonic()
    client = http.client.HTTPConnection(host, port, timeout=ANSWER_S)
    try:
        body = base64.b64decode(request.body)
        client.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
        sent = [(name, value) for name, value in request.fields if name.lower() not in LEFT_OUT]
        if not any(name.lower() == "host" for name, _ in sent):
            sent.append(("Host", f"{host}:{port}"))
        if body or request.method in ("POST", "PUT", "PATCH"):
            sent.append(("Content-Length", str(len(body))))
        for name, value in [*sent, ("Connection", "close")]:
            client.putheader(name, value)
        client.endheaders(body)
        answer = client.getresponse()
        size = len(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Outcome(request, 0, 0, time.monotonic() - began, f"{type(error).__name__}: {error}")
    finally:
        client.close()
    return Outcome(request, answer.status, size, time.monotonic() - began)
