"""Functions of the user, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from potstill.assemble import ApplicationLoadError, ApplicationNameError
from potstill.supervisor.hooks import call, try_call


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that has hooks."""
    name = f"hooks_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(
        "calls = []\ndef note(*arguments):\n    calls.append(arguments)\n"
        "def fail():\n    raise LookupError('no pool')\nnumber = 3\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def test_a_hook_is_called_with_what_there_is(module: str) -> None:
    call(f"{module}:note")
    call(f"{module}:note", 2)
    assert __import__(module).calls == [(), (2,)]


def test_no_hook_is_no_call() -> None:
    call("")


@pytest.mark.parametrize(
    ("name", "words"), [("nte", "did you mean 'note'"), ("number", "cannot be called: it is a int")]
)
def test_a_hook_that_is_none(module: str, name: str, words: str) -> None:
    with pytest.raises(ApplicationNameError, match=words):
        call(f"{module}:{name}")


def test_a_hook_that_raises(module: str, caplog: pytest.LogCaptureFixture) -> None:
    """With its traceback; where nothing can be called off any more, on the log."""
    with pytest.raises(ApplicationLoadError, match="LookupError: no pool"):
        call(f"{module}:fail")
    try_call("on_exit", f"{module}:fail")
    assert "the hook on_exit failed: Traceback" in caplog.text
