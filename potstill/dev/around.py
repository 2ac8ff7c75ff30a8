"""An answer's blocks, held by somebody who stands between the application and the server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class Around:
    """Passes close() on, as PEP 3333 asks of whoever returns another iterable than the application's."""

    def __init__(self, blocks: Iterable[Any]) -> None:
        self._blocks = blocks

    def close(self) -> None:
        close = getattr(self._blocks, "close", None)
        if close is not None:
            close()
