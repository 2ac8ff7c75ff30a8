"""The command `serve` from the sockets to the exit code: in one process, or as a supervisor of several."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from potstill.assemble import application_of, engine_options, manner_of
from potstill.net.activation import SCHEME, activated
from potstill.net.bind import Listener, open_listeners
from potstill.settings import BY_FIELD, Settings
from potstill.supervisor.child import Assignment, work
from potstill.supervisor.loop import Parts, Supervisor
from potstill.supervisor.notify import Notifier
from potstill.supervisor.upgrade import Inheritance, inherit, logical_directory
from potstill.worker.console import set_up_logging, start_line, tell
from potstill.worker.identity import become, give_away, set_title
from potstill.worker.leave import Leaving
from potstill.worker.mailbox import STOP_SIGNALS, TELLING_SIGNALS
from potstill.worker.process import LAST_CALL_S, Ending, Patience, make_worker
from potstill.worker.warmup import warm_up

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from potstill.supervisor.program import Program

logger = logging.getLogger("potstill")


def serve_command(
    settings: Settings, reconfigure: Callable[[], Settings], program: Program | None = None
) -> int:
    """Listen, load the application, serve, and return the exit code, in every process that comes of it.

    A `program` has the application, in place of a name for it in the settings; that is for --dev.

    Raises BindError, DeskError, IdentityError, ApplicationNameError, ApplicationLoadError, WarmupError, and,
    from a supervisor, StartError.
    """
    leaving = Leaving()
    # Before anything is forked, so that workers share it, and while we may read what another user may not.
    importlib.import_module("potstill.core.engine")
    if settings.umask is not None:
        os.umask(settings.umask)
    inheritance = inherit()
    listeners = listen(settings, inheritance)
    try:
        if settings.dev:
            from potstill.supervisor.desk import refuse_elsewhere

            refuse_elsewhere(settings, listeners)
        give_away([each.file.path for each in listeners if each.file], settings.user, settings.group)
        become(settings.user, settings.group)
        if settings.workers == 0:
            ending: Ending | int | None = serve_alone(settings, listeners, leaving)
        else:
            ending = supervise(settings, listeners, reconfigure, inheritance, leaving, program)
    finally:
        for listener in listeners:
            listener.close()
    if isinstance(ending, int):
        return ending
    if ending is not None:
        leaving.arm(stuck=bool(ending.stuck), patience_s=ending.time_left_s)
    return 0


def listen(settings: Settings, inheritance: Inheritance | None) -> list[Listener]:
    """The sockets: handed over by an old supervisor, passed by the init system, or opened here."""
    addresses: Sequence[str] = settings.bind
    inherited = dict(inheritance.sockets) if inheritance else {}
    passed = activated(os.environ, os.getpid())
    if (passed or SCHEME in inherited) and settings.bind == BY_FIELD["bind"].default:
        addresses = (SCHEME,)
    return open_listeners(addresses, manner_of(settings), {**passed, **inherited})


def serve_alone(settings: Settings, listeners: list[Listener], leaving: Leaving) -> Ending:
    """One process without a supervisor."""
    set_title(settings.proc_name, "")
    notifier = Notifier(os.environ, os.getpid())
    application = application_of(settings)
    set_up_logging(settings.log_level)
    options = engine_options(settings)
    for line in warm_up(application, settings.warmup, listeners[0].socket, options):
        logger.info("%s", line)
    patience = Patience(settings.graceful_timeout, settings.drain_delay, LAST_CALL_S)
    urls = [listener.url for listener in listeners]
    worker = make_worker(application, listeners, options, patience)
    worker.start(signals=(*STOP_SIGNALS, *TELLING_SIGNALS))
    tell(start_line(settings.served, urls, settings.threads))
    notifier.ready(f"serving {settings.served}")
    return worker.serve(afterwards=leaving.now)


def supervise(
    settings: Settings,
    listeners: list[Listener],
    reconfigure: Callable[[], Settings],
    inheritance: Inheritance | None,
    leaving: Leaving,
    program: Program | None = None,
) -> Ending | int | None:
    """A supervisor and its workers: an exit code for the one, an Ending, if it served, for each other."""
    set_title(settings.proc_name, "supervisor")
    set_up_logging(settings.log_level, of_many=True)
    application: WSGIApplication | None = None
    if settings.preload:
        from potstill.supervisor.preload import preload

        application = preload(settings, (listener.socket.fileno() for listener in listeners))
    parts = Parts(settings, listeners, reconfigure, logical_directory(), application, inheritance)
    outcome = Supervisor(parts).run()
    return work(outcome, leaving, program) if isinstance(outcome, Assignment) else outcome
