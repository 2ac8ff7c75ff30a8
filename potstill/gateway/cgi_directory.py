"""A directory of programs as a WSGI application (RFC 3875).

    application = CGIDirectory("/srv/cgi-bin")

The path of a request names a program below the directory; what follows the program's name is its PATH_INFO.
Programs are executed, never read or interpreted by a shell, and get no arguments: the query as a command
line (section 4.4) is optional and has done much harm. Whoever can write into the directory runs code as this
server's user.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import unquote_to_bytes

from potstill.gateway.cgi_environ import script_variables, surroundings
from potstill.gateway.cgi_head import Head, HeadError, end_of_head, parse_head
from potstill.gateway.cgi_process import Script, ScriptTimeoutError

log = logging.getLogger("potstill.cgi")

StartResponse = Callable[..., Any]

IDLE_TIMEOUT_S, RUN_TIMEOUT_S = 30.0, 300.0
HEAD_BYTES_MAX = 65536
LOCAL_REDIRECTS_MAX = 10
LENGTH_DIGITS_MAX = 19


class _Refused(Exception):
    """The answer is this status; the text is for the log."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class _Found:
    """The program that a path names, and the path's two parts."""

    script: Path
    script_name: str
    path_info: str


class CGIDirectory:
    """Runs the programs of a directory. Any number of threads may call it; each request is a process.

    404 for a path that names no program, 403 for a file that must not be executed, 500 for a program that
    cannot be run or writes no CGI header, 504 for one that takes too long.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        idle_timeout_s: float | None = None,
        run_timeout_s: float | None = None,
        inherit: Sequence[str] = ("PATH",),
        variables: Mapping[str, str] | None = None,
        site: Callable[[dict[str, Any], StartResponse], Iterable[bytes]] | None = None,
    ) -> None:
        """What may be chosen:

        idle_timeout_s: without an octet in or out (30 seconds; all of the other, where only that is given).
        run_timeout_s: for all of it (300 seconds). At the end of either the program and its process group are
            ended.
        inherit: what of this process's environment a program sees.
        variables: what it sees besides.
        site: the application that follows redirects inside the server which lead out of this directory;
            without one the client is sent there.

        Raises ValueError when the directory is none, or a time is not above 0.
        """
        self._root = Path(os.path.realpath(directory))
        if not self._root.is_dir():
            raise ValueError(f"{os.fspath(directory)!r} is not a directory of CGI programs")
        for name, value in (("idle_timeout_s", idle_timeout_s), ("run_timeout_s", run_timeout_s)):
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be a number of seconds above 0, not {value!r}")
        self._idle_timeout_s = idle_timeout_s or run_timeout_s or IDLE_TIMEOUT_S
        self._run_timeout_s = run_timeout_s or RUN_TIMEOUT_S
        self._surroundings = surroundings(inherit, variables or {})
        self._site = site

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        try:
            for _ in range(LOCAL_REDIRECTS_MAX):
                found = self._find(environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", ""))
                answer = self._run(environ, found)
                if isinstance(answer, Answer):
                    return answer.begin(start_response)
                mount = environ.get("SCRIPT_NAME", "")
                environ = redirected(environ, answer, mount)
                if environ["SCRIPT_NAME"] != mount:
                    return self._elsewhere(environ, answer, start_response)
            raise _Refused(500, f"more than {LOCAL_REDIRECTS_MAX} redirects inside the server")
        except _Refused as refused:
            if refused.status >= 500:
                log.error("%s", refused)
            return _plain(environ, start_response, refused.status)

    # Step 1: which program

    def _find(self, mount: str, path: str) -> _Found:
        """Follow the path down to the first file. Raises _Refused: 404, or 403 for what is there but no
        program.
        """
        segments = path.split("/")[1:]
        place = self._root
        for number, segment in enumerate(segments):
            # Empty, `.`, `..` and hidden names are no programs; NUL is no name at all.
            if not segment or segment.startswith(".") or "\0" in segment:
                break
            place = place / os.fsdecode(segment.encode("latin-1"))
            try:
                mode = os.stat(place).st_mode
            except (OSError, ValueError):
                break
            if stat.S_ISDIR(mode):
                continue
            self._check(place, mode)
            taken = "".join(f"/{each}" for each in segments[: number + 1])
            return _Found(place, f"{mount}{taken}", path[len(taken) :])
        raise _Refused(404, f"no program at {path!r}")

    def _check(self, place: Path, mode: int) -> None:
        real = Path(os.path.realpath(place))
        if not real.is_relative_to(self._root):
            raise _Refused(403, f"{place} is a link that leads out of {self._root}")
        if not stat.S_ISREG(mode) or not os.access(place, os.X_OK):
            raise _Refused(403, f"{place} is not executable")

    # Step 2: run it, up to the end of its header

    def _run(self, environ: dict[str, Any], found: _Found) -> Answer | str:
        """Its answer, or the path of a redirect inside the server."""
        try:
            variables = script_variables(
                environ, self._root, found.script, found.script_name, found.path_info, self._surroundings
            )
        except ValueError as error:
            raise _Refused(400, str(error)) from error
        length = _length(environ)
        deadline = monotonic() + self._run_timeout_s
        try:
            gone = environ.get("potstill.client_disconnected")
            script = Script(found.script, variables, environ["wsgi.input"], length, deadline, gone)
        except OSError as error:  # no interpreter, no memory, a format that cannot be executed
            raise _Refused(500, f"{found.script} cannot be run: {error}") from error
        try:
            head, first = self._head(script, nph=found.script.name.startswith("nph-"))
        except ScriptTimeoutError as error:
            script.close()
            raise _Refused(504, str(error)) from error
        except (HeadError, OSError) as error:
            script.close()
            raise _Refused(500, f"{found.script}: {error}") from error
        except BaseException:
            script.close()
            raise
        if head.local:
            _let_end(script, self._idle_timeout_s)
            return head.local
        return Answer(script, head, first, self._idle_timeout_s)

    def _head(self, script: Script, *, nph: bool) -> tuple[Head, bytes]:
        read = bytearray()
        while (end := end_of_head(read)) is None:
            if len(read) > HEAD_BYTES_MAX:
                raise HeadError(f"its header is longer than {HEAD_BYTES_MAX} bytes")
            block = script.read(self._idle_timeout_s)
            if not block:
                raise HeadError("it ended before the end of its header")
            read += block
        return parse_head(bytes(read[: end[0]]), nph=nph), bytes(read[end[1] :])

    # Step 3: a redirect that leads elsewhere

    def _elsewhere(
        self, environ: dict[str, Any], target: str, start_response: StartResponse
    ) -> Iterable[bytes]:
        if self._site is not None:
            return self._site(environ, start_response)
        headers = [("Location", target), ("Content-Type", "text/plain"), ("Content-Length", "0")]
        start_response("302 Found", headers)
        return []


class Answer:
    """A program's answer: its head, and its body as it comes. `close` ends the program."""

    def __init__(self, script: Script, head: Head, first: bytes, idle_timeout_s: float) -> None:
        self.head = head
        self._script = script
        self._first = first
        self._idle_timeout_s = idle_timeout_s

    def begin(self, start_response: StartResponse) -> Answer:
        """Itself, announced. What `start_response` raises ends the program."""
        try:
            start_response(self.head.status, self.head.headers)
        except BaseException:
            self.close()
            raise
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """Raises ScriptTimeoutError when it hangs: the server cuts the connection."""
        block, self._first = self._first, b""
        block = block or self._script.read(self._idle_timeout_s)
        if not block:
            raise StopIteration
        return block

    def close(self) -> None:
        """May be called twice."""
        self._script.close()


def _let_end(script: Script, idle_timeout_s: float) -> None:
    """A redirect has no body; a program that writes one all the same is not listened to for long."""
    try:
        if script.read(idle_timeout_s):
            log.warning("%s: what it wrote behind its redirect is dropped", script.name)
    except (ScriptTimeoutError, OSError) as error:
        log.warning("%s", error)
    finally:
        script.close()


def redirected(environ: dict[str, Any], target: str, mount: str) -> dict[str, Any]:
    """The environ of the request that a redirect inside the server stands for: GET, without a body.

    Below `mount` the path is divided there; elsewhere SCRIPT_NAME is empty.
    """
    path, _, query = target.partition("?")
    decoded = unquote_to_bytes(path).decode("latin-1")
    inside = decoded.startswith(f"{mount}/")
    method = "HEAD" if environ["REQUEST_METHOD"] == "HEAD" else "GET"
    return {
        **{name: value for name, value in environ.items() if name not in ("CONTENT_TYPE", "RAW_URI")},
        "REQUEST_METHOD": method,
        "REQUEST_URI": target,
        "SCRIPT_NAME": mount if inside else "",
        "PATH_INFO": decoded.removeprefix(mount) if inside else decoded,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": "",
    }


def _length(environ: dict[str, Any]) -> int:
    text = environ.get("CONTENT_LENGTH") or ""
    if not text:
        if environ.get("HTTP_TRANSFER_ENCODING"):
            raise _Refused(411, "CGI knows no body without a length (RFC 3875 section 4.1.2)")
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= LENGTH_DIGITS_MAX):
        raise _Refused(400, f"{text[:30]!r} is not a Content-Length")
    return int(text)


def _plain(environ: dict[str, Any], start_response: StartResponse, status: int) -> list[bytes]:
    line = f"{status} {HTTPStatus(status).phrase}"
    body = f"{line}\n".encode("ascii")
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response(line, headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
