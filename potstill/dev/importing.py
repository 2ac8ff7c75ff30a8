"""Python files enter the ledger as they are imported.

The import system asks a loader for the state of the source (`path_stats`) just before it reads it, also when
it then takes the compiled file. A loader that notes the path there knows the exact state of what was read:
nothing that is saved later can be taken for it.

A compiled file knows the time of its source in whole seconds, so two saves of the same length within one
second look alike to it. A source that was saved just now is therefore compiled anew: without its state, the
import system neither reads nor writes a compiled file.
"""

from __future__ import annotations

import sys
import time
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

# More than the whole second, and what clocks of file systems lag behind.
FRESH_S = 2.0


def note_imports(ledger: Ledger) -> None:
    """From now on, in this process. Finders that were made before are forgotten."""

    class NotingLoader(SourceFileLoader):
        def path_stats(self, path: Any) -> Mapping[str, Any]:
            ledger.note(path)
            found = super().path_stats(path)
            if found["mtime"] > time.time() - FRESH_S:
                raise OSError("too fresh to be told from what is compiled already")
            return found

    hook = FileFinder.path_hook(
        (ExtensionFileLoader, EXTENSION_SUFFIXES),
        (NotingLoader, SOURCE_SUFFIXES),
        (SourcelessFileLoader, BYTECODE_SUFFIXES),
    )
    sys.path_hooks.insert(0, hook)
    sys.path_importer_cache.clear()
