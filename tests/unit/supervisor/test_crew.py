"""The table of workers, and the next step to what is wanted: each row is a moment of a supervisor."""

from __future__ import annotations

import pytest

from potstill.settings import Settings
from potstill.supervisor.crew import Plan, State, draw_limits, free_number, plan, still_accepts, why_replace
from tests.unit.supervisor.crews import Crew

B, R, L, A = State.BOOTING, State.READY, State.LEAVING, State.ABORTED


@pytest.mark.parametrize(
    ("states", "stale", "wanted", "forks", "leave"),
    [
        ([], [], 2, 2, []),  # the start: all at once
        ([B, B], [], 2, 0, []),
        ([R, B], [], 2, 0, []),
        ([R, R], [], 2, 0, []),  # all is well
        ([R], [], 2, 1, []),  # one has died
        ([R, A], [], 2, 1, []),  # one is being put to death: its clients need not wait for that
        ([R, R], [0, 1], 2, 1, []),  # a reload begins: one beyond the number
        ([R, R, B], [0, 1], 2, 0, []),
        ([R, R, R], [0, 1], 2, 0, [0]),  # its successor is ready: one leaves
        ([L, R, R], [0, 1], 2, 0, []),  # the next waits until that one has left
        ([R, R], [0], 2, 1, []),
        ([R, R, R], [0], 2, 0, [0]),
        ([R, R, R], [2], 2, 0, [2]),  # a stale one before an older one
        ([R], [0], 2, 1, []),  # killed in the middle of a reload: the hole first
        ([R, B], [0], 2, 0, []),
        ([R, R, R], [], 2, 0, [0]),  # TTOU: the oldest
        ([R, R, R], [], 1, 0, [0, 1]),  # … twice
        ([R, R], [], 3, 1, []),  # TTIN
        ([R, R, L], [0, 1], 3, 1, []),  # TTIN in the middle of a reload
        ([R, R, R], [0, 1], 1, 0, [0, 1]),  # TTOU in the middle of a reload: no need for a successor
    ],
)
def test_one_step_at_a_time(
    crew: Crew, states: list[State], stale: list[int], wanted: int, forks: int, leave: list[int]
) -> None:
    members = [
        crew.member(number, state, "reload" if number in stale else "", forked_at=number)
        for number, state in enumerate(states)
    ]
    assert plan(members, wanted) == Plan(forks, tuple(members[number] for number in leave))


def test_a_reload_comes_to_its_end(crew: Crew) -> None:
    """Step by step, with never more than one process beyond the number."""
    members = [crew.member(number, stale="reload", forked_at=number) for number in (1, 2, 3)]
    for _ in range(20):
        step = plan(members, 3)
        for _ in range(step.forks):
            members.append(crew.member(free_number(members), B, forked_at=9))
        assert len(members) <= 4
        for member in step.leave:
            member.state = L
        for member in members[:]:
            if member.state is B:
                member.state = R
            elif member.state is L and not step.leave:
                members.remove(member)
    assert [(member.state, member.stale) for member in members] == [(R, "")] * 3


def test_numbers_are_used_again(crew: Crew) -> None:
    """The smallest that is free."""
    assert free_number([]) == 1
    assert free_number([crew.member(number) for number in (1, 2, 4)]) == 3
    assert free_number([crew.member(number) for number in (2, 3)]) == 1


def test_limits_are_drawn_apart() -> None:
    """So that workers that started together do not end together."""
    settings = Settings(max_requests=100, max_requests_jitter=50, max_worker_lifetime=1000.0)
    drawn = [draw_limits(settings) for _ in range(200)]
    assert {requests for requests, _ in drawn} <= set(range(100, 151))
    assert len({requests for requests, _ in drawn}) > 10
    assert all(1000 <= lifetime_s <= 1100 for _, lifetime_s in drawn)
    assert draw_limits(Settings(max_requests_jitter=50)) == (0, 0.0)


@pytest.mark.parametrize(
    ("requests", "age_s", "rss_bytes", "why"),
    [
        (99, 59.0, 0, ""),
        (100, 0.0, 0, "100 requests"),
        (0, 60.0, 0, "60 s of age"),
        (0, 0.0, 200 << 20, "200 MiB of resident memory"),
    ],
)
def test_why_a_worker_is_replaced(crew: Crew, requests: int, age_s: float, rss_bytes: int, why: str) -> None:
    member = crew.member(1)
    member.requests_max, member.lifetime_s = 100, 60.0
    assert why_replace(member, age_s, requests, rss_bytes, 200 << 20) == why
    assert why_replace(crew.member(2), 10_000.0, 1_000_000, 1 << 40, 0) == ""


def test_a_reload_is_done_when_no_old_worker_accepts(crew: Crew) -> None:
    """One that leaves may take a moment to shut its door."""
    new, old = crew.member(1), crew.member(2, L, "reload")
    new.stats.accept(True)
    old.stats.accept(True)
    assert [still_accepts(new), still_accepts(old)] == [False, True]
    old.stats.accept(False)
    assert not still_accepts(old)
