"""One run of a program: what goes in, what comes out, and how it ends."""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from potstill.gateway import cgi_process
from potstill.gateway.cgi_process import ERROR_BYTES_MAX, Script, ScriptTimeoutError
from tests.support.engine import wait_until
from tests.unit.gateway.programs import program

IDLE_S = 10.0
ENVIRONMENT = {b"PATH": os.fsencode(os.environ["PATH"])}


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgi_process, "GRACE_S", 0.2)


def started(path: Path, body: bytes = b"", time_s: float = 20.0) -> Any:
    return closing(Script(path, ENVIRONMENT, io.BytesIO(body), len(body), monotonic() + time_s))


def output(script: Script) -> Iterator[bytes]:
    while block := script.read(IDLE_S):
        yield block


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie that its new parent has not buried yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_in_and_out_at_once(tmp_path: Path) -> None:
    """More than pipes hold, both ways: a program may write before it has read."""
    body = bytes(range(256)) * 8192
    with started(program(tmp_path, "cat.cgi", "exec cat"), body) as script:
        assert b"".join(output(script)) == body


def test_its_directory_and_its_environment(tmp_path: Path) -> None:
    """RFC 3875 section 7.2; and nothing of this process's own environment."""
    with started(program(tmp_path, "env.cgi", "pwd; exec env")) as script:
        lines = b"".join(output(script)).decode().splitlines()
    assert lines[0] == str(tmp_path)
    assert {line.partition("=")[0] for line in lines[1:]} <= {"PATH", "PWD", "OLDPWD", "SHLVL", "_"}


def test_it_gets_no_descriptors_but_three(tmp_path: Path) -> None:
    with started(program(tmp_path, "fds.cgi", "ls /proc/self/fd")) as script:
        assert {int(line) for line in b"".join(output(script)).split()} <= {0, 1, 2, 3}


def test_a_program_that_reads_nothing(tmp_path: Path) -> None:
    with started(program(tmp_path, "deaf.cgi", "exec 0<&-; echo done"), b"x" * 1_000_000) as script:
        assert b"".join(output(script)) == b"done\n"


def test_its_complaints_are_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Line by line, harmless on a terminal, and not without end."""
    path = program(tmp_path, "loud.cgi", "printf 'one\\ntwo\\033[31m' >&2; echo out; exit 3")
    with started(path) as script:
        assert b"".join(output(script)) == b"out\n"
    assert [record.getMessage() for record in caplog.records] == [
        "loud.cgi: one",
        "loud.cgi: two\\x1b[31m",
        "loud.cgi ended with exit code 3",
    ]
    caplog.clear()
    endless = program(tmp_path, "endless.cgi", f"head -c {3 * ERROR_BYTES_MAX} /dev/zero >&2; echo out")
    with started(endless) as script, caplog.at_level(logging.WARNING):
        assert b"".join(output(script)) == b"out\n"
    assert "the rest of its standard error is dropped" in caplog.text
    assert sum(len(record.getMessage()) for record in caplog.records) < 4 * ERROR_BYTES_MAX + 100_000


@pytest.mark.parametrize("trap", ["", "trap '' TERM;"], ids=["ends", "ignores SIGTERM"])
def test_close_ends_it_with_its_children(tmp_path: Path, trap: str) -> None:
    path = program(tmp_path, "slow.cgi", f"{trap} sleep 60 & echo $! $$; wait; sleep 60")
    with started(path) as script:
        child, parent = (int(pid) for pid in script.read(IDLE_S).split())
        assert alive(child)
        assert alive(parent)
    wait_until(lambda: not alive(child) and not alive(parent))


def test_nothing_for_too_long(tmp_path: Path) -> None:
    with started(program(tmp_path, "silent.cgi", "exec sleep 60")) as script:
        with pytest.raises(ScriptTimeoutError, match=re.escape("silent.cgi")):
            script.read(0.05)


def test_all_of_it_takes_too_long(tmp_path: Path) -> None:
    """However busily it writes."""
    path = program(tmp_path, "busy.cgi", "exec yes")
    with started(path, time_s=0.1) as script, pytest.raises(ScriptTimeoutError):
        for _ in output(script):
            pass


def test_one_that_closed_its_output_and_stays_is_ended(tmp_path: Path) -> None:
    path = program(tmp_path, "stays.cgi", "echo $$; exec sleep 60 >&- 2>&-")
    with started(path) as script:
        pid = int(b"".join(output(script)))
    assert not alive(pid)


def test_one_that_cannot_be_run(tmp_path: Path) -> None:
    path = tmp_path / "bad.cgi"
    path.write_text("#!/no/such/interpreter\n")
    path.chmod(0o755)
    with pytest.raises(OSError, match="No such file"):
        Script(path, ENVIRONMENT, io.BytesIO(), 0, monotonic() + 1)
    path.write_text("no first line\n")
    with pytest.raises(OSError, match="Exec format"):
        Script(path, ENVIRONMENT, io.BytesIO(), 0, monotonic() + 1)


def test_a_body_that_breaks_off(tmp_path: Path) -> None:
    """The client left: the program must not take half for whole."""
    path = program(tmp_path, "cat.cgi", "exec cat")
    script = Script(path, ENVIRONMENT, io.BytesIO(b"abc"), 10, monotonic() + 20)
    with closing(script), pytest.raises(ConnectionAbortedError):
        b"".join(output(script))
