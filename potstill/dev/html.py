"""The error page as HTML: one file without links to others, all that is shown escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from potstill.dev.facts import Place, Raised

STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
body { max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; color: #b3261e; overflow-wrap: anywhere; }
h2 { font-size: 1rem; margin-top: 2rem; }
summary { cursor: pointer; padding: .3rem 0; overflow-wrap: anywhere; }
details { border-top: 1px solid #8884; }
pre, code, td { font: 13px/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; background: #8881; padding: .5rem; margin: .3rem 0; }
mark { background: #f5c51855; color: inherit; display: block; }
td { vertical-align: top; padding: .1rem .8rem .1rem 0; overflow-wrap: anywhere; }
td:first-child { color: #777; white-space: nowrap; }
"""


def page_of(chain: Sequence[Raised], request: Mapping[str, str], heading: str = "", text: str = "") -> str:
    """The page for exceptions, or for a text where there is no more than that."""
    title = heading or (summary_of(chain[0]) if chain else "Internal Server Error")
    parts = [
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">',
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style></head>\n<body>",
        *([f"<h1>{escape(heading)}</h1>"] if heading else []),
        *([f"<pre>{escape(text)}</pre>"] if text else []),
        *(part for raised in chain for part in exception(raised)),
        *facts("The request", request.items()),
        "</body>\n</html>\n",
    ]
    return "\n".join(parts)


def summary_of(raised: Raised) -> str:
    return f"{raised.kind}: {raised.message}" if raised.message else raised.kind


def exception(raised: Raised) -> Iterator[str]:
    if raised.why:
        yield f"<h2>{escape(raised.why)}</h2>"
    yield f"<h1>{escape(summary_of(raised))}</h1>"
    yield from (f"<p>{escape(note)}</p>" for note in raised.notes)
    for number, place in enumerate(raised.places, start=1):
        # Where it was raised is what a reader looks for first.
        yield from frame(place, opened=number == len(raised.places))


def frame(place: Place, *, opened: bool) -> Iterator[str]:
    function = f" in <b>{escape(place.function)}</b>" if place.function else ""
    yield f"<details{' open' if opened else ''}>"
    yield f"<summary><code>{escape(place.file)}</code>, line {place.line}{function}</summary>"
    if place.source:
        yield f"<pre>{''.join(source_lines(place))}</pre>"
    yield from facts("", place.values)
    yield "</details>"


def source_lines(place: Place) -> Iterator[str]:
    for number, text in place.source:
        line = f"{number:5}  {escape(text)}"
        yield f"<mark>{line}</mark>" if number == place.line else f"{line}\n"


def facts(title: str, rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    cells = [f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows]
    if cells:
        yield f"<h2>{escape(title)}</h2>" if title else ""
        yield f"<table>{''.join(cells)}</table>"
