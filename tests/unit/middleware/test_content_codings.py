"""The compressors: what they make can be read, also when it has only half arrived."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import brotli
import pytest
import zstandard

from potstill.middleware.content_codings import CODINGS, available, maker

BLOCKS = [b"the first block", b"x" * 100_000, b"a", b"the last one"]


def decompressor(coding: str) -> Callable[[bytes], bytes]:
    """Something that gives at once all that can be read of what has come so far."""
    if coding == "gzip":
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress
    if coding == "br":
        return partial(drained, brotli.Decompressor())
    return zstandard.ZstdDecompressor().decompressobj().decompress


def drained(decompressor: Any, data: bytes) -> bytes:
    """brotli's gives 32 KiB at a time."""
    blocks = [decompressor.process(data)]
    while blocks[-1]:
        blocks.append(decompressor.process(b""))
    return b"".join(blocks)


@pytest.mark.parametrize("coding", CODINGS)
def test_each_block_can_be_read_at_once(coding: str) -> None:
    """Whoever reads as it comes has every block as soon as it was sent."""
    compressor, read = maker(coding)(), decompressor(coding)
    for block in BLOCKS[:-1]:
        assert read(compressor.block(block)) == block
    assert read(compressor.end(BLOCKS[-1])) == BLOCKS[-1]


@pytest.mark.parametrize("coding", CODINGS)
def test_a_whole_body(coding: str) -> None:
    """In one go, also when it is empty."""
    for body in (b"".join(BLOCKS), b""):
        compressed = maker(coding)().end(body)
        assert decompressor(coding)(compressed) == body
    assert len(maker(coding)().end(b"x" * 10_000)) < 200


def test_gzip_is_what_gunzip_reads() -> None:
    """With header and checksum."""
    assert gzip.decompress(maker("gzip")().end(b"hello")) == b"hello"


def test_what_is_not_installed_says_what_would_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra, by its name."""
    for coding, package in (("br", "brotli"), ("zstd", "zstandard")):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            with pytest.raises(ImportError, match=rf"{coding} needs {package}; .*potstill\[fast\]"):
                maker(coding)


def test_an_unknown_coding_is_refused() -> None:
    """With those there are."""
    with pytest.raises(ValueError, match="'deflate' is not one of zstd, br, gzip"):
        maker("deflate")


def test_what_is_available_depends_on_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """gzip always is."""
    assert available() == ("zstd", "br", "gzip")
    module: Any = sys.modules["potstill.middleware.content_codings"]
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert available() == ("gzip",)
