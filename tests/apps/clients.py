"""One exchange through each of four independent clients: curl, `http.client`, urllib3 and h11.

All four take the same `Request` and give the same `Answer`, so that one table of scenarios is seen through
four pairs of eyes. None follows redirects, decodes content or keeps cookies of its own accord. Each opens a
connection of its own and fails when the server takes longer than `PATIENCE_S`, ends early, or breaks the
framing. h11 is the strictest: it knows every event the protocol allows at each moment and nothing else.
"""

import http.client
import json
import socket
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import h11
import urllib3

PATIENCE_S = 10.0
RECEIVE_BYTES = 1 << 16

Address = tuple[str, int]
Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    fields: Fields = ()
    body: bytes | None = None

    def framed_fields(self) -> Fields:
        """The fields, with the length of the body when there is one."""
        length = () if self.body is None else (("Content-Length", str(len(self.body))),)
        return self.fields + length


@dataclass(frozen=True)
class Answer:
    status: int
    fields: Fields  # names in lower case, in the order they came
    body: bytes

    def all(self, name: str) -> list[str]:
        """Every value of the field, in order."""
        return [value for key, value in self.fields if key == name.lower()]

    def field(self, name: str) -> str | None:
        """The value of a field that must not come twice; None when it did not come."""
        values = self.all(name)
        assert len(values) < 2, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def json(self) -> Any:
        return json.loads(self.body)


Client = Callable[[Address, Request], Answer]


def by_http_client(address: Address, request: Request) -> Answer:
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    try:
        return http_client_exchange(connection, request)
    finally:
        connection.close()


def http_client_exchange(connection: http.client.HTTPConnection, request: Request) -> Answer:
    """One exchange on a connection that stays open if the server lets it."""
    http_client_send(connection, request)
    response = connection.getresponse()
    body = response.read()
    return Answer(response.status, lowered(response.getheaders()), body)


def http_client_send(connection: http.client.HTTPConnection, request: Request) -> None:
    """Send the whole request and do not wait for the answer."""
    connection.putrequest(request.method, request.target, skip_accept_encoding=True)
    for name, value in request.framed_fields():
        connection.putheader(name, value)
    connection.endheaders(request.body)


def by_urllib3(address: Address, request: Request) -> Answer:
    with urllib3_pool(address) as pool:
        fields = urllib3.HTTPHeaderDict()
        for name, value in request.framed_fields():
            fields.add(name, value)
        response = pool.urlopen(
            request.method,
            request.target,
            body=request.body,
            headers=fields,
            retries=False,
            redirect=False,
            decode_content=False,
        )
        return Answer(response.status, lowered(response.headers.items()), response.data)


def urllib3_pool(address: Address) -> urllib3.HTTPConnectionPool:
    return urllib3.HTTPConnectionPool(*address, timeout=PATIENCE_S, maxsize=1, block=True)


def by_h11(address: Address, request: Request) -> Answer:
    with StrictClient(address) as client:
        return client.exchange(request)


class StrictClient:
    """h11 over one socket. Whatever the server sends that RFC 9112 does not allow here raises
    `RemoteProtocolError`."""

    def __init__(self, address: Address, receive_buffer_bytes: int = 0) -> None:
        """A small receive buffer (0: the kernel's own) lets little of an answer leave the server unread."""
        self.protocol = h11.Connection(h11.CLIENT)
        self.sock = socket.socket()
        self.sock.settimeout(PATIENCE_S)
        if receive_buffer_bytes:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.sock.connect(address)
        self.host = f"{address[0]}:{address[1]}"

    def __enter__(self) -> "StrictClient":
        return self

    def __exit__(self, *error: object) -> None:
        self.sock.close()

    def exchange(self, request: Request) -> Answer:
        self.send_head(request.method, request.target, request.framed_fields())
        self.send_body([request.body] if request.body else [])
        return self.receive_answer()

    def send_head(self, method: str, target: str, fields: Fields = ()) -> None:
        pairs = [("Host", self.host), *fields]
        head = h11.Request(
            method=method,
            target=target,
            headers=[(name.encode(), value.encode("latin-1")) for name, value in pairs],
        )
        self.sock.sendall(self.protocol.send(head) or b"")

    def send_body(self, blocks: Iterable[bytes]) -> None:
        """The blocks, framed as the head announced, and the end of the message."""
        for block in blocks:
            self.sock.sendall(self.protocol.send(h11.Data(block)) or b"")
        self.sock.sendall(self.protocol.send(h11.EndOfMessage()) or b"")

    def receive_event(self) -> Any:
        while (event := self.protocol.next_event()) is h11.NEED_DATA:
            self.protocol.receive_data(self.sock.recv(RECEIVE_BYTES))
        return event

    def receive_head(self) -> h11.Response:
        while isinstance(event := self.receive_event(), h11.InformationalResponse):
            assert event.status_code == 100
        assert isinstance(event, h11.Response), event
        return event

    def receive_body(self) -> Iterator[bytes]:
        while isinstance(event := self.receive_event(), h11.Data):
            yield bytes(event.data)
        assert isinstance(event, h11.EndOfMessage), event

    def receive_answer(self) -> Answer:
        head = self.receive_head()
        fields = [(name.decode(), value.decode("latin-1")) for name, value in head.headers]
        return Answer(head.status_code, lowered(fields), b"".join(self.receive_body()))


def by_curl(address: Address, request: Request) -> Answer:
    arguments: list[str | bytes] = ["--include", "--http1.1"]
    arguments += ["--head"] if request.method == "HEAD" else ["--request", request.method]
    if request.body is not None:
        arguments += ["--data-binary", "@-"]
        if not any(name == "Content-Type" for name, _ in request.fields):
            arguments += ["--header", "Content-Type:"]
    for name, value in request.fields:
        # A file name or an option is UTF-8 text to curl, a field value is bytes.
        arguments += ["--header", f"{name}: {value}".encode("latin-1")]
    shown = run_curl(*arguments, url(address, request.target), sent=request.body or b"")
    return split_heads(shown)[-1]


def run_curl(*arguments: str | bytes, sent: bytes = b"") -> bytes:
    """What curl writes to its standard output. Raises CalledProcessError with curl's exit code when it is not
    content."""
    return subprocess.run(curl_command(*arguments), input=sent, capture_output=True, check=True).stdout


def curl_command(*arguments: str | bytes) -> list[str | bytes]:
    """curl without the user's configuration or proxies, and with URLs sent as they are written."""
    calm = ["--silent", "--show-error", "--max-time", str(PATIENCE_S)]
    return ["curl", "--disable", "--noproxy", "*", "--globoff", "--path-as-is", *calm, *arguments]


def url(address: Address, target: str) -> str:
    return f"http://{address[0]}:{address[1]}{target}"


def split_heads(shown: bytes) -> list[Answer]:
    """The heads that `curl --include` shows, interim ones first; the body belongs to the last."""
    answers: list[Answer] = []
    while True:
        head, _, shown = shown.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        status = int(status_line.split(" ")[1])
        pairs = [line.partition(":") for line in lines]
        # curl shows the line as it came; the white space around a value is not part of it (RFC 9110 §5.5).
        fields = lowered((name, value.strip(" \t")) for name, _, value in pairs)
        if status >= 200:
            return [*answers, Answer(status, fields, shown)]
        answers.append(Answer(status, fields, b""))


def lowered(pairs: Iterable[tuple[str, str]]) -> Fields:
    return tuple((name.lower(), value) for name, value in pairs)


CLIENTS: dict[str, Client] = {
    "curl": by_curl,
    "http.client": by_http_client,
    "urllib3": by_urllib3,
    "h11": by_h11,
}
