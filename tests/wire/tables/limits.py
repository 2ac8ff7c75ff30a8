"""The limits of a head, at their defaults (rules: limits and timeouts; RFC 9112 §3, RFC 6585 §5).

Whether a limit counts the line end is nobody's business but the server's: the rows keep two bytes' distance.
"""

from __future__ import annotations

from tests.wire.rows import Row, accept, get, refuse

LINE_BYTES = 8190
FIELDS = 100
FIELD_BYTES = 16 * 1024
HEAD_BYTES = 64 * 1024

# What `get(target=…)` adds to the target in its request line.
AROUND_TARGET = len(b"GET  HTTP/1.1")
PADDING = b"X-A: " + b"a" * 14_000


def of_line(size: int) -> bytes:
    """A target that makes the request line this long, without its CRLF."""
    return b"/" + b"a" * (size - AROUND_TARGET - 1)


ROWS: list[Row] = [
    accept("line-at-the-limit", get(target=of_line(LINE_BYTES - 2)), "rules: limits"),
    refuse("line-over-the-limit", get(target=of_line(LINE_BYTES + 1)), "9112 §3", 414),
    refuse("line-far-over-the-limit", get(target=of_line(3 * LINE_BYTES)), "9112 §3", 414),
    refuse("line-over-the-limit-in-the-query", get(target=b"/?" + b"a" * LINE_BYTES), "9112 §3", 414),
    # No end of the line is in sight, and none may ever come.
    refuse("line-without-an-end", b"GET /" + b"a" * (2 * LINE_BYTES), "9112 §3", 414),
    accept(
        "fields-at-the-limit", get(*[b"X-A: 1"] * (FIELDS - 1)), "rules: limits", HTTP_X_A=", ".join("1" * 99)
    ),
    refuse("fields-over-the-limit", get(*[b"X-A: 1"] * FIELDS), "6585 §5", 431),
    refuse(
        "fields-over-the-limit-all-different", get(*[b"X-%d: 1" % n for n in range(FIELDS)]), "6585 §5", 431
    ),
    refuse("fields-over-the-limit-all-dropped", get(*[b"X_A: 1"] * FIELDS), "6585 §5", 431),
    refuse("fields-far-over-the-limit", get(*[b"A: 1"] * 5000), "6585 §5", 431),
    accept(
        "field-at-the-limit",
        get(b"X-A:" + b"a" * (FIELD_BYTES - 6)),
        "rules: limits",
        HTTP_X_A="a" * (FIELD_BYTES - 6),
    ),
    refuse("field-over-the-limit", get(b"X-A:" + b"a" * (FIELD_BYTES - 3)), "6585 §5", 431),
    refuse("field-over-the-limit-of-spaces", get(b"X-A:" + b" " * FIELD_BYTES + b"a"), "6585 §5", 431),
    refuse("field-over-the-limit-in-its-name", get(b"X" * (FIELD_BYTES + 1) + b": a"), "6585 §5", 431),
    refuse("field-without-an-end", get()[:-2] + b"X-A: " + b"a" * (2 * FIELD_BYTES), "6585 §5", 431),
    accept("head-near-the-limit", get(*[PADDING] * 4), "rules: limits"),
    refuse("head-over-the-limit", get(*[PADDING] * 5), "6585 §5", 431),
]
