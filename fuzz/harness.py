"""What all fuzzers share: the corpus, mutations of it, and hypothesis running against the clock.

A run first replays the corpus, then lets hypothesis make inputs until the time is over: half of them corpus
entries that were cut, spliced and spiked, half of them built by the target's own grammar. An input that fails
is made smaller, written to the corpus, and ends the run with exit code 1. The input at hand is always in
inputs/<target>, so that it is there as well when the process does not survive it.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

HERE = Path(__file__).resolve().parent
# Examples in one go of hypothesis: enough for its own guidance, little enough to look at the clock in
# between.
ROUND_EXAMPLES = 500


@dataclass(frozen=True)
class Target:
    """What is fuzzed: `check(data, cuts)` raises AssertionError where a promise is broken.

    `cuts` are random numbers from 0 to 1: where to cut the input, as parts of its length. `built` makes
    inputs by a grammar, `spikes` are the bytes that matter to it, `linear` is checked once in a run.
    """

    name: str
    check: Callable[[bytes, Sequence[float]], None]
    built: st.SearchStrategy[bytes]
    spikes: Sequence[bytes]
    linear: Callable[[], None] | None = None

    @property
    def corpus(self) -> Path:
        return HERE / "corpus" / self.name


def main(target: Target, argv: Sequence[str] | None = None) -> int:
    """Runs one fuzzer from the command line; the exit code."""
    parser = argparse.ArgumentParser(description=f"Fuzzes {target.name}.")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to look for trouble")
    parser.add_argument("--seed", type=int, default=None, help="where to begin; the clock decides otherwise")
    options = parser.parse_args(argv)
    first_seed = time.time_ns() if options.seed is None else options.seed
    return 0 if fuzz(target, options.seconds, first_seed) else 1


def fuzz(target: Target, seconds: float, first_seed: int) -> bool:
    """Whether all went well; says what it did on standard output."""
    ends = time.monotonic() + seconds
    corpus = [path.read_bytes() for path in sorted(target.corpus.iterdir())]
    examined = Examined(target)
    print(f"{target.name}: {len(corpus)} corpus entries, seed {first_seed}", flush=True)
    try:
        for data in corpus:
            examined(data, ())
        if target.linear is not None:
            target.linear()
        inputs = st.one_of(mutated(corpus, target.spikes), target.built)
        rounds = 0
        while time.monotonic() < ends:
            one_round(examined, inputs, ends, first_seed + rounds)
            rounds += 1
    except Exception as failure:
        where = examined.keep() if examined.failed else "no input of its own"
        print(f"{target.name}: FAILED, {where}: {type(failure).__name__}: {failure}", flush=True)
        return False
    print(f"{target.name}: {examined.count} inputs, none failed", flush=True)
    return True


class Examined:
    """Runs the check, counts, and remembers what is being looked at."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._data = b""
        self._last = HERE / "inputs" / target.name
        self._last.parent.mkdir(exist_ok=True)
        self.count = 0
        self.failed = False

    def __call__(self, data: bytes, cuts: Sequence[float]) -> None:
        self.count += 1
        self._last.write_bytes(data)
        try:
            self._target.check(data, cuts)
        except Exception:
            self.failed, self._data = True, data
            raise

    def keep(self) -> Path:
        """Writes the last input that failed, which hypothesis has made small by now, to the corpus."""
        path = self._target.corpus / f"found-{hashlib.sha256(self._data).hexdigest()[:12]}"
        path.write_bytes(self._data)
        return path


def one_round(examined: Examined, inputs: st.SearchStrategy[bytes], ends: float, number: int) -> None:
    """One go of hypothesis; when the time is over, what is left of it passes by unexamined."""

    @seed(number)
    @settings(
        max_examples=ROUND_EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs, st.lists(st.floats(0, 1), max_size=6))
    def look(data: bytes, cuts: list[float]) -> None:
        # A failure is pursued to its end, however late it was found.
        if examined.failed or time.monotonic() < ends:
            examined(data, cuts)

    look()


def mutated(corpus: Sequence[bytes], spikes: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Corpus entries after a few accidents."""
    part = st.floats(0, 1)
    accident = st.tuples(part, part, st.sampled_from(spikes) | st.binary(max_size=3))
    accidents = st.lists(accident, min_size=1, max_size=5)
    single = st.sampled_from([spike for spike in spikes if len(spike) == 1]) | st.binary(max_size=1)
    return st.one_of(
        st.builds(after_accidents, st.sampled_from(corpus), accidents),
        st.builds(with_another_byte, st.sampled_from(corpus), part, single),
    )


def with_another_byte(data: bytes, place: float, octet: bytes) -> bytes:
    """The nearest neighbours: one byte changed, or missing."""
    at = int(place * len(data))
    return data[:at] + octet + data[at + 1 :]


def after_accidents(data: bytes, accidents: Sequence[tuple[float, float, bytes]]) -> bytes:
    """Each replaces a stretch (of no length, where start and end are close together) by a spike, or doubles
    it.
    """
    for start, end, spike in accidents:
        first = int(start * len(data))
        last = first + max(0, int((end - 0.5) * 8))
        put = spike if end > 0.1 else data[first : first + 40]
        data = data[:first] + put + data[last:]
    return data


def cut(data: bytes, cuts: Sequence[float]) -> list[int]:
    """Sizes at which to cut, in ascending order."""
    return sorted({int(part * len(data)) for part in cuts})


def grows_linearly(seconds_for: Callable[[int], float], size: int, what: str) -> None:
    """Asserts that eight times the input takes far less than sixty-four times the time.

    The best of several attempts counts: another process may be in the way, but none makes a quadratic parser
    fast.
    """
    for _ in range(5):
        small = min(seconds_for(size) for _ in range(5))
        large = min(seconds_for(8 * size) for _ in range(3))
        if large < 24 * small:
            return
    raise AssertionError(f"{what}: {size} take {small:.6f} s, eight times as many {large:.6f} s")
