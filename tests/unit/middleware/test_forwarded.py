"""Forwarded as middleware: what the application sees, and attempts to be taken for somebody else."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from potstill.middleware import Forwarded
from potstill.middleware.forwarded import ORIGINALS, REMOVED
from tests.unit.middleware.hosts import HOSTS, Answered, Recorder, ask, fetch, hosted, validated

PROXY, INNER, CLIENT, SPOOFED = "10.0.0.1", "10.0.0.2", "203.0.113.7", "192.0.2.66"
ALL = ("for", "proto", "host", "port", "prefix")


def through(options: dict[str, Any], **environ: str) -> Answered:
    given = {"REMOTE_ADDR": PROXY} | environ
    return ask(lambda app: Forwarded(app, **options), **given)


def seen(options: dict[str, Any], **environ: str) -> dict[str, Any]:
    answer = through(options, **environ)
    assert answer.environ is not None, answer
    return answer.environ


TRUSTED: dict[str, Any] = {"trusted": ["10.0.0.0/8", "unix"]}
RFC7239: dict[str, Any] = TRUSTED | {"family": "forwarded", "believe": ("for", "proto", "host")}
XFF, XFP = "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"


@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        # By trusted networks: the first from the right that is not trusted.
        (TRUSTED, {XFF: CLIENT}, CLIENT),
        (TRUSTED, {XFF: f"{SPOOFED}, {CLIENT}"}, CLIENT),
        (TRUSTED, {XFF: f"{SPOOFED}, {CLIENT}, {INNER}"}, CLIENT),
        (TRUSTED, {XFF: f"{SPOOFED},{INNER},{CLIENT}"}, CLIENT),
        (TRUSTED, {XFF: f"{INNER}, {PROXY}"}, INNER),
        (TRUSTED, {XFF: f"garbage, {CLIENT}"}, CLIENT),
        (TRUSTED, {XFF: f"{CLIENT}:4711"}, CLIENT),
        (TRUSTED, {XFF: "2001:DB8::0:1"}, "2001:db8::1"),
        (TRUSTED, {XFF: "[2001:db8::1]:80"}, "2001:db8::1"),
        (TRUSTED, {XFF: f"{CLIENT}, ::ffff:10.0.0.9"}, CLIENT),
        (TRUSTED, {XFF: f" {CLIENT} ,, "}, CLIENT),
        (TRUSTED, {XFF: "unknown"}, "unknown"),
        (TRUSTED, {XFF: f"{SPOOFED}, unknown, {INNER}"}, "unknown"),
        (TRUSTED, {XFF: "_hidden"}, "_hidden"),
        (TRUSTED, {XFF: CLIENT, "REMOTE_ADDR": ""}, CLIENT),
        (TRUSTED, {XFF: CLIENT, "REMOTE_ADDR": "::ffff:10.0.0.1"}, CLIENT),
        (TRUSTED, {}, PROXY),
        (TRUSTED, {XFF: " , "}, PROXY),
        # From elsewhere nothing is believed.
        (TRUSTED, {XFF: SPOOFED, "REMOTE_ADDR": CLIENT}, CLIENT),
        (TRUSTED, {XFF: SPOOFED, "REMOTE_ADDR": "11.0.0.1"}, "11.0.0.1"),
        (TRUSTED, {XFF: SPOOFED, "REMOTE_ADDR": "localhost"}, "localhost"),
        # By hops: so many from the right.
        ({"hops": 1}, {XFF: f"{SPOOFED}, {CLIENT}"}, CLIENT),
        ({"hops": 2}, {XFF: f"{SPOOFED}, {CLIENT}, {INNER}"}, CLIENT),
        ({"hops": 2}, {XFF: CLIENT}, CLIENT),
        ({"hops": 2}, {}, PROXY),
        ({"hops": 1}, {XFF: f"{SPOOFED}, unknown"}, "unknown"),
        ({"hops": 1}, {XFF: f"garbage, {CLIENT}"}, CLIENT),
        # RFC 7239.
        (RFC7239, {"HTTP_FORWARDED": f"for={SPOOFED}, for={CLIENT};proto=https, for={INNER}"}, CLIENT),
        (RFC7239, {"HTTP_FORWARDED": 'for="[2001:db8::1]:80"'}, "2001:db8::1"),
        (RFC7239, {"HTTP_FORWARDED": f"for={CLIENT}, proto=https"}, "unknown"),
        (RFC7239, {"HTTP_FORWARDED": f"for={SPOOFED}, for=_x"}, "_x"),
        (RFC7239, {"HTTP_FORWARDED": ""}, PROXY),
        # The other family is not looked at, however well it looks.
        (TRUSTED, {"HTTP_FORWARDED": f"for={SPOOFED}"}, PROXY),
        (TRUSTED, {"HTTP_FORWARDED": f"for={SPOOFED}", XFF: CLIENT}, CLIENT),
        (RFC7239, {XFF: SPOOFED}, PROXY),
        (RFC7239, {XFF: SPOOFED, "HTTP_FORWARDED": f"for={CLIENT}"}, CLIENT),
        # Asked not to believe it, it does not.
        (TRUSTED | {"believe": ["proto"]}, {XFF: CLIENT}, PROXY),
    ],
)  # fmt: skip
def test_who_the_client_is(options: dict[str, Any], environ: dict[str, str], expected: str) -> None:
    """REMOTE_ADDR, in canonical form; nothing of what was said is left in the environ."""
    found = seen(options, **environ)
    assert found["REMOTE_ADDR"] == expected
    assert [key for key in found if "FORWARDED" in key] == []


URL_KEYS = ("wsgi.url_scheme", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "SCRIPT_NAME")
XFH, XFPORT, XFPRE = "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_PREFIX"
BARE = ("http", "app:8000", "app", "8000", "")


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, BARE),
        ({XFP: "https"}, ("https", "app:8000", "app", "8000", "")),
        ({XFP: "HTTPS", XFH: "shop.example"}, ("https", "shop.example", "shop.example", "443", "")),
        ({XFP: "wss", XFH: "shop.example:443"}, ("https", "shop.example", "shop.example", "443", "")),
        ({XFH: "shop.example:8080"}, ("http", "shop.example:8080", "shop.example", "8080", "")),
        ({XFH: "shop.example", XFPORT: "8080"}, ("http", "shop.example:8080", "shop.example", "8080", "")),
        ({XFH: "shop.example:1", XFPORT: "80"}, ("http", "shop.example", "shop.example", "80", "")),
        ({XFP: "https", XFPORT: "443"}, ("https", "app", "app", "443", "")),
        ({XFH: "[2001:db8::1]:81"}, ("http", "[2001:db8::1]:81", "[2001:db8::1]", "81", "")),
        ({XFPRE: "/shop/"}, ("http", "app:8000", "app", "8000", "/shop")),
        ({XFPRE: "/"}, BARE),
        ({XFPRE: "/a%20b/c"}, ("http", "app:8000", "app", "8000", "/a b/c")),
    ],
)
def test_what_the_request_was_for(said: dict[str, str], expected: tuple[str, ...]) -> None:
    """Scheme, host, port and prefix as the outermost proxy saw them, and agreeing with each other."""
    environ = {"HTTP_HOST": "app:8000", "SERVER_NAME": "app", "SERVER_PORT": "8000", XFF: CLIENT} | said
    found = seen(TRUSTED | {"believe": ALL}, **environ)
    assert tuple(found[key] for key in URL_KEYS) == expected


def test_a_prefix_comes_before_what_was_mounted_already() -> None:
    """SCRIPT_NAME is the whole way to the application."""
    found = seen(TRUSTED | {"believe": ALL}, SCRIPT_NAME="/inner", HTTP_X_FORWARDED_PREFIX="/outer")
    assert found["SCRIPT_NAME"] == "/outer/inner"


def test_a_client_without_host_gets_none() -> None:
    """HTTP/1.0: only what the server is called changes."""
    environ = {"HTTP_HOST": "", XFF: CLIENT, XFP: "https", XFPORT: "8443"}
    found = seen(TRUSTED | {"believe": ALL}, **environ)
    assert (found["HTTP_HOST"], found["SERVER_PORT"]) == ("", "8443")


@pytest.mark.parametrize(
    ("said", "scheme"),
    [
        # The peer forwards for a proxy it trusts: what that one saw counts, as far from the right.
        ({XFF: f"{CLIENT}, {INNER}", XFP: "https, http"}, "https"),
        ({XFF: f"{CLIENT}, {INNER}", XFP: "https"}, "https"),
        ({XFF: f"{SPOOFED}, {CLIENT}", XFP: "https, http"}, "http"),
        ({XFF: f"{SPOOFED}, {CLIENT}, {INNER}", XFP: "https, http, http"}, "http"),
        ({XFP: "https, http"}, "http"),
    ],
)
def test_of_several_values_the_one_of_the_outermost_trusted_proxy_counts(
    said: dict[str, str], scheme: str
) -> None:
    """Whatever the client has put in front of it."""
    assert seen(TRUSTED, **said)["wsgi.url_scheme"] == scheme


def test_of_forwarded_the_element_of_the_client_counts() -> None:
    """Scheme and host stand in the same element as the address."""
    spoofed = f"for={SPOOFED};host=evil.example;proto=http"
    told = f"for={CLIENT};proto=https;host=shop.example, for={INNER};proto=http"
    found = seen(RFC7239, HTTP_FORWARDED=f"{spoofed}, {told}")
    assert tuple(found[key] for key in URL_KEYS[:4]) == ("https", "shop.example", "shop.example", "443")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (TRUSTED, {XFF: "garbage"}),
        (TRUSTED, {XFF: f"{CLIENT}, garbage"}),
        (TRUSTED, {XFF: f"garbage, {INNER}"}),
        (TRUSTED, {XFF: ", ".join([INNER] * 65)}),
        ({"hops": 1}, {XFF: f"{CLIENT}, garbage"}),
        (TRUSTED, {XFF: CLIENT, XFP: "gopher"}),
        (TRUSTED, {XFF: CLIENT, XFP: "https://x"}),
        (TRUSTED, {XFF: f"{CLIENT}, {INNER}, {INNER}", XFP: "https, http"}),
        (RFC7239, {"HTTP_FORWARDED": f'for="{SPOOFED}, for={CLIENT}'}),
        (RFC7239, {"HTTP_FORWARDED": f"for={CLIENT}; proto=https"}),
        (RFC7239, {"HTTP_FORWARDED": f"for={CLIENT};proto=ftp"}),
        (RFC7239, {"HTTP_FORWARDED": f'for={CLIENT};host="a b"'}),
        (TRUSTED | {"believe": ALL}, {XFH: "shop.example@evil.example"}),
        (TRUSTED | {"believe": ALL}, {XFH: "shop.example/x"}),
        (TRUSTED | {"believe": ALL}, {XFH: "[::zz]"}),
        (TRUSTED | {"believe": ALL}, {XFH: "a" * 256}),
        (TRUSTED | {"believe": ALL}, {XFH: "a:99999"}),
        (TRUSTED | {"believe": ALL}, {XFPORT: "0"}),
        (TRUSTED | {"believe": ALL}, {XFPORT: "+80"}),
        (TRUSTED | {"believe": ALL}, {XFPRE: "//evil.example"}),
        (TRUSTED | {"believe": ALL}, {XFPRE: "/%2fevil.example"}),
        (TRUSTED | {"believe": ALL}, {XFPRE: "/a/../b"}),
        (TRUSTED | {"believe": ALL}, {XFPRE: "/%2e%2e"}),
        (TRUSTED | {"believe": ALL}, {XFPRE: "/%5cevil.example"}),
        (TRUSTED | {"believe": ALL}, {XFPRE: "/a%0d%0ab"}),
        (TRUSTED | {"believe": ALL}, {XFPRE: "shop"}),
        (TRUSTED | {"believe": ALL}, {XFPRE: "/a?b"}),
    ],
)
def test_what_is_to_be_believed_and_cannot_be_read_is_refused(
    options: dict[str, Any], said: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    """Never taken for the proxy's own request: that would hand out the proxy's rights. One line in the
    log."""
    with caplog.at_level(logging.INFO, "potstill"):
        answer = through(options, **said)
    assert (answer.code, answer.environ) == (400, None)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].isprintable()


def test_what_is_not_to_be_believed_is_not_even_read() -> None:
    """Garbage from strangers, and in fields that were not asked for, harms nobody."""
    garbage = {XFF: "garbage", XFP: "gopher", XFPRE: "//x", "HTTP_FORWARDED": 'for="'}
    assert seen(TRUSTED, REMOTE_ADDR=CLIENT, **garbage)["REMOTE_ADDR"] == CLIENT
    found = seen(
        TRUSTED, **{XFPRE: "//x", XFH: "evil.example", XFPORT: "x", "HTTP_FORWARDED": 'for="', XFF: CLIENT}
    )
    assert (found["REMOTE_ADDR"], found["SCRIPT_NAME"]) == (CLIENT, "")


@pytest.mark.parametrize("peer", [PROXY, CLIENT])
def test_everything_about_forwarding_is_removed_and_kept_aside(peer: str) -> None:
    """From a trusted peer as from a stranger: what is right stands in the other keys."""
    said = dict.fromkeys([*REMOVED, "HTTP_X_FORWARDED_WHATEVER", "HTTP_X_FORWARDED_SSL"], "203.0.113.9")
    found = seen(TRUSTED, REMOTE_ADDR=peer, **said, HTTP_X_OTHER="kept")
    assert said.keys() & found.keys() == set()
    assert found["HTTP_X_OTHER"] == "kept"
    assert {key: found[ORIGINALS][key] for key in said} == said


def test_the_originals_of_all_that_changed() -> None:
    """Old values, and None for what was not there; nothing of what stayed."""
    found = seen(
        TRUSTED, HTTP_X_FORWARDED_FOR=f"{CLIENT}:99", HTTP_X_FORWARDED_PROTO="https", SERVER_PORT="80",
        HTTP_HOST="app", REMOTE_HOST="proxy.example",
    )  # fmt: skip
    assert found[ORIGINALS] == {
        XFF: f"{CLIENT}:99",
        XFP: "https",
        "REMOTE_ADDR": PROXY,
        "REMOTE_PORT": None,
        "REMOTE_HOST": "proxy.example",
        "wsgi.url_scheme": "http",
        "SERVER_PORT": "80",
    }
    assert found["REMOTE_PORT"] == "99"
    assert "REMOTE_HOST" not in found
    assert ORIGINALS not in seen(TRUSTED)


def test_the_port_of_the_proxy_is_not_the_clients() -> None:
    """Where the proxy does not say the client's port, there is none."""
    assert "REMOTE_PORT" not in seen(TRUSTED, HTTP_X_FORWARDED_FOR=CLIENT, REMOTE_PORT="5555")


def test_https_is_off_when_the_client_came_without() -> None:
    """Some servers say it twice."""
    assert "HTTPS" not in seen(TRUSTED, HTTP_X_FORWARDED_PROTO="http", HTTPS="on")
    assert seen(TRUSTED, HTTP_X_FORWARDED_PROTO="https", HTTPS="on")["HTTPS"] == "on"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "either"),
        ({"trusted": ["10.0.0.0/8"], "hops": 1}, "either"),
        ({"hops": -1}, "1 to 64"),
        ({"hops": 65}, "1 to 64"),
        ({"trusted": ["10.0.0.1/8"]}, "10.0.0.0/8"),
        ({"hops": 1, "family": "x"}, "family"),
        ({"hops": 1, "believe": ["prot"]}, "no prot"),
        ({"hops": 1, "family": "forwarded", "believe": ["for", "prefix"]}, "no prefix"),
    ],
)
def test_wrong_options_are_said_at_the_beginning(options: dict[str, Any], says: str) -> None:
    """With what to write."""
    with pytest.raises(ValueError, match=says):
        Forwarded(Recorder(), **options)


@pytest.mark.parametrize("host", HOSTS)
def test_under_real_servers(host: str) -> None:
    """The same peer, trusted once and once not; what two fields say is one list."""
    for trusted, expected in (("127.0.0.0/8", CLIENT), ("10.0.0.0/8", "127.0.0.1")):
        recorder = Recorder()
        with hosted(host, Forwarded(validated(recorder), trusted=[trusted])) as address:
            fields = {"X_Forwarded_For": f"{SPOOFED}, {CLIENT}", "X_Forwarded_Proto": "https"}
            assert fetch(address, "/", **fields).code == 200
            assert fetch(address, "/", X_Forwarded_For="x").code == (400 if expected == CLIENT else 200)
        assert recorder.seen[0]["REMOTE_ADDR"] == expected
        assert recorder.seen[0]["wsgi.url_scheme"] == ("https" if expected == CLIENT else "http")
        assert XFF not in recorder.seen[0]
