"""Health checks, and the thread that makes them."""

from __future__ import annotations

import gc
import os
import threading
from contextlib import closing
from typing import Any

import pytest

from potstill.middleware.balance_checks import HealthCheck, Keeper, complaint
from potstill.middleware.proxy import RemoteApp
from tests.support.engine import wait_until
from tests.support.upstream import WAIT_S, Peer, Scripted

CHECK = HealthCheck("/health?full=1", timeout_s=0.2)


def answering_with(status: str) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/health", "full=1")
        start_response(status, [])
        return [b"x"]

    return application


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("200 OK", ""),
        ("302 Found", ""),
        ("500 Oops", "it answered 500 Oops"),
        ("404 No", "it answered 404 No"),
    ],
)
def test_a_local_application_is_asked(status: str, said: str) -> None:
    assert complaint(answering_with(status), CHECK) == said


def test_an_application_that_raises_is_not_well() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise LookupError("no table")

    assert complaint(application, CHECK) == "LookupError: no table"
    assert complaint(lambda environ, start_response: [], CHECK) == "it did not answer"


def test_a_remote_one_is_asked_in_its_own_name() -> None:
    with Scripted() as server, closing(RemoteApp(server.url)) as remote:
        assert complaint(remote, CHECK) == ""
        assert complaint(remote, HealthCheck("/", host="shop.example")) == ""
        address = server.url.removeprefix("http://").encode()
        assert server.requests[0].startswith(b"GET /health?full=1 HTTP/1.1\r\nHost: " + address)
        assert server.requests[1].startswith(b"GET / HTTP/1.1\r\nHost: shop.example\r\n")
        assert server.accepted == 1


def test_a_remote_one_that_is_not_there() -> None:
    with Scripted() as server:
        url = server.url
    assert "no connection" in complaint(RemoteApp(url), CHECK)


def test_a_remote_one_has_only_so_much_time() -> None:
    with Scripted(lambda peer: (peer.request(), peer.wait_closed())) as server:
        assert complaint(RemoteApp(server.url), CHECK) == "it took too long"


def test_an_endless_page_is_not_read_to_its_end() -> None:
    def endless(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            peer.send(b"x" * 65536)

    with Scripted(endless) as server:
        assert complaint(RemoteApp(server.url), CHECK) == ""


@pytest.mark.parametrize(
    "values",
    [
        {"path": "health"},
        {"interval_s": 0},
        {"timeout_s": -1},
        {"rise": 0},
        {"fall": 0},
        {"lowest": 400},
        {"highest": 1000},
    ],
)
def test_wrong_checks_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="health check"):
        HealthCheck(**values)


class Owner:
    """Something with a job."""

    def __init__(self, delay_s: float = 0.001, error: Exception | None = None) -> None:
        self.calls = 0
        self.pid = 0
        self.called = threading.Event()
        self.delay_s = delay_s
        self.error = error

    def job(self) -> float:
        self.calls += 1
        self.pid = os.getpid()
        self.called.set()
        if self.error is not None:
            raise self.error
        return self.delay_s


def threads() -> int:
    return sum(thread.name == "potstill-upstreams" for thread in threading.enumerate())


def test_it_starts_when_told_and_only_once() -> None:
    owner = Owner()
    keeper = Keeper([owner.job])
    assert threads() == 0
    for _ in range(3):
        keeper.ensure_running()
    wait_until(lambda: owner.calls >= 3)
    assert threads() == 1
    keeper.stop()
    wait_until(lambda: threads() == 0)
    keeper.ensure_running()
    assert threads() == 0


def test_without_jobs_there_is_no_thread() -> None:
    Keeper([]).ensure_running()
    assert threads() == 0


def test_it_ends_when_its_owner_is_forgotten() -> None:
    owner = Owner()
    keeper = Keeper([owner.job])
    keeper.ensure_running()
    assert owner.called.wait(WAIT_S)
    del owner
    gc.collect()
    wait_until(lambda: threads() == 0)


def test_a_job_that_raises_is_not_the_end(caplog: pytest.LogCaptureFixture) -> None:
    bad, good = Owner(error=LookupError("surprise")), Owner()
    keeper = Keeper([bad.job, good.job])
    keeper.ensure_running()
    wait_until(lambda: good.calls >= 3)
    keeper.stop()
    wait_until(lambda: threads() == 0)
    assert "surprise" in caplog.text
