"""What `--dev` adds to the reload: who asks for it, and what becomes of workers with old code.

The worker watches the files that it has read and reports a change; the supervisor then does what it does on
SIGHUP, with two differences. Workers of old code take no new clients from that moment on, so whoever asks
waits for the new one. And a worker always comes: one whose application cannot be loaded serves a page that
says why, and goes on watching.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from potstill.assemble import ApplicationLoadError, ApplicationNameError, SitesError, application_of
from potstill.dev.broken import Broken
from potstill.dev.importing import note_imports
from potstill.dev.ledger import Ledger
from potstill.dev.live import LiveReload
from potstill.dev.visitors import away_from_desk
from potstill.dev.watcher import SAVING_MAX_S, Watcher
from potstill.dev.wrapping import pages_of, with_pages
from potstill.net.bind import Listener
from potstill.settings import Settings
from potstill.supervisor.channel import Changed
from potstill.supervisor.crew import Member, State
from potstill.supervisor.reaping import send
from potstill.worker.console import set_up_logging
from potstill.worker.mailbox import Order

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from potstill.supervisor.child import Assignment

logger = logging.getLogger("potstill")

# How many of the changed files are told; a checkout of another branch changes thousands.
PATHS_TOLD = 20
# What frameworks ask whether they are being developed with.
DEBUG_VARIABLES = ("FLASK_DEBUG",)


class DeskError(Exception):
    """--dev as it was asked for is refused; the text is for whoever asked."""


def refuse_elsewhere(settings: Settings, listeners: Sequence[Listener]) -> None:
    """DeskError when others than this machine's clients could reach the debugger."""
    address = away_from_desk(listener.socket for listener in listeners) if settings.debugger else ""
    if address:
        raise DeskError(
            f"--dev is refused at {address}: its error pages show values and run code for whoever reaches "
            "them. Bind it to 127.0.0.1, or give --no-debugger for pages with the traceback alone"
        )


def make_way(crew: Sequence[Member], kill_at: float) -> None:
    """The code of these workers has changed: nobody who comes now is to be answered by it.

    One that boots is told by SIGTERM, which ends it there and then; but one that has begun to serve and whose
    word of it has not arrived yet, it lets finish what it has accepted.
    """
    for member in crew:
        if member.state is State.BOOTING:
            member.state, member.superseded, member.kill_at = State.ABORTED, True, kill_at
            send(member.pid, signal.SIGTERM)
        elif member.state is State.READY:
            member.channel.order(Order.SHUT)


def application_at_desk(assignment: Assignment) -> WSGIApplication:
    """The application, being watched from before it is loaded; or the page that says why there is none."""
    settings = assignment.settings
    for variable in DEBUG_VARIABLES:
        os.environ.setdefault(variable, "1")
    ledger = Ledger(assignment.directory, settings.reload_include, settings.reload_exclude)
    note_imports(ledger)

    changed = threading.Event()

    def report(paths: list[str]) -> None:
        changed.set()
        assignment.channel.report(Changed(tuple(paths[:PATHS_TOLD])))

    watcher = Watcher(ledger, report, settings.reload_by)
    watcher.start()
    pages = pages_of(settings)
    application: WSGIApplication | None = None
    failure: BaseException | None = None
    if assignment.failure is None:
        try:
            application = application_of(settings, rates=assignment.rates)
        except (ApplicationNameError, ApplicationLoadError, SitesError) as error:
            failure = error
    set_up_logging(settings.log_level, of_many=True)
    ledger.note_modules()
    if application is None:
        if (
            ledger.changed()
        ):  # half a file was read while it was being saved: the supervisor ends this process
            threading.Event().wait(SAVING_MAX_S)
        ledger.expect_new_files()
        text = assignment.failure.text if assignment.failure else str(failure)
        name = settings.served
        logger.error("%s cannot be loaded; its address says so until a file is saved\n%s", name, text)
        application = Broken(name, text, failure.__cause__ if failure else None, pages)
    application = with_pages(application, pages, console=settings.debugger)
    return LiveReload(application, changed) if settings.live_reload else application
