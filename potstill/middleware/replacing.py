"""Calling an application whose response may turn out to be replaced by another one.

Whether it is can be seen when the application calls `start_response`, or when it fails. PEP 3333 lets it
call as late as in the first step of its iterable, so that may still be ahead when the application returns. A
response that is not replaced goes through untouched: the very iterable, the server's own write().
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Fields = list[tuple[str, str]]


class Judge:
    """Decides about one response. Both methods return the application to answer instead, or None."""

    def started(self, status: str, fields: Fields) -> WSGIApplication | None:
        """The application wants to start this response; the list may be changed."""

    def failed(self, error: Exception) -> WSGIApplication | None:
        """The application raised before it started a response."""


def call_judged(
    app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse, judge: Judge
) -> Iterable[bytes]:
    """Call `app`; the result is its response or the one that the judge puts in its place."""
    exchange = _Exchange(environ, start_response, judge)
    try:
        result = app(environ, exchange.start_response)
    except Exception as error:
        replacement = exchange.after(error)
        if replacement is None:
            raise
        return replacement(environ, start_response)
    if exchange.replacement is not None:
        return exchange.replaced(result)
    exchange.returned = True
    return result if exchange.passed else _Late(result, exchange)


class _Exchange:
    """One request: what became of its `start_response`."""

    def __init__(self, environ: WSGIEnvironment, start_response: StartResponse, judge: Judge) -> None:
        self._environ = environ
        self._start_response = start_response
        self._judge = judge
        self._exc_info: Any = None  # of a head that took the place of one the server has
        self.passed = False  # to the server
        self.returned = False  # by the application
        self.replacement: WSGIApplication | None = None

    def start_response(
        self, status: str, headers: Fields, exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        try:
            fields = list(headers)
            replacement = self._judge.started(status, fields)
            # Once the server has a head and the application's iterable, only the head can be another.
            if replacement is None or (self.passed and self.returned):
                self.passed, self.replacement = True, None
                return self._start_response(status, fields, exc_info)
            self.replacement = replacement
            self._exc_info = exc_info if self.passed else None
            return _ignore
        finally:
            exc_info = None  # PEP 3333: no cycle through the traceback

    def after(self, error: Exception) -> WSGIApplication | None:
        return None if self.passed else self._judge.failed(error)

    def replaced(self, result: Iterable[bytes]) -> Iterable[bytes]:
        """The other response; the application's own is not asked for a body and closed."""
        assert self.replacement is not None
        close(result)
        exc_info, self._exc_info = self._exc_info, None
        if exc_info is None:
            return self.replacement(self._environ, self._start_response)

        def start_again(status: str, headers: Fields, own: Any = None, /) -> Callable[[bytes], object]:
            # Raises the application's error if the first head has been sent already (PEP 3333).
            return self._start_response(status, headers, own or exc_info)

        return self.replacement(self._environ, start_again)

    def replaced_after(self, error: Exception, result: Iterable[bytes]) -> Iterable[bytes] | None:
        self.replacement = self.after(error)
        return None if self.replacement is None else self.replaced(result)


class _Late:
    """The iterable of an application that has not called `start_response` when it returned."""

    def __init__(self, result: Iterable[bytes], exchange: _Exchange) -> None:
        self._result = result
        self._exchange = exchange
        self._blocks = iter(result)
        self._begun = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._begun:
            return next(self._blocks)
        try:
            block = next(self._blocks)
        except StopIteration:
            if self._exchange.replacement is None:
                raise
            block = b""
        except Exception as error:
            other = self._exchange.replaced_after(error, self._result)
            if other is None:
                raise
            return self._go_on_with(other)
        if self._exchange.replacement is not None:
            return self._go_on_with(self._exchange.replaced(self._result))
        self._begun = self._exchange.passed
        return block

    def _go_on_with(self, other: Iterable[bytes]) -> bytes:
        self._begun, self._result, self._blocks = True, other, iter(other)
        return next(self._blocks, b"")

    def close(self) -> None:
        close(self._result)


def close(result: Iterable[bytes]) -> None:
    """What PEP 3333 asks of whoever has finished with an application's iterable."""
    method = getattr(result, "close", None)
    if method is not None:
        method()


def _ignore(data: bytes) -> None:
    """The write() of a response that nobody will see."""
