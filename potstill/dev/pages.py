"""What is answered when the application raised: text for curl, JSON for programs that ask for it, HTML.

How much is told depends on who asks (`visitors`) and on --debugger. With it, a client at this desk sees
everything, and a console where Werkzeug is installed; whoever is not at the desk learns that there was an
error. Without it everybody sees the traceback, and nobody sees values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from potstill.dev.debugger import Debugger
from potstill.dev.facts import Raised, chain_of, request_of
from potstill.dev.html import page_of
from potstill.dev.visitors import at_desk

STATUS = "500 Internal Server Error"
NOTHING_TOLD = "Internal Server Error\n\nThe log of the server says what was raised.\n"
TEXT, JSON, HTML = "text/plain", "application/json", "text/html"


@dataclass(frozen=True)
class Page:
    """A whole answer."""

    kind: str
    text: str

    @property
    def body(self) -> bytes:
        return self.text.encode("utf-8", "backslashreplace")

    @property
    def fields(self) -> list[tuple[str, str]]:
        return [
            ("Content-Type", f"{self.kind}; charset=utf-8" if self.kind != JSON else JSON),
            ("Content-Length", str(len(self.body))),
            ("Cache-Control", "no-store"),
        ]


class Pages:
    """Makes the page of an exception. `values` says whether --debugger is on."""

    def __init__(self, *, values: bool = True, debugger: Debugger | None = None) -> None:
        self._values = values
        self.debugger = debugger

    def of(self, environ: Mapping[str, Any], error: BaseException, heading: str = "") -> Page:
        """The page for this client; `heading` is what to say before the exception."""
        trusted = self._values and at_desk(environ)
        if self._values and not trusted:
            return Page(TEXT, NOTHING_TOLD)
        kind = wanted(str(environ.get("HTTP_ACCEPT", "")))
        if kind == HTML and trusted and self.debugger is not None and isinstance(error, Exception):
            return Page(HTML, self.debugger.page(error, environ))
        chain = chain_of(error)
        if not trusted:
            chain = [without_values(raised) for raised in chain]
        request = request_of(environ) if trusted else {}
        if kind == JSON:
            return Page(JSON, as_json(chain, request, heading))
        if kind == HTML:
            return Page(HTML, page_of(chain, request, heading))
        return Page(TEXT, as_text(chain, request, heading))

    def of_text(self, environ: Mapping[str, Any], heading: str, text: str) -> Page:
        """The same for a failure of which there is only a text."""
        if self._values and not at_desk(environ):
            return Page(TEXT, NOTHING_TOLD)
        kind = wanted(str(environ.get("HTTP_ACCEPT", "")))
        if kind == JSON:
            return Page(JSON, json.dumps({"heading": heading, "text": text}, indent=2) + "\n")
        if kind == HTML:
            return Page(HTML, page_of([], {}, heading, text))
        return Page(TEXT, f"{heading}\n\n{text}\n")


def wanted(accept: str) -> str:
    """The kind that a client asks for: HTML or JSON when named, whichever is liked better; else text."""
    best, kind = 0.0, TEXT
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
        try:
            quality = float(weight)
        except ValueError:
            continue
        known = HTML if name in (HTML, "application/xhtml+xml") else JSON if is_json(name) else ""
        if known and quality > best:
            best, kind = quality, known
    return kind


def is_json(name: str) -> bool:
    return name == JSON or name.endswith("+json")


def without_values(raised: Raised) -> Raised:
    return replace(raised, places=tuple(replace(place, values=()) for place in raised.places))


def as_text(chain: Sequence[Raised], request: Mapping[str, str], heading: str) -> str:
    """As Python prints a traceback, with the values of each frame below it."""
    lines = [heading, ""] if heading else []
    lines += [f"{name}: {value}" for name, value in list(request.items())[:1]]
    for raised in chain:
        lines += ["", *([raised.why] if raised.why else []), *told(raised)]
    return "\n".join(lines).strip("\n") + "\n"


def told(raised: Raised) -> Iterator[str]:
    if raised.places:
        yield "Traceback (most recent call last):"
    for place in raised.places:
        function = f", in {place.function}" if place.function else ""
        yield f'  File "{place.file}", line {place.line}{function}'
        if place.text:
            yield f"    {place.text}"
        yield from (f"      {name} = {value}" for name, value in place.values)
    yield f"{raised.kind}: {raised.message}" if raised.message else raised.kind
    yield from raised.notes


def as_json(chain: Sequence[Raised], request: Mapping[str, str], heading: str) -> str:
    found = [
        {
            "type": raised.kind,
            "message": raised.message,
            **({"why": raised.why} if raised.why else {}),
            "traceback": [
                {
                    "file": place.file,
                    "line": place.line,
                    "function": place.function,
                    "source": place.text,
                    "values": dict(place.values),
                }
                for place in raised.places
            ],
        }
        for raised in chain
    ]
    first, *causes = found
    whole = {
        **({"heading": heading} if heading else {}),
        "error": first,
        "causes": causes,
        "request": request,
    }
    return json.dumps(whole, indent=2) + "\n"
