"""The watch, which decides how many threads may be awake; the server uses the C-level face (watch.pxd)."""

from potstill.core.stats import Stats

def judged(threads: int, target: int, percent: int, always_waiting: bool = False, calm_ticks: int = 0) -> int:
    """For tests: the target after a window in which `percent` of a processor was used.

    `always_waiting` says that a request waited at every tick of it, `calm_ticks` for how many ticks none did.
    """

def ticked(stats: Stats, target: int, percent: int, waits: bool = True, awake: int = 0) -> list[int]:
    """For tests: the target after each of twenty ticks in which no exchange ends.

    `stats` says who is inside the application, `percent` how much of a processor was used, `waits` whether a
    request stands in line; `awake` threads are, or as many as `target` says.
    """
