"""Python files enter the ledger as they are imported.

The import system asks a loader for the state of the source (`path_stats`) just before it reads it, also when
it then takes the compiled file. A loader that notes the path there knows the exact state of what was read:
nothing that is saved later can be taken for it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from typing import Any

from potstill.dev.ledger import Ledger


def note_imports(ledger: Ledger) -> None:
    """From now on, in this process. Finders that were made before are forgotten."""

    class NotingLoader(SourceFileLoader):
        def path_stats(self, path: Any) -> Mapping[str, Any]:
            ledger.note(path)
            return super().path_stats(path)

    hook = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (NotingLoader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )
    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.clear()
