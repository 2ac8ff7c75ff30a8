"""A WSGI application that is on another machine.

    application = RemoteApp("http://10.0.0.1:8080")

Called, it sends the request there and gives back what comes, in both directions as it comes. By itself it
asks one server once; `Balance` asks several by `forward`, which raises what `__call__` answers.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import Any, NoReturn

import h11

from potstill.middleware.proxy.connection import Answer, Connection, connect
from potstill.middleware.proxy.options import RemoteOptions
from potstill.middleware.proxy.pool import Pool
from potstill.middleware.proxy.request import RequestHead, request_head
from potstill.middleware.proxy.response import response_head, switch_head
from potstill.middleware.proxy.tunnel import tunnel
from potstill.middleware.upstream import RequestRefused, Upstream, UpstreamError, parse_upstream
from potstill.middleware.upstream_answer import own_answer
from potstill.middleware.upstream_body import Attempt

StartResponse = Callable[..., Any]

log = logging.getLogger("potstill.proxy")

RETRY_AFTER_S = 1


class RemoteApp:
    """An upstream server as a WSGI application (PEP 3333). Any number of threads may call it.

    A request that cannot be handed on is answered 400, 411, 501 or 508; a server that fails 502, 503 or 504
    (RFC 9110 section 15.6). When an answer breaks off in its middle, UpstreamError rises out of the
    iterable, so that the server in front cuts the connection and nobody takes half for whole.
    """

    def __init__(self, upstream: str | Upstream, **options: Any) -> None:
        """`upstream` as `parse_upstream` reads it; the options are those of `RemoteOptions`.

        Opens no connection yet. Raises ValueError for an address or a value that is wrong, TypeError for an
        option that does not exist.
        """
        self.upstream = parse_upstream(upstream) if isinstance(upstream, str) else upstream
        if self.upstream.from_dns:
            raise ValueError(f"{self.upstream.target}: dns+ means several servers; give it to Proxy")
        self.options = RemoteOptions(**options)
        self._tls: ssl.SSLContext | None = None
        if self.upstream.scheme == "https":
            self._tls = self.options.tls or ssl.create_default_context()
        settings = self.options
        self._pool = Pool(
            self._connect,
            settings.idle_connections_max,
            settings.idle_connection_s,
            settings.connections_max,
        )

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            deadline = monotonic() + self.options.connect_timeout_s + self.options.try_timeout_s
            return self.forward(environ, start_response, Attempt(environ, deadline))
        except RequestRefused as refused:
            log.info("refused to hand on a request: %s", refused)
            return own_answer(environ, start_response, refused.status)
        except UpstreamError as error:
            log.warning("%s: %s", self.upstream.target, error)
            retry_after_s = RETRY_AFTER_S if error.status == 503 else 0
            return own_answer(environ, start_response, error.status, retry_after_s)

    def forward(
        self, environ: dict[str, Any], start_response: StartResponse, attempt: Attempt
    ) -> Iterable[bytes]:
        """Answer the request with what the upstream answers. `start_response` is called when its head has
        come.

        Raises RequestRefused or UpstreamError, both before `start_response`; and StopIteration, as
        `gunicorn.socket` wants it, when the connection was upgraded and is over.
        """
        head = request_head(environ, self.upstream, self.options, attempt.body)
        connection, answer = self._ask(head, attempt)
        body = AnswerBody(connection, self._pool, self.options.idle_timeout_s)
        try:
            if isinstance(answer, h11.InformationalResponse):
                self._pass_through(environ["gunicorn.socket"], connection, answer)
            status, headers = response_head(answer, self.options.via)
            whole = body.begin()
            start_response(status, headers)
        except BaseException:
            body.close()
            raise
        return body if whole is None else whole

    def close(self) -> None:
        """Close the connections that nobody uses; the others follow when their exchange is over."""
        self._pool.close()

    def _connect(self, deadline: float) -> Connection:
        soon = min(deadline, monotonic() + self.options.connect_timeout_s)
        return connect(self.upstream, soon, self._tls, self.options.head_bytes_max)

    def _ask(self, head: RequestHead, attempt: Attempt) -> tuple[Connection, Answer]:
        """The connection that the answer's head has come on, and the head.

        A kept connection that its server closed just now says nothing about the server: one more try is
        made on a new one, if the request may be sent twice.
        """
        gone = UpstreamError(502, "it closed the connection without an answer", unanswered=True)
        connection = self._pool.take(attempt.deadline, repeatable=attempt.may_repeat(gone))
        try:
            return connection, self._ask_on(connection, head, attempt)
        except UpstreamError as error:
            stale = connection.reused and error.unanswered and error.status == gone.status
            if not (stale and attempt.may_repeat(error)):
                raise
        connection = self._pool.take_new(attempt.deadline)
        return connection, self._ask_on(connection, head, attempt)

    def _ask_on(self, connection: Connection, head: RequestHead, attempt: Attempt) -> Answer:
        deadline = min(attempt.deadline, monotonic() + self.options.try_timeout_s)
        connection.client_gone = attempt.client_gone
        try:
            return connection.ask(head, attempt.body.blocks(), deadline, self.options.idle_timeout_s)
        except BaseException:
            self._pool.drop(connection)
            raise

    def _pass_through(
        self, client: Any, connection: Connection, answer: h11.InformationalResponse
    ) -> NoReturn:
        """Give the client the 101 and both ends to each other. Always raises: StopIteration at the end."""
        channel, ahead = connection.switched()
        head = switch_head(answer, self.options.via)
        with contextlib.suppress(OSError):  # the client has left
            client.sendall(head)
            tunnel(client, channel, ahead, self.options.upgraded_timeout_s)
            client.close()
        raise StopIteration


class AnswerBody:
    """The body of an answer, read from its connection as it is asked for (PEP 3333, "iterable").

    One thread at a time. The connection goes back to its pool with the last block, or is closed by `close`
    when the body was not read to its end.
    """

    def __init__(self, connection: Connection, pool: Pool, idle_timeout_s: float) -> None:
        self._connection: Connection | None = connection
        self._pool = pool
        self._idle_timeout_s = idle_timeout_s
        self._first = b""

    def begin(self) -> list[bytes] | None:
        """The whole body, if it came together with the head: the connection is free then. Does not wait.

        Raises UpstreamError for a body that is malformed from its beginning.
        """
        assert self._connection is not None
        self._first, ended = self._connection.body_nowait()
        if not ended:
            return None
        self._release()
        return [self._first] if self._first else []

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """The next block. Raises UpstreamError when the answer breaks off, RequestRefused when the client has
        left."""
        if self._first:
            first, self._first = self._first, b""
            return first
        if self._connection is None:
            raise StopIteration
        try:
            block = self._connection.body_block(monotonic() + self._idle_timeout_s)
        except (UpstreamError, RequestRefused):
            self.close()
            raise
        if self._connection.body_ended:
            self._release()
        if not block:
            raise StopIteration
        return block

    def _release(self) -> None:
        """The body has been read to its end: its connection may serve the next request."""
        assert self._connection is not None
        connection, self._connection = self._connection, None
        if connection.ready_again():
            self._pool.give(connection)
        else:
            self._pool.drop(connection)

    def close(self) -> None:
        """Close the connection, if it is still in use; may be called twice."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            self._pool.drop(connection)
