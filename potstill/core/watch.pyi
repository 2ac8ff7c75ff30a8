"""The watch, which decides how many threads may be awake; the server uses the C-level face (watch.pxd)."""

from potstill.core.stats import Stats

def judged(
    threads: int, target: int, computing: int, percent: int = 100, waiting: bool = False, calm_ticks: int = 0
) -> int:
    """For tests: the target after a window of a hundred ticks.

    At `computing` of them somebody computed; `percent` of a processor was used; `waiting`: work waited at
    each tick, else at half of them; `calm_ticks` is for how many ticks none did.
    """

def ticked(stats: Stats, target: int, computing: bool, waits: bool = True, awake: int = 0) -> list[int]:
    """For tests: the target after each of twenty ticks in which no turn ends.

    `stats` says who works, `computing` whether one of them computes, `waits` whether a request waits;
    `awake` threads are, or as many as `target` says.
    """

def runs(thread_id: int) -> bool:
    """For tests: whether the kernel says of that thread of this process that it runs, or would."""
