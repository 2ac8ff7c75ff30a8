"""RateLimit as middleware: who is one client, what is answered, and attempts to be many clients."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from potstill.middleware import RateLimit, ratelimit_table
from potstill.middleware.ratelimit import cookie
from tests.unit.middleware.hosts import (
    HOSTS,
    Answered,
    Recorder,
    call,
    environ_of,
    fetch,
    hosted,
    validated,
)

SECOND_NS = 10**9
WAIT_S = 20.0


class Limited:
    """A limit of two at once and one a second, over an application that answers 200, and its clock."""

    def __init__(self, rate: str = "1/s burst 2", **options: Any) -> None:
        self.now_ns = 1000 * SECOND_NS
        self.recorder = Recorder()
        self.app = RateLimit(validated(self.recorder), rate, clock=lambda: self.now_ns, **options)

    def ask(self, **environ: str) -> Answered:
        return call(self.app, self.recorder, environ_of(**environ))

    def passing(self, *environs: dict[str, str]) -> list[int]:
        return [self.ask(**environ).code for environ in environs]


def same_client(one: dict[str, str], other: dict[str, str], **options: Any) -> bool:
    """Whether what one has used up is missing to the other."""
    codes = Limited("1/d", **options).passing(one, one, other)
    assert codes[:2] == [200, 429]
    return codes[2] == 429


def peer(address: str, **fields: str) -> dict[str, str]:
    return {"REMOTE_ADDR": address, **fields}


def test_the_fields_of_each_answer() -> None:
    """Policy, what is left and when all is back; on 429 when to come again."""
    limited = Limited("1/s burst 2")
    answers = [limited.ask() for _ in range(3)]
    assert [answer.status for answer in answers] == ["200 OK", "200 OK", "429 Too Many Requests"]
    assert [answer.all("RateLimit-Policy") for answer in answers] == [['"default";q=2;w=2']] * 3
    assert [answer.all("RateLimit") for answer in answers] == [
        ['"default";r=1;t=1'],
        ['"default";r=0;t=2'],
        ['"default";r=0;t=2'],
    ]
    assert [answer.all("Retry-After") for answer in answers] == [[], [], ["1"]]
    assert answers[2].environ is None
    limited.now_ns += SECOND_NS - 1
    assert limited.ask().all("Retry-After") == ["1"]
    limited.now_ns += 1
    assert limited.ask().code == 200
    assert limited.app.statistics().refused == 2


def test_the_fields_can_be_left_out_and_the_policy_named() -> None:
    """Retry-After stays: it is what a client needs."""
    limited = Limited("1/s", fields=False)
    answers = [limited.ask(), limited.ask()]
    assert [answer.all("RateLimit") + answer.all("RateLimit-Policy") for answer in answers] == [[], []]
    assert answers[1].all("Retry-After") == ["1"]
    assert Limited("1/s", name="per second").ask().all("RateLimit") == ['"per second";r=0;t=1']


@pytest.mark.parametrize(
    ("one", "other", "options", "same"),
    [
        (peer("192.0.2.1"), peer("192.0.2.1"), {}, True),
        (peer("192.0.2.1"), peer("192.0.2.2"), {}, False),
        (peer("192.0.2.1"), peer("::ffff:192.0.2.1"), {}, True),
        (peer("192.0.2.1"), peer("::ffff:c000:201"), {}, True),
        (peer("192.0.2.1"), peer("::c000:201"), {}, False),
        (peer("2001:db8::1"), peer("2001:db8::ffff:1:2"), {}, True),
        (peer("2001:db8::1"), peer("2001:db8:0:1::1"), {}, False),
        (peer("2001:db8::1"), peer("2001:db8:0:1::1"), {"ipv6_prefix": 48}, True),
        (peer("2001:db8::1"), peer("2001:db8::2"), {"ipv6_prefix": 128}, False),
        (peer("fe80::1%eth0"), peer("fe80::1%eth1"), {}, True),
        (peer(""), peer(""), {}, True),
        (peer(""), peer("192.0.2.1"), {}, False),
        # Who hides is one with all who do: a new name for each request is no new client.
        (peer("unknown"), peer("_hidden"), {}, True),
        (peer("_a"), peer("_b"), {}, True),
        (peer("_a"), peer(""), {}, False),
        # Nothing that a client sends makes another one of it.
        (peer("192.0.2.1"), peer("192.0.2.1", HTTP_X_FORWARDED_FOR="192.0.2.9"), {}, True),
        (
            peer("192.0.2.1"),
            peer("192.0.2.1", REMOTE_PORT="2", HTTP_USER_AGENT="x", PATH_INFO="/x"),
            {},
            True,
        ),
        (peer("192.0.2.1"), peer("192.0.2.1", REQUEST_METHOD="HEAD"), {}, True),
        # By header.
        (peer("192.0.2.1", HTTP_X_KEY="a"), peer("192.0.2.2", HTTP_X_KEY="a"), {"by": "header:X-Key"}, True),
        (peer("192.0.2.1", HTTP_X_KEY="a"), peer("192.0.2.1", HTTP_X_KEY="b"), {"by": "header:X-Key"}, False),
        (peer("192.0.2.1"), peer("192.0.2.1", HTTP_X_KEY=""), {"by": "header:X-Key"}, True),
        (peer("192.0.2.1"), peer("192.0.2.2"), {"by": "header:X-Key"}, False),
        (
            peer("192.0.2.1"),
            peer("192.0.2.9", HTTP_X_KEY="address 4 3221225985"),
            {"by": "header:X-Key"},
            False,
        ),
        # By cookie.
        (
            peer("192.0.2.1", HTTP_COOKIE="a=1; s=x"),
            peer("192.0.2.2", HTTP_COOKIE="s=x"),
            {"by": "cookie:s"},
            True,
        ),
        (
            peer("192.0.2.1", HTTP_COOKIE="s=x"),
            peer("192.0.2.1", HTTP_COOKIE="s=y"),
            {"by": "cookie:s"},
            False,
        ),
        (
            peer("192.0.2.1", HTTP_COOKIE="z=1"),
            peer("192.0.2.1", HTTP_COOKIE="zz=2"),
            {"by": "cookie:s"},
            True,
        ),
        (peer("192.0.2.1", HTTP_COOKIE="s="), peer("192.0.2.1", HTTP_COOKIE="s"), {"by": "cookie:s"}, True),
    ],
)
def test_who_counts_as_one_client(
    one: dict[str, str], other: dict[str, str], options: dict[str, Any], same: bool
) -> None:
    """By address, its network, a header or a cookie."""
    assert same_client(one, other, **options) == same
    if "HTTP_X_KEY" not in one and "HTTP_COOKIE" not in one:
        assert same_client(other, one, **options) == same


def test_a_server_that_names_no_peer() -> None:
    """All of its requests are one client's."""
    limited = Limited("1/d")
    for expected in (200, 429):
        environ = environ_of()
        del environ["REMOTE_ADDR"]
        assert call(limited.app, limited.recorder, environ).code == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", None),
        ("session", None),
        ("session=", ""),
        ("session=a", "a"),
        ("x=1; session=a=b;session=c", "a=b"),
        (" session=a ;", "a"),
        ("xsession=1;Session=2", None),
    ],
)
def test_cookies(value: str, expected: str | None) -> None:
    """The first of the name, by RFC 6265's split at semicolons."""
    assert cookie(value, "session") == expected


def test_the_application_hears_nothing_of_it() -> None:
    """write(), close() and exc_info go through; the fields come also with an error page."""
    closed: list[bool] = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"body"

        def close(self) -> None:
            closed.append(True)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            raise LookupError("page")
        except LookupError:
            write: Callable[[bytes], object] = start_response(
                "500 Oops", [("Content-Type", "text/plain")], sys.exc_info()
            )
        write(b"written ")
        return Body()

    answer = call(RateLimit(validated(app), "5/s"), Recorder(), environ_of())
    assert (answer.status, answer.body, closed) == ("500 Oops", b"written body", [True])
    assert len(answer.all("RateLimit")) == 1


def test_two_limits_one_in_the_other() -> None:
    """Both say what they have left; the tighter one decides; each has its own count."""
    recorder = Recorder()
    inner = RateLimit(validated(recorder), "2/d", name="day")
    app = RateLimit(inner, "5/s", name="second")
    answers = [call(app, recorder, environ_of()) for _ in range(3)]
    assert [answer.code for answer in answers] == [200, 200, 429]
    assert answers[0].all("RateLimit") == ['"day";r=1;t=43200', '"second";r=4;t=1']


def test_limits_of_one_shared_name_do_not_mix_up_their_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has its own numbers, by its policy's name, rate and what makes a client; the same limit has
    one."""
    monkeypatch.setattr(ratelimit_table, "SHARED_DIRECTORY", tmp_path)
    limits = [
        Limited("1/d", shared="shop"),
        Limited("1/h", shared="shop"),
        Limited("1/d", shared="shop", name="other"),
        Limited("1/d", shared="shop", by="header:X-Key"),
    ]
    assert [limit.ask().code for limit in limits] == [200] * 4
    assert [limit.ask().code for limit in limits] == [429] * 4
    assert Limited("1/d", shared="shop").ask().code == 429
    assert Limited("1/d", shared="library").ask().code == 200


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rate": "many"}, "20/s burst 40"),
        ({"by": "adress"}, "'address'"),
        ({"by": "header:"}, "header:X-Api-Key"),
        ({"by": "cookie:a b"}, "cookie:session"),
        ({"ipv6_prefix": 0}, "1 to 128"),
        ({"ipv6_prefix": 129}, "1 to 128"),
        ({"keys": 0}, "number of keys"),
        ({"name": 'a"b'}, "without quotes"),
        ({"name": ""}, "without quotes"),
        ({"shared": "a/b"}, "letters, digits"),
    ],
)
def test_wrong_options_are_said_at_the_beginning(options: dict[str, Any], says: str) -> None:
    """With what to write."""
    with pytest.raises(ValueError, match=says):
        RateLimit(Recorder(), **{"rate": "1/s"} | options)


@pytest.mark.parametrize("host", HOSTS)
def test_under_real_servers(host: str) -> None:
    """Three pass and the rest do not, whatever the client calls itself."""
    with hosted(host, RateLimit(validated(Recorder()), "3/d")) as address:
        codes = [fetch(address, f"/{i}", X_Forwarded_For=f"192.0.2.{i}").code for i in range(5)]
    assert codes == [200, 200, 200, 429, 429]


WORKERS = """
import os
from wsgiref.util import setup_testing_defaults
from potstill.middleware import RateLimit

def app(environ, start_response):
    start_response("200 OK", [])
    return []

limit = RateLimit(app, "100/d", clock=lambda: 10**12)
reading, writing = os.pipe()
children = []
for _ in range(4):
    children.append(os.fork())
    if children[-1] == 0:
        for _ in range(200):
            environ = {"REMOTE_ADDR": "192.0.2.1"}
            setup_testing_defaults(environ)
            limit(environ, lambda status, fields: os.write(writing, status[:1].encode()))
        os._exit(0)
for child in children:
    os.waitpid(child, 0)
os.close(writing)
answers = open(reading).read()
print(answers.count("2"), answers.count("4"))
"""


def test_workers_forked_afterwards_let_pass_what_one_would() -> None:
    """Four times two hundred requests, of which a hundred pass: not one more, not one less."""
    done = subprocess.run(
        [sys.executable, "-c", WORKERS], capture_output=True, text=True, timeout=WAIT_S, check=True
    )
    assert done.stdout == "100 700\n"


def test_it_passes_through_the_validators() -> None:
    """Both sides at once, also for a request that is refused."""
    limited = Limited("1/d")
    assert limited.ask().code == 200
    assert limited.ask(REQUEST_METHOD="HEAD").body == b""
