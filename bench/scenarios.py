"""What is measured: one table, and one line of reason where a scenario needs it.

A scenario names the application of `apps.py`, the request that asks it, the answer that is right, and the
kind of measurement (`measures.py` has one function for each kind). Unless it says otherwise, 64
connections ask without pause.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum

from bench import apps

CONNECTIONS = 64
UPLOAD_BYTES = 65536

USER_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
ACCEPT = (
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,"
    "application/signed-exchange;v=b3;q=0.7"
)
COOKIE = (
    "sessionid=k3v9q0x1z7m2c8b5n4l6j0h9g8f7d6s5; csrftoken=Zq3rT8uW1yXo5pA7sD9fG2hJ4kL6zX8cV0bN; "
    "_ga=GA1.1.1234567890.1763600000; _ga_ABCDEF1234=GS2.1.s1763600000$o5$g1$t1763600123$j60$l0$h0; "
    "theme=dark; consent=necessary%2Cstatistics"
)
# What Chrome sends when a link is followed on a site with a session: 15 fields beside Host, 1 KB in all.
BROWSER_HEADERS = (
    ("Connection", "keep-alive"),
    ("Cache-Control", "max-age=0"),
    ("sec-ch-ua", '"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"'),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", '"Linux"'),
    ("Upgrade-Insecure-Requests", "1"),
    ("User-Agent", USER_AGENT),
    ("Accept", ACCEPT),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
    ("Referer", "http://127.0.0.1/whiskies/islay?sort=price&page=2"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7"),
    ("Cookie", COOKIE),
)


class Kind(Enum):
    """How a scenario is measured."""

    LOAD = "one load generator asks without pause"
    TURNS = "the same of two servers in turns, in bursts: for differences of a hundredth"
    TWO_ROUTES = "two load generators, one for each route"
    CROWD = "many connections, each idle after one request"
    SILENCE = "system calls of a server that nobody asks"
    SPREAD = "how kept-alive connections are shared between two workers"


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    application: str
    answer: bytes
    kind: Kind = Kind.LOAD
    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    body_bytes: int = 0
    connections: int = CONNECTIONS
    # Clients that drip or do not read, attached besides (slow.py).
    slow_clients: int = 0
    # A single thread may need this long before the first of its clients is answered.
    seconds_min: int = 1
    # Whether blocks must leave as they come, see answers.py.
    streams: bool = False
    # Processes that serve; servers that have only one are left out of more.
    workers: int = 1
    # Over TLS; servers that speak none are left out.
    secure: bool = False
    # Arguments of the floor, where its fixed answer is the answer asked for.
    floor: tuple[str, ...] | None = None


SCENARIOS = (
    Scenario("hello", "hello, wrk's bare request", "apps:hello", apps.HELLO, floor=()),
    Scenario(
        "browser", "hello with browser headers", "apps:hello", apps.HELLO, headers=BROWSER_HEADERS, floor=()
    ),
    Scenario("watched", "hello, watched and not, in turns", "apps:hello", apps.HELLO, kind=Kind.TURNS),
    Scenario("json", "JSON, 150 bytes made per request", "apps:record", json.dumps(apps.RECORD).encode()),
    Scenario("flask", "Flask, hello", "flask_app:hello", apps.HELLO),
    Scenario(
        "close",
        "a new connection for each request",
        "apps:hello",
        apps.HELLO,
        headers=(("Connection", "close"),),
        floor=("close",),
    ),
    Scenario("tls", "hello over TLS", "apps:hello", apps.HELLO, secure=True),
    Scenario(
        "tls-new",
        "a new TLS connection for each request",
        "apps:hello",
        apps.HELLO,
        headers=(("Connection", "close"),),
        secure=True,
    ),
    Scenario("many", "hello, 1,000 connections", "apps:hello", apps.HELLO, connections=1000, floor=()),
    Scenario("body", "1 MB body in one piece", "apps:body", apps.BODY),
    Scenario(
        "stream", "generator of 64 chunks of 1 KiB", "apps:stream", apps.CHUNK * apps.CHUNKS, streams=True
    ),
    Scenario("file", "wsgi.file_wrapper, 1 MB", "apps:file", apps.BODY),
    Scenario(
        "upload",
        "upload of 64 KiB",
        "apps:upload",
        b"%d" % UPLOAD_BYTES,
        method="POST",
        body_bytes=UPLOAD_BYTES,
    ),
    Scenario(
        "sleep",
        "view that sleeps 10 ms, 256 clients",
        "apps:sleep",
        apps.HELLO,
        connections=256,
        seconds_min=3,
    ),
    Scenario(
        "sleep-slow",
        "the same, with 300 slow clients attached",
        "apps:sleep_for_slow",
        apps.HELLO,
        connections=256,
        slow_clients=300,
        seconds_min=3,
    ),
    Scenario("spin", "view that computes 1 ms", "apps:spin", apps.HELLO),
    Scenario(
        "two-routes",
        "the same, and hello beside it from 4 clients",
        "apps:two_routes",
        apps.HELLO,
        kind=Kind.TWO_ROUTES,
        path="/spin",
    ),
    Scenario(
        "idle", "10,000 idle keep-alive connections", "apps:hello", apps.HELLO, Kind.CROWD, connections=10_000
    ),
    Scenario(
        "two-workers",
        "hello with browser headers, 2 workers",
        "apps:hello",
        apps.HELLO,
        headers=BROWSER_HEADERS,
        workers=2,
    ),
    Scenario(
        "spread",
        "200 connections, 2 workers",
        "apps:hello",
        apps.HELLO,
        Kind.SPREAD,
        connections=200,
        workers=2,
    ),
    Scenario("silence", "idle server, no connections", "apps:hello", apps.HELLO, Kind.SILENCE, floor=()),
)

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
