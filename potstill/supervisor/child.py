"""The life of a worker, from the fork to its end; everything here runs in the worker.

Its steps: be a process of its own, load the application, warm up, serve, go. What goes wrong before it serves
is reported to the supervisor, which is the one that tells the operator.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from potstill.assemble import (
    ApplicationLoadError,
    ApplicationNameError,
    SitesError,
    application_of,
    engine_options,
    failed,
)
from potstill.assemble.rates import RateTables
from potstill.assemble.tls import LookedAfter, entrances_of
from potstill.core.stats import Stats
from potstill.net.bind import Listener
from potstill.settings import Settings
from potstill.supervisor import hooks
from potstill.supervisor.channel import Channel, Failed, Fault, Ready, Stacks
from potstill.worker.console import LogConfigError, configure_logging, forget_logging, set_up_logging
from potstill.worker.identity import IdentityError, set_title
from potstill.worker.leave import Leaving
from potstill.worker.process import LAST_CALL_S, Ending, Patience, Worker, make_worker
from potstill.worker.sole import stacks
from potstill.worker.warmup import WarmupError, warm_up

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from potstill.supervisor.program import Program

logger = logging.getLogger("potstill")

STANDARD_ERROR = 2
# A browser keeps connections in store on which it has not asked yet. What it asks a while after a save is
# for the new code.
LAST_CALL_AT_DESK_S = 0.25


@dataclass(frozen=True)
class Assignment:
    """What a worker is forked for."""

    number: int
    settings: Settings
    listeners: Sequence[Listener]
    channel: Channel
    stats: Stats
    directory: str  # where the application is looked for
    application: WSGIApplication | None  # preloaded
    rates: RateTables
    security: LookedAfter | None = None  # what ends TLS
    failure: Failed | None = None  # at the desk: what became of the worker before


def work(assignment: Assignment, leaving: Leaving, program: Program | None = None) -> Ending | None:
    """The whole life; None when it could not serve, which has been reported.

    A `program` makes the application and serves it by calling `run_simple`, at the desk.
    """
    channel = assignment.channel
    # For SIGABRT, by which the supervisor ends a worker that is stuck, and for crashes.
    faulthandler.enable(STANDARD_ERROR)
    try:
        settle(assignment)
        if program is not None:
            from potstill.supervisor.program import work_in_program

            return work_in_program(assignment, leaving, program)
        worker = begin(assignment, application_for(assignment))
    except (ApplicationNameError, SitesError) as error:
        channel.report(Failed(Fault.NAME, str(error)))
        return None
    except (ApplicationLoadError, WarmupError, IdentityError, LogConfigError) as error:
        channel.report(Failed(Fault.RAISED, str(error)))
        return None
    except OSError as error:
        channel.report(Failed(Fault.RAISED, f"the worker cannot be set up: {error}"))
        return None
    return attend(assignment, worker, leaving)


def settle(assignment: Assignment) -> None:
    """Be a process of its own, that may load an application. Raises what `work` reports."""
    settings, number = assignment.settings, assignment.number
    os.chdir(assignment.directory)
    set_title(settings.proc_name, f"worker {number}")
    forget_logging()
    configure_logging(settings.log_config)
    if assignment.failure is None:
        hooks.call(settings.post_fork, number)


def application_for(assignment: Assignment) -> WSGIApplication:
    settings = assignment.settings
    if settings.dev:
        from potstill.supervisor.desk import application_at_desk

        return application_at_desk(assignment)
    return assignment.application or application_of(settings, rates=assignment.rates)


def begin(assignment: Assignment, application: WSGIApplication) -> Worker:
    """A worker that accepts connections. Raises what `work` reports."""
    settings, number = assignment.settings, assignment.number
    set_up_logging(settings.log_level, of_many=True, form=settings.log_format)
    options = engine_options(settings)
    paths = settings.warmup if assignment.failure is None else ()
    try:
        for line in warm_up(application, paths, assignment.listeners[0].socket, options):
            logger.info("worker %d: %s", number, line)
    except (WarmupError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise failed(error) from error
    replaced_s = LAST_CALL_AT_DESK_S if settings.dev else None
    security = assignment.security
    worker = make_worker(
        application,
        assignment.listeners,
        options,
        # A delay is the supervisor's business.
        Patience(settings.graceful_timeout, 0.0, LAST_CALL_S, replaced_s),
        stats=assignment.stats,
        entrances=entrances_of(settings, assignment.listeners, security),
        # What it finds, the supervisor has found too, and has told.
        upkeep=partial(security.look, quiet=True) if security else None,
    )
    channel = assignment.channel
    worker.obey(channel.fileno(), lambda: channel.report(Stacks(stacks())))
    worker.start(signals=(signal.SIGTERM,))
    hooks.try_call("worker_ready", settings.worker_ready, number)  # it serves already
    return worker


def attend(assignment: Assignment, worker: Worker, leaving: Leaving) -> Ending:
    """Serve to the end."""
    assignment.channel.report(Ready())
    ending = worker.serve(afterwards=leaving.now)
    hooks.try_call("worker_exit", assignment.settings.worker_exit, assignment.number)
    return ending
