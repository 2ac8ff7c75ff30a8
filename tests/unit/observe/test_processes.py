"""What the kernel says of a process."""

from __future__ import annotations

import os
import time

from potstill.observe.processes import cpu_seconds, resident_bytes

NOBODY = 2**22 + 1  # beyond the largest pid there is


def test_a_process_has_memory_and_has_used_time() -> None:
    assert 1 << 20 < resident_bytes(os.getpid()) < 1 << 40
    assert 0 < cpu_seconds(os.getpid()) <= time.process_time() + 1


def test_of_one_that_is_gone_there_is_nothing() -> None:
    assert resident_bytes(NOBODY) == 0
    assert cpu_seconds(NOBODY) == 0.0
