"""Asking a running server: one question over HTTP to its admin listener, over TCP or a unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any

TIMEOUT_S = 5.0


class AskingError(Exception):
    """There was no answer; the text says why."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the unix socket at a path."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect("\0" + self._path[1:] if self._path.startswith("@") else self._path)


def connection(address: str) -> http.client.HTTPConnection:
    """For http://HOST:PORT, HOST:PORT, :PORT or unix:/PATH."""
    if address.startswith("unix:"):
        return UnixConnection(address.removeprefix("unix:"))
    place = address.removeprefix("http://").rstrip("/")
    host, colon, port = place.rpartition(":")
    if not colon or not port.isdecimal():
        raise AskingError(f"{address!r} is neither HOST:PORT nor unix:/PATH nor the number of a process")
    return http.client.HTTPConnection(host.strip("[]") or "127.0.0.1", int(port), timeout=TIMEOUT_S)


def ask(address: str, path: str, accept: str = "*/*") -> bytes:
    """The answer's body. Raises AskingError."""
    client = connection(address)
    try:
        client.request("GET", path, headers={"Accept": accept, "Connection": "close"})
        answer = client.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise AskingError(f"{address} does not answer: {error}") from error
    finally:
        client.close()
    if answer.status != http.client.OK:
        raise AskingError(f"{address} answered {answer.status} to {path}; is it an admin listener (--admin)?")
    return body


def ask_json(address: str, path: str) -> dict[str, Any]:
    """The answer as it is meant. Raises AskingError."""
    try:
        found = json.loads(ask(address, path))
    except ValueError as error:
        raise AskingError(f"{address} is no admin listener of potstill") from error
    if not isinstance(found, dict):
        raise AskingError(f"{address} is no admin listener of potstill")
    return found
