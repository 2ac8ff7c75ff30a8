"""Applications that behave, each in a way of its own; the tests say how their answers must look."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

ROUTES: dict[str, WSGIApplication] = {}
TEXT = [("Content-Type", "text/plain")]
WAIT_S = 5.0

LARGE = bytes(range(256)) * 4096 * 5  # 5 MiB
FILE = b"".join(b"%07d\n" % line for line in range(150_000))  # 1.2 MB; every line differs

GOOD_STATUSES = (
    "200 OK",
    "201 Created",
    "299 Odd",
    "404 Not Found",
    "418 I'm a teapot",
    "511 a  b",
    "600 Odd",
    "999 Last",
)


def route(path: str) -> Callable[[WSGIApplication], WSGIApplication]:
    """Register an application under this path."""

    def register(application: WSGIApplication) -> WSGIApplication:
        ROUTES[path] = application
        return application

    return register


class Tally:
    """Counts under keys, and waits for a count to be reached. Any thread may call anything."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._changed = threading.Condition()

    def add(self, key: str) -> None:
        """One more under this key."""
        with self._changed:
            self._counts[key] += 1
            self._changed.notify_all()

    def wait_for(self, key: str, timeout_s: float = WAIT_S) -> int:
        """The count, once it is at least one or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._counts[key] > 0, timeout_s)
            return self._counts[key]


CLOSES = Tally()
RELEASES = Tally()
ENTERED = Tally()


def tally_route(path: str, tally: Tally) -> None:
    """A route that answers with the count of the key in the query, once there is one."""

    @route(path)
    def report(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", TEXT)
        return [b"%d" % tally.wait_for(environ["QUERY_STRING"])]


tally_route("/closes", CLOSES)
tally_route("/entered", ENTERED)


@route("/release")
def release(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Let the application that waits under this key go on."""
    RELEASES.add(environ["QUERY_STRING"])
    start_response("200 OK", TEXT)
    return [b"released"]


class Counted:
    """An iterable that counts its close() under a key."""

    def __init__(self, parts: Iterable[bytes], key: str) -> None:
        self._parts = parts
        self._key = key

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)

    def close(self) -> None:
        CLOSES.add(self._key)


def simple(
    path: str, make: Callable[[], Iterable[bytes]], *headers: tuple[str, str], status: str = "200 OK"
) -> None:
    """A route with a fixed status and headers, and a fresh iterable each time."""

    @route(path)
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [*TEXT, *headers])
        return make()


LENGTH_6 = ("Content-Length", "6")
simple("/one", lambda: [b"one"])
simple("/one/tuple", lambda: (b"one",))
simple("/one/empty", lambda: [b""])
simple("/one/length", lambda: [b"abcdef"], LENGTH_6)
simple("/none", list)
simple("/none/length", list, ("Content-Length", "0"))
simple("/list", lambda: [b"a", b"bc", b"def"])
simple("/generator", lambda: (part for part in (b"a", b"bc", b"def")))
simple("/generator/empties", lambda: (part for part in (b"", b"a", b"", b"bc", b"", b"def", b"")))
simple("/generator/none", lambda: iter(()))
simple("/generator/length", lambda: iter((b"a", b"bc", b"def")), LENGTH_6)
simple("/204", lambda: [b"oops"], status="204 No Content")
simple("/204/generator", lambda: iter((b"oops",)), status="204 No Content")
simple("/204/length", lambda: [b"oops"], ("Content-Length", "4"), status="204 No Content")
simple("/304", lambda: [b"oops"], status="304 Not Modified")
simple("/304/length", list, LENGTH_6, ("ETag", '"a"'), status="304 Not Modified")
simple("/103", list, ("Link", "</a>; rel=preload"), status="103 Early Hints")
simple("/head/length", list, LENGTH_6)
simple("/own/date", lambda: [b"x"], ("date", "Thu, 01 Jan 1970 00:00:00 GMT"))
simple("/own/server", lambda: [b"x"], ("server", "teapot"))
simple("/own/close", lambda: [b"x"], ("connection", "close"))
simple("/own/close-in-capitals", lambda: [b"x"], ("Connection", "Close"))
simple("/cookies", lambda: [b"x"], ("Set-Cookie", "a=1"), ("X-A", "1"), ("Set-Cookie", "b=2"), ("X-A", "2"))
simple(
    "/values", lambda: [b"x"], ("X-Latin", "caf\xe9"), ("X-Tab", "a\tb"), ("X-Empty", ""), ("x_LOW.er", "a")
)
simple("/large", lambda: [LARGE])
simple("/large/generator", lambda: iter([LARGE[at : at + 1000] for at in range(0, len(LARGE), 1000)]))
simple("/stalls", lambda: [b"s" * 900_000])

for number, good in enumerate(GOOD_STATUSES):
    simple(f"/status/{number}", lambda: [b"x"], status=good)


@route("/late")
def late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """start_response inside the generator: before the first non-empty string is early enough (PEP 3333)."""
    start_response("202 Accepted", TEXT)
    yield b"late"


@route("/write")
def write_alone(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Everything by write()."""
    write = start_response("200 OK", TEXT)
    write(b"abc")
    write(b"")
    write(b"def")
    return []


@route("/write/length")
def write_with_length(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Everything by write(), the length known."""
    write = start_response("200 OK", [*TEXT, LENGTH_6])
    write(b"abc")
    write(b"def")
    return []


@route("/write/iterate")
def write_and_iterate(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """First write(), then one element: its length is not that of the body."""
    write = start_response("200 OK", TEXT)
    write(b"abc")
    return [b"def"]


def exc_info() -> Any:
    """What sys.exc_info() gives inside an except clause."""
    try:
        raise LookupError("the page was not found")
    except LookupError:
        return sys.exc_info()


@route("/replaced")
def replaced(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A second start_response with exc_info, nothing sent yet: the first is forgotten."""
    start_response("200 OK", [*TEXT, ("X-First", "1"), LENGTH_6])
    start_response("503 Sorry", TEXT, exc_info())
    return [b"sorry"]


@route("/replaced/generator")
def replaced_in_generator(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """An empty string does not send the headers (PEP 3333), so they can still be replaced."""
    start_response("200 OK", [*TEXT, ("X-First", "1")])
    yield b""
    start_response("503 Sorry", TEXT, exc_info())
    yield b"sorry"


@route("/first-exc-info")
def first_with_exc_info(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """exc_info in the first and only call."""
    start_response("503 Sorry", TEXT, exc_info())
    return [b"sorry"]


@route("/stepwise")
def stepwise(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """One part, and the second when released: PEP 3333 forbids to hold the first back until then."""
    key = environ["QUERY_STRING"]
    start_response("200 OK", TEXT)

    def parts() -> Iterator[bytes]:
        yield b"first"
        yield b"second" if RELEASES.wait_for(key) else b"never released"

    return Counted(parts(), key)


@route("/stepwise/write")
def stepwise_write(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The same by write()."""
    write = start_response("200 OK", TEXT)
    write(b"first")
    RELEASES.wait_for(environ["QUERY_STRING"])
    return [b"second"]


@route("/waits")
def waits(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Nothing at all until released."""
    key = environ["QUERY_STRING"]
    ENTERED.add(key)
    RELEASES.wait_for(key)
    start_response("200 OK", TEXT)
    return Counted([b"waited"], key)


@route("/endless")
def endless(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A body without an end."""
    start_response("200 OK", TEXT)
    return Counted(iter(lambda: b"e" * 65536, b""), environ["QUERY_STRING"])


def counted(
    path: str, make: Callable[[], Iterable[bytes]], *headers: tuple[str, str], status: str = "200 OK"
) -> None:
    """A route whose iterable counts its close() under the key in the query."""

    @route(path)
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [*TEXT, *headers])
        return Counted(make(), environ["QUERY_STRING"])


def breaking() -> Iterator[bytes]:
    """One part, then an error."""
    yield b"first"
    raise LookupError("in the middle")


def broken() -> Iterator[bytes]:
    """An error instead of the first part."""
    yield from ()
    raise LookupError("at the start")


CLOSED_ONCE = {
    "/count/one": lambda: [b"one"],
    "/count/generator": lambda: iter((b"a", b"b")),
    "/count/none": lambda: iter(()),
    "/count/breaking": breaking,
    "/count/broken": broken,
    "/count/large": lambda: iter([LARGE]),
}
for path, maker in CLOSED_ONCE.items():
    counted(path, maker)
counted("/count/204", lambda: [b"oops"], status="204 No Content")
counted("/count/long", lambda: iter((b"abcdef", b"gh")), LENGTH_6)
counted("/count/short", lambda: iter((b"abc",)), LENGTH_6)


@route("/count/bad-header")
def count_with_bad_header(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """start_response fails when the server has the iterable already."""

    def parts() -> Iterator[bytes]:
        start_response("200 OK", [("X A", "b")])
        yield b"x"

    return Counted(parts(), environ["QUERY_STRING"])


@route("/count/no-start")
def count_without_start(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """start_response is never called, but there is an iterable to close."""
    return Counted([b"x"], environ["QUERY_STRING"])


class CountedFile(io.BytesIO):
    """A file without a descriptor that counts its close()."""

    key = ""

    def close(self) -> None:
        """Count once for each call; BytesIO itself does not mind."""
        if not self.closed:
            CLOSES.add(self.key)
        super().close()


def file_route(
    path: str, content: bytes, *headers: tuple[str, str], skip: int = 0, real: bool = True
) -> None:
    """A route that returns wsgi.file_wrapper around a file with this content, read up to `skip` already."""

    @route(path)
    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        file: Any = tempfile.TemporaryFile() if real else CountedFile()  # noqa: SIM115 (the server closes it)
        file.write(content)
        file.seek(skip)
        if not real:
            file.key = environ["QUERY_STRING"]
        start_response("200 OK", [*TEXT, *headers])
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file, 8192)
        return wrapped


FILE_LENGTH = ("Content-Length", str(len(FILE)))
file_route("/file", FILE)
file_route("/file/length", FILE, FILE_LENGTH)
file_route("/file/rest", FILE, skip=1_000_000)
file_route("/file/part", FILE, ("Content-Length", "800"), skip=8)
file_route("/file/short", FILE, ("Content-Length", str(len(FILE) + 1)))
file_route("/file/empty", b"")
file_route("/file/empty/length", b"", ("Content-Length", "0"))
file_route("/file/at-its-end", FILE, skip=len(FILE))
file_route("/file/memory", FILE, real=False)
file_route("/file/memory/length", FILE, FILE_LENGTH, real=False)


@route("/file/middleware")
def file_through_middleware(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A middleware that iterates the wrapper instead of passing it on."""
    return (part for part in ROUTES["/file"](environ, start_response))


@route("/errors")
def errors(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Text to wsgi.errors by each of its methods."""
    stream = environ["wsgi.errors"]
    stream.write("written é\n")
    stream.writelines(["lines ", "written\n"])
    stream.flush()
    start_response("200 OK", TEXT)
    return [b"x"]


@route("/unread")
def unread(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A body that nobody looks at."""
    start_response("200 OK", TEXT)
    return [b"unread"]


@route("/digest")
def digest(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The SHA-256 of the body, and its length."""
    seen = hashlib.sha256()
    size = 0
    while part := environ["wsgi.input"].read(65536):
        seen.update(part)
        size += len(part)
    start_response("200 OK", TEXT)
    return [f"{size} {seen.hexdigest()}".encode()]


@route("/clear")
def clear(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Leaves environ in ruins, as it may: the dictionary is the application's."""
    environ.clear()
    environ["HTTP_X_LEFT_BEHIND"] = "1"
    start_response("200 OK", TEXT)
    return [b"cleared"]


@route("/input")
def read_input(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Calls wsgi.input as `X-Calls` says, a JSON list of [method, *arguments]; answers with the results."""
    stream = environ["wsgi.input"]
    results: list[Any] = []
    for name, *arguments in json.loads(environ["HTTP_X_CALLS"]):
        result = list(stream) if name == "list" else getattr(stream, name)(*arguments)
        results.append([as_text(part) for part in result] if isinstance(result, list) else as_text(result))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(results).encode()]


def as_text(part: object) -> str:
    """Latin-1 text of bytes; of anything else, a word that no test expects."""
    return part.decode("latin-1") if type(part) is bytes else f"not bytes but {type(part).__name__}"


ACTIVE: Counter[str] = Counter()


@route("/serial")
def serial(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """How many exchanges of this client's connection were under way; the exchange ends with close()."""
    peer = environ["REMOTE_PORT"]
    ACTIVE[peer] += 1
    start_response("200 OK", TEXT)

    class Exchange(Counted):
        def close(self) -> None:
            ACTIVE[peer] -= 1

    return Exchange([b"%d" % ACTIVE[peer]], peer)
