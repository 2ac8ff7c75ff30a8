"""What the settings about developing put around an application, outermost first:

live reload, debugger, error pages (with --dev); record, profile, lint (also without)
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from potstill.dev.debugger import Debugger
from potstill.dev.errors import ErrorPages
from potstill.dev.findings import Findings
from potstill.dev.lint import Lint
from potstill.dev.pages import Pages
from potstill.dev.profile import Profile
from potstill.dev.record import Record
from potstill.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

logger = logging.getLogger("potstill")


def observed(application: WSGIApplication, settings: Settings) -> WSGIApplication:
    """The application under --lint, --profile and --record, as far as they are given.

    Raises MissingExtra, and OSError for a file that cannot be written to.
    """
    if settings.lint:
        application = Lint(application, Findings())
    if settings.profile:
        application = Profile(application, settings.profile, settings.profile_over)
    if settings.record:
        application = Record(application, settings.record)
    return application


def with_pages(application: WSGIApplication, pages: Pages, *, console: bool) -> WSGIApplication:
    """Error pages, with a console in each frame where that is wanted and Werkzeug is installed."""
    shown: WSGIApplication = ErrorPages(application, pages)
    if not console:
        return shown
    try:
        pages.debugger = Debugger(shown)
    except ImportError:
        logger.info("error pages have no console: that needs potstill[dev]")
        return shown
    except ValueError as error:
        logger.warning("error pages have no console: it is not to be had without its PIN (%s)", error)
        return shown
    logger.info("debugger PIN: %s", pages.debugger.pin)
    return pages.debugger
