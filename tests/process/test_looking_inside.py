"""What an operator sees of a server that serves: counters that add up, logs, a screen. Real processes."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest
from prometheus_client import parser

from potstill.observe.asking import ask
from tests.process.looking import REQUESTS, SHOP, watched
from tests.process.running import answered
from tests.process.shop import SERVES
from tests.support.engine import wait_until
from tests.support.server import STOP_S

pytestmark = pytest.mark.slow


def test_a_known_load_is_counted_to_the_request_whatever_becomes_of_workers(tmp_path: Path) -> None:
    """Over a reload, over recycling, and over a worker that is killed between two requests; never a step
    back.
    """
    with watched(tmp_path, "--max-requests", "60") as server:
        seen = [0.0]

        def expect(total: int) -> None:
            wait_until(lambda: server.metric(REQUESTS) >= total)
            seen.append(server.metric(REQUESTS))
            assert seen[-1] == total
            assert seen == sorted(seen)

        server.load(100)
        expect(100)
        server.server.signal(signal.SIGHUP)
        server.load(100)
        server.server.log.wait_for("reload is done")
        expect(200)
        victim = server.pids()[0]
        os.kill(victim, signal.SIGKILL)
        server.wait(lambda now: now["worker_deaths"] == 1)
        expect(200)
        server.load(200)
        expect(400)
        wait_until(
            lambda: server.metric("potstill_worker_exits_total") >= 4
        )  # two reloaded, one killed, recycled ones
        assert server.metric(REQUESTS) == 400
        status = server.status()
        assert status["requests"]["total"] == status["requests"]["by_status"]["2xx"] == 400
        assert status["seconds"]["count"] == 400
        assert status["reloads"] == 1


def test_what_a_killed_worker_had_in_hand_is_listed(tmp_path: Path) -> None:
    """From shared memory: the process is gone."""
    with watched(tmp_path) as server:
        client = server.server.asked("/door")
        wait_until(lambda: server.json("/inflight")["requests"])
        (flight,) = server.json("/inflight")["requests"]
        assert (flight["method"], flight["target"], flight["phase"]) == ("GET", "/door", "running")
        wait_until(lambda: server.json("/inflight")["requests"][0]["route"] == "/door")
        os.kill(flight["pid"], signal.SIGKILL)
        server.server.log.wait_for(r"was killed by SIGKILL with 1 request in the application")
        peer = re.escape(flight["peer"])
        server.server.log.wait_for(rf"GET /door from {peer}, request id -: \d+\.\d+ s in the application")
        client.close()
        wait_until(lambda: server.json("/inflight")["requests"] == [])
        server.wait(lambda now: len([each for each in now["workers"] if each["state"] == "ready"]) == 2)


STUCK = SHOP.replace(
    "    if environ",
    """    if environ["PATH_INFO"] == "/stuck":
        while True:
            try:
                open("door").read()
            except BaseException:
                continue
    if environ""",
    1,
)


def test_a_worker_that_has_lost_a_thread_is_replaced(tmp_path: Path) -> None:
    """A view that cannot be interrupted: its worker goes once another is there, and its other requests
    are done.
    """
    options = ("--request-timeout", "200ms", "--interrupt-grace", "100ms", "--graceful-timeout", "2s")
    with watched(tmp_path, *options, workers=1, source=STUCK) as server:
        (pid,) = server.pids()
        client = server.server.asked("/stuck")
        server.server.log.wait_for(rf"worker 1 \(pid {pid}\) is to be replaced after the loss of 1 thread")
        server.wait(lambda now: pid not in [w["pid"] for w in now["workers"] if w["state"] == "ready"])
        assert answered(client).startswith(b"HTTP/1.1 504 ")
        server.load(5)
        server.wait(lambda now: [w["state"] for w in now["workers"]] == ["ready"])


def test_the_access_log_has_every_request_and_is_opened_anew(tmp_path: Path) -> None:
    """By the supervisor's SIGUSR1, by name: no line is lost, torn or doubled over both files and all
    workers.
    """
    file, rotated = tmp_path / "access.log", tmp_path / "access.log.1"
    with watched(tmp_path, "--access-log", str(file), "--access-log-format", "json") as server:
        server.load(200)
        server.server.log.wait_for(SERVES)
        file.rename(rotated)
        server.server.signal(signal.SIGUSR1)
        wait_until(file.exists)
        server.load(200)
    lines = [json.loads(line) for path in (rotated, file) for line in path.read_text().splitlines()]
    assert [line["path"] for line in lines] == ["/x"] * 400
    assert {line["status"] for line in lines} == {200}
    assert file.read_text()


def test_stacks_come_from_the_workers_themselves(tmp_path: Path) -> None:
    """And one that does not answer, because it was stopped, is left out after a while."""
    with watched(tmp_path) as server:
        client = server.server.asked("/door")
        wait_until(lambda: server.json("/inflight")["requests"])
        pid = server.json("/inflight")["requests"][0]["pid"]
        found = server.json("/threads")["workers"]
        assert [each["answered"] for each in found] == [True, True]
        assert 'open("door").read()' in json.dumps(found).replace('\\"', '"')
        os.kill(pid, signal.SIGSTOP)
        found = server.json("/threads")["workers"]
        assert sorted(each["answered"] for each in found) == [False, True]
        os.kill(pid, signal.SIGCONT)
        with (tmp_path / "door").open("w"):
            client.close()


def test_orders_are_carried_out(tmp_path: Path) -> None:
    with watched(tmp_path, workers=1) as server:
        assert server.order("/workers?add=1") == 202
        server.wait(lambda now: len([each for each in now["workers"] if each["state"] == "ready"]) == 2)
        assert server.order("/log-level?level=debug") == 202
        assert server.order("/reload") == 202
        server.server.log.wait_for("reload is done")
        assert server.order("/workers?count=1") == 202
        server.wait(lambda now: len(now["workers"]) == 1)
        assert server.json("/config")["admin-token"] == "(secret)"
        assert server.order("/drain") == 202
        assert server.server.code() == 0


def test_an_upgrade_takes_the_admin_listener_along(tmp_path: Path) -> None:
    """The new supervisor answers there; its counters are its own."""
    with watched(tmp_path, workers=1) as server:
        server.load(3)
        before = server.status()["pid"]
        server.server.signal(signal.SIGUSR2)
        server.server.log.wait_for("the new supervisor with pid")
        server.server.process.wait(STOP_S)
        status = server.status()
        os.kill(status["pid"], signal.SIGTERM)
        assert status["pid"] != before
        assert status["healthy"]
        server.server.log.join(STOP_S)  # it ends when the last process has closed its end


def test_a_single_process_has_an_admin_listener_too(tmp_path: Path) -> None:
    """Its main thread, which has nothing else to do, answers."""
    with watched(tmp_path, workers=0) as server:
        server.load(7)
        wait_until(lambda: server.metric(REQUESTS) == 7)
        (worker,) = server.status()["workers"]
        assert (worker["pid"], worker["state"]) == (server.server.process.pid, "ready")
        assert server.json("/health")["healthy"]
        assert "potstill-0" in json.dumps(server.json("/threads"))
        assert server.order("/reload") == 400
        assert server.order("/drain") == 202
        assert server.server.code() == 0


MEASURED = "from prometheus_client import Counter\nSEEN = Counter('seen', 'Seen.')\n" + SHOP.replace(
    "    start_", "    SEEN.inc()\n    start_"
)


def test_what_the_application_measures_is_among_the_metrics(tmp_path: Path) -> None:
    """Over all workers, those that are gone included; the text is one that Prometheus takes."""
    numbers = tmp_path / "numbers"
    numbers.mkdir()
    with watched(tmp_path, source=MEASURED, PROMETHEUS_MULTIPROC_DIR=str(numbers)) as server:
        server.load(20)
        server.server.signal(signal.SIGHUP)
        server.server.log.wait_for("reload is done")
        server.load(20)
        wait_until(lambda: server.metric("seen_total") == 40)
        text = ask(server.admin, "/metrics").decode()
        assert "potstill_requests" in {each.name for each in parser.text_string_to_metric_families(text)}
