"""Who is measured: one table, with the command of each server and what its line of options was chosen for.

The same for all: one process that serves (or as few as the server knows how to have; two where a scenario
asks for them), 8 threads where it has threads, a backlog of 2,048, keep-alive for at least 75 s, no limit of
requests, no access log, plain HTTP/1.1 on a loopback port, and as many connections as the scenario of 10,000
needs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from importlib import metadata
from pathlib import Path

from bench.launch import BACKLOG, HOST, KEEPALIVE_S, THREADS

PROJECT = Path(__file__).resolve().parent.parent
FLOOR_SOURCE = Path(__file__).with_name("floor.c")
CONNECTIONS_MAX = 12_000
PROBE_TIMEOUT_S = 60


class Role(Enum):
    OURS = "ours"
    WATCHED = "ours, with everything on that lets an operator see inside"
    PEER = "peer"
    FLOOR = "floor"


@dataclass(frozen=True)
class Launch:
    """What a command is built from."""

    application: str  # module:name
    port: int
    floor: Path  # the compiled floor
    floor_arguments: tuple[str, ...] = ()
    workers: int = 1
    certificate: tuple[str, ...] = ()  # its file and its key's, where TLS is to be spoken

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"


@dataclass(frozen=True)
class Server:
    name: str
    distribution: str  # its name on PyPI; "" for the floor
    module: str  # imports when the server is usable
    command: Callable[[Launch], list[str]]
    needs: str = "`python -m bench.install` installs it"
    remark: str = ""
    role: Role = Role.PEER
    several: bool = False  # it can serve from several processes
    secure: bool = False  # it can speak TLS
    only: tuple[str, ...] = ()  # the scenarios it is measured in; (): all

    def version(self) -> str:
        if self.role is Role.FLOOR:
            return "C, cc -O2"
        try:
            return metadata.version(self.distribution)
        except metadata.PackageNotFoundError:
            return "in place"

    def missing(self) -> str | None:
        """None when it can be started here, else why not, with what would help."""
        if self.role is Role.FLOOR:
            return None if shutil.which("cc") else "there is no C compiler `cc`"
        if self.name == "uwsgi":
            probe = [_beside_python("uwsgi"), "--version"]
        else:
            probe = [sys.executable, "-W", "ignore", "-c", f"import {self.module}"]
        try:
            done = subprocess.run(
                probe, cwd=PROJECT, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{error}; {self.needs}"
        if done.returncode == 0:
            return None
        said = done.stderr.strip().splitlines() or [f"{probe[0]} ended with {done.returncode}"]
        return f"{said[-1]}; {self.needs}"


def make_certificate(directory: Path) -> tuple[str, str]:
    """A self-signed certificate, of the kind that most sites have by now (ECDSA, P-256), and its key."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    kind = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    files = ["-out", str(certificate), "-keyout", str(key)]
    subprocess.run(["openssl", *kind.split(), *files], check=True, capture_output=True)
    return str(certificate), str(key)


def build_floor(directory: Path) -> Path:
    """The compiled floor, in `directory`."""
    target = directory / "floor"
    subprocess.run(["cc", "-O2", "-o", str(target), str(FLOOR_SOURCE)], check=True)
    return target


def _beside_python(name: str) -> str:
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


def _module(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


def _launched(name: str) -> Callable[[Launch], list[str]]:
    return lambda launch: _module(
        "bench.launch", name, launch.application, str(launch.port), *launch.certificate
    )


def _flags(launch: Launch, *names: str) -> list[str]:
    """The files of the certificate, each behind its flag."""
    pairs = zip(names, launch.certificate, strict=False)
    return [word for pair in pairs for word in pair]


def _floor(launch: Launch) -> list[str]:
    return [str(launch.floor), str(launch.port), *launch.floor_arguments]


def _potstill(launch: Launch) -> list[str]:
    options = f"--threads {THREADS} --backlog {BACKLOG} --max-connections {CONNECTIONS_MAX}"
    workers = ["--workers", str(launch.workers)] if launch.workers > 1 else []
    return _module(
        "potstill",
        launch.application,
        "--bind",
        launch.address,
        *options.split(),
        *workers,
        *_flags(launch, "--certfile", "--keyfile"),
        "--log-level",
        "warning",
    )


def _watched(launch: Launch) -> list[str]:
    """An access log with a line for each request, and an admin listener."""
    log, admin = launch.floor.with_name("access.log"), launch.floor.with_name("admin.sock")
    log.unlink(missing_ok=True)
    seen = ["--access-log", str(log), "--access-log-format", "combined", "--admin", f"unix:{admin}"]
    return [*_potstill(launch), *seen]


def _granian(launch: Launch) -> list[str]:
    options = f"--interface wsgi --http 1 --workers {launch.workers} --blocking-threads {THREADS}"
    limits = (
        f"--backlog {BACKLOG} --backpressure {CONNECTIONS_MAX} --no-ws --no-access-log --log-level warning"
    )
    where = ["--host", HOST, "--port", str(launch.port)]
    tls = ["--ssl-protocol-min", "tls1.2"] if launch.certificate else []
    return _module(
        "granian",
        launch.application,
        *where,
        *options.split(),
        *limits.split(),
        *_flags(launch, "--ssl-certificate", "--ssl-keyfile"),
        *tls,
    )


def _gunicorn(launch: Launch) -> list[str]:
    options = f"--worker-class gthread --workers {launch.workers} --threads {THREADS} --backlog {BACKLOG}"
    limits = f"--keep-alive {KEEPALIVE_S} --worker-connections {CONNECTIONS_MAX} --log-level warning"
    return _module(
        "gunicorn",
        launch.application,
        "--bind",
        launch.address,
        *options.split(),
        *limits.split(),
        *_flags(launch, "--certfile", "--keyfile"),
        "--no-control-socket",
    )


def _waitress(launch: Launch) -> list[str]:
    return _module(
        "waitress",
        f"--listen={launch.address}",
        f"--threads={THREADS}",
        f"--backlog={BACKLOG}",
        f"--connection-limit={CONNECTIONS_MAX}",
        "--asyncore-use-poll",
        launch.application,
    )


def _uwsgi(launch: Launch) -> list[str]:
    options = (
        f"--master --processes {launch.workers} --threads {THREADS} --listen {BACKLOG} --disable-logging"
    )
    router = f"--http-keepalive={KEEPALIVE_S} --http-timeout={KEEPALIVE_S} --http-auto-chunked"
    return [
        _beside_python("uwsgi"),
        *([f"--https={launch.address},{','.join(launch.certificate)}"] if launch.certificate else []),
        *([] if launch.certificate else ["--http", launch.address]),
        *options.split(),
        *router.split(),
        "--die-on-term",
        "--need-app",
        f"--virtualenv={sys.prefix}",
        f"--pythonpath={PROJECT}",
        f"--module={launch.application}",
    ]


SERVERS = (
    Server(
        "floor",
        "",
        "",
        _floor,
        remark="the bare epoll loop of floor.c; answers without reading",
        role=Role.FLOOR,
    ),
    Server(
        "potstill",
        "potstill",
        "potstill.core.engine",
        _potstill,
        "`make build`",
        role=Role.OURS,
        several=True,
        secure=True,
    ),
    Server(
        "watched",
        "potstill",
        "potstill.core.engine",
        _watched,
        "`make build`",
        "potstill with an access log in a file and the admin listener",
        role=Role.WATCHED,
        several=True,
        only=("watched", "browser"),
    ),
    Server(
        "bjoern",
        "bjoern",
        "bjoern",
        _launched("bjoern"),
        "it needs libev's headers (apt: libev-dev), then `python -m bench.install`",
        "one thread in one loop; it has no threads to give it",
    ),
    Server(
        "fastwsgi",
        "fastwsgi",
        "fastwsgi",
        _launched("fastwsgi"),
        remark="one thread in one loop; TCP_NODELAY set",
    ),
    Server(
        "granian",
        "granian",
        "granian",
        _granian,
        remark="WSGI mode, 1 worker, 1 runtime thread, 8 blocking threads; HTTP/1 only: no guessing",
        several=True,
        secure=True,
    ),
    Server(
        "gunicorn",
        "gunicorn",
        "gunicorn",
        _gunicorn,
        remark="gthread, 1 worker, its C parser where installed",
        several=True,
        secure=True,
    ),
    Server(
        "waitress", "waitress", "waitress", _waitress, remark="poll instead of select, for over 1,024 sockets"
    ),
    Server(
        "cheroot",
        "cheroot",
        "cheroot.wsgi",
        _launched("cheroot"),
        remark="keep_alive_conn_limit lifted from 10",
        secure=True,
    ),
    Server(
        "uwsgi",
        "uwsgi",
        "",
        _uwsgi,
        remark="behind its own http router, the only way it keeps more connections than threads",
        secure=True,
    ),
)

BY_NAME = {server.name: server for server in SERVERS}
