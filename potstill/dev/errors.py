"""Error pages around an application: an exception that nobody has caught becomes an answer.

What has been sent cannot be taken back: when the exception comes after the first byte of the answer, it goes
on to the server, which cuts the connection. Interrupts of the server (a deadline, a client that left) derive
from BaseException and pass through.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from potstill.dev.around import Around
from potstill.dev.pages import STATUS, Pages

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

logger = logging.getLogger("potstill")


class ErrorPages:
    """Shows what the application raises. `log`: say it in the log too, where nobody else does."""

    def __init__(self, application: WSGIApplication, pages: Pages) -> None:
        self._application = application
        self._pages = pages

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            blocks = self._application(environ, start_response)
        except Exception as error:
            return self._answer(environ, start_response, error)
        if is_safe(blocks, environ):
            return blocks
        return Watched(blocks, lambda error: self._answer(environ, start_response, error))

    def _answer(
        self, environ: dict[str, Any], start_response: StartResponse, error: Exception
    ) -> list[bytes]:
        """To be called while the exception is being handled. Raises it when it is too late for a page."""
        page = self._pages.of(environ, error)
        start_response(STATUS, page.fields, sys.exc_info())
        logger.error("%s %s raised", environ["REQUEST_METHOD"], environ.get("REQUEST_URI"), exc_info=error)
        return [page.body]


def is_safe(blocks: Iterable[bytes], environ: dict[str, Any]) -> bool:
    """Whether going through these blocks runs no code of the application."""
    wrapper = environ.get("wsgi.file_wrapper")
    return type(blocks) in (list, tuple) or (isinstance(wrapper, type) and isinstance(blocks, wrapper))


class Watched(Around):
    """The blocks of an answer; what going through them raises is handed to `answer`, whose blocks follow."""

    def __init__(self, blocks: Iterable[bytes], answer: Any) -> None:
        super().__init__(blocks)
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._blocks
        except Exception as error:
            yield from self._answer(error)
