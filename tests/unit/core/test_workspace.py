"""The output buffer of an engine thread, and the Date field."""

from __future__ import annotations

import locale
import time
from email.utils import formatdate, parsedate_to_datetime

import pytest

from potstill.core.workspace import WorkspaceFace


def test_what_is_put_is_taken_in_order() -> None:
    workspace = WorkspaceFace()
    workspace.put(b"one ")
    workspace.put(b"")
    workspace.put(b"two\x00")
    assert workspace.take() == b"one two\x00"
    assert workspace.take() == b""


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 1_000_000])
def test_it_grows_by_doubling_and_keeps_what_it_holds(size: int) -> None:
    workspace = WorkspaceFace()
    before = workspace.capacity
    workspace.put(b"begin")
    workspace.put(b"x" * size)
    workspace.put(b"end")
    assert workspace.take() == b"begin" + b"x" * size + b"end"
    assert workspace.capacity >= size + 8
    assert workspace.capacity % before == 0
    assert workspace.capacity <= max(before, 2 * (size + 8))


def test_the_room_stays_for_the_next_answer() -> None:
    workspace = WorkspaceFace()
    workspace.put(bytes(300_000))
    workspace.take()
    capacity = workspace.capacity
    workspace.put(bytes(300_000))
    assert workspace.capacity == capacity


TICK_S = 0.01  # of the slowest kernels, CONFIG_HZ=100


def test_the_date_is_an_imf_fixdate_of_now() -> None:
    """RFC 9110 section 5.6.7, in GMT; told again it is the same or a later second."""
    workspace = WorkspaceFace()
    # A clock that is a tick of the kernel behind may still be in the second before.
    before = int(time.time() - TICK_S)
    workspace.put_date()
    line = workspace.take().decode("ascii")
    after = int(time.time())
    assert line.startswith("Date: ")
    assert line.endswith(" GMT\r\n")
    said = int(parsedate_to_datetime(line[6:-2]).timestamp())
    assert before <= said <= after
    assert line[6:-2] == formatdate(said, usegmt=True)


def test_the_date_does_not_know_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of days and months are English, whatever strftime would say, and GMT is not the zone of TZ."""
    others = [name for name in ("de_DE.UTF-8", "fr_FR.UTF-8", "ja_JP.UTF-8", "C") if set_locale(name)]
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert others
        workspace = WorkspaceFace()
        workspace.put_date()
        line = workspace.take().decode("ascii")
        assert abs(parsedate_to_datetime(line[6:-2]).timestamp() - time.time()) < 2
    finally:
        locale.setlocale(locale.LC_TIME, "C")
        monkeypatch.delenv("TZ")
        time.tzset()


def set_locale(name: str) -> bool:
    """Whether the system has it; it is the process's locale then."""
    try:
        locale.setlocale(locale.LC_TIME, name)
    except locale.Error:
        return False
    return True
