"""Servers of other people as processes: each on a port of its own, answering when the block begins, gone
when it ends.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

START_S = 20.0
STOP_S = 10.0
# How often it is asked whether it listens.
LOOK_S = 0.01


def needed(program: str, package: str) -> str:
    """The path of a program. Where it is missing the test fails, and says what to install."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        pytest.fail(f"{program} is missing, which this test runs: apt-get install {package}")
    return found


def free_port() -> int:
    """A port that nobody listens on now. Somebody else may take it before us: `daemon` then fails to
    start.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def daemon(
    command: Sequence[str], port: int, directory: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The process, once its port accepts connections. Its output is in `directory/daemon.log`."""
    log = directory / "daemon.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_listening(process, port, log)
        yield process
    finally:
        end(process)


def wait_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = monotonic() + START_S
    pause = threading.Event()
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=START_S).close()
            return
        except OSError:
            ended = process.poll() is not None
            assert not ended, f"{process.args} ended:\n{log.read_text(errors='replace')}"
            assert monotonic() < deadline, f"{process.args} does not listen on port {port}"
            pause.wait(LOOK_S)


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and SIGKILL for one that does not listen."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_S)


@contextmanager
def nginx(directory: Path, server: str) -> Iterator[int]:
    """nginx with one server block of these directives, in one process; its port."""
    program, port = needed("nginx", "nginx-light"), free_port()
    directory.mkdir(parents=True, exist_ok=True)
    temporary = "\n".join(
        f"    {name}_temp_path {directory}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (directory / "nginx.conf").write_text(
        f"""
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr;
events {{ worker_connections 512; }}
http {{
    access_log off;
{temporary}
    server {{
        listen 127.0.0.1:{port};
{server}
    }}
}}
"""
    )
    command = [program, "-p", str(directory), "-e", "stderr", "-c", str(directory / "nginx.conf")]
    with daemon(command, port, directory):
        yield port
