"""python -m fuzz --seconds 60: all fuzzers, one after the other, sharing the time."""

from __future__ import annotations

import argparse
import sys
import time

from fuzz import fuzz_chunks, fuzz_connection, fuzz_head, harness

TARGETS = (fuzz_head.FUZZED, fuzz_chunks.FUZZED, fuzz_connection.FUZZED)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Runs all fuzzers.")
    parser.add_argument("--seconds", type=float, default=60.0, help="for all of them together")
    options = parser.parse_args()
    share = options.seconds / len(TARGETS)
    results = [harness.fuzz(target, share, time.time_ns()) for target in TARGETS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
