"""Signs of life, age and size."""

from __future__ import annotations

import os

import pytest

from potstill.core.stats import count
from potstill.settings import Settings
from potstill.supervisor import watching
from potstill.supervisor.crew import Member, State
from potstill.supervisor.watching import find_stuck, look_every_s, mark_worn, resident_bytes
from potstill.worker.mailbox import Mailbox, Order
from tests.unit.supervisor.crews import Crew

IMPATIENT = Settings(worker_timeout=0.0, boot_timeout=10.0)
PATIENT = Settings(worker_timeout=30.0)


def orders(crew: Crew, number: int) -> list[int]:
    """What the worker with that number has been told."""
    mailbox = Mailbox()
    mailbox.hear(crew.ends[number].fileno())
    found = mailbox.wait(0)
    mailbox.close()
    return found


def put_to_work(member: Member) -> None:
    count(member.stats, 0, "working_since_ns", 1)


def test_who_has_no_work_is_not_asked(crew: Crew) -> None:
    """And owes no answer, however long that lasts."""
    member = crew.member(1)
    assert find_stuck([member], IMPATIENT, 1e9) == []
    assert orders(crew, 1) == []


def test_who_works_is_asked_until_it_answers(crew: Crew) -> None:
    """Once, though it is looked at again."""
    member = crew.member(1)
    put_to_work(member)
    assert find_stuck([member], PATIENT, 0.0) == find_stuck([member], PATIENT, 1.0) == []
    assert orders(crew, 1) == [Order.ANSWER]
    member.stats.answer()
    find_stuck([member], PATIENT, 2.0)
    assert orders(crew, 1) == [Order.ANSWER]


def test_who_does_not_answer_is_stuck(crew: Crew) -> None:
    """Where its watch does not beat either, it does not run at all."""
    member = crew.member(1)
    put_to_work(member)
    find_stuck([member], IMPATIENT, 0.0)
    ((stuck, why),) = find_stuck([member], IMPATIENT, 0.0)
    assert stuck is member
    assert why.startswith("has not run for 0.0 s")


def test_who_was_stopped_owes_an_answer_too(crew: Crew) -> None:
    """With work or without."""
    member = crew.member(1)
    member.stopped = True
    find_stuck([member], IMPATIENT, 0.0)
    ((_, why),) = find_stuck([member], IMPATIENT, 0.0)
    assert why.startswith("has been stopped by a signal for")


def test_who_boots_has_a_limit_of_its_own(crew: Crew) -> None:
    member = crew.member(1, State.BOOTING, forked_at=100.0)
    assert find_stuck([member], IMPATIENT, 110.0) == []
    assert find_stuck([member], IMPATIENT, 110.1) == [(member, "is not ready after --boot-timeout 10 s")]


def test_a_short_timeout_is_looked_after_more_often() -> None:
    assert look_every_s(Settings(worker_timeout=0.4)) == 0.1
    assert look_every_s(Settings(worker_timeout=300.0)) == 1.0


def test_only_one_is_marked_at_a_time(crew: Crew) -> None:
    """The next one when that has gone."""
    members = [crew.member(number) for number in (1, 2)]
    for member in members:
        member.requests_max = 5
        count(member.stats, 0, "exchanges", 5)
    assert mark_worn(members, PATIENT, 0.0) is members[0]
    assert members[0].stale == "5 requests"
    assert mark_worn(members, PATIENT, 0.0) is None
    assert mark_worn(members[1:], PATIENT, 0.0) is members[1]


def test_who_leaves_already_is_not_marked(crew: Crew) -> None:
    member = crew.member(1, State.LEAVING)
    member.requests_max = 5
    count(member.stats, 0, "exchanges", 9)
    assert mark_worn([member], PATIENT, 0.0) is None


def test_who_has_grown_is_marked(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what the process has in memory, which is asked for only when there is a limit."""
    member = crew.member(1)
    monkeypatch.setattr(watching, "resident_bytes", lambda pid: {member.pid: 300 << 20}[pid])
    assert mark_worn([member], Settings(max_worker_rss=400 << 20), 0.0) is None
    assert mark_worn([member], Settings(max_worker_rss=300 << 20), 0.0) is member
    assert member.stale == "300 MiB of resident memory"


def test_the_size_of_a_process() -> None:
    """In bytes; nothing for one that is gone."""
    assert 1 << 20 < resident_bytes(os.getpid()) < 1 << 40
    assert resident_bytes(2**22 + 1) == 0
