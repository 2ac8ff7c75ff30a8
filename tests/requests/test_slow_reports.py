"""--slow-request: what takes long is reported while it runs; and reports on demand, and at the end."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable

import pytest

from tests.apps.phones import Switchboard
from tests.requests.stuck import Stuck, seconds_in, told
from tests.requests.views import asked, hold
from tests.support.engine import Environ, Running, StartResponse, hello, request, wait_until
from tests.support.server import serve_process
from tests.support.wire import Client
from tests.unit.core.stage import Log

APP = "tests.requests.views:app"


def reports(log: Log) -> list[str]:
    """What was said of the view that hangs."""
    return [told(record) for record in log.records if "/in-" in record.getMessage()]


def pass_time(running: Running, seconds: float) -> None:
    running.engine.advance_clock(seconds)
    running.wait_looked()


# While it runs


def test_a_slow_request_is_reported_at_doubling_intervals(log: Log, stuck: Stuck) -> None:
    """Slow is ten seconds here: once then, and again at intervals that double. The moments looked at are
    those between which every reading of "doubling" (10, 20, 40, 80 s or 10, 30, 70, 150 s) has one report.
    """
    with stuck.engine(slow_request_s=10.0) as running, running.client() as client:
        client.send(request("/in-c?slow"))
        stuck.wait_entered(1)
        pass_time(running, 9)
        assert reports(log) == []
        then = 9
        for count, moment in enumerate((11, 31, 71, 151), 1):
            pass_time(running, moment - then)
            wait_until(lambda: len(reports(log)) >= count, f"report {count}")  # noqa: B023
            assert len(reports(log)) == count, f"one report at {moment} s, not two"
            then = moment
        stuck.let_go()
        assert client.response().status == 200
        elapsed = [max(seconds_in(text)) for text in reports(log)]
        assert elapsed == sorted(elapsed)
        assert elapsed[0] < 12 < elapsed[1] < 32 < elapsed[2] < 72 < elapsed[3] < 153


def test_a_report_has_the_facts_and_the_stack(log: Log) -> None:
    """The same facts as a deadline: method, target, peer, request id, elapsed, queued, and where it is."""
    with Stuck() as stuck:

        def distillery() -> None:
            stuck.hang(stuck.hang_in_c)

        def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            distillery()
            return hello(environ, start_response)

        with stuck.engine(app, slow_request_s=10.0) as running, running.client() as client:
            client.send(request("/in-stock?cask=7", method="PUT"))
            stuck.wait_entered(1)
            running.engine.advance_clock(11)
            text = told(log.wait_for("/in-stock?cask=7"))
            for fact in (
                "PUT",
                client.local_address,
                "request id",
                "queued",
                "in distillery",
                "in hang_in_c",
            ):
                assert fact in text
            assert any(10 <= number < 15 for number in seconds_in(text)), text
            stuck.let_go()
            assert client.response().status == 200


def test_each_request_has_its_own_reports(log: Log, stuck: Stuck) -> None:
    """Two at once are two lines, each with its own target and peer."""
    with stuck.engine(threads=2, slow_request_s=10.0) as running:
        with running.client() as one, running.client() as two:
            one.send(request("/in-c?one"))
            two.send(request("/in-python?two"))
            stuck.wait_entered(2)
            running.engine.advance_clock(11)
            first, second = told(log.wait_for("/in-c?one")), told(log.wait_for("/in-python?two"))
            assert one.local_address in first
            assert two.local_address in second
            assert ("hang_in_c" in first, "hang_in_python" in first) == (True, False)
            assert ("hang_in_c" in second, "hang_in_python" in second) == (False, True)
            stuck.let_go()
            assert {one.response().status, two.response().status} == {200}


def test_quick_requests_are_not_reported(log: Log, stuck: Stuck) -> None:
    """Nor is the time between two requests of a connection, nor one that ended in time."""
    stuck.let_go()
    with stuck.engine(slow_request_s=10.0, keepalive_s=1000.0) as running, running.client() as client:
        for _ in range(3):
            client.send(request("/in-c"))
            assert client.response().status == 200
            running.wait_idle(1)
            pass_time(running, 60)
        assert reports(log) == []


def test_zero_turns_it_off(log: Log, stuck: Stuck) -> None:
    with stuck.engine(slow_request_s=0.0) as running, running.client() as client:
        client.send(request("/in-c"))
        stuck.wait_entered(1)
        pass_time(running, 100_000)
        pass_time(running, 100_000)
        assert reports(log) == []
        stuck.let_go()
        assert client.response().status == 200


# On signals, in a process of its own


@pytest.mark.slow
def test_sigterm_lists_what_is_in_flight() -> None:
    """Before the wait for them begins: method, target, peer; then they are finished."""
    with Switchboard() as board, serve_process(APP, "--threads", "2") as server:
        with asked(server.address, hold(board, "cask=7")) as client:
            call = board.answer()
            server.process.send_signal(signal.SIGTERM)
            line = server.log.wait_for(r"/hold\?.*cask=7")
            assert "GET" in line
            assert client.local_address in line
            call.let_go()
            assert client.response().status == 200


@pytest.mark.slow
def test_sigquit_prints_the_table_and_goes_on() -> None:
    """Every request in flight with its stack; nothing is stopped, however often."""
    with Switchboard() as board, serve_process(APP, "--threads", "3") as server:
        with (
            asked(server.address, hold(board, "cask=7")) as one,
            asked(server.address, hold(board, "n=2")) as two,
        ):
            calls = [board.answer(), board.answer()]
            for _ in range(2):
                before = len(server.log.lines())
                server.process.send_signal(signal.SIGQUIT)
                for client, query in ((one, "cask=7"), (two, "n=2")):
                    line = server.log.wait_for(rf"/hold\?.*{query}", since=before)
                    assert client.local_address in line
                server.log.wait_for(r"in wait_on_the_phone\b", since=before)
                with Client(server.address) as third:
                    third.send(request())
                    assert third.response().status == 200
            for call in calls:
                call.let_go()
            assert [client.response().status for client in (one, two)] == [200, 200]
    assert not server.log.lines("Quit|core dumped")


@pytest.mark.slow
def test_sigquit_of_an_idle_server_says_so() -> None:
    """The operator who asks gets an answer, also when it is "nothing"."""
    with serve_process(APP) as server:
        before = len(server.log.lines())
        server.process.send_signal(signal.SIGQUIT)
        server.log.wait_for(".", since=before)
        with Client(server.address) as client:
            client.send(request())
            assert client.response().status == 200
        assert not re.search(r"/hold", server.log.tail())
