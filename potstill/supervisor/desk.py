"""A worker at the desk (`--dev`): it watches the files that it has read, and tells its supervisor.

A worker whose application cannot be loaded serves a page that says why, and goes on watching.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from potstill.assemble import ApplicationLoadError, ApplicationNameError, SitesError, application_of
from potstill.dev.broken import Broken
from potstill.dev.importing import note_imports
from potstill.dev.ledger import Ledger
from potstill.dev.live import LiveReload
from potstill.dev.pages import Pages
from potstill.dev.visitors import away_from_desk
from potstill.dev.watcher import SAVING_MAX_S, Watcher
from potstill.dev.wrapping import with_pages
from potstill.net.bind import Listener
from potstill.settings import Settings
from potstill.supervisor.channel import Changed
from potstill.supervisor.haste import DeskError
from potstill.worker.console import set_up_logging

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from potstill.supervisor.child import Assignment

logger = logging.getLogger("potstill")

# Between the two steps of a save.
HALF_SAVED_S = 0.05
# How many of the changed files are told; a checkout of another branch changes thousands.
PATHS_TOLD = 20
# What frameworks ask whether they are being developed with.
DEBUG_VARIABLES = ("FLASK_DEBUG",)


def refuse_elsewhere(settings: Settings, listeners: Sequence[Listener]) -> None:
    """DeskError when others than this machine's clients could reach the debugger."""
    address = away_from_desk(listener.socket for listener in listeners) if settings.debugger else ""
    if address:
        raise DeskError(
            f"--dev is refused at {address}: its error pages show values and run code for whoever reaches "
            "them. Bind it to 127.0.0.1, or give --no-debugger for pages with the traceback alone"
        )


class Desk:
    """What stands around the application of one worker; made before that is loaded, to watch its files."""

    def __init__(self, assignment: Assignment) -> None:
        settings = assignment.settings
        for variable in DEBUG_VARIABLES:
            os.environ.setdefault(variable, "1")
        self._assignment = assignment
        self._settings = settings
        self._changed = threading.Event()
        self.pages = Pages(values=settings.debugger)
        self.ledger = Ledger(assignment.directory, settings.reload_include, settings.reload_exclude)
        note_imports(self.ledger)
        Watcher(self.ledger, self._report, settings.reload_by).start()

    def loaded(self, application: WSGIApplication, *, console: bool, pages: bool = True) -> WSGIApplication:
        """The application with what goes around it."""
        self.ledger.note_modules()
        set_up_logging(self._settings.log_level, of_many=True, form=self._settings.log_format)
        if pages:
            application = with_pages(application, self.pages, console=console)
        return LiveReload(application, self._changed) if self._settings.live_reload else application

    def broken(self, text: str, error: BaseException | None) -> WSGIApplication:
        """The page in place of an application that cannot be loaded."""
        self.ledger.note_modules()
        # Half a file may have been read, between the emptying and the filling of a save.
        threading.Event().wait(HALF_SAVED_S)
        if self.ledger.changed():
            threading.Event().wait(SAVING_MAX_S)  # the supervisor is about to end this process
        self.ledger.expect_new_files()
        set_up_logging(self._settings.log_level, of_many=True, form=self._settings.log_format)
        name = self._settings.served
        logger.error("%s cannot be loaded; its address says so until a file is saved\n%s", name, text)
        application = Broken(name, text, error, self.pages)
        return self.loaded(application, console=self._settings.debugger)

    def _report(self, paths: list[str]) -> None:
        self._changed.set()
        self._assignment.channel.report(Changed(tuple(paths[:PATHS_TOLD])))


def application_at_desk(assignment: Assignment) -> WSGIApplication:
    """The application, being watched from before it is loaded; or the page that says why there is none."""
    desk, settings = Desk(assignment), assignment.settings
    if assignment.failure is not None:
        return desk.broken(assignment.failure.text, None)
    try:
        application = application_of(settings, rates=assignment.rates)
    except (ApplicationNameError, ApplicationLoadError, SitesError) as error:
        return desk.broken(str(error), error.__cause__)
    return desk.loaded(application, console=settings.debugger)
