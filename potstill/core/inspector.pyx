# cython: language_level=3, boundscheck=False, wraparound=False
"""The inspector: one thread that looks after requests that are in the application for long.

The watch sends it round while some request is older than a tenth of a second, and the poller when a client leaves
whose request wants to know. It holds the GIL while it looks, so no runner is between two steps of an answer: a runner
whose `head_sent` is false has sent nothing and is inside the application, and the 504 can be sent in its place. Of a
runner that has begun to send it only shuts the socket down, which harms nobody who is using it.

What it decides: a request whose deadline has passed is answered 504, or cut, and its thread gets an exception; a thread
that does not come back loses its seat to a new one; a slow request is reported, with the stack of that very thread; who
asked to hear of a client's leaving hears of it.
"""

cimport cython

from potstill.core.poll cimport peer_gone
from potstill.core.response cimport peer_name
from potstill.core.stats cimport Stats

import sys
import threading
import traceback

from potstill.core.interrupts import ClientDisconnected, RequestTimeout
from potstill.core.report import InFlight

cdef extern from "Python.h":
    int PyThreadState_SetAsyncExc(unsigned long thread, object exception)

cdef enum:
    REQUEST_ID_MAX = 128               # characters of it that are told

cdef bytes TIMED_OUT = b"504 Gateway Timeout: the application did not answer in time\n"


@cython.final
cdef class Inspector:
    """Looks after the runners of one engine."""

    def __init__(self, options, log):
        self.grace_ns = <long long>(options.interrupt_grace_s * 1e9)
        self.cancel = options.cancel_on_disconnect
        self.log = log
        self.workspace = Workspace(Stats(1), 0, 1)

    def inspect(self, list runners, long long now):
        """One round; `now` is the engine's clock in nanoseconds."""
        cdef Runner runner
        for runner in list(runners):
            if runner.exchange is not None:
                try:
                    self._look(runner, runner.exchange, now)
                except BaseException as error:
                    self.log.error("internal error while looking after a request: %s", error, exc_info=error)

    def in_flight(self, list runners, long long now):
        """What is in the application now, as InFlight."""
        cdef Runner runner
        return [self._facts(runner, runner.exchange, now) for runner in list(runners) if runner.exchange is not None]

    cdef int _look(self, Runner runner, Exchange exchange, long long now) except -1:
        cdef long long age = now - exchange.called_ns
        cdef long long deadline
        if exchange.environ is None:
            return 0                   # it has just ended
        deadline = _ns(exchange.environ.get("potstill.deadline"))
        if exchange.deadline_ns:       # the application may lower it, not raise it
            deadline = min(deadline, exchange.deadline_ns)
        if exchange.callbacks is not None or self.cancel:
            self._tell_departure(exchange, now)
        if runner.detached or exchange.taken is not None:
            return 0
        if exchange.interruption is not None:
            if now - exchange.interrupted_ns >= self.grace_ns:
                told = self._told(runner, exchange, now)
                if runner.exchange is exchange and exchange.workspace is not None:
                    runner.crew.detach(runner, True)
                    self.log.error("not back within --interrupt-grace: its thread is lost, its seat goes to a new one: "
                                   "%s\n%s", *told)
            return 0
        if now >= deadline:
            return self._end_late(runner, exchange, now)
        if exchange.report_ns and age >= exchange.report_ns:
            while exchange.report_ns <= age:
                exchange.report_ns *= 2
            self.log.warning("slow request, still running: %s\n%s", *self._told(runner, exchange, now))
        return 0

    cdef int _tell_departure(self, Exchange exchange, long long now) except -1:
        if exchange.departed or exchange.pending is not None or not peer_gone(exchange.transport.fd):
            return 0
        exchange.departed = True
        for callback in exchange.callbacks or ():
            try:
                callback()
            except Exception as error:
                self.log.error("exception in a callback of on_disconnect: %s", error, exc_info=error)
        if self.cancel and exchange.interruption is None and exchange.workspace is not None:
            exchange.over = exchange.cut = True
            self._interrupt(exchange, ClientDisconnected, now)
        return 0

    cdef int _end_late(self, Runner runner, Exchange exchange, long long now) except -1:
        """The deadline has passed: the client hears of it now, whatever becomes of the thread."""
        told = self._told(runner, exchange, now)
        if exchange.workspace is None:
            return 0                   # it has come to its end while that was put together
        if exchange.head_sent:
            exchange.over = exchange.cut = True
            exchange.transport.cut_short()
        else:
            exchange.answer_late(self.workspace, TIMED_OUT)
            exchange.transport.shut_sending()
        self._interrupt(exchange, RequestTimeout, now)
        self.log.error("deadline passed, request ended: %s\n%s", *told)
        return 0

    cdef int _interrupt(self, Exchange exchange, object error, long long now) except -1:
        exchange.interruption = error
        exchange.interrupted_ns = now
        PyThreadState_SetAsyncExc(exchange.thread, error)
        return 0

    # Words

    def _told(self, runner, exchange, now):
        facts = self._facts(runner, exchange, now)
        return str(facts), facts.stack

    cdef object _facts(self, Runner runner, Exchange exchange, long long now):
        environ = exchange.environ or {}
        frame = sys._current_frames().get(exchange.thread)
        frames = traceback.extract_stack(frame) if frame is not None else []
        stack = "".join(traceback.format_list([each for each in frames if each.filename != threading.__file__]))
        named = environ.get("potstill.request_id") or environ.get("HTTP_X_REQUEST_ID") or "-"
        return InFlight(
            method=environ.get("REQUEST_METHOD", "-"),
            target=environ.get("REQUEST_URI", "-"),
            peer=peer_name(exchange.remote_addr, exchange.remote_port),
            request_id=_harmless(str(named)),
            elapsed_s=(now - exchange.called_ns) / 1e9,
            queued_s=exchange.queue_ns / 1e9,
            thread=runner.thread.name if runner.thread is not None else "-",
            stack=stack.rstrip("\n") or "  not in Python code",
        )


cdef str _harmless(str text):
    """Fit for a line of a log: what a client has named cannot look like anything else."""
    return "".join(each if "!" <= each <= "~" else f"\\x{ord(each):02x}" for each in text[:REQUEST_ID_MAX])


cdef long long _ns(object deadline) noexcept:
    """Seconds, as the application may have set them; none, and what is no number (NaN is none), never passes."""
    cdef double seconds
    try:
        seconds = float(deadline)
    except Exception:
        return 9_223_372_036_854_775_807
    if not seconds < 9e9:
        return 9_223_372_036_854_775_807
    return <long long>(max(seconds, 0.0) * 1e9)
