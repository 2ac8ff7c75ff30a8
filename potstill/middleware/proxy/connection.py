"""One connection to an upstream server: a socket, h11, and a deadline for every wait.

Why h11 and not `http.client` or urllib3: a proxy has to look for the answer while it is still sending the
request, pass 101 through with the octets behind it, speak over unix sockets, and know exactly whether an
octet of the answer has come when something fails, for that decides whether the request may be sent again.
`http.client` reads an answer only after the request is out, and repairs what it reads; urllib3 stands on it.
h11 parses and frames, strictly, and leaves the socket to its caller. It is the slower one, by some 0.1 ms a
request.

The socket never blocks; each wait is a poll with the time that is left. One thread at a time owns a
connection: the one that took it from the pool, or the one that iterates over the answer's body.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable
from select import POLLIN, POLLOUT, poll
from time import monotonic

import h11

from potstill.middleware.proxy.request import RequestHead
from potstill.middleware.upstream import RequestRefused, Upstream, UpstreamError

RECEIVE_BYTES = 65536
# How often it is looked whether the client still waits for what the upstream is thinking about.
LOOK_S = 1.0
# 100 Continue, 102 Processing and 103 Early Hints may precede an answer; this many are an endless stream.
INTERIM_MAX = 32

_WANTS = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

Answer = h11.Response | h11.InformationalResponse


def connect(
    upstream: Upstream, deadline: float, tls: ssl.SSLContext | None, head_bytes_max: int
) -> Connection:
    """A new connection, made by the deadline (monotonic seconds).

    Raises UpstreamError, `unsent`: 504 when it took too long, 502 when the TLS handshake failed, else 503.
    """
    try:
        channel = _connected(upstream, deadline)
    except TimeoutError as error:
        raise UpstreamError(504, "no connection in time", unsent=True) from error
    except OSError as error:
        raise UpstreamError(503, f"no connection: {error}", unsent=True) from error
    try:
        channel.settimeout(_left(deadline))
        if tls is not None:
            channel = tls.wrap_socket(channel, server_hostname=upstream.name)
    except TimeoutError as error:
        channel.close()
        raise UpstreamError(504, "no TLS handshake in time", unsent=True) from error
    except OSError as error:  # ssl.SSLError is one
        channel.close()
        raise UpstreamError(502, f"TLS: {error}", unsent=True) from error
    channel.setblocking(False)
    return Connection(channel, head_bytes_max)


def _connected(upstream: Upstream, deadline: float) -> socket.socket:
    if not upstream.socket_path:
        channel = socket.create_connection((upstream.host, upstream.port), timeout=_left(deadline))
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return channel
    channel = socket.socket(socket.AF_UNIX)
    try:
        channel.settimeout(_left(deadline))
        channel.connect(upstream.socket_path)
    except BaseException:
        channel.close()
        raise
    return channel


def _left(deadline: float) -> float:
    """The seconds that are left; TimeoutError when there are none."""
    left_s = deadline - monotonic()
    if left_s <= 0:
        raise TimeoutError("the time is over")
    return left_s


class Connection:
    """An open connection: one exchange after the other, each by one thread.

    `reused`: it has served an exchange before, so its server may have closed it meanwhile. `answered`: an
    octet of the present exchange's answer has come. `body_ended`: all of its body has. `idle_since`: when it
    became free, monotonic seconds. `client_gone` tells whether anybody still waits for the present exchange:
    RequestRefused rises out of any wait when nobody does.
    """

    def __init__(self, channel: socket.socket, head_bytes_max: int) -> None:
        """Takes over a connected, non-blocking socket."""
        self.channel = channel
        self.reused = False
        self.answered = False
        self.body_ended = False
        self.idle_since = 0.0
        self.client_gone: Callable[[], object] | None = None
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=head_bytes_max)
        self._poll = poll()
        self._poll.register(channel.fileno(), POLLIN)

    # The request

    def ask(
        self, head: RequestHead, blocks: Iterable[bytes], deadline: float, idle_timeout_s: float
    ) -> Answer:
        """Send a request and return the head of its answer: a final one, or the 101 that was asked for.

        The answer may begin before the body has been sent; the rest of it is not sent then, and the
        connection cannot be used again. The deadline holds for the head of the request and, anew for each
        block that the body moves on, `idle_timeout_s`; and for the answer from when the request is out.
        Raises UpstreamError; what `blocks` raises passes through.
        """
        patience_s = deadline - monotonic()
        try:
            request = h11.Request(method=head.method, target=head.target, headers=head.headers)
        except h11.LocalProtocolError as error:
            raise UpstreamError(502, f"the request cannot be sent: {error}", blamed=False) from error
        early = self._send(request, deadline)
        if early is not None:
            return early
        sent = False
        for block in blocks:
            sent = True
            early = self._maybe_answer() or self._send(h11.Data(data=block), monotonic() + idle_timeout_s)
            if early is not None:
                return early
        early = self._send(h11.EndOfMessage(), monotonic() + idle_timeout_s if sent else deadline)
        if early is not None:
            return early
        return self._answer(monotonic() + patience_s if sent else deadline)

    def _send(self, event: h11.Event, deadline: float) -> Answer | None:
        """Send what the event is on the wire. An answer that comes meanwhile is returned, and ends the
        sending.
        """
        left = memoryview(self._protocol.send(event) or b"")
        while left:
            try:
                left = left[self.channel.send(left) :]
            except _WANTS:
                self._wait(POLLIN | POLLOUT, deadline)
                if early := self._maybe_answer():
                    return early
            except OSError as error:
                # An answer may have come before the connection broke: a server that refuses a body does that.
                if early := self._last_words():
                    return early
                raise self._broken(f"it broke the connection: {error}") from error
        return None

    def _last_words(self) -> Answer | None:
        try:
            return self._maybe_answer()
        except UpstreamError:
            return None

    # The answer

    def _answer(self, deadline: float) -> Answer:
        for _ in range(INTERIM_MAX):
            event = self._event(deadline)
            if isinstance(event, h11.Response) or _is_switch(event):
                assert isinstance(event, Answer)
                return event
            if not isinstance(event, h11.InformationalResponse):
                raise self._broken("it closed the connection without an answer")
        raise UpstreamError(502, f"more than {INTERIM_MAX} interim answers")

    def _maybe_answer(self) -> Answer | None:
        """The head of the final answer, if all of it has come; does not wait."""
        while True:
            event = self._parsed()
            if event is h11.NEED_DATA:
                octets = self._received_nowait()
                if octets is None:
                    return None
                self._take(octets)
            elif isinstance(event, h11.Response):
                return event
            elif not isinstance(event, h11.InformationalResponse):
                raise self._broken("it closed the connection before the request was sent")

    def body_block(self, deadline: float) -> bytes:
        """The next octets of the answer's body, everything that has come; b"" at its end.

        Raises UpstreamError when the body breaks off, is malformed, or nothing comes by the deadline.
        """
        block, ended = self.body_nowait()
        while not block and not ended:
            self._take(self._received(deadline))
            block, ended = self.body_nowait()
        return block

    def body_nowait(self) -> tuple[bytes, bool]:
        """(the octets of the body that have come, whether it ends with them), without waiting."""
        parts: list[bytes] = []
        while not self.body_ended:
            event = self._parsed()
            if isinstance(event, h11.Data):
                parts.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self.body_ended = (
                    True  # its trailers end here: few read them, and they could smuggle (RFC 9110 §6.5)
                )
            elif event is h11.NEED_DATA:
                break
            else:
                raise UpstreamError(502, "it closed the connection in the middle of its answer")
        return parts[0] if len(parts) == 1 else b"".join(parts), self.body_ended

    def _event(self, deadline: float) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while (event := self._parsed()) is h11.NEED_DATA:
            self._take(self._received(deadline))
        return event

    def _parsed(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            return self._protocol.next_event()
        except h11.RemoteProtocolError as error:
            if not self.answered:
                raise self._broken("it closed the connection without an answer") from error
            raise UpstreamError(502, f"its answer is malformed: {error}") from error

    def _take(self, octets: bytes) -> None:
        self.answered = self.answered or bool(octets)
        self._protocol.receive_data(octets)

    # The socket

    def _received(self, deadline: float) -> bytes:
        """What comes next; b"" at the end of the connection."""
        while (octets := self._received_nowait()) is None:
            self._wait(POLLIN, deadline)
        return octets

    def _received_nowait(self) -> bytes | None:
        try:
            return self.channel.recv(RECEIVE_BYTES)
        except _WANTS:
            return None
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            return b""
        except OSError as error:
            raise self._broken(f"it broke the connection: {error}") from error

    def _wait(self, events: int, deadline: float) -> None:
        self._poll.modify(self.channel.fileno(), events)
        while (left_s := deadline - monotonic()) > 0:
            if self._poll.poll(min(left_s, LOOK_S) * 1000):
                return
            if self.client_gone is not None and self.client_gone():
                raise RequestRefused(400, "the client has left")
        raise UpstreamError(504, "it took too long", unanswered=not self.answered)

    def _broken(self, text: str) -> UpstreamError:
        return UpstreamError(502, text, unanswered=not self.answered)

    # Its life

    @property
    def is_stale(self) -> bool:
        """Whether an idle connection is of no use any more: it has ended, or says what nobody asked for."""
        try:
            return self._received_nowait() is not None
        except UpstreamError:
            return True

    def ready_again(self) -> bool:
        """After the end of an answer: whether another request may be sent (RFC 9112 section 9.3), and if so
        make ready for it."""
        if self._protocol.our_state is not h11.DONE or self._protocol.their_state is not h11.DONE:
            return False
        if self._protocol.trailing_data[0]:
            return False
        self._protocol.start_next_cycle()
        self.reused, self.answered, self.body_ended = True, False, False
        self.client_gone = None
        return True

    def switched(self) -> tuple[socket.socket, bytes]:
        """After a 101: the socket, and what has come on it behind the head."""
        return self.channel, self._protocol.trailing_data[0]

    def close(self) -> None:
        """May be called twice."""
        self.channel.close()


def _is_switch(event: object) -> bool:
    return isinstance(event, h11.InformationalResponse) and event.status_code == 101
