"""The supervisor's loop: one thread, one table of workers, one select.

Two designs were weighed. In the first every operation is a script (a reload boots one worker, waits, lets one
go, and so on), and scripts run side by side; then each pair of scripts needs rules for what happens when both
want something. In the second, which this is, an operation only changes what is wanted: a number of workers,
or a mark on some of them that others are to take their place. Each turn of the loop then

1. waits for notes: signals, reports of workers, the word of a successor, or the next moment to look around;
2. writes them into the table;
3. does what `crew.plan` says is the next step from the table to what is wanted.

So a reload in which a worker is killed while another is recycled needs no rule of its own.

The supervisor has no thread and, without --preload, no code of the application. A worker is forked from
within `run`, which then returns in the child, with its Assignment: the child lives on the caller's stack,
with nothing of the loop around it.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from potstill.assemble import engine_options
from potstill.config import ConfigurationError
from potstill.core.engine import slots_of
from potstill.core.stats import Board, Stats
from potstill.net.certificates import CertificateError
from potstill.observe.office import Office
from potstill.settings import WORKERS_MAX, Settings
from potstill.supervisor import haste, hooks, report, stopping, watching
from potstill.supervisor.backoff import PAUSE_MAX_S, Backoff
from potstill.supervisor.changes import carry_over, wanted_workers
from potstill.supervisor.channel import Changed, Failed, Fault, Ready, Stacks
from potstill.supervisor.child import Assignment
from potstill.supervisor.crew import RELOAD, Member, State, draw_limits, free_number, plan, still_accepts
from potstill.supervisor.forking import FOR_THE_SUPERVISOR, Closable, fork
from potstill.supervisor.insight import Crewed
from potstill.supervisor.notify import Notifier
from potstill.supervisor.parts import Parts, StartError
from potstill.supervisor.porter import follow
from potstill.supervisor.reaping import Change, reap, send
from potstill.supervisor.stopping import Stage, Stopping
from potstill.supervisor.upgrade import Successor, start_successor
from potstill.worker.console import reopen_log_files, start_line, tell
from potstill.worker.mailbox import Mailbox, Order

if TYPE_CHECKING:
    from _typeshed import HasFileno

logger = logging.getLogger("potstill")

SIGNALS = (*FOR_THE_SUPERVISOR, signal.SIGTERM, signal.SIGCHLD)
# How often to look around while everything is to end.
STOP_STEP_S = 0.25
SHUT_STEP_S = 0.01
TELL_EVERY_S = 1.0
# An aborted worker writes its stacks and is gone; one that cannot even do that is killed.
ABORT_S = 5.0


class Supervisor:
    """Owned by the main thread; `run` is called once."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.settings = parts.settings
        self._listeners = parts.listeners
        self.urls = tuple(listener.url for listener in parts.listeners)
        self._notifier = Notifier(os.environ, os.getpid())
        self._board = Board(WORKERS_MAX + 2)
        self.crew: list[Member] = []
        self._backoff = Backoff(pause_max_s=haste.PAUSE_MAX_S if parts.settings.dev else PAUSE_MAX_S)
        self._mailbox = Mailbox()
        self.wanted, self._why_wanted = wanted_workers(parts.settings)
        self._settings_before: Settings | None = None  # while a reload is going on
        self._reload_began = 0.0
        self._inheritance = parts.inheritance  # until the old supervisor has been told
        self._successor: Successor | None = None
        self._ready: list[int] = []  # descriptors that had something to say
        self.stopping: Stopping | None = None
        self._start_failure: Failed | None = None
        self._failure: Failed | None = None  # at the desk: for the next worker to show
        self._served = False  # some worker has been ready
        self._announced = False  # all workers have
        self._look_at = 0.0
        self._tell_at = 0.0
        self._alive_at = 0.0
        self._insight = Crewed(self, parts.securities.expiries)
        self._office = Office(parts.admin, self._insight)

    def run(self) -> Assignment | int:
        """Supervise to the end, and return the exit code; or, in a worker, its Assignment.

        Raises StartError when the first workers cannot serve, and in on_starting's stead what that raises.
        """
        self._mailbox.take_signals(keep_own_handlers=False, numbers=SIGNALS)
        if self._why_wanted:
            logger.info("%s", self._why_wanted)
        hooks.call(self.settings.on_starting)
        while True:
            assignment = self._act(time.monotonic())
            if assignment is not None:
                return assignment
            if self.stopping is not None and not self.crew:
                return self._end()
            self._take_notes(self._mailbox_and_pipes())
            for change in reap():
                self._changed(change, time.monotonic())
            if time.monotonic() >= self._look_at:
                self._look_around(time.monotonic())
            self._office.serve(self._ready, time.monotonic())

    @property
    def _going_down(self) -> bool:
        """It is stopping, and the delay is over: nobody is replaced any more."""
        return self.stopping is not None and self.stopping.stage is not Stage.DELAY

    # Step 1 and 2: notes

    def _mailbox_and_pipes(self) -> list[int]:
        """Wait until something is to be noted; the descriptors that have it."""
        heard: list[HasFileno] = [
            self._mailbox,
            *(each.channel for each in self.crew if not each.channel.ended),
        ]
        if self._successor is not None and self._successor.pipe >= 0:
            heard.append(self._successor)
        poll = select.poll()
        for each in heard:
            poll.register(each, select.POLLIN)
        self._office.register(poll)
        until = min(self._look_at, self._office.next_deadline())
        shutting = self.stopping is not None and self.stopping.stage is Stage.SHUT
        if shutting or self._settings_before is not None:  # nobody says that a door is shut
            until = min(until, time.monotonic() + SHUT_STEP_S)
        if self._backoff.next_try_at > time.monotonic():
            until = min(until, self._backoff.next_try_at)
        wait_s = max(0.0, until - time.monotonic())
        self._ready = [descriptor for descriptor, _ in poll.poll(wait_s * 1000 + 1)]
        return self._ready

    def _take_notes(self, descriptors: Sequence[int]) -> None:
        now = time.monotonic()
        for member in self.crew:
            if member.channel.fileno() in descriptors:
                self._hear(member, now)
        if self._successor is not None and self._successor.pipe in descriptors:
            self._hear_successor(self._successor, now)
        for note in self._mailbox.wait(0):
            self.obey(note, now)

    def _hear(self, member: Member, now: float) -> None:
        told = member.channel.read_report()
        match told:
            case Ready() if member.state is State.BOOTING:
                member.state = State.READY
                self._served = True
                logger.info("%s serves, after %.1f s", member.name, now - member.forked_at)
            case Failed():
                member.failure = told
            case Stacks():
                self._office.hear_stacks(member.number, told.threads)
            case Changed() if not member.stale and self.stopping is None:
                logger.info("%s", report.describe_change(told.paths))
                self._reload(now)

    def obey(self, number: int, now: float) -> None:
        """What a signal means."""
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stop(number, now)
        elif number == signal.SIGQUIT:
            self.order(Order.TELL)
            logger.warning("%s", report.describe_crew(self.crew, self.wanted, now))
        elif number == signal.SIGUSR1:
            self.order(Order.REOPEN)
            reopen_log_files()
        elif self.stopping is not None:
            return  # it is too late for what follows
        elif number == signal.SIGHUP:
            self._reload(now)
        elif number == signal.SIGUSR2:
            self._upgrade()
        elif number in (signal.SIGTTIN, signal.SIGTTOU) and not self.settings.dev:
            step = 1 if number == signal.SIGTTIN else -1
            self.wanted = min(WORKERS_MAX, max(1, self.wanted + step))
            wanted = report.counted(self.wanted, "worker")
            logger.info("%s: %s from now on", signal.Signals(number).name, wanted)

    def order(self, order: Order) -> None:
        for member in self.crew:
            if member.state in (State.READY, State.LEAVING):
                member.channel.order(order)

    def _changed(self, change: Change, now: float) -> None:
        """A child has ended, or was stopped or continued. Strangers, whom PID 1 is given, are just reaped."""
        member = next((each for each in self.crew if each.pid == change.pid), None)
        if member is not None and (change.stopped or change.continued):
            member.stopped = change.stopped
        elif member is not None:
            while not member.channel.ended:  # its last words
                self._hear(member, now)
            self.crew.remove(member)
            self._office.fold(member.stats, member.pid)
            self._board.clear(member.number - 1)
            member.channel.close()
            self._bury(member, change, now)
        elif self._successor is not None and change.pid == self._successor.pid and self.stopping is None:
            self._successor_failed(f"it {change.words}")

    def _bury(self, member: Member, change: Change, now: float) -> None:
        """What the end of a worker means."""
        self._insight.exits += 1
        for line in report.in_flight(member, change, now):
            logger.warning("%s", line)
        if member.state is State.BOOTING and not self._going_down:
            self._boot_failed(member, member.failure or Failed(Fault.DIED, f"it {change.words}"), now)
        elif member.state is State.READY and not self._going_down:
            self._insight.deaths += 1
            pause_s = self._backoff.died(now, now - member.forked_at)
            later = f"; the next one is forked in {pause_s:g} s" if pause_s else ""
            logger.error("%s %s%s", member.name, change.words, later)
        elif member.superseded:
            return
        elif os.WIFSIGNALED(change.status) and member.state is not State.BOOTING:
            logger.warning("%s %s", member.name, change.words)
        elif member.state is State.LEAVING or self._start_failure is None:
            logger.info("%s has left", member.name)

    def _boot_failed(self, member: Member, failure: Failed, now: float) -> None:
        """At the start that is the end; in a reload the old workers stay; else it is tried again, later.

        At the desk the next worker shows what happened, and does without the application.
        """
        if self.settings.dev:
            pause_s = self._backoff.died(now, 0.0) if self._failure else 0.0
            self._failure = failure
            logger.error(
                "%s cannot serve; the next one says why, in %g s\n%s", member.name, pause_s, failure.text
            )
        elif not self._served:
            self._start_failure = failure
            self.stopping = stopping.begin(signal.SIGINT, self.settings, now)
            self._notifier.stopping("no worker could be started")
        elif self._settings_before is not None:
            self._abandon_reload(failure)
        else:
            pause_s = self._backoff.died(now, 0.0)
            logger.error("%s cannot serve; next try in %g s\n%s", member.name, pause_s, failure.text)
            self._notifier.status(f"a worker cannot be replaced: {report.last_line(failure.text)}")

    def _look_around(self, now: float) -> None:
        """What no note tells of: time."""
        self._parts.securities.look(time.time())
        if self._notifier.watchdog_s is not None and now >= self._alive_at:
            self._notifier.alive()
            self._alive_at = now + self._notifier.watchdog_s
        for member, why in watching.find_stuck(self.crew, self.settings, now):
            self._abort(member, why, now)
        for member in self.crew:
            if now >= member.kill_at:
                logger.warning("%s does not end: killing it", member.name)
                send(member.pid, signal.SIGKILL)
                member.kill_at = now + ABORT_S
        if self.stopping is None:
            worn = watching.mark_worn(self.crew, self.settings, now)
            if worn is not None:
                logger.info("%s is to be replaced after %s", worn.name, worn.stale)
        elif now >= self._tell_at and self.crew:
            logger.info("%s", report.progress(self.stopping, self.crew, now))
            self._tell_at = now + TELL_EVERY_S
        every_s = STOP_STEP_S if self.stopping else watching.look_every_s(self.settings)
        self._look_at = now + min(every_s, self._notifier.watchdog_s or every_s)

    # Step 3: acts

    def _act(self, now: float) -> Assignment | None:
        if self.stopping is not None:
            self._go_on_stopping(self.stopping, now)
        if self._going_down:
            return None
        step = plan(self.crew, self.wanted, wait_for_leaving=not self.settings.dev)
        for member in step.leave:
            self._let_go(member, now)
        if step.forks and now >= self._backoff.next_try_at:
            for _ in range(min(step.forks, self._board.seats - len(self.crew))):
                assignment = self._fork(now)
                if assignment is not None:
                    return assignment
        self._announce(now)
        return None

    def _fork(self, now: float) -> Assignment | None:
        """One more worker. Returns in both processes."""
        parts, number = self._parts, free_number(self.crew)
        hooks.try_call("pre_fork", self.settings.pre_fork, number)
        # What a worker must not keep. A channel of another would hide the supervisor's end from that one.
        shed: list[Closable] = [self._mailbox, self._office, *(member.channel for member in self.crew)]
        if self._successor is not None:
            shed.append(self._successor)
        if self._inheritance is not None:
            shed.append(self._inheritance)
        try:
            parts.rates.prepare(self.settings, self._settings_before)
            stats = Stats(slots_of(engine_options(self.settings)), self._board, number - 1)
            pid, channel = fork(shed)
        except OSError as error:
            pause_s = self._backoff.died(now, 0.0)
            logger.error("cannot fork a worker: %s; next try in %g s", error, pause_s)
            return None
        if pid == 0:
            own = (number, self.settings, self._listeners, channel, stats)
            security = parts.securities.of(self.settings)
            return Assignment(*own, parts.directory, parts.application, parts.rates, security, self._failure)
        self.crew.append(Member(number, pid, channel, stats, now, *draw_limits(self.settings)))
        return None

    def _let_go(self, member: Member, now: float) -> None:
        member.state = State.LEAVING
        member.kill_at = now + self.settings.graceful_timeout + stopping.SLACK_S
        member.channel.order(Order.LEAVE)

    def _abort(self, member: Member, why: str, now: float) -> None:
        """End a worker that is stuck, and let it say where."""
        logger.error("%s %s: aborting it; the stacks of its threads follow", member.name, why)
        if member.state is State.BOOTING:
            self._boot_failed(member, Failed(Fault.DIED, f"it {why}"), now)
        elif member.state is State.READY:
            self._backoff.died(now, now - member.forked_at)
        member.state = State.ABORTED
        member.kill_at = now + ABORT_S
        send(member.pid, signal.SIGABRT)
        send(member.pid, signal.SIGCONT)

    def _announce(self, now: float) -> None:
        """Say so when all serve for the first time, and when a reload is over."""
        fresh = [member for member in self.crew if member.serves and not member.stale]
        if len(fresh) < self.wanted:
            return
        if not self._announced:
            self._announced = True
            tell(start_line(self.settings.served, self.urls, self.settings.threads, self.wanted))
            if self._parts.application is not None:
                report.tell_shared_memory(self.crew)
            self._notifier.ready(self._summary())
            if self._inheritance is not None:
                self._inheritance.tell_ready()
                self._inheritance = None
            hooks.try_call("when_ready", self.settings.when_ready)
        elif self._settings_before is not None and not any(map(still_accepts, self.crew)):
            self._settings_before = None
            logger.info("reload is done after %.1f s: all workers are new", now - self._reload_began)
            self._notifier.ready(self._summary())

    def _summary(self) -> str:
        return f"{report.counted(self.wanted, 'worker')} serving {self.settings.served}"

    # Reload

    def _reload(self, now: float) -> None:
        """Mark all workers to be replaced, by workers of a new configuration that was judged first."""
        if self.settings.preload:
            logger.info("reload: with --preload that takes a new supervisor")
            self._upgrade()
            return
        hooks.try_call("on_reload", self.settings.on_reload)
        try:
            os.chdir(self._parts.directory)  # a link may lead to another release by now
            settings, kept = carry_over(self.settings, self._parts.reconfigure())
            self._parts.securities.prepare(self.settings, settings)
        except (ConfigurationError, CertificateError, OSError) as error:
            logger.error("reload refused: %s", error)
            self._notifier.status(f"reload refused: {error}")
            return
        for name in kept:
            logger.warning("reload: %s stays as it is; only a restart changes it", name)
        self._notifier.reloading()
        self._insight.reloads += 1
        self._settings_before = self._settings_before or self.settings
        self.settings = settings
        self.wanted, why = wanted_workers(settings)
        self._reload_began = now
        for member in self.crew:
            member.stale = RELOAD
        if settings.dev:
            self._failure = None
            haste.make_way(self.crew, now + settings.graceful_timeout + stopping.SLACK_S)
        else:
            number = len(self.crew)
            logger.info("reload: replacing %d workers one by one%s", number, f"; {why}" if why else "")

    def _abandon_reload(self, failure: Failed) -> None:
        """The new code does not work: those that are left of the old crew stay."""
        if self._settings_before is not None:
            self.settings, self._settings_before = self._settings_before, None
        for member in self.crew:
            member.stale = ""
        logger.error("reload failed: the workers that serve stay\n%s", failure.text)
        status = f"reload failed: {report.last_line(failure.text)}; the old workers are serving"
        self._notifier.ready(status)

    # Upgrade

    def _upgrade(self) -> None:
        """Start a new supervisor beside this one."""
        if self._successor is not None:
            logger.warning("upgrade: one is going on already, with pid %d", self._successor.pid)
            return
        try:
            os.chdir(self._parts.directory)
            self._successor = start_successor([*self._listeners, *self._parts.admin])
        except OSError as error:
            logger.error("upgrade: cannot start %s: %s", sys.executable, error)
            return
        self._notifier.reloading()
        logger.info("upgrade: started a new supervisor with pid %d", self._successor.pid)

    def _hear_successor(self, successor: Successor, now: float) -> None:
        if not successor.read_ready():
            self._successor_failed("it has given up")
            return
        logger.info("upgrade: the new supervisor with pid %d serves; this one leaves", successor.pid)
        self._notifier.main_process(successor.pid)
        successor.close()
        self._successor = Successor(successor.pid, -1)
        self._office.hand_over()
        self._begin_to_stop(stopping.begin_handover(self.settings, now))

    def _successor_failed(self, why: str) -> None:
        if self._successor is not None:
            logger.error("upgrade failed: %s; the workers that serve stay", why)
            self._notifier.ready("upgrade failed; the old workers are serving")
            self._successor.close()
            self._successor = None

    # Stop

    def _stop(self, number: int, now: float) -> None:
        if self.stopping is None:
            self._notifier.stopping(f"stopping on {signal.Signals(number).name}")
            self._begin_to_stop(stopping.begin(number, self.settings, now))
            return
        self.stopping.advance(now, self.settings.graceful_timeout)
        self._press()

    def _begin_to_stop(self, begun: Stopping) -> None:
        self.stopping = begun
        self._look_at = 0.0
        self._press()

    def _go_on_stopping(self, stop: Stopping, now: float) -> None:
        """The steps that time brings, or the workers."""
        if stop.stage is Stage.DELAY and now >= stop.drain_at:
            stop.stage = Stage.SHUT
            self._press()
        accepting = any(member.stats.pulse().accepting for member in self.crew)
        if stop.stage is Stage.SHUT and (not accepting or now >= stop.drain_at + stopping.SHUT_S):
            stop.stage = Stage.DRAIN
            self._press()

    def _press(self) -> None:
        """Give the order of the stage to all that serve; those that do not yet are just ended."""
        stop = self.stopping
        if stop is None:
            return
        if stop.stage is Stage.DELAY:
            self.order(Order.RETIRE)
            return
        for member in self.crew:
            member.kill_at = min(member.kill_at, stop.kill_at)
            if member.state is State.BOOTING:
                send(member.pid, signal.SIGKILL)
        stopping.close_listeners(self._listeners, stop.order)
        orders = {Stage.SHUT: Order.SHUT, Stage.DRAIN: stop.order, Stage.HURRY: Order.HURRY}
        self.order(orders[stop.stage])

    def _end(self) -> int:
        """All workers have ended; the exit code."""
        if self._start_failure is None:
            hooks.try_call("on_exit", self.settings.on_exit)
            logger.info("stopped on %s", self.stopping.cause if self.stopping else "request")
        code = 0
        self._office.close()
        if self._successor is not None and os.getpid() == 1:
            code = follow(self._successor.pid, self._mailbox)
        self._mailbox.give_back_signals()
        self._mailbox.close()
        if self._start_failure is not None:
            raise StartError(self._start_failure)
        return code
