"""Findings, each once, and where they are."""

from __future__ import annotations

import logging
import sys
from typing import Any

import pytest

from potstill.dev.findings import FINDINGS_MAX, Finding, Findings, is_project, place_of, place_of_call


def test_a_finding_is_told_once_for_each_place(caplog: pytest.LogCaptureFixture) -> None:
    findings = Findings()
    with caplog.at_level(logging.WARNING, "potstill"):
        for line in (1, 1, 2):
            findings.add("rule", "text", ("shop.py", line))
    assert [str(finding) for finding in findings.all] == ["shop.py:1: text (rule)", "shop.py:2: text (rule)"]
    assert caplog.messages == ["lint: shop.py:1: text (rule)", "lint: shop.py:2: text (rule)"]


def test_there_is_an_end_to_them() -> None:
    findings = Findings(log=False)
    for line in range(FINDINGS_MAX + 10):
        findings.add("rule", "text", ("shop.py", line))
    assert len(findings.all) == FINDINGS_MAX
    assert isinstance(findings.all[0], Finding)


def test_where_things_are_defined() -> None:
    class Application:
        def __call__(self, environ: Any, start_response: Any) -> None: ...

    def generator() -> Any:
        yield 1

    here = "tests/unit/dev/test_findings.py"
    for value in (Application(), generator, generator()):
        file, line = place_of(value)
        assert file.endswith(here)
        assert line > 1
    assert place_of(len) == ("?", 0)


def test_the_projects_frame_is_nearer_than_a_librarys() -> None:
    """A framework calls start_response for the view."""
    file, line = place_of_call(sys._getframe(), ("?", 0))
    assert file.endswith("test_findings.py")
    assert line > 1
    assert place_of_call(None, ("shop.py", 7)) == ("shop.py", 7)
    assert not is_project(pytest.__file__)
    assert not is_project(logging.__file__)
