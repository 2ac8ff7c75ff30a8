# cython: language_level=3, boundscheck=False, wraparound=False
"""The inspector: one thread that looks after requests that are in the application for long.

The watch sends it round while some request is older than a tenth of a second, and the poller when a client leaves
whose request wants to know. It holds the GIL while it looks, so no runner is between two steps of an answer: a runner
whose `head_sent` is false has sent nothing and is inside the application, and the 504 can be sent in its place. Of a
runner that has begun to send it only shuts the socket down, which harms nobody who is using it.

What it decides: a request whose deadline has passed is answered 504, or cut, and its thread gets an exception; a thread
that does not come back loses its seat to a new one; a slow request is reported, with the stack of that very thread; who
asked to hear of a client's leaving hears of it.

Nothing may lie between a decision and the act that follows from it but C code that keeps the GIL; so it acts first and
finds words later. And nothing may keep it from the next request: what can block (the log, the sources of a stack, the
application's callbacks) is handed over to the reporter.
"""

cimport cython

from potstill.core.flight cimport flight_name
from potstill.core.poll cimport peer_gone
from potstill.core.raising cimport raise_in
from potstill.core.response cimport FRAMED_CLOSE, peer_name
from potstill.core.stats cimport Stats

import logging
import queue
import sys
import threading

from potstill.core.frames import nothing_collected
from potstill.core.interrupts import ClientDisconnected, RequestTimeout
from potstill.core.report import InFlight
from potstill.core.reporter import stack_text

cdef enum:
    REQUEST_ID_MAX = 128               # characters of it that are told
    STACK_MAX = 200                    # frames that are told, the innermost ones

cdef bytes TIMED_OUT = b"504 Gateway Timeout: the application did not answer in time\n"

# An exception that arrives in one of these files may leave a lock behind that nobody will ever release: that of a log
# handler would end all logging of the process.
cdef frozenset LOCKING = frozenset((logging.__file__, threading.__file__, queue.__file__))
# … but for where every thread begins.
cdef frozenset BEGINNING = frozenset(("_bootstrap", "_bootstrap_inner", "run"))


@cython.final
cdef class Inspector:
    """Looks after the runners of one engine."""

    def __init__(self, options, log):
        self.grace_ns = <long long>(options.interrupt_grace_s * 1e9)
        self.cancel = options.cancel_on_disconnect
        self.log = log
        self.workspace = Workspace(Stats(1), 0, 1)

    def inspect(self, list runners, long long now):
        """One round; `now` is the engine's clock in nanoseconds. Raises nothing."""
        cdef Runner runner = None
        for runner in list(runners):
            if runner.exchange is not None:
                try:
                    self._look(runner, runner.exchange, now)
                except BaseException as error:
                    runner.crew.reporter.tell(logging.ERROR, "internal error while looking after a request: %s", error,
                                              error=error)
        if runner is not None:
            runner.crew.fill_seats()

    def in_flight(self, list runners, long long now):
        """What is in the application now, as InFlight."""
        cdef Runner runner
        return [self._facts(runner, runner.exchange, runner.exchange.environ,
                            stack_text(_frames_of(runner.exchange.thread)), now)
                for runner in list(runners) if runner.exchange is not None]

    cdef int _look(self, Runner runner, Exchange exchange, long long now) except -1:
        cdef long long age = now - exchange.called_ns
        if exchange.environ is None:
            return 0                   # it has just ended
        flight_name(runner.workspace.flight, exchange.environ.get("potstill.route"), _request_id(exchange.environ))
        if exchange.callbacks is not None or self.cancel:
            self._tell_departure(runner, exchange, now)
        if exchange.interruption is not None:
            if not exchange.interrupted_ns:
                self._raise_there(exchange, now)
            if not runner.detached and now - (exchange.interrupted_ns or exchange.ended_ns) >= self.grace_ns:
                self._give_up(runner, exchange, now)
            return 0
        if runner.detached or exchange.taken is not None:
            return 0
        if self._is_due(runner, exchange, now):
            return self._end_late(runner, exchange, now)
        if exchange.report_ns and age >= exchange.report_ns:
            while exchange.report_ns <= age:
                exchange.report_ns *= 2
            self._say(runner, exchange, logging.WARNING, "slow request, still running", exchange.environ,
                      _frames_of(exchange.thread), now)
        return 0

    # Clients that leave

    cdef int _tell_departure(self, Runner runner, Exchange exchange, long long now) except -1:
        if exchange.departed or exchange.complete or exchange.pending is not None \
                or not peer_gone(exchange.transport.fd):
            return 0
        # Where there is no room for the callbacks now, there may be in the next round.
        exchange.departed = exchange.callbacks is None \
            or runner.crew.reporter.hand_over(self._call_back, runner, exchange)
        if self.cancel and exchange.interruption is None and exchange.workspace is not None \
                and exchange.taken is None and not (exchange.complete or exchange.closing):
            exchange.over = exchange.cut = True
            self._interrupt(exchange, ClientDisconnected, now)
        return 0

    def _call_back(self, Runner runner, Exchange exchange):
        """In the reporter's thread: the request may end at any time, and then nobody wants to know any more."""
        for callback in list(exchange.callbacks or ()):
            if exchange.workspace is None:
                return
            try:
                callback()
            except BaseException as error:
                runner.crew.reporter.tell(logging.ERROR, "exception in a callback of on_disconnect: %s", error,
                                          error=error)

    # Deadlines

    cdef bint _is_due(self, Runner runner, Exchange exchange, long long now) except -1:
        """Whether the deadline has passed, and the request is still one that has a deadline."""
        cdef long long deadline
        cdef dict environ = exchange.environ
        if environ is None:
            return False
        deadline = _ns(environ.get("potstill.deadline"))
        if exchange.deadline_ns:       # the application may lower it, not raise it
            deadline = min(deadline, exchange.deadline_ns)
        return now >= deadline and runner.exchange is exchange and exchange.workspace is not None \
            and exchange.taken is None and exchange.interruption is None and not runner.detached

    cdef int _end_late(self, Runner runner, Exchange exchange, long long now) except -1:
        """The deadline has passed: the client hears of it now, whatever becomes of the thread."""
        cdef dict environ = exchange.environ
        frames = _frames_of(exchange.thread)
        if not self._is_due(runner, exchange, now):
            return 0                   # an audit hook, or a finalizer, has let another thread go on meanwhile
        if exchange.complete or exchange.closing:
            # What there is to say to the client is said, and what cleans up is not to be interrupted.
            if not exchange.resigned:
                exchange.resigned = True
                self._say(runner, exchange, logging.WARNING, "deadline passed in close() of the answer, which goes on",
                          environ, frames, now)
            return 0
        try:
            if not exchange.head_sent:
                exchange.answer_late(self.workspace, TIMED_OUT)
                exchange.transport.shut_sending()
            else:
                exchange.over = exchange.cut = True
                if exchange.framing == FRAMED_CLOSE:
                    exchange.transport.reset()
                else:
                    exchange.transport.cut_short()
        finally:
            self._interrupt(exchange, RequestTimeout, now)
        return self._say(runner, exchange, logging.ERROR, "deadline passed, request ended", environ, frames, now)

    cdef int _interrupt(self, Exchange exchange, object error, long long now) except -1:
        exchange.interruption = error
        exchange.ended_ns = now
        return self._raise_there(exchange, now)

    cdef int _raise_there(self, Exchange exchange, long long now) except -1:
        """Raise it in the runner's thread; in a later round where that handles locks, never where it cleans up."""
        cdef bint locking = _is_locking(exchange.thread)
        if locking or exchange.workspace is None or exchange.complete or exchange.closing:
            return 0
        exchange.interrupted_ns = now
        raise_in(exchange.thread, exchange.interruption)
        return 0

    cdef int _give_up(self, Runner runner, Exchange exchange, long long now) except -1:
        """It has not come back: another thread is to have its seat, if there can be one."""
        cdef dict environ = exchange.environ
        frames = _frames_of(exchange.thread)
        if runner.exchange is not exchange or exchange.workspace is None:
            return 0
        if runner.crew.detach(runner, True):
            what = "its thread is lost, its seat goes to a new one"
        elif runner.detached:
            what = "its thread is lost, and no new one can be started for its seat at the moment"
        elif exchange.resigned:
            return 0
        else:
            what = "its thread keeps its seat, because too many are lost already; restart this process"
        exchange.resigned = True
        return self._say(runner, exchange, logging.ERROR, f"not back within --interrupt-grace: {what}", environ, frames,
                         now)

    # Words

    cdef int _say(self, Runner runner, Exchange exchange, int level, str what, dict environ, list frames,
                  long long now) except -1:
        facts = self._facts(runner, exchange, environ, "", now)
        runner.crew.reporter.hand_over(self._write, level, what, facts, frames)
        return 0

    def _write(self, level, what, facts, frames):
        """In the reporter's thread."""
        self.log.log(level, "%s: %s\n%s", what, facts, stack_text(frames))

    cdef object _facts(self, Runner runner, Exchange exchange, dict environ, str stack, long long now):
        environ = environ or {}
        return InFlight(
            method=environ.get("REQUEST_METHOD", "-"),
            target=environ.get("REQUEST_URI", "-"),
            peer=peer_name(exchange.remote_addr, exchange.remote_port),
            request_id=_harmless(str(_request_id(environ) or "-")),
            elapsed_s=max(now - exchange.called_ns, <long long>0) / 1e9,
            queued_s=exchange.queue_ns / 1e9,
            thread=runner.thread.name if runner.thread is not None else "-",
            stack=stack,
        )


cdef list _frames_of(unsigned long thread):
    """Where a thread is, as the reporter's Frames, the outermost first. Nothing is read for it."""
    found = []
    with nothing_collected:
        frame = sys._current_frames().get(thread)
        while frame is not None and len(found) < STACK_MAX:
            found.append((frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, frame.f_globals))
            frame = frame.f_back
    found.reverse()
    return found


cdef bint _is_locking(unsigned long thread) except -1:
    """Whether a thread is somewhere inside of what handles locks."""
    with nothing_collected:
        frame = sys._current_frames().get(thread)
        while frame is not None:
            code = frame.f_code
            if code.co_filename in LOCKING \
                    and not (code.co_filename == threading.__file__ and code.co_name in BEGINNING):
                return True
            frame = frame.f_back
    return False


cdef object _request_id(dict environ):
    """As middleware has named it, or the client."""
    return environ.get("potstill.request_id") or environ.get("HTTP_X_REQUEST_ID")


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
