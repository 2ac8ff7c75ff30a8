"""Blocks that end early, and what is beneath an iterable."""

from __future__ import annotations

import itertools
from typing import Any

from potstill.dev.findings import Findings
from potstill.dev.lint_blocks import Blocks, Promise, closable_beneath


def test_an_answer_that_nobody_reads_to_its_end_is_not_too_short() -> None:
    """The client has left: no fault of the application's."""
    findings, promise = Findings(log=False), Promise("GET", ("shop.py", 1))
    promise.begin("200 OK", [("Content-Length", "4")], ("shop.py", 2))
    blocks = Blocks(iter([b"a", b"bcd"]), promise, findings, 0.0)
    next(iter(blocks))
    blocks.close()
    assert findings.all == []


def test_a_generator_below_a_chain_that_is_left_open() -> None:
    findings, promise = Findings(log=False), Promise("GET", ("shop.py", 1))
    promise.begin("200 OK", [], ("shop.py", 2))
    inner = (block for block in [b"a", b"b"])
    blocks = Blocks(map(bytes.upper, inner), promise, findings, 0.0)
    next(iter(blocks))
    blocks.close()
    assert [finding.rule for finding in findings.all] == ["close"]
    inner.close()


def test_what_is_beneath() -> None:
    inner: Any = (block for block in [b"a"])
    assert closable_beneath([b"a"]) == []
    assert closable_beneath(map(bytes.upper, inner)) == [inner]
    assert closable_beneath(itertools.chain([b"a"])) == []
