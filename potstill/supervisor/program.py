"""A worker whose application is made by a program: a file that ends by calling `run_simple`.

The worker runs the program, and the program's own call is what serves: it finds that it is inside a worker,
gives its application to that, and returns when the worker is to end. So whatever the program does before and
after happens as its author wrote it, within `with` blocks and all.
"""

from __future__ import annotations

import os
import runpy
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

import msgspec

from potstill.assemble import failed
from potstill.supervisor.child import Assignment, attend, begin
from potstill.supervisor.desk import Desk
from potstill.worker.leave import Leaving
from potstill.worker.process import Ending

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Serve(Protocol):
    """Serves the application to the end of the worker. `pages`: with error pages; `console`: and consoles."""

    def __call__(self, application: WSGIApplication, *, pages: bool, console: bool) -> None: ...


# What `run_simple` calls when it is called inside a worker.
SERVE: ContextVar[Serve | None] = ContextVar("potstill.serve", default=None)


class Program(msgspec.Struct, frozen=True):
    """A file or a module, as it was started."""

    file: str
    module: str  # empty: the file
    arguments: tuple[str, ...]

    def run(self) -> None:
        """As `python FILE ARGUMENTS` or `python -m MODULE ARGUMENTS` does; raises what it raises."""
        sys.argv = [self.file, *self.arguments]
        sys.path[0] = os.getcwd() if self.module else os.path.dirname(self.file)
        if self.module:
            runpy.run_module(self.module, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(self.file, run_name="__main__")


def work_in_program(assignment: Assignment, leaving: Leaving, program: Program) -> Ending | None:
    """Run the program, which serves; or serve the page that says why it did not come to that."""
    desk = Desk(assignment)
    desk.ledger.note(program.file)
    ending: Ending | None = None

    def serve(application: WSGIApplication, *, pages: bool, console: bool) -> None:
        nonlocal ending
        worker = begin(assignment, desk.loaded(application, pages=pages, console=console))
        ending = attend(assignment, worker, leaving)

    SERVE.set(serve)
    text, error = "the program has ended without calling run_simple()", None
    if assignment.failure is not None:
        text = assignment.failure.text
    else:
        try:
            program.run()
        except KeyboardInterrupt:
            raise
        except BaseException as raised:
            if ending is not None:
                raise
            text, error = str(failed(raised)), raised
    if ending is None:
        ending = attend(assignment, begin(assignment, desk.broken(text, error)), leaving)
    return ending
