"""Under load, with every request counted: what loses none, and what loses only those in flight."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from time import monotonic

import pytest

from tests.process.crowd import CLIENTS, Crowd
from tests.process.shop import SERVES, SHOP, serving, stopped, workers_of, write
from tests.support.server import STOP_S

pytestmark = pytest.mark.slow


def test_a_reload_loses_nothing(tmp_path: Path) -> None:
    """All workers are new afterwards, and each of them has answered."""
    with serving(tmp_path) as server:
        old = set(workers_of(server))
        with Crowd(server.address) as crowd:
            crowd.wait_for_answers(100)
            server.signal(signal.SIGHUP)
            server.log.wait_for("reload is done", STOP_S)
            new = set(workers_of(server)) - old
            crowd.wait_until(lambda: sum(crowd.answers[str(pid)] for pid in new) > 100)
            assert {int(server.get()) for _ in range(20)} <= new
        assert crowd.lost == []
        assert len(new) == 2
        assert stopped(server) == 0


def test_several_reloads_in_a_row_lose_nothing(tmp_path: Path) -> None:
    """Also when one comes before the last is done."""
    with serving(tmp_path) as server, Crowd(server.address) as crowd:
        crowd.wait_for_answers(100)
        server.signal(signal.SIGHUP)
        server.log.wait_for("reload: replacing")
        server.signal(signal.SIGHUP)
        server.log.wait_for("reload is done", STOP_S)
        seen = len(server.log.lines())
        server.signal(signal.SIGHUP)
        server.log.wait_for("reload is done", STOP_S, since=seen)
        crowd.wait_for_answers(100)
    assert crowd.lost == []


def test_a_reload_brings_the_new_code(tmp_path: Path) -> None:
    """And the old code answers until then."""
    with serving(tmp_path) as server, Crowd(server.address) as crowd:
        crowd.wait_for_answers(20)
        write(tmp_path, SHOP.replace("str(os.getpid()).encode()", "b'new'"))
        crowd.wait_for_answers(50)
        assert crowd.answers["new"] == 0
        server.signal(signal.SIGHUP)
        server.log.wait_for("reload is done", STOP_S)
        crowd.wait_until(lambda: crowd.answers["new"] > 50)
    assert crowd.lost == []


def test_code_that_fails_takes_nobody_down(tmp_path: Path) -> None:
    """The traceback is in the log, the old workers go on, and a later reload with good code works."""
    with serving(tmp_path) as server, Crowd(server.address) as crowd:
        crowd.wait_for_answers(20)
        old = workers_of(server)
        write(tmp_path, "{}['key']\n")
        server.signal(signal.SIGHUP)
        server.log.wait_for("reload failed: the workers that serve stay")
        server.log.wait_for("KeyError: 'key'")
        crowd.wait_for_answers(100)
        assert workers_of(server) == old
        write(tmp_path)
        server.signal(signal.SIGHUP)
        server.log.wait_for("reload is done", STOP_S)
    assert crowd.lost == []


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("--max-requests", "200", r"\d+ requests"),
        ("--max-worker-lifetime", "500ms", r"\d s of age"),
        ("--max-worker-rss", "1MiB", r"\d+ MiB of resident memory"),
    ],
)
def test_recycling_loses_nothing(tmp_path: Path, option: str, value: str, why: str) -> None:
    """Workers come and go, one at a time, their successors first."""
    with serving(tmp_path, option, value, "--worker-timeout", "2s") as server:
        with Crowd(server.address) as crowd:
            server.log.wait_for(f"worker 1 .* is to be replaced after {why}", STOP_S)
            server.log.wait_for(f"worker 2 .* is to be replaced after {why}", STOP_S)
            crowd.wait_until(lambda: len(workers_of(server)) >= 5)
        assert crowd.lost == []
        # Never is one marked before the successor of the last one serves and the last one has left.
        events = server.log.lines(r"to be replaced|\) has left")
        assert all("to be replaced" in line for line in events[::2])
        assert all("has left" in line for line in events[1::2])


def test_workers_more_and_fewer_lose_nothing(tmp_path: Path) -> None:
    """TTIN twice, TTOU twice."""
    with serving(tmp_path) as server, Crowd(server.address) as crowd:
        for number, wanted in ((signal.SIGTTIN, 3), (signal.SIGTTIN, 4), (signal.SIGTTOU, 3)):
            seen = len(server.log.lines())
            server.signal(number)
            server.log.wait_for(f"{number.name}: {wanted} workers from now on", since=seen)
            crowd.wait_for_answers(50)
        crowd.wait_until(lambda: len(workers_of(server)) == 4)
        server.signal(signal.SIGTTOU)
        server.log.wait_for("has left")
        crowd.wait_for_answers(50)
    assert crowd.lost == []


def test_an_upgrade_loses_nothing(tmp_path: Path) -> None:
    """The old supervisor is gone, with exit code 0, and the new one serves on the same port."""
    with serving(tmp_path) as server, Crowd(server.address) as crowd:
        crowd.wait_for_answers(50)
        old = set(workers_of(server))
        server.signal(signal.SIGUSR2)
        line = server.log.wait_for(r"new supervisor with pid \d+ serves", STOP_S)
        assert server.process.wait(STOP_S) == 0
        crowd.wait_for_answers(100)
        assert crowd.lost == []
        assert int(server.get()) not in old
        crowd.may_be_refused = True
        found = re.search(r"pid (\d+) serves", line)
        assert found is not None
        os.kill(int(found[1]), signal.SIGTERM)
        crowd.wait_for_the_end()
        server.log.join()
    assert crowd.lost == []


def test_a_stop_loses_nothing(tmp_path: Path) -> None:
    """Each client hears that its answer is the last, and finds the port closed when it comes back."""
    with serving(tmp_path) as server, Crowd(server.address) as crowd:
        crowd.wait_for_answers(200)
        crowd.may_be_refused = True
        assert stopped(server) == 0
        crowd.wait_for_the_end()
    assert crowd.lost == []


def test_a_delayed_stop_goes_on_accepting(tmp_path: Path) -> None:
    """For so long new connections are taken, and then no more."""
    with serving(tmp_path, "--drain-delay", "1s") as server, Crowd(server.address) as crowd:
        crowd.wait_for_answers(50)
        server.signal(signal.SIGTERM)
        server.log.wait_for("accepting for another 1 s")
        began = monotonic()
        assert server.get().isdigit()
        crowd.wait_for_answers(50)
        crowd.may_be_refused = True
        assert server.code() == 0
        assert monotonic() - began > 0.9
        crowd.wait_for_the_end()
    assert crowd.lost == []


def test_a_killed_worker_costs_what_it_had_in_flight(tmp_path: Path) -> None:
    """At most a request a client; its successor serves in less than a second."""
    with serving(tmp_path) as server, Crowd(server.address) as crowd:
        crowd.wait_for_answers(50)
        victim = workers_of(server)[0]
        seen = len(server.log.lines())
        began = monotonic()
        os.kill(victim, signal.SIGKILL)
        server.log.wait_for(rf"\(pid {victim}\) was killed by SIGKILL", since=seen)
        server.log.wait_for(SERVES, since=seen)
        assert monotonic() - began < 1.0
        crowd.wait_for_answers(100)
        assert len(crowd.lost) <= CLIENTS
        assert not any("connecting" in loss for loss in crowd.lost)


def test_a_stopped_worker_is_replaced(tmp_path: Path) -> None:
    """It neither answers nor dies by itself; what it had in flight is lost, nothing else."""
    with serving(tmp_path, "--worker-timeout", "1500ms") as server, Crowd(server.address) as crowd:
        crowd.wait_for_answers(50)
        victim = workers_of(server)[0]
        seen = len(server.log.lines())
        os.kill(victim, signal.SIGSTOP)
        server.log.wait_for(rf"\(pid {victim}\) has been stopped by a signal for .* aborting it", since=seen)
        server.log.wait_for(SERVES, since=seen)
        server.log.wait_for(rf"\(pid {victim}\) was killed by SIGABRT", since=seen)
        crowd.wait_for_answers(100)
        assert len(crowd.lost) <= CLIENTS
