"""The examples in README.md and docs/ are run, so that they stay true.

A fenced block is run when its info string says how, behind the language:

    ```python file=hello.py    is written to that file of the page's own empty directory
    ```python run              is run to its end
    ```python serve            is started; it serves until the page has been read
    ```console run             each `$ command` is run, and must print the lines below it
    ```console serve           the command is started; the lines below it are how it announces itself

In what is expected `…` stands for any text. Pages say 127.0.0.1:8000; here a server gets a free port instead,
and what the page does to port 8000 afterwards is done to that one. Other blocks are only to be read.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.house.tree import ROOT, read, relative
from tests.support.server import START_S, Log, Server, ending

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND_S = 30
ADDRESS = "127.0.0.1:8000"

_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w+) (?P<how>[^\n]+)\n(?P<text>.*?)^ *```$", re.M | re.S)
_ANNOUNCED = re.compile(r" on http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    how: str
    text: str

    def __str__(self) -> str:
        return f"{relative(self.page)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The blocks of a page that are to be run, in order."""
    text = read(page)
    return [
        Block(page, text.count("\n", 0, match.start()) + 1, match["language"], match["how"], match["text"])
        for match in _BLOCK.finditer(text)
    ]


def commands(text: str) -> list[tuple[str, str]]:
    """(command, what it prints) of a console block."""
    parts = re.split(r"^\$ (.*(?:\\\n.*)*)\n", text, flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def like(expected: str) -> re.Pattern[str]:
    """What a page shows as a pattern for what came: `…` is any text."""
    return re.compile(".*".join(map(re.escape, expected.strip().split("…"))), re.S)


class Reader:
    """Somebody who works through one page, in an empty directory, with Potstill installed."""

    def __init__(self, directory: Path, servers: ExitStack) -> None:
        self._directory = directory
        self._servers = servers
        self._address = ADDRESS
        installed = [str(Path(sys.executable).parent), os.environ["PATH"]]
        self._environment = {**os.environ, "PATH": os.pathsep.join(installed), "PYTHONPATH": str(ROOT)}

    def do(self, block: Block) -> None:
        """What the block says; AssertionError names the block when it does not do what the page promises."""
        if block.how.startswith("file="):
            (self._directory / block.how.removeprefix("file=")).write_text(block.text, encoding="utf-8")
        elif (block.language, block.how) == ("python", "run"):
            self._run(block, [sys.executable, "-c", self._with_port(block.text)], "")
        elif (block.language, block.how) == ("python", "serve"):
            self._serve(block, [sys.executable, "-c", self._free_port(block.text)], "")
        elif (block.language, block.how) == ("console", "run"):
            for command, expected in commands(block.text):
                self._run(block, ["sh", "-c", self._with_port(command)], self._with_port(expected))
        elif (block.language, block.how) == ("console", "serve"):
            ((command, expected),) = commands(block.text)
            self._serve(block, ["sh", "-c", f"exec {self._free_port(command)}"], expected)
        else:
            raise AssertionError(f"{block}: nobody knows how to {block.how!r} a {block.language} block")

    def _with_port(self, text: str) -> str:
        return text.replace(ADDRESS, self._address)

    def _free_port(self, text: str) -> str:
        assert ADDRESS in text, f"a server on a page listens on {ADDRESS}"
        return text.replace(ADDRESS, "127.0.0.1:0")

    def _run(self, block: Block, command: list[str], expected: str) -> None:
        done = subprocess.run(
            command,
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
        assert like(expected).fullmatch(done.stdout.strip()) or not expected.strip(), (
            f"{block}:\n{done.stdout}"
        )
        assert done.returncode == 0 or expected.strip(), (
            f"{block}: exit code {done.returncode}\n{done.stdout}"
        )

    def _serve(self, block: Block, command: list[str], expected: str) -> None:
        line = self._servers.enter_context(serving(command, self._directory, self._environment))
        announced = _ANNOUNCED.search(line)
        assert announced, f"{block}: {line}"
        self._address = f"127.0.0.1:{announced[1]}"
        assert like(self._with_port(expected)).fullmatch(line) or not expected.strip(), f"{block}:\n{line}"


@contextmanager
def serving(command: list[str], directory: Path, environment: dict[str, str]) -> Iterator[str]:
    """The line with which the server announces itself; SIGTERM at the end, and exit code 0."""
    process = subprocess.Popen(
        command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    log = Log(process.stderr)
    with process.stderr, ending(Server(("127.0.0.1", 0), process, log)):
        yield log.wait_for(_ANNOUNCED.pattern, START_S)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=relative)
def test_the_examples_of_a_page_run(page: Path, tmp_path: Path) -> None:
    """Somebody who types what the page says sees what the page says."""
    with ExitStack() as servers:
        reader = Reader(tmp_path, servers)
        for block in blocks(page):
            reader.do(block)


def test_the_readme_has_examples_that_run() -> None:
    """Nothing above passes because nothing was found."""
    kinds = {(block.language, block.how.partition("=")[0]) for block in blocks(ROOT / "README.md")}
    assert kinds >= {("python", "file"), ("console", "serve"), ("console", "run")}
