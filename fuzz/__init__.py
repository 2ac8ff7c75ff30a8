"""Fuzzers: one harness per parser and one for the whole connection, each with a corpus that is kept.

    python -m fuzz --seconds 60             all of them, sharing the time
    python fuzz/fuzz_head.py --seconds 20   one of them

What they find is written to corpus/<target>/, where every later run begins, and becomes a row in tests/wire/.
"""
