"""Response fields set, added and taken away."""

from __future__ import annotations

from typing import Any

import pytest

from potstill.middleware import Headers, SecurityHeaders
from tests.unit.middleware.calling import WAYS, Speaker, hear, through

SAID = [
    ("Content-Type", "text/plain"),
    ("X-Powered-By", "a"),
    ("Cache-Control", "no-cache"),
    ("Set-Cookie", "a=b"),
]


@pytest.mark.parametrize("way", WAYS)
def test_fields_are_changed_and_nothing_else(way: str) -> None:
    """In every way to answer; names in any case, order kept, the application's list untouched."""
    speaker = Speaker(way, [b"one", b"two"], list(SAID))
    heard = through(
        lambda app: Headers(
            app,
            set={"cache-control": "no-store"},
            default={"content-type": "text/html", "X-New": "1"},
            append=[("Set-Cookie", "c=d"), ("Vary", "Cookie")],
            remove=["x-powered-by", "not-there"],
        ),
        speaker,
    )
    assert heard.body == b"onetwo"
    assert heard.fields == [
        ("Content-Type", "text/plain"),
        ("Set-Cookie", "a=b"),
        ("X-New", "1"),
        ("cache-control", "no-store"),
        ("Set-Cookie", "c=d"),
        ("Vary", "Cookie"),
    ]
    assert speaker.fields == SAID


def test_the_result_is_the_applications_own() -> None:
    """A list stays a list, a file wrapper a file wrapper."""
    result: list[bytes] = []
    app: Any = Headers(lambda environ, start_response: result, set={"X-A": "b"})
    assert app({}, lambda *_: lambda _: None) is result


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"set": {"X A": "b"}}, "not the name of a field"),
        ({"set": {"": "b"}}, "not the name of a field"),
        ({"set": {"X-Ä": "b"}}, "not the name of a field"),
        ({"remove": ["X\r\n"]}, "not the name of a field"),
        ({"set": {"X-A": "b\r\nX: y"}}, "not the value of a field"),
        ({"append": {"X-A": "b\0"}}, "not the value of a field"),
        ({"default": {"X-A": " b"}}, "not the value of a field"),
        ({"set": {"X-A": "€"}}, "not the value of a field"),
        ({"set": {"Content-Length": "5"}}, "the server's to send"),
        ({"remove": ["Transfer-Encoding"]}, "the server's to send"),
        ({"append": {"Connection": "close"}}, "the server's to send"),
    ],
)
def test_what_may_not_be_sent_is_refused(arguments: dict[str, Any], message: str) -> None:
    """When it is made, not in the middle of a response."""
    with pytest.raises(ValueError, match=message):
        Headers(Speaker("whole", []), **arguments)


def test_the_security_preset() -> None:
    """What is said without arguments; what the application says itself stands."""
    heard = through(SecurityHeaders, Speaker("whole", [b"x"]))
    assert dict(heard.fields) == {
        "Content-Type": "text/plain",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
    own = [("Content-Type", "text/plain"), ("x-frame-options", "SAMEORIGIN")]
    heard = through(SecurityHeaders, Speaker("whole", [b"x"], own))
    assert heard.all("X-Frame-Options") == ["SAMEORIGIN"]


def test_the_security_preset_can_be_changed() -> None:
    """Each part by its argument; the empty text leaves it out."""
    heard = through(
        lambda app: SecurityHeaders(
            app, frame="", referrer="no-referrer", opener="", content_security="default-src 'self'"
        ),
        Speaker("whole", [b"x"]),
    )
    assert heard.all("X-Frame-Options") == []
    assert heard.all("Referrer-Policy") == ["no-referrer"]
    assert heard.all("Content-Security-Policy") == ["default-src 'self'"]


def test_strict_transport_security_is_for_https() -> None:
    """RFC 6797 section 7.2: a host must not send it over plain HTTP."""
    app = SecurityHeaders(Speaker("whole", [b"x"]), hsts_s=600, hsts_subdomains=True)
    assert hear(app).all("Strict-Transport-Security") == []
    heard = hear(app, **{"wsgi.url_scheme": "https"})
    assert heard.all("Strict-Transport-Security") == ["max-age=600; includeSubDomains"]
    with pytest.raises(ValueError, match="hsts_s -1 is below 0"):
        SecurityHeaders(app, hsts_s=-1)
