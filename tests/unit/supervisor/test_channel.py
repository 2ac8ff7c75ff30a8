"""Orders one way, reports the other, and the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from potstill.supervisor.channel import Channel, Failed, Fault, Ready, open_channel
from potstill.worker.mailbox import Mailbox, Order

Ends = tuple[Channel, Channel]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = open_channel()
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.mark.parametrize(
    "report", [Ready(), Failed(Fault.NAME, "no 'ap'"), Failed(Fault.RAISED, "Fehler: ü\n")]
)
def test_a_report_arrives_as_it_was_sent(ends: Ends, report: Ready | Failed) -> None:
    ours, theirs = ends
    theirs.report(report)
    assert ours.read_report() == report
    assert ours.read_report() is None
    assert not ours.ended


def test_reports_are_kept_apart(ends: Ends) -> None:
    ours, theirs = ends
    theirs.report(Ready())
    theirs.report(Failed(Fault.DIED, "later"))
    assert [ours.read_report(), ours.read_report()] == [Ready(), Failed(Fault.DIED, "later")]


def test_of_a_traceback_without_end_the_end_arrives(ends: Ends) -> None:
    """That is where it says what was raised."""
    ours, theirs = ends
    theirs.report(Failed(Fault.RAISED, "\x00" * 1_000_000 + "KeyError: 'key'"))
    report = ours.read_report()
    assert isinstance(report, Failed)
    assert report.text.endswith("KeyError: 'key'")


def test_orders_are_notes_of_the_worker(ends: Ends) -> None:
    """In order, and the end of the supervisor is one too."""
    ours, theirs = ends
    mailbox = Mailbox()
    mailbox.hear(theirs.fileno())
    ours.order(Order.ANSWER)
    assert mailbox.wait(5) == [Order.ANSWER]
    ours.order(Order.LEAVE)
    ours.order(Order.HURRY)
    assert [mailbox.wait(5), mailbox.wait(5)] == [[Order.LEAVE], [Order.HURRY]]
    ours.close()
    assert mailbox.wait(5) == [Order.ORPHANED]
    assert mailbox.wait(0) == []
    mailbox.close()


def test_nobody_waits_for_who_does_not_read(ends: Ends) -> None:
    """A worker that is stuck keeps its orders; the supervisor goes on."""
    ours, _ = ends
    for _ in range(10_000):
        ours.order(Order.ANSWER)


def test_words_to_nobody_are_dropped(ends: Ends) -> None:
    ours, theirs = ends
    theirs.close()
    ours.order(Order.STOP)
    assert ours.read_report() is None
    assert ours.ended


def test_reports_to_nobody_are_dropped(ends: Ends) -> None:
    ours, theirs = ends
    ours.close()
    theirs.report(Ready())
