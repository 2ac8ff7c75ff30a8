"""Compressors for the content codings gzip, br and zstd, behind two methods.

gzip is Python's own zlib; br and zstd come with the extra `potstill[fast]` and are imported when they are
first asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

# The levels that web servers use for what is made on the fly: most of the gain for a fraction of the time.
GZIP_LEVEL, BROTLI_QUALITY, ZSTD_LEVEL = 6, 4, 3
GZIP_WINDOW = 16 + zlib.MAX_WBITS  # 16: with the gzip wrapper

# The packages of the extra, by coding.
PACKAGES = {"zstd": "zstandard", "br": "brotli"}
CODINGS = ("zstd", "br", "gzip")


class Compressor(Protocol):
    """One body being compressed."""

    def block(self, data: bytes) -> bytes:
        """What can be sent so that the other side can read all of `data`."""

    def end(self, data: bytes = b"") -> bytes:
        """The rest, `data` included."""


class Gzip:
    def __init__(self) -> None:
        self._object = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)

    def block(self, data: bytes) -> bytes:
        return self._object.compress(data) + self._object.flush(zlib.Z_SYNC_FLUSH)

    def end(self, data: bytes = b"") -> bytes:
        return self._object.compress(data) + self._object.flush()


class Brotli:
    def __init__(self, module: Any) -> None:
        self._object = module.Compressor(quality=BROTLI_QUALITY)

    def block(self, data: bytes) -> bytes:
        return self._object.process(data) + self._object.flush()  # type: ignore[no-any-return]

    def end(self, data: bytes = b"") -> bytes:
        return self._object.process(data) + self._object.finish()  # type: ignore[no-any-return]


class Zstandard:
    def __init__(self, module: Any) -> None:
        self._object = module.ZstdCompressor(level=ZSTD_LEVEL).compressobj()
        self._flush_block = module.COMPRESSOBJ_FLUSH_BLOCK

    def block(self, data: bytes) -> bytes:
        return self._object.compress(data) + self._object.flush(self._flush_block)  # type: ignore[no-any-return]

    def end(self, data: bytes = b"") -> bytes:
        return self._object.compress(data) + self._object.flush()  # type: ignore[no-any-return]


def available() -> tuple[str, ...]:
    """The codings that can be made here, the best first."""
    return tuple(coding for coding in CODINGS if coding == "gzip" or find_spec(PACKAGES[coding]))


def maker(coding: str) -> Callable[[], Compressor]:
    """What makes compressors of a coding.

    Raises ValueError for an unknown coding, and ImportError, with what to install, for a missing package.
    """
    if coding == "gzip":
        return Gzip
    if coding not in PACKAGES:
        raise ValueError(f"compression: {coding!r} is not one of {', '.join(CODINGS)}")
    try:
        module = import_module(PACKAGES[coding])
    except ImportError as error:
        raise ImportError(
            f"the content coding {coding} needs {PACKAGES[coding]}; `pip install 'potstill[fast]'` brings it"
        ) from error
    wrapped = Brotli if coding == "br" else Zstandard
    return lambda: wrapped(module)
