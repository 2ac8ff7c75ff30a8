"""wsgi.file_wrapper by itself; how it is sent is in test_response_files.py."""

from __future__ import annotations

import io

from potstill.core.file_wrapper import FileWrapper


def test_it_is_read_block_by_block_to_its_end() -> None:
    assert list(FileWrapper(io.BytesIO(b"abcdefg"), 3)) == [b"abc", b"def", b"g"]


def test_it_closes_what_can_be_closed() -> None:
    file = io.BytesIO()
    FileWrapper(file).close()
    assert file.closed
