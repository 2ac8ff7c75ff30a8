"""Which worker takes a new client."""

from potstill.core.stats import Stats

def judged(stats: Stats, own: int) -> tuple[bool, bool]:
    """For tests: with that load, does the worker carry more than its fair share, and much more?"""
