"""The command `serve` from the sockets to the exit code: in one process, or as a supervisor of several."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from potstill.assemble import application_of, engine_options, manner_of
from potstill.assemble.access_log import prepare_access_log
from potstill.assemble.tls import LookedAfter, Securities, entrances_of, valid_until, with_schemes
from potstill.core.engine import slots_of
from potstill.core.stats import Stats
from potstill.net.activation import SCHEME, activated
from potstill.net.bind import Listener, open_listeners
from potstill.observe.office import Office
from potstill.settings import BY_FIELD, Settings
from potstill.supervisor.child import Assignment, work
from potstill.supervisor.loop import Supervisor
from potstill.supervisor.notify import Notifier
from potstill.supervisor.parts import Parts
from potstill.supervisor.upgrade import Inheritance, inherit, logical_directory
from potstill.worker.console import LogConfigError, configure_logging, set_up_logging, start_line, tell
from potstill.worker.identity import become, give_away, set_title
from potstill.worker.leave import Leaving
from potstill.worker.mailbox import STOP_SIGNALS, TELLING_SIGNALS
from potstill.worker.process import LAST_CALL_S, Ending, Patience, make_worker
from potstill.worker.sole import Sole
from potstill.worker.warmup import warm_up

if TYPE_CHECKING:
    from potstill.supervisor.program import Program

logger = logging.getLogger("potstill")


def serve_command(
    settings: Settings, reconfigure: Callable[[], Settings], program: Program | None = None
) -> int:
    """Listen, load the application, serve, and return the exit code, in every process that comes of it.

    A `program` has the application, in place of a name for it in the settings; that is for --dev.

    Raises BindError, DeskError, IdentityError, CertificateError, ApplicationNameError,
    ApplicationLoadError, WarmupError, LogConfigError, and, from a supervisor, StartError.
    """
    leaving = Leaving()
    if settings.umask is not None:
        os.umask(settings.umask)
    inheritance = inherit()
    securities = Securities()
    securities.prepare(settings)
    configure_logging(settings.log_config)
    listeners = listen(settings, inheritance)
    admin: list[Listener] = []
    try:
        inherited = inheritance.sockets if inheritance else {}
        admin = open_listeners(settings.admin, manner_of(settings), inherited)
        if settings.dev:
            from potstill.supervisor.desk import refuse_elsewhere

            refuse_elsewhere(settings, listeners)
        files = [each.file.path for each in (*listeners, *admin) if each.file]
        give_away([*files, *log_files(settings)], settings.user, settings.group)
        become(settings.user, settings.group)
        if settings.workers == 0:
            security = securities.of(settings)
            ending: Ending | int | None = serve_alone(settings, listeners, admin, security, leaving)
        else:
            parts = Parts(
                settings, listeners, reconfigure, logical_directory(), securities, inheritance, admin=admin
            )
            ending = supervise(parts, leaving, program)
    finally:
        for listener in (*listeners, *admin):
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
    opened = open_listeners(
        (*addresses, *settings.redirect_http), manner_of(settings), {**passed, **inherited}
    )
    return with_schemes(settings, opened)


def log_files(settings: Settings) -> list[str]:
    """The file of the access log, made while we may; LogConfigError where we may not."""
    try:
        path = prepare_access_log(settings)
    except OSError as error:
        raise LogConfigError(f"--access-log {settings.access_log}: {error.strerror}") from error
    return [path] if path else []


def serve_alone(
    settings: Settings,
    listeners: list[Listener],
    admin: list[Listener],
    security: LookedAfter | None,
    leaving: Leaving,
) -> Ending:
    """One process without a supervisor."""
    set_title(settings.proc_name, "")
    notifier = Notifier(os.environ, os.getpid())
    application = application_of(settings)
    set_up_logging(settings.log_level, form=settings.log_format)
    options = engine_options(settings)
    for line in warm_up(application, settings.warmup, listeners[0].socket, options):
        logger.info("%s", line)
    patience = Patience(settings.graceful_timeout, settings.drain_delay, LAST_CALL_S)
    urls = [listener.url for listener in listeners]
    stats = Stats(slots_of(options))
    worker = make_worker(
        application,
        listeners,
        options,
        patience,
        stats=stats,
        entrances=entrances_of(settings, listeners, security),
        upkeep=security.look if security else None,
    )
    if admin or settings.statsd:
        expiries = security.expiries if security else list
        acts = (worker.ask_to_stop, worker.reopen_logs, lambda: valid_until(expiries()))
        sole = Sole(settings, tuple(urls), stats, *acts)
        worker.keep_office(Office(admin, sole))
    worker.start(signals=(*STOP_SIGNALS, *TELLING_SIGNALS))
    tell(start_line(settings.served, urls, settings.threads))
    notifier.ready(f"serving {settings.served}")
    return worker.serve(afterwards=leaving.now)


def supervise(parts: Parts, leaving: Leaving, program: Program | None = None) -> Ending | int | None:
    """A supervisor and its workers: an exit code for the one, an Ending, if it served, for each other."""
    settings = parts.settings
    set_title(settings.proc_name, "supervisor")
    set_up_logging(settings.log_level, of_many=True, form=settings.log_format)
    if settings.preload:
        from potstill.supervisor.preload import preload

        ours = (listener.socket.fileno() for listener in parts.listeners)
        parts = replace(parts, application=preload(settings, ours))
    outcome = Supervisor(parts).run()
    return work(outcome, leaving, program) if isinstance(outcome, Assignment) else outcome
