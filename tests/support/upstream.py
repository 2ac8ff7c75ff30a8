"""An upstream server that does exactly what a test says, and a client that calls WSGI applications by hand.

    def short(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhel")

    with Scripted(short) as upstream:
        answer = ask(RemoteApp(upstream.url))

Each connection is served by the next script, the last one serves all that follow. A script that returns
closes its connection. What was received is in `upstream.requests`.
"""

from __future__ import annotations

import contextlib
import io
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from wsgiref.validate import validator

WAIT_S = 10.0
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"

Application = Callable[..., Iterable[bytes]]


class Peer:
    """The upstream's end of one connection."""

    def __init__(self, channel: socket.socket, requests: list[bytes]) -> None:
        self.socket = channel
        self._requests = requests
        self._stream = channel.makefile("rb")

    def head(self) -> bytes:
        """The head of the next request; b"" when the proxy closed instead."""
        lines = []
        while line := self._stream.readline():
            lines.append(line)
            if line == b"\r\n":
                break
        return b"".join(lines)

    def request(self) -> bytes:
        """The next request, its framing included, which is recorded; b"" when the proxy closed instead."""
        head = self.head()
        if not head:
            return b""
        length = re.search(rb"(?im)^content-length: (\d+)\r$", head)
        body = self._stream.read(int(length[1])) if length else b""
        if re.search(rb"(?im)^transfer-encoding: chunked\r$", head):
            body = self._chunks()
        self._requests.append(head + body)
        return head + body

    def _chunks(self) -> bytes:
        lines = []
        while (line := self._stream.readline()) != b"0\r\n":
            assert line, "the body ended without its last chunk"
            lines.append(line + self._stream.read(int(line, 16) + 2))
        return b"".join([*lines, b"0\r\n", self._stream.readline()])

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def wait_closed(self) -> None:
        """Until the proxy has closed or broken its end."""
        try:
            while self._stream.read(65536):
                pass
        except OSError:
            pass

    def reset(self) -> None:
        """End it by RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        self._stream.close()
        self.socket.close()


Script = Callable[[Peer], Any]


def answering(*answers: bytes) -> Script:
    """One request after the other is answered; then the connection is closed."""

    def script(peer: Peer) -> None:
        for answer in answers:
            if not peer.request():
                return
            peer.send(answer)

    return script


def always(answer: bytes = OK) -> Script:
    """Every request of the connection gets the same answer."""

    def script(peer: Peer) -> None:
        while peer.request():
            peer.send(answer)

    return script


class Scripted:
    """The upstream server; its scripts have ended when the block has."""

    def __init__(self, *scripts: Script, path: Path | None = None, port: int = 0) -> None:
        self._scripts = scripts or (always(),)
        self.requests: list[bytes] = []
        self.accepted = 0
        self.errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._peers: list[Peer] = []
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", port))
            self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        else:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(path))
            self._listener.listen()
            self.url = f"unix:{path}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        assert not self.errors, self.errors

    def stop(self) -> None:
        """Nobody listens here any more, and every connection is ended."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(WAIT_S)
        self._listener.close()
        for peer in self._peers:
            with contextlib.suppress(OSError):
                peer.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(WAIT_S)
            assert not thread.is_alive(), "a script of the upstream did not end"

    def _accept(self) -> None:
        while True:
            try:
                channel, _ = self._listener.accept()
            except OSError:
                return
            channel.settimeout(WAIT_S)
            script = self._scripts[min(self.accepted, len(self._scripts) - 1)]
            self.accepted += 1
            peer = Peer(channel, self.requests)
            self._peers.append(peer)
            thread = threading.Thread(target=self._serve, args=(script, peer), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, script: Script, peer: Peer) -> None:
        try:
            script(peer)
        except OSError:
            pass  # the proxy has left, or the test is over
        except BaseException as error:
            self.errors.append(error)
        finally:
            peer.close()


@dataclass
class Answer:
    """What a WSGI application answered. `error`: what its iterable raised, after `body`."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    error: BaseException | None = None
    blocks: list[bytes] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def environ_of(
    method: str = "GET", path: str = "/", body: bytes = b"", query: str = "", **more: Any
) -> dict[str, Any]:
    """An environ such as PEP 3333 wants it; `more` is added, and None takes a key away."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "front.test",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "HTTP_HOST": "front.test",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    environ.update(more)
    return {key: value for key, value in environ.items() if value is not None}


def ask(application: Application, *arguments: Any, validate: bool = True, **more: Any) -> Answer:
    """Call an application as a server does, inside wsgiref.validate, with `environ_of(*arguments,
    **more)`.
    """
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started.append((status, headers))
        return lambda octets: None

    called = validator(application) if validate else application
    result = called(environ_of(*arguments, **more), start_response)
    blocks: list[bytes] = []
    error = None
    try:
        for block in result:
            blocks.append(block)
    except Exception as raised:
        error = raised
    finally:
        if hasattr(result, "close"):
            result.close()
    status, headers = started[-1]
    return Answer(int(status[:3]), headers, b"".join(blocks), error, blocks)
