"""Notes to the serving thread: signals and words, in order, and nothing left behind."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from potstill.worker.mailbox import NOTES_BYTES_MAX, STOP_SIGNALS, WORD, Mailbox

WAIT_S = 10
PIPE_BYTES = 1 << 16  # what a pipe of Linux holds


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """Handlers and wake-up descriptor are as before in the end."""
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    box = Mailbox()
    yield box
    box.give_back_signals()
    box.close()
    assert {number: signal.getsignal(number) for number in STOP_SIGNALS} == handlers
    assert signal.set_wakeup_fd(-1) == -1


def test_signals_and_words_come_in_order(mailbox: Mailbox) -> None:
    """One note each, together when they have come together."""
    mailbox.take_signals(keep_own_handlers=False)
    os.kill(os.getpid(), signal.SIGTERM)
    mailbox.leave_word()
    os.kill(os.getpid(), signal.SIGINT)
    assert mailbox.wait(WAIT_S) == [signal.SIGTERM, WORD, signal.SIGINT]
    assert mailbox.wait(0) == []


def test_another_thread_ends_the_wait(mailbox: Mailbox) -> None:
    """Without a limit of time, and without signals."""
    threading.Timer(0.01, mailbox.leave_word).start()
    assert mailbox.wait() == [WORD]


def test_what_was_there_before_is_restored(mailbox: Mailbox) -> None:
    """Handlers and the wake-up descriptor of the program."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    own = signal.getsignal(signal.SIGTERM)
    try:
        mailbox.take_signals(keep_own_handlers=False)
        assert signal.getsignal(signal.SIGTERM) is not own
        mailbox.give_back_signals()
        mailbox.give_back_signals()
        assert signal.getsignal(signal.SIGTERM) is own
        assert signal.set_wakeup_fd(-1) == writing
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.set_wakeup_fd(-1)
        os.close(reading)
        os.close(writing)


def test_another_handler_may_follow(mailbox: Mailbox) -> None:
    """Without a moment between."""

    def afterwards(number: int, frame: object) -> None:
        """What the process does on its way out."""

    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    mailbox.take_signals(keep_own_handlers=False)
    mailbox.give_back_signals(afterwards)
    try:
        assert [signal.getsignal(number) for number in STOP_SIGNALS] == [afterwards, afterwards]
    finally:
        for number, handler in zip(STOP_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def test_a_handler_of_the_program_may_stay_in_force(mailbox: Mailbox) -> None:
    """Then its signal leaves no note: what it means is the program's business."""
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: seen.append(number))
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        mailbox.take_signals(keep_own_handlers=True)
        os.kill(os.getpid(), signal.SIGTERM)
        assert mailbox.wait(WAIT_S) == []
        assert seen == [signal.SIGTERM]
        os.kill(os.getpid(), signal.SIGINT)
        assert mailbox.wait(WAIT_S) == [signal.SIGINT]
    finally:
        mailbox.give_back_signals()
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, interrupt)


def test_other_threads_take_no_signals(mailbox: Mailbox) -> None:
    """Python handles signals in the main thread alone."""
    handlers = [signal.getsignal(number) for number in STOP_SIGNALS]
    thread = threading.Thread(target=mailbox.take_signals, kwargs={"keep_own_handlers": False})
    thread.start()
    thread.join(WAIT_S)
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == handlers


def test_more_words_than_the_pipe_holds_are_harmless(mailbox: Mailbox) -> None:
    """Who leaves them never waits."""
    for _ in range(PIPE_BYTES + 1):
        mailbox.leave_word()
    assert mailbox.wait(0) == NOTES_BYTES_MAX * [WORD]


def test_a_word_after_the_end_is_dropped(mailbox: Mailbox) -> None:
    """The number of the pipe may belong to another file by then."""
    mailbox.close()
    mailbox.close()
    mailbox.leave_word()


def test_a_forked_child_gets_the_signals_back(mailbox: Mailbox) -> None:
    """A SIGTERM for the child ends the child, and leaves the server no note."""
    mailbox.take_signals(keep_own_handlers=False)
    pid = os.fork()
    if pid == 0:
        os.kill(os.getpid(), signal.SIGTERM)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGTERM
    assert mailbox.wait(0) == []
