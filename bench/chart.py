"""The chart: CPU time per request, a panel for each scenario, a bar for each server. SVG written by hand.

Bars of one panel share a linear scale. A bar longer than the panel is cut, and its end fades: some servers
need twenty times what others need, and a scale for them would hide everything else.
"""

from __future__ import annotations

from html import escape

from bench.results import Results, ours
from bench.scenarios import BY_NAME as SCENARIOS
from bench.scenarios import Kind
from bench.servers import BY_NAME as SERVERS
from bench.servers import Role

PANELS_ACROSS = 3
PANEL_WIDTH = 330
GAP = 24
TITLE_HEIGHT = 30
BAR_HEIGHT = 16
BAR_GAP = 4
NAME_WIDTH = 70
VALUE_WIDTH = 62
MARGIN = 20
HEAD_HEIGHT = 56
# The longest bar of a panel stands for this many times its shortest.
SCALE = 8.0
COLOURS = {
    Role.OURS: "#b5651d",
    Role.WATCHED: "#d9a05b",
    Role.PEER: "#8fa3b0",
    Role.FLOOR: "#d8d8d8",
}
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#222}.small{fill:#666}"
    ".title,.ours{font-weight:600}.head{font-size:18px;font-weight:600}"
)
FADE = (
    '<defs><linearGradient id="cut"><stop offset="0.7" stop-color="#fff" stop-opacity="0"/>'
    '<stop offset="1" stop-color="#fff"/></linearGradient></defs>'
)


def svg(results: Results) -> str:
    names = [name for name in results.scenarios() if SCENARIOS[name].kind is Kind.LOAD]
    rows = [names[begin : begin + PANELS_ACROSS] for begin in range(0, len(names), PANELS_ACROSS)]
    panels: list[str] = []
    top = HEAD_HEIGHT
    for row in rows:
        for index, name in enumerate(row):
            panels += _panel(results, name, MARGIN + index * (PANEL_WIDTH + GAP), top)
        top += TITLE_HEIGHT + max(len(_bars(results, name)) for name in row) * (BAR_HEIGHT + BAR_GAP) + GAP
    width = 2 * MARGIN + PANELS_ACROSS * PANEL_WIDTH + (PANELS_ACROSS - 1) * GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}">',
        f"<style>{STYLE}</style>",
        FADE,
        f'<rect width="{width}" height="{top}" fill="#fff"/>',
        _text(MARGIN, 26, "CPU time of all server processes per request, µs; shorter is better", "head"),
        _text(
            MARGIN, 44, "A bar that fades is longer than its panel. Struck through: wrong answers.", "small"
        ),
        *panels,
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _bars(results: Results, scenario: str) -> list[tuple[float, str]]:
    found = ((results.figure(server, scenario, "cpu_us"), server) for server in results.servers(scenario))
    return sorted((value, server) for value, server in found if value is not None)


def _panel(results: Results, scenario: str, left: int, top: int) -> list[str]:
    bars = _bars(results, scenario)
    parts = [_text(left, top + 16, SCENARIOS[scenario].title, "title")]
    if not bars:
        return [*parts, _text(left, top + TITLE_HEIGHT + 12, "not measured", "small")]
    longest = min(bars[-1][0], bars[0][0] * SCALE)
    room = PANEL_WIDTH - NAME_WIDTH - VALUE_WIDTH
    for index, (value, server) in enumerate(bars):
        y = top + TITLE_HEIGHT + index * (BAR_HEIGHT + BAR_GAP)
        length = round(min(value / longest, 1.0) * room, 1)
        x = left + NAME_WIDTH
        parts.append(_text(left, y + 12, server, "ours" if server == ours() else ""))
        parts.append(_rectangle(x, y, length, COLOURS[SERVERS[server].role]))
        if value > longest:
            parts.append(_rectangle(x, y, length, "url(#cut)"))
        text = f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"
        struck = ' text-decoration="line-through"' if results.fault(server, scenario) else ""
        parts.append(_text(x + length + 6, y + 12, text, "small", struck))
    return parts


def _rectangle(x: float, y: float, width: float, fill: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{BAR_HEIGHT}" fill="{fill}"/>'


def _text(x: float, y: float, text: str, kind: str = "", more: str = "") -> str:
    return f'<text x="{x}" y="{y}" class="{kind}"{more}>{escape(text)}</text>'
