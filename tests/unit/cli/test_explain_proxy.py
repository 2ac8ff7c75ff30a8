"""`potstill explain-proxy`: every line it says, for every way a request can be judged."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner, Result

from potstill.cli import verbs

REFUSED = (
    "The request is answered 400: what must be believed cannot be read. "
    "X-Forwarded-For: 'nonsense' is no address (RFC 7239 section 6)"
)
TRUST = ("--trust", "192.0.2.0/24", "--trust", "10.0.0.0/8", "--trust", "unix")


def explain(*arguments: str) -> Result:
    return CliRunner().invoke(verbs, ["explain-proxy", *arguments], prog_name="potstill", terminal_width=80)


def lines(*arguments: str) -> list[str]:
    """The output with every run of spaces as one."""
    result = explain(*arguments)
    assert result.exit_code == 0, result.output
    return [re.sub(r" +", " ", line).strip() for line in result.stdout.splitlines()]


def test_a_request_through_two_proxies_line_by_line() -> None:
    """The whole of it: peer, hops from the end, other fields, and what the application sees."""
    assert lines(
        *TRUST, "--peer", "10.0.0.1",
        "-H", "X-Forwarded-For: 198.51.100.66, 203.0.113.7:99", "-H", "x-forwarded-for: 10.0.0.9",
        "-H", "X-Forwarded-Proto: https", "-H", "X-Forwarded-Host: shop.example", "-H", "Host: app",
    ) == [
        "The peer 10.0.0.1 is in 10.0.0.0/8: it is believed.",
        "",
        "X-Forwarded-For, from its end:",
        "10.0.0.9 a trusted proxy, in 10.0.0.0/8",
        "203.0.113.7:99 the client: in no trusted network",
        "198.51.100.66 not looked at: anybody can have written it",
        "X-Forwarded-Proto believed: https",
        "X-Forwarded-Host not believed: --believe does not name host",
        "",
        "The application sees:",
        "REMOTE_ADDR '203.0.113.7' (was '10.0.0.1')",
        "REMOTE_PORT '99' (was None)",
        "wsgi.url_scheme 'https' (was 'http')",
        "HTTP_HOST 'app'",
        "SERVER_NAME 'localhost'",
        "SERVER_PORT '443' (was '8000')",
        "SCRIPT_NAME ''",
        "removed HTTP_X_FORWARDED_FOR, HTTP_X_FORWARDED_HOST, HTTP_X_FORWARDED_PROTO",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            (*TRUST, "--peer", "11.0.0.1", "-H", "X-Forwarded-For: 1.2.3.4"),
            [
                "The peer 11.0.0.1 is in no trusted network: nothing it says is believed.",
                "REMOTE_ADDR '11.0.0.1'",
            ],
        ),
        (
            (*TRUST, "--peer", "unix"),
            [
                "The peer on a unix socket is in unix: it is believed.",
                "X-Forwarded-For: there is none, so the peer is the client.",
                "REMOTE_ADDR ''",
            ],
        ),
        (
            (*TRUST, "--peer", "10.0.0.1", "-H", "X-Forwarded-For: 10.0.0.2"),
            ["10.0.0.2 the client: trusted itself, and nobody stands before it"],
        ),
        (
            (*TRUST, "--peer", "10.0.0.1", "-H", "X-Forwarded-For: unknown"),
            [
                "unknown the client: its proxy does not tell the address",
                "REMOTE_ADDR 'unknown' (was '10.0.0.1')",
            ],
        ),
        ((*TRUST, "--peer", "10.0.0.1", "-H", "X-Forwarded-For: nonsense"), [REFUSED]),
        (
            ("--hops", "2", "--peer", "11.0.0.1", "-H", "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3"),
            [
                "The peer 11.0.0.1 is believed, as everybody is where hops are counted (2).",
                "3.3.3.3 proxy 2 of 2, counted from here",
                "2.2.2.2 the client: 2 from the end",
                "1.1.1.1 not looked at: anybody can have written it",
            ],
        ),
        (
            ("--hops", "2", "--peer", "11.0.0.1", "-H", "X-Forwarded-For: 1.1.1.1"),
            ["1.1.1.1 the client: 1 from the end (fewer than hops)"],
        ),
        (
            (
                *TRUST,
                "--family",
                "forwarded",
                "--believe",
                "for,proto,host",
                "--peer",
                "10.0.0.1",
                "-H",
                "Forwarded: for=1.1.1.1;proto=https;host=shop.example, host=x",
            ),
            ["(no for) the client: its proxy does not tell the address", "host believed: x"],
        ),
        (
            (
                *TRUST,
                "--believe",
                "prefix",
                "--peer",
                "10.0.0.1",
                "-H",
                "X-Forwarded-For: 1.1.1.1",
                "-H",
                "X-Forwarded-Prefix: /",
            ),
            [
                "the address is not taken over: --believe does not name for",
                "X-Forwarded-Prefix believed: /",
                "REMOTE_ADDR '10.0.0.1'",
            ],
        ),
    ],
)
def test_each_reason_is_given(arguments: tuple[str, ...], says: list[str]) -> None:
    """The lines that tell this case from the others."""
    found = lines(*arguments)
    assert [line for line in says if line not in found] == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--peer", "10.0.0.1"), "either the networks of the trusted proxies or the number of hops"),
        ((*TRUST, "--hops", "1", "--peer", "10.0.0.1"), "either"),
        (TRUST, "--peer"),
        ((*TRUST, "--peer", "proxy.example"), "no address"),
        (("--trust", "10.0.0.1/8", "--peer", "10.0.0.1"), "10.0.0.0/8"),
        ((*TRUST, "--peer", "10.0.0.1", "--believe", "name"), "no name"),
        ((*TRUST, "--peer", "10.0.0.1", "-H", "X-Forwarded-For"), "Name: value"),
        ((*TRUST, "--peer", "10.0.0.1", "-H", "X_Forwarded_For: 1.1.1.1"), "names with _"),
    ],
)
def test_wrong_usage_is_told(arguments: tuple[str, ...], says: str) -> None:
    """Exit code 2, as for every verb."""
    result = explain(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr


def test_its_help_names_every_option() -> None:
    """And fits a terminal."""
    result = explain("--help")
    assert result.exit_code == 0
    for option in ("--trust", "--hops", "--family", "--believe", "--peer", "--header"):
        assert option in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
