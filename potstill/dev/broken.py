"""The application of a worker whose own could not be loaded: every path answers with why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from potstill.dev.pages import STATUS, Pages

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse


class Broken:
    """Answers with the exception that was raised, or with a text where there is no exception."""

    def __init__(self, name: str, text: str, error: BaseException | None, pages: Pages) -> None:
        self._heading = f"{name} cannot be loaded"
        self._text = text
        self._error = error
        self._pages = pages

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if self._error is not None:
            page = self._pages.of(environ, self._error, self._heading)
        else:
            page = self._pages.of_text(environ, self._heading, self._text)
        start_response(STATUS, page.fields)
        return [page.body]
