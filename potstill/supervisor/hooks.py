"""Functions of the user that are called at moments in the life of the processes.

A hook is named `module:function`. Those of the workers are loaded in the worker, so a reload brings their new
code; those of the supervisor are loaded in the supervisor, where nothing of the application is otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from potstill.assemble import ApplicationLoadError, ApplicationNameError, failed, load_object

logger = logging.getLogger("potstill")


def load_hook(reference: str) -> Callable[..., object]:
    """The function of that name.

    Raises ApplicationNameError when there is none, ApplicationLoadError when its module raises.
    """
    function = load_object(reference)
    if not callable(function):
        raise ApplicationNameError(
            f"the hook {reference} cannot be called: it is a {type(function).__name__}"
        )
    return function  # type: ignore[no-any-return]


def call(reference: str, *arguments: object) -> None:
    """Load and call the hook, if there is one. Raises as `load_hook`, and for a hook that raises."""
    if not reference:
        return
    function = load_hook(reference)
    try:
        function(*arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise failed(error) from error


def try_call(name: str, reference: str, *arguments: object) -> None:
    """The same at a moment when nothing can be called off any more: a failure is logged."""
    try:
        call(reference, *arguments)
    except (ApplicationNameError, ApplicationLoadError) as error:
        logger.error("the hook %s failed: %s", name, error)
