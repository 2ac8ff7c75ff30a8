"""Werkzeug's interactive debugger, for clients at this desk.

Its page comes in place of ours when it is installed. What the page asks for (`?__debugger__=yes`: its styles,
its PIN, its consoles) is answered by Werkzeug's own code, which wants the secret of the page and the PIN from
the log; this class stands before it and lets only clients at this desk through.

A debugger without a PIN (WERKZEUG_DEBUG_PIN=off) is refused: on a shared machine everybody is on loopback.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from potstill.dev.facts import is_ours
from potstill.dev.visitors import at_desk

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

QUESTION = "__debugger__"
# Each keeps all that its variables hold; consoles of older pages are closed.
FRAMES_MAX = 500
# By the first, Flask hands over what makes `request` work in a console; the second is where we find it again.
PRESERVE, CONTEXTS = "werkzeug.debug.preserve_context", "potstill.debug.contexts"
LOCAL_NAMES = [".localhost", "127.0.0.1", "[::1]"]


class Debugger:
    """Raises ImportError where Werkzeug is not installed, and ValueError where its PIN is switched off."""

    def __init__(self, application: WSGIApplication) -> None:
        from werkzeug.debug import DebuggedApplication

        self._application = application
        # The address of a console without an error, /console, is the application's own business.
        self._werkzeug = DebuggedApplication(application, evalex=True, console_path="", pin_logging=False)
        self._werkzeug.trusted_hosts = LOCAL_NAMES
        if self._werkzeug.pin is None:
            raise ValueError("WERKZEUG_DEBUG_PIN=off")

    @property
    def pin(self) -> str:
        """What whoever opens a console is asked for."""
        return str(self._werkzeug.pin)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """The application, or an answer to the page of an error."""
        asked = QUESTION in str(environ.get("QUERY_STRING", "")) and parse_qs(environ["QUERY_STRING"])
        if asked and asked.get(QUESTION) == ["yes"] and at_desk(environ):
            answer: Iterable[bytes] = self._werkzeug(environ, start_response)
            return answer
        contexts: list[Any] = []
        environ[PRESERVE], environ[CONTEXTS] = contexts.append, contexts
        return self._application(environ, start_response)

    def page(self, error: Exception, environ: Mapping[str, Any]) -> str:
        """The page of an exception, whose frames are kept for its consoles."""
        from werkzeug.debug.tbtools import DebugTraceback

        trace = DebugTraceback(error, skip=frames_of_ours(error), hide=True)
        for frame in trace.all_frames:
            self._werkzeug.frames[id(frame)] = frame
            self._werkzeug.frame_contexts[id(frame)] = environ.get(CONTEXTS, [])
        for oldest in list(self._werkzeug.frames)[:-FRAMES_MAX]:
            self._werkzeug.frames.pop(oldest, None)
            self._werkzeug.frame_contexts.pop(oldest, None)
        page: str = trace.render_debugger_html(
            evalex=True,
            secret=self._werkzeug.secret,
            evalex_trusted=bool(self._werkzeug.check_pin_trust(dict(environ))),
        )
        return page


def frames_of_ours(error: BaseException) -> int:
    """How many frames at the top of the traceback are this server's and the import system's."""
    number, trace = 0, error.__traceback__
    while trace is not None and is_ours(trace.tb_frame.f_code.co_filename):
        number, trace = number + 1, trace.tb_next
    return number if trace is not None else 0
