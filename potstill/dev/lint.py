"""An application held against PEP 3333 while it serves (`--lint`).

The checks of `wsgiref.validate` are made one by one, so that a violation is told and the request goes on: a
validator that raises shows the first one and hides the rest. Where it asks for more than the PEP does
(`wsgi.input.read()` without a size, which PEP 3333 lets an application call), it is not followed.

Ours come on top: fields that collide, fields that are the server's business, a body that is not as long as
it was said to be, streams that are closed by the wrong side or by nobody, and a slow first byte.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from wsgiref import validate

from potstill.dev.findings import Findings, Place, place_of, place_of_call
from potstill.dev.lint_blocks import Blocks, Promise

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

# An answer whose first byte takes so long keeps a thread from others.
SLOW_S = 1.0

# One value each, by RFC 9110; a client may take either of two.
SINGLE = frozenset(
    {
        "content-type",
        "content-length",
        "content-location",
        "content-range",
        "date",
        "etag",
        "expires",
        "last-modified",
        "location",
        "retry-after",
        "server",
    }
)
# Of the connection, and so the server's: PEP 3333, "Other HTTP Features".
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class Lint:
    """Around an application; what it finds goes to `findings`."""

    def __init__(self, application: WSGIApplication, findings: Findings, slow_s: float = SLOW_S) -> None:
        self._application = application
        self._findings = findings
        self._slow_s = slow_s

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        began = time.monotonic()
        place = place_of(self._application)
        promise = Promise(environ["REQUEST_METHOD"], place)
        environ["wsgi.input"] = Kept(environ["wsgi.input"], "wsgi.input", self._findings, place)
        environ["wsgi.errors"] = Kept(environ["wsgi.errors"], "wsgi.errors", self._findings, place)

        def start(status: Any, fields: Any, *exc_info: Any) -> Any:
            caller = place_of_call(sys._getframe(1), place)
            self._judge_head(status, fields, exc_info, promise, caller)
            write = start_response(status, fields, *exc_info)

            def counted(block: Any) -> object:
                promise.check_block(block, self._findings, place_of_call(sys._getframe(1), caller))
                return write(block)

            return counted

        blocks: Any = self._application(environ, start)
        return self._followed(blocks, environ, promise, began + self._slow_s)

    def _followed(
        self, blocks: Any, environ: dict[str, Any], promise: Promise, slow_at: float
    ) -> Iterable[bytes]:
        """The blocks, looked at now or as they are gone through."""
        self._judge_iterable(blocks, promise.place)
        wrapper = environ.get("wsgi.file_wrapper")
        whole: Iterable[bytes] = blocks
        if not hasattr(blocks, "__iter__") or isinstance(blocks, (str, bytes)):
            return whole  # the server has its own word for that
        if isinstance(wrapper, type) and isinstance(blocks, wrapper):
            return whole
        watched = Blocks(blocks, promise, self._findings, slow_at)
        if type(blocks) not in (list, tuple):
            return watched
        for _ in watched:
            pass
        watched.close()
        return whole

    def _judge_head(
        self, status: Any, fields: Any, exc_info: tuple[Any, ...], promise: Promise, place: Place
    ) -> None:
        """What start_response was called with."""
        if promise.begun and not any(exc_info):
            self._findings.add("start-twice", "start_response is called again without exc_info", place)
        promise.begin(status, fields, place)
        for check, values in (("status", (status,)), ("headers", (fields,))):
            said = objection(check, *values)
            if said:
                self._findings.add("validate", said, place)
                return  # what follows takes these for right
        said = objection("content_type", status, fields)
        if said:
            self._findings.add("validate", said, place)
        for rule, text in judged_fields(fields):
            self._findings.add(rule, text, place)

    def _judge_iterable(self, blocks: Any, place: Place) -> None:
        if blocks is None or isinstance(blocks, (str, bytes)):
            what = "None" if blocks is None else f"{type(blocks).__name__}: each of its items is a block"
            self._findings.add("iterable", f"the application returns {what}; return a list of bytes", place)
        elif not hasattr(blocks, "__iter__"):
            kind = type(blocks).__name__
            self._findings.add("iterable", f"the application returns a {kind}, which is no iterable", place)


def objection(check: str, *values: Any) -> str:
    """What a check of wsgiref.validate has against the values, as a sentence; empty: nothing."""
    try:
        getattr(validate, f"check_{check}")(*values)
    except AssertionError as error:
        return str(error) or "wsgiref.validate objects"
    except Exception as error:  # it takes them for something they are not
        return f"{type(error).__name__}: {error}"
    return ""


def judged_fields(fields: list[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """(rule, sentence) for fields that are right one by one and wrong together, or not the application's."""
    names = Counter(name.lower() for name, _ in fields)
    for name, number in names.items():
        if name in SINGLE and number > 1:
            values = ", ".join(value for each, value in fields if each.lower() == name)
            yield "collision", f"the field {name} is given {number} times ({values}); a client takes either"
        if name in HOP_BY_HOP:
            yield "hop-by-hop", f"the field {name} is the server's business (PEP 3333)"
    cookies = Counter(
        value.partition("=")[0].strip() for name, value in fields if name.lower() == "set-cookie"
    )
    for name, number in cookies.items():
        if number > 1:
            yield "collision", f"the cookie {name} is set {number} times; the last one stays"
    lengths = [value for name, value in fields if name.lower() == "content-length"]
    if any(not value.isdecimal() for value in lengths):
        yield "length", f"Content-Length is {lengths[0]!r}, which is no number"


class Kept:
    """A stream that is the server's: the application may use it and not close it."""

    def __init__(self, stream: Any, name: str, findings: Findings, place: Place) -> None:
        self._stream = stream
        self._name = name
        self._findings = findings
        self._place = place

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __iter__(self) -> Any:
        return iter(self._stream)

    def close(self) -> None:
        place = place_of_call(sys._getframe(1), self._place)
        self._findings.add("close", f"{self._name} is closed, which is the server's business", place)
