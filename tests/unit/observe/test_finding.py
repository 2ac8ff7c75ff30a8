"""The address of a server by the number of its process."""

from __future__ import annotations

import os

import pytest

from potstill.observe.finding import NotFoundError, find_addresses, leave_mark


def test_a_mark_says_where_to_ask() -> None:
    mark = leave_mark(["http://127.0.0.1:9000", "unix:/run/x"])
    try:
        assert find_addresses(os.getpid()) == ["http://127.0.0.1:9000", "unix:/run/x"]
    finally:
        os.close(mark)


@pytest.mark.parametrize(("pid", "words"), [(os.getpid(), "--admin"), (2**22 + 1, "there is no process")])
def test_where_there_is_none_it_says_what_to_do(pid: int, words: str) -> None:
    with pytest.raises(NotFoundError, match=words):
        find_addresses(pid)
