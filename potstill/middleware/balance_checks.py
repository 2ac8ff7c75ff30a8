"""What is done now and then beside the requests: health checks, and reading lists of servers again.

A daemon thread does it. It starts with the first request, so after the fork and in each process that serves,
and ends when its owner is closed or forgotten. A check is a WSGI call like any other, so it takes the way
that requests take.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any

from potstill.middleware.balance_member import Application
from potstill.middleware.upstream import RequestRefused, UpstreamError
from potstill.middleware.upstream_body import Attempt

log = logging.getLogger("potstill.proxy")

# A checked page is read so far, that its connection can be used again.
CHECK_BYTES_MAX = 65536
RETRY_S = 5.0

# A job does something and says in how many seconds it wants to be called again.
Job = Callable[[], float]


@dataclass(frozen=True)
class HealthCheck:
    """An active check: GET `path` every `interval_s` seconds, answered within `timeout_s` with a status
    from `lowest` to `highest`. `fall` failures in a row take a member out, `rise` successes put it back.
    `host` is what the Host field says; empty for the member's own name."""

    path: str = "/"
    interval_s: float = 5.0
    timeout_s: float = 2.0
    rise: int = 2
    fall: int = 2
    lowest: int = 200
    highest: int = 399
    host: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError that names the value."""
        if not self.path.startswith("/"):
            raise ValueError(f"the path of a health check begins with a slash, {self.path!r} does not")
        for name in ("interval_s", "timeout_s", "rise", "fall"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} of a health check must be above 0, not {getattr(self, name)!r}")
        if not 100 <= self.lowest <= self.highest <= 999:
            raise ValueError(
                f"a health check cannot expect a status from {self.lowest!r} to {self.highest!r}"
            )


def complaint(application: Application, check: HealthCheck) -> str:
    """Ask once; empty when it is well, else what is wrong."""
    statuses: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        statuses.append(status)
        return lambda octets: None

    environ = _environ(check)
    forward = getattr(application, "forward", None)
    try:
        if forward is None:
            _read(application(environ, start_response))
        else:
            _read(forward(environ, start_response, Attempt(environ, monotonic() + check.timeout_s)))
    except (UpstreamError, RequestRefused) as error:
        return str(error)
    except Exception as error:  # of a local application
        return f"{type(error).__name__}: {error}"
    if not statuses:
        return "it did not answer"
    code = int(statuses[-1][:3])
    return "" if check.lowest <= code <= check.highest else f"it answered {statuses[-1]}"


def _read(body: Iterable[bytes]) -> None:
    try:
        read = 0
        for block in body:
            read += len(block)
            if read > CHECK_BYTES_MAX:
                break
    finally:
        if hasattr(body, "close"):
            body.close()


def _environ(check: HealthCheck) -> dict[str, Any]:
    path, _, query = check.path.partition("?")
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_USER_AGENT": "potstill-health-check",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if check.host:
        environ["HTTP_HOST"] = check.host
    return environ


class Keeper:
    """Calls the jobs of an owner from a thread of its own. Any thread may call these methods."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        """`jobs` are bound methods; they are held weakly, so that their object can be forgotten."""
        self._jobs = [weakref.WeakMethod(job) for job in jobs]
        self._process = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def ensure_running(self) -> None:
        """Start the thread, if there is something to do and it does not run in this process yet."""
        if self._process == os.getpid() or not self._jobs:
            return
        with self._lock:
            if self._process == os.getpid() or self._stop.is_set():
                return
            self._process = os.getpid()
            arguments = (self._jobs, self._stop)
            threading.Thread(target=_keep, args=arguments, name="potstill-upstreams", daemon=True).start()

    def stop(self) -> None:
        """The thread ends when it has finished what it is doing."""
        self._stop.set()


def _keep(jobs: list[weakref.WeakMethod[Job]], stop: threading.Event) -> None:
    due = [monotonic()] * len(jobs)
    while not stop.wait(max(min(due) - monotonic(), 0)):
        for number, reference in enumerate(jobs):
            job = reference()
            if job is None:
                return
            if due[number] <= monotonic():
                due[number] = monotonic() + _done(job)
            del job


def _done(job: Job) -> float:
    """Do the job. One that raises is tried again later: this thread must not die of a surprise."""
    try:
        return job()
    except Exception:
        log.exception("looking after the upstream servers failed; it is tried again")
        return RETRY_S
