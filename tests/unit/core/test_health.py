"""--health-path and --ready-path: answers that wait for nobody."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from potstill.core.health import live, ready
from tests.support.engine import GET, Running, engine_on, hello, request
from tests.support.wire import Response
from tests.unit.core.views import Views, answered, block

PATHS: dict[str, Any] = {"health_path": "/-/live", "ready_path": "/-/ready"}
NUMBERS = {"connections", "requests", "in_application", "backlog", "handed_over", "lost_threads"}
both = pytest.mark.parametrize("path", list(PATHS.values()))


def asked(running: Running, raw: bytes) -> Response:
    with running.client() as client:
        client.send(raw)
        return client.response(head=raw.startswith(b"HEAD "))


def facts(response: Response) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(response.body)
    return found


@both
def test_an_idle_engine_is_well(path: str) -> None:
    """200, and a JSON object with the numbers, that no cache may keep."""
    with engine_on(hello, **PATHS) as running:
        response = asked(running, request(path))
        assert (response.status, response.get("content-type")) == (200, "application/json")
        assert response.get("cache-control") == "no-store"
        found = facts(response)
        assert found["status"] == ("live" if path == "/-/live" else "ready")
        assert found.keys() >= NUMBERS
        assert all(isinstance(found[name], int) for name in NUMBERS)
        assert found["connections"] == 1


@both
def test_head_is_get_without_the_body(path: str) -> None:
    """RFC 9110 section 9.3.2: with the same fields."""
    with engine_on(hello, **PATHS) as running:
        head, get = (asked(running, request(path, method=method)) for method in ("HEAD", "GET"))
        assert (head.status, head.body) == (get.status, b"")
        assert [name for name, _ in head.fields] == [name for name, _ in get.fields]


@both
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(path: str, method: str) -> None:
    """405 says which are not (RFC 9110 section 15.5.6); a body that comes with it is read, and no harm."""
    with engine_on(hello, **PATHS) as running, running.client() as client:
        client.send(request(path, method=method, body=b"x" * 10))
        response = client.response()
        assert (response.status, response.get("allow"), response.body) == (405, "GET, HEAD", b"")
        client.send(GET)
        assert client.response().body == b"hello\n"


@both
@pytest.mark.parametrize("change", ["{}?verbose=1", "http://potstill.test{}"])
def test_the_path_decides(path: str, change: str) -> None:
    """Whatever the query says, and however the target is written."""
    with engine_on(hello, **PATHS) as running:
        assert facts(asked(running, request(change.format(path))))["status"] in ("live", "ready")


@both
@pytest.mark.parametrize("change", ["{}/", "/app{}", "{}ly"])
def test_all_else_is_the_applications(path: str, change: str) -> None:
    with engine_on(hello, **PATHS) as running:
        assert asked(running, request(change.format(path))).body == b"hello\n"


@both
def test_off_unless_set(path: str) -> None:
    """The application may have such a path of its own."""
    with engine_on(hello) as running:
        assert asked(running, request(path)).body == b"hello\n"


@pytest.mark.parametrize("set_one", PATHS)
def test_each_by_itself(set_one: str) -> None:
    with engine_on(hello, **{set_one: PATHS[set_one]}) as running:
        answers = {name: asked(running, request(path)).body for name, path in PATHS.items()}
        assert {name for name, body in answers.items() if body != b"hello\n"} == {set_one}


@pytest.mark.parametrize("changes", [{}, {"request_buffering": False}, {"queue_timeout_s": 1.0}])
def test_they_are_answered_with_every_seat_taken_and_the_backlog_full(
    views: Views, changes: dict[str, Any]
) -> None:
    """Live all the same; ready no more, and it says why; then ready again."""
    with engine_on(views, threads=2, backlog_limit=2, **PATHS, **changes) as running, ExitStack() as stack:
        clients = block(running, views, stack, 2)
        for count in (1, 2):
            clients.append(stack.enter_context(running.client()))
            clients[-1].send(GET)
            running.wait(lambda now, count=count: now.backlog == count)  # type: ignore[misc]
        well, willing = (asked(running, request(path)) for path in PATHS.values())
        found = facts(well)
        assert (well.status, found["status"]) == (200, "live")
        assert (found["in_application"], found["backlog"]) == (2, 2)  # not itself
        found = facts(willing)
        assert (willing.status, found["status"], found["why"]) == (503, "not ready", ["backlog full"])
        head = asked(running, request("/-/ready", method="HEAD"))
        assert (head.status, head.body) == (503, b"")
        views.gate.open()
        answered(*clients)
        running.wait(lambda now: now.backlog == 0 and now.in_application == 0)
        assert facts(asked(running, request("/-/ready")))["why"] == []


def test_behind_a_request_on_the_same_connection(views: Views) -> None:
    """Answers keep their order, and the connection lives on."""
    with engine_on(views, threads=1, **PATHS) as running, running.client() as client:
        client.send(GET + request("/-/live") + GET + request("/-/ready") + GET)
        bodies = [client.response().body for _ in range(5)]
        assert [bodies[at] for at in (0, 2, 4)] == [b"hello\n"] * 3
        assert [json.loads(bodies[at])["status"] for at in (1, 3)] == ["live", "ready"]
        assert views.order == ["/"] * 3


@pytest.mark.parametrize(
    ("changes", "limit", "why"),
    [
        ({}, 0, []),
        ({"backlog": 10_000}, 0, []),
        ({"backlog": 9}, 10, []),
        ({"backlog": 10}, 10, ["backlog full"]),
        ({"draining": True}, 10, ["draining"]),
        ({"draining": True, "backlog": 11}, 10, ["draining", "backlog full"]),
    ],
)
def test_what_speaks_against_more_requests(changes: dict[str, Any], limit: int, why: list[str]) -> None:
    """Without a limit no backlog is too long; to be live is another matter."""
    with engine_on(hello) as running:
        now = replace(running.now, **changes)
    found = ready(now, limit)
    assert (found["why"], found["status"]) == (why, "not ready" if why else "ready")
    assert live(now)["status"] == "live"


def test_a_question_that_was_half_asked_is_answered_while_draining() -> None:
    """503, and the end of the connection."""
    half = request("/-/ready")
    with engine_on(hello, **PATHS) as running, running.client() as client:
        client.send(half[:-2])
        running.wait_received(len(half) - 2)
        running.engine.drain()
        client.send(half[-2:])
        response = client.response()
        assert (response.status, facts(response)["why"], response.connection) == (
            503,
            ["draining"],
            {"close"},
        )
