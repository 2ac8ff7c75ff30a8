"""What a supervisor is made of, and how it fails to start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from potstill.assemble.rates import RateTables
from potstill.assemble.tls import Securities
from potstill.net.bind import Listener
from potstill.settings import Settings
from potstill.supervisor.channel import Failed
from potstill.supervisor.upgrade import Inheritance

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class StartError(Exception):
    """No worker could be started; the text is for the operator."""

    def __init__(self, failure: Failed) -> None:
        super().__init__(failure.text)
        self.fault = failure.fault


@dataclass(frozen=True)
class Parts:
    """All that a supervisor does not make itself."""

    settings: Settings
    listeners: Sequence[Listener]
    reconfigure: Callable[[], Settings]  # raises ConfigurationError
    directory: str  # where the application is looked for, and where an upgrade starts
    securities: Securities = field(default_factory=Securities)
    inheritance: Inheritance | None = None
    application: WSGIApplication | None = None  # preloaded
    rates: RateTables = field(default_factory=RateTables)
    admin: Sequence[Listener] = ()
