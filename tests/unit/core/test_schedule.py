"""Which thread does what next: the schedule by itself, its threads driven by hand.

What real threads make of it is in test_engine_rules.py.
"""

from __future__ import annotations

import threading
from enum import IntEnum, IntFlag

import pytest

from potstill.core.by_hand import ScheduleFace
from tests.support.engine import WAIT_S


class Note(IntFlag):  # poll.pxd
    READABLE = 1
    WRITABLE = 2
    PEER_CLOSED = 4
    BROKEN = 8
    EXPIRED = 16
    RESUME = 32
    DRAIN = 64
    RUN = 128


class List(IntEnum):  # slots.pxd
    IDLE, HEAD, BODY, WRITE, LINGER, OPENING, RETRY, QUEUE = range(8)
    NONE = 9


class Then(IntEnum):  # schedule.pxd
    WAIT, GO_ON, BACKLOG, END, HOLD = range(5)


class Must(IntEnum):
    POLL, PARK, END = range(1, 4)


READING = Note.READABLE | Note.PEER_CLOSED | Note.BROKEN | Note.EXPIRED | Note.DRAIN
WRITING = Note.WRITABLE | Note.BROKEN | Note.EXPIRED
TIMEOUTS_S = {List.IDLE: 75, List.HEAD: 20, List.BODY: 30, List.WRITE: 40, List.LINGER: 1, List.RETRY: 0.2}
COSTS_NS = 1_000_000


class Threads:
    """A schedule and the hands of its threads, of which the first is awake and the others are parked."""

    def __init__(self, seats: int = 1) -> None:
        self.schedule = ScheduleFace(seats)
        for which, seconds in TIMEOUTS_S.items():
            self.schedule.set_timeout(which, seconds)
        self._told: dict[int, object] = {}
        # As when an engine starts: all are awake, and all but one are told to park.
        for thread in range(1, seats + 1):
            assert self.take(thread) == Must.PARK

    def enter(self, *, listener: bool = False) -> int:
        """A new connection with something to read."""
        return self.schedule.enter(Note.READABLE, listener)

    def take(self, thread: int = 0) -> tuple[int, Note] | Must:
        """What a thread is given when it has nothing in hand."""
        return self.done(thread, which=List.NONE)

    def done(
        self, thread: int = 0, then: Then = Then.WAIT, which: List = List.IDLE, spent_ns: int = 0
    ) -> tuple[int, Note] | Must:
        """Finish with the slot in hand, and take another: (token, notes), or what the thread must do.

        What it was told to do the last time, it does first; a test sees to it that this does not block.
        """
        if self._told.get(thread) in (Must.POLL, Must.PARK):
            self.schedule.wait(thread)
        relevant = WRITING if which == List.WRITE else READING
        answer = self.schedule.next(thread, then, which, relevant, spent_ns)
        self._told[thread] = answer
        return Must(answer) if isinstance(answer, int) else (answer[0], Note(answer[1]))

    def occupy(self) -> int:
        """The first thread takes a connection, and with it a seat, and keeps it; another thread wakes."""
        self.schedule.set_target(self.awake + 1)
        token = self.enter()
        assert self.take() == (token, Note.READABLE)
        return token

    @property
    def running(self) -> int:
        return self.schedule.numbers()[0]

    @property
    def awake(self) -> int:
        return self.schedule.numbers()[1]

    @property
    def ready(self) -> int:
        return self.schedule.numbers()[3]

    @property
    def backlog(self) -> int:
        return self.schedule.numbers()[4]

    @property
    def connections(self) -> int:
        return self.schedule.numbers()[5]


# Lines


def test_the_ready_line_is_first_in_first_out() -> None:
    threads = Threads()
    tokens = [threads.enter() for _ in range(4)]
    assert (threads.ready, threads.connections) == (4, 4)
    given = [threads.take(), *(threads.done() for _ in range(3))]
    assert given == [(token, Note.READABLE) for token in tokens]
    assert threads.done() == Must.POLL


def test_what_goes_on_goes_to_the_end_of_the_line() -> None:
    """A burst of pipelined requests on one connection does not keep the others waiting."""
    threads = Threads()
    burst, other = threads.enter(), threads.enter()
    assert threads.take() == (burst, Note.READABLE)
    assert threads.done(then=Then.GO_ON) == (other, Note.READABLE)
    assert threads.done() == (burst, Note.RESUME)
    assert threads.done(then=Then.GO_ON) == (burst, Note.RESUME)


def test_an_ended_slot_is_forgotten() -> None:
    threads = Threads()
    token = threads.enter()
    threads.take()
    assert threads.done(then=Then.END) == Must.POLL
    assert threads.connections == 0
    with pytest.raises(KeyError):
        threads.schedule.note(token, Note.READABLE)


def test_a_listener_is_not_counted_among_connections() -> None:
    threads = Threads()
    threads.enter(listener=True)
    assert (threads.ready, threads.connections) == (1, 0)


def test_quick_and_slow_requests_share_the_time() -> None:
    """Connections whose last request was slow have their own line, and neither line starves the other."""
    threads = Threads()
    tokens = [threads.enter() for _ in range(13)]
    slow, quick = tokens[:3], tokens[3:]
    threads.take()
    for token in tokens:
        threads.done(spent_ns=COSTS_NS if token in slow else 0)
    for token in tokens:
        threads.schedule.note(token, Note.READABLE)
    order = [threads.take()]
    while order[-1] != Must.POLL:
        given = order[-1]
        assert isinstance(given, tuple)
        order.append(threads.done(spent_ns=COSTS_NS if given[0] in slow else COSTS_NS // 100))
    taken = [given[0] for given in order if isinstance(given, tuple)]
    # One quick, one slow, and then all of the quick, which together cost a tenth of what the slow one did.
    assert taken == [quick[0], slow[0], *quick[1:], *slow[1:]]


# Busy and again


@pytest.mark.parametrize("which", [List.IDLE, List.HEAD, List.BODY, List.LINGER])
def test_a_note_for_a_busy_slot_is_not_lost(which: List) -> None:
    """Whoever finishes with it finds the note."""
    threads = Threads()
    token = threads.enter()
    threads.take()
    threads.schedule.note(token, Note.READABLE)
    threads.schedule.note(token, Note.PEER_CLOSED)
    assert threads.ready == 0
    assert threads.done(which=which) == (token, Note.READABLE | Note.PEER_CLOSED)
    assert threads.done(which=which) == Must.POLL


def test_a_note_for_a_slot_in_line_joins_those_that_it_stands_there_for() -> None:
    threads = Threads()
    token = threads.enter()
    threads.schedule.note(token, Note.PEER_CLOSED)
    assert threads.ready == 1
    assert threads.take() == (token, Note.READABLE | Note.PEER_CLOSED)


def test_a_slot_that_goes_on_is_told_what_came_meanwhile() -> None:
    threads = Threads()
    token = threads.enter()
    threads.take()
    threads.schedule.note(token, Note.PEER_CLOSED)
    assert threads.done(then=Then.GO_ON) == (token, Note.PEER_CLOSED | Note.RESUME)


def test_a_note_of_no_use_now_is_kept_for_later() -> None:
    """Bytes that arrive while an answer is being written are read when it has been."""
    threads = Threads()
    token = threads.enter()
    threads.take()
    threads.schedule.note(token, Note.READABLE)
    assert threads.done(which=List.WRITE) == Must.POLL
    threads.schedule.note(token, Note.WRITABLE)
    assert threads.take() == (token, Note.WRITABLE | Note.READABLE)


# Seats and the backlog


def test_a_thread_that_takes_something_takes_a_seat_until_it_polls() -> None:
    threads = Threads()
    threads.enter()
    assert threads.running == 0
    threads.take()
    assert threads.running == 1
    assert threads.done() == Must.POLL
    assert threads.running == 0


def test_without_a_seat_requests_wait_in_the_backlog_and_all_else_goes_on() -> None:
    """Rule 6: all seats are taken, and the one thread more still reads, parses and queues."""
    threads = Threads(seats=1)
    threads.occupy()
    queued = [threads.enter() for _ in range(3)]
    assert threads.take(1) == (queued[0], Note.READABLE)
    for token in queued[1:]:
        assert threads.done(1, Then.BACKLOG) == (token, Note.READABLE)
    assert threads.done(1, Then.BACKLOG) == Must.POLL
    assert (threads.backlog, threads.running, threads.awake) == (3, 1, 2)
    other = threads.enter()
    assert threads.take(1) == (other, Note.READABLE)
    assert threads.running == 1


def test_a_freed_runner_takes_from_the_backlog_first_and_in_order() -> None:
    threads = Threads(seats=1)
    threads.occupy()
    queued = [threads.enter() for _ in range(2)]
    threads.take(1)
    threads.done(1, Then.BACKLOG)
    assert threads.done(1, Then.BACKLOG) == Must.POLL
    later = threads.enter()
    assert threads.done(0) == (queued[0], Note.RUN)
    assert threads.done(0) == (queued[1], Note.RUN)
    assert threads.done(0) == (later, Note.READABLE)


def test_what_came_while_it_waited_in_the_backlog_is_told_after_its_answer() -> None:
    threads = Threads(seats=1)
    threads.occupy()
    token = threads.enter()
    threads.take(1)
    threads.schedule.note(token, Note.READABLE)
    assert threads.done(1, Then.BACKLOG) == Must.POLL
    threads.schedule.note(token, Note.PEER_CLOSED)
    assert threads.done(0) == (token, Note.RUN)
    assert threads.done(0) == (token, Note.READABLE | Note.PEER_CLOSED)


# Threads


def test_threads_beyond_the_target_park() -> None:
    threads = Threads(seats=3)
    assert threads.awake == 1
    threads.occupy()
    threads.enter()
    assert threads.take(1) != Must.PARK
    assert (threads.awake, threads.running) == (2, 2)
    threads.schedule.set_target(1)
    assert threads.done(1) == Must.PARK
    assert (threads.awake, threads.running) == (1, 1)


def test_only_one_thread_has_the_chair() -> None:
    """The other one parks, though it may be awake."""
    threads = Threads(seats=3)
    threads.occupy()
    assert threads.take(1) == Must.POLL
    assert threads.done(0) == Must.PARK


def test_work_that_comes_before_the_poller_blocks_is_not_slept_over() -> None:
    """Nobody rings for a thread that is on its way to the poller: it looks once more by itself."""
    threads = Threads()
    assert threads.take() == Must.POLL
    token = threads.enter()
    assert threads.take() == (token, Note.READABLE)


@pytest.mark.parametrize("news", ["enter", "note", "advance", "drain", "end"])
def test_whatever_happens_wakes_the_poller(news: str) -> None:
    """A thread that blocks in it, without the GIL, gets up for each of these."""
    threads = Threads()
    token = threads.enter()
    threads.take()
    assert threads.done() == Must.POLL
    polling = threading.Thread(target=threads.schedule.wait, args=(0,))
    polling.start()
    match news:
        case "enter":
            threads.enter()
        case "note":
            threads.schedule.note(token, Note.READABLE)
        case "advance":
            threads.schedule.advance(1)
        case "drain":
            assert threads.schedule.drain() == 1
        case "end":
            threads.schedule.end()
    polling.join(WAIT_S)
    assert not polling.is_alive()


def test_at_the_end_every_thread_is_sent_home() -> None:
    """One in the poller, one parked, one with work."""
    threads = Threads(seats=2)
    parked = threading.Thread(target=threads.schedule.wait, args=(2,))
    parked.start()
    threads.enter()
    threads.schedule.end()
    parked.join(WAIT_S)
    assert not parked.is_alive()
    assert [threads.take(thread) for thread in range(3)] == [Must.END] * 3


# Deadlines


@pytest.mark.parametrize("which", [List.IDLE, List.HEAD, List.BODY, List.WRITE, List.LINGER])
def test_every_phase_has_its_deadline(which: List) -> None:
    """Not before it, and once."""
    threads = Threads()
    token = threads.enter()
    threads.take()
    assert threads.done(which=which) == Must.POLL
    threads.schedule.advance(TIMEOUTS_S[which] * 0.5)
    assert threads.take() == Must.POLL
    threads.schedule.advance(TIMEOUTS_S[which] * 0.5)
    assert threads.take() == (token, Note.EXPIRED)
    assert threads.done(which=List.NONE) == Must.POLL
    threads.schedule.advance(1000)
    assert threads.take() == Must.POLL


@pytest.mark.parametrize("which", [List.IDLE, List.BODY, List.WRITE])
def test_a_sign_of_life_puts_these_deadlines_off(which: List) -> None:
    threads = Threads()
    token = threads.enter()
    threads.take()
    assert threads.done(which=which) == Must.POLL
    for _ in range(3):
        threads.schedule.advance(TIMEOUTS_S[which] * 0.7)
        threads.schedule.note(token, Note.READABLE)
        assert threads.take() == (token, Note.READABLE)
        assert threads.done(which=which) == Must.POLL


@pytest.mark.parametrize("which", [List.HEAD, List.LINGER])
def test_nothing_puts_these_deadlines_off(which: List) -> None:
    """A head's time counts from its first byte, a lingering close's from the answer."""
    threads = Threads()
    token = threads.enter()
    threads.take()
    assert threads.done(which=which) == Must.POLL
    threads.schedule.advance(TIMEOUTS_S[which] * 0.7)
    threads.schedule.note(token, Note.READABLE)
    assert threads.take() == (token, Note.READABLE)
    assert threads.done(which=which) == Must.POLL
    threads.schedule.advance(TIMEOUTS_S[which] * 0.4)
    assert threads.take() == (token, Note.EXPIRED)


def test_a_request_that_waits_in_the_backlog_has_no_deadline() -> None:
    """Its head came in time; that it then waits for longer than a head may take is not its fault."""
    threads = Threads(seats=1)
    token = threads.enter()
    threads.take()
    assert threads.done(which=List.HEAD) == Must.POLL
    threads.occupy()
    threads.schedule.note(token, Note.READABLE)
    assert threads.take(1) == (token, Note.READABLE)
    assert threads.done(1, Then.BACKLOG) == Must.POLL
    threads.schedule.advance(21)
    assert threads.take(1) == Must.POLL  # it has looked at the deadlines
    assert threads.done(0) == (token, Note.RUN)
    assert threads.done(0, which=List.WRITE) == Must.PARK  # and no note that it has expired


def test_deadlines_are_kept_while_others_keep_the_thread_busy() -> None:
    """The poller, and with it the lists, is looked at every millisecond however much is ready."""
    threads = Threads()
    idle, busy = threads.enter(), threads.enter()
    threads.take()
    assert threads.done() == (busy, Note.READABLE)
    threads.schedule.advance(76)
    given = [threads.done(then=Then.GO_ON) for _ in range(3)]
    assert (idle, Note.EXPIRED) in given


# Drain


def test_draining_sends_the_idle_to_their_end() -> None:
    """And those that become idle later; the others are left alone."""
    threads = Threads()
    idle, reading, busy = threads.enter(), threads.enter(), threads.enter()
    threads.take()
    assert threads.done() == (reading, Note.READABLE)
    assert threads.done(which=List.HEAD) == (busy, Note.READABLE)
    assert threads.schedule.drain() == 1
    assert threads.done(which=List.IDLE) == (idle, Note.DRAIN)
    assert threads.done(then=Then.END) == (busy, Note.DRAIN)
    assert threads.done(then=Then.END) == Must.POLL
    assert threads.connections == 1
