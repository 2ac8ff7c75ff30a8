"""Applications that break the rules, or break. The server does not: it answers 500, or cuts, and logs why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from tests.wire.answers import LENGTH_6, TEXT, breaking, broken, exc_info

ROUTES: dict[str, WSGIApplication] = {}


class OddError(BaseException):
    """Not an Exception, and no text to be had of it."""

    def __str__(self) -> str:
        raise ValueError("no text")


def raising(error: BaseException) -> Callable[[], Iterable[bytes]]:
    """An application that raises instead of answering."""

    def fail() -> Iterable[bytes]:
        raise error

    return fail


def failing(first: list[bytes], error: BaseException) -> Callable[[], Iterator[bytes]]:
    """An iterable that yields these and then raises."""

    def parts() -> Iterator[bytes]:
        yield from first
        raise error

    return parts


def yielding(*parts: object) -> Callable[[], Any]:
    """An iterable that yields whatever this is."""
    return lambda: iter(parts)


# After start_response("200 OK"), and before a byte has left: each is a 500.
BEFORE_THE_FIRST_BYTE: dict[str, Callable[[], Any]] = {
    "raises": raising(LookupError("oops")),
    "raises-system-exit": raising(SystemExit(3)),
    "raises-keyboard-interrupt": raising(KeyboardInterrupt()),
    "raises-generator-exit": raising(GeneratorExit()),
    "raises-stop-iteration": raising(StopIteration()),
    "raises-memory-error": raising(MemoryError()),
    "raises-recursion-error": raising(RecursionError()),
    "raises-an-odd-error": raising(OddError()),
    "raises-in-the-iterable": broken,
    "raises-after-an-empty-string": failing([b""], LookupError("oops")),
    "exits-in-the-iterable": failing([], SystemExit()),
    "interrupts-in-the-iterable": failing([], KeyboardInterrupt()),
    "generator-exits-in-the-iterable": failing([], GeneratorExit()),
    "returns-none": lambda: None,
    "returns-an-int": lambda: 5,
    "returns-str": lambda: "text",
    "returns-a-list-of-str": lambda: ["text"],
    "returns-a-list-of-int": lambda: [5],
    "returns-a-list-of-none": lambda: [None],
    "returns-a-list-of-bytearray-lists": lambda: [[b"a"]],
    "yields-str": yielding("text"),
    "yields-int": yielding(5),
    "yields-none": yielding(None),
}

# After a first part has left, no status can be taken back: the answer is cut.
AFTER_THE_FIRST_BYTE: dict[str, Callable[[], Any]] = {
    "raises": breaking,
    "exits": failing([b"first"], SystemExit()),
    "interrupts": failing([b"first"], KeyboardInterrupt()),
    "generator-exits": failing([b"first"], GeneratorExit()),
    "odd-error": failing([b"first"], OddError()),
    "yields-str": yielding(b"first", "text"),
    "yields-int": yielding(b"first", 5),
    "yields-none": yielding(b"first", None),
}

# With Content-Length: 6. Of these too little comes …
TOO_SHORT: dict[str, Callable[[], Any]] = {
    "list": lambda: [b"first"],
    "two": lambda: [b"fir", b"st"],
    "generator": yielding(b"first"),
    "nothing": list,
    "empty-strings": yielding(b"", b""),
    "raises-before-the-end": breaking,
}
# … and of these too much.
TOO_LONG: dict[str, Callable[[], Any]] = {
    "list": lambda: [b"abcdefgh"],
    "two": lambda: [b"abcdef", b"gh"],
    "across": lambda: [b"abcd", b"efgh"],
    "generator": yielding(b"abcdef", b"gh"),
    "large-generator": yielding(b"abc", b"def" + b"g" * 200_000, b"h"),
}

BAD_STATUSES: dict[str, Any] = {
    "without-a-reason": "200",
    "empty": "",
    "of-two-digits": "20 OK",
    "of-four-digits": "2000 OK",
    "below-100": "099 Low",
    "of-zeros": "000 Zero",
    "of-letters": "abc OK",
    "after-a-space": " 200 OK",
    "negative": "-20 OK",
    "with-a-plus": "+20 OK",
    "without-a-space": "200OK",
    "with-a-tab": "200\tOK",
    "in-arabic-digits": "٢٠٠ OK",
    "in-wide-digits": "２００ OK",
    "with-cr-lf": "200 OK\r\nX-A: b",
    "with-a-cr": "200 O\rK",
    "with-an-lf": "200 O\nK",
    "with-a-nul": "200 O\x00K",
    "with-a-control": "200 O\x01K",
    "beyond-latin-1": "200 €",
    "as-bytes": b"200 OK",
    "as-int": 200,
    "as-none": None,
}

# The headers, and a pattern for the words with which the log names the guilty one.
BAD_HEADERS: dict[str, tuple[Any, str]] = {
    "name-empty": ([("", "b")], "(?<!/)header"),
    "name-with-a-space": ([("X Bad", "b")], "X Bad"),
    "name-with-a-space-behind": ([("X-Bad ", "b")], "X-Bad"),
    "name-with-a-colon": ([("X-Bad:", "b")], "X-Bad"),
    "name-with-cr-lf": ([("X-Bad\r\nX-B", "b")], "X-Bad"),
    "name-with-an-lf": ([("X-Bad\nX-B", "b")], "X-Bad"),
    "name-with-a-nul": ([("X-Bad\x00", "b")], "X-Bad"),
    "name-of-latin-1": ([("X-B\xe4d", "b")], "X-B"),
    "name-beyond-latin-1": ([("X-Bad-€", "b")], "X-Bad"),
    "name-as-bytes": ([(b"X-Bad", "b")], "X-Bad"),
    "name-as-int": ([(5, "b")], "(?<!/)header.*5"),
    "value-with-cr-lf": ([("X-Bad", "a\r\nX-B: b")], "X-Bad"),
    "value-with-a-cr": ([("X-Bad", "a\rb")], "X-Bad"),
    "value-with-an-lf": ([("X-Bad", "a\nb")], "X-Bad"),
    "value-that-ends-in-an-lf": ([("X-Bad", "a\n")], "X-Bad"),
    "value-folded": ([("X-Bad", "a\r\n b")], "X-Bad"),
    "value-with-a-nul": ([("X-Bad", "a\x00b")], "X-Bad"),
    "value-with-a-control": ([("X-Bad", "a\x01b")], "X-Bad"),
    "value-with-an-escape": ([("X-Bad", "a\x1bb")], "X-Bad"),
    "value-with-a-delete": ([("X-Bad", "a\x7fb")], "X-Bad"),
    "value-beyond-latin-1": ([("X-Bad", "€")], "X-Bad"),
    "value-as-bytes": ([("X-Bad", b"b")], "X-Bad"),
    "value-as-int": ([("X-Bad", 5)], "X-Bad"),
    "value-as-none": ([("X-Bad", None)], "X-Bad"),
    "second-of-two": ([("X-Good", "a"), ("X-Bad", "a\r\n")], "X-Bad"),
    "a-triple": ([("X-Bad", "a", "b")], ""),
    "a-single": ([("X-Bad",)], ""),
    "a-string": (["X-Bad: a"], ""),
    "a-dict": ({"X-Bad": "a"}, ""),
    "none-at-all": (None, ""),
    "length-of-letters": ([("Content-Length", "abc")], "Content-Length"),
    "length-negative": ([("Content-Length", "-1")], "Content-Length"),
    "length-with-a-plus": ([("Content-Length", "+1")], "Content-Length"),
    "length-with-an-underscore": ([("Content-Length", "1_0")], "Content-Length"),
    "length-empty": ([("Content-Length", "")], "Content-Length"),
    "length-in-arabic-digits": ([("Content-Length", "١")], "Content-Length"),
    "length-as-int": ([("Content-Length", 1)], "Content-Length"),
    "length-of-thirty-digits": ([("Content-Length", "9" * 30)], "Content-Length"),
    "length-twice": ([("Content-Length", "1"), ("content-length", "1")], "(?i)content-length"),
    "lengths-that-differ": ([("Content-Length", "1"), ("Content-Length", "2")], "Content-Length"),
    "hop-transfer-encoding": ([("Transfer-Encoding", "chunked")], "Transfer-Encoding"),
    "hop-transfer-encoding-in-lower-case": ([("transfer-encoding", "identity")], "transfer-encoding"),
    "hop-connection-keep-alive": ([("Connection", "keep-alive")], "Connection"),
    "hop-connection-upgrade": ([("Connection", "upgrade")], "Connection"),
    "hop-connection-close-and-more": ([("Connection", "close, X-A")], "Connection"),
    "hop-keep-alive": ([("Keep-Alive", "timeout=5")], "Keep-Alive"),
    "hop-te": ([("TE", "trailers")], "TE"),
    "hop-upgrade": ([("Upgrade", "websocket")], "Upgrade"),
}


def started(path: str, make: Callable[[], Any], headers: Any = TEXT, status: Any = "200 OK") -> None:
    """A route that calls start_response with these, and then `make`."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, list(headers) if headers is TEXT else headers)
        made: Iterable[bytes] = make()
        return made

    ROUTES[path] = application


for name, maker in BEFORE_THE_FIRST_BYTE.items():
    started(f"/fault/before/{name}", maker)
for name, maker in AFTER_THE_FIRST_BYTE.items():
    started(f"/fault/after/{name}", maker)
for name, maker in TOO_SHORT.items():
    started(f"/fault/short/{name}", maker, [*TEXT, LENGTH_6])
for name, maker in TOO_LONG.items():
    started(f"/fault/long/{name}", maker, [*TEXT, LENGTH_6])
for name, bad_status in BAD_STATUSES.items():
    started(f"/fault/status/{name}", lambda: [b"x"], status=bad_status)
for name, (bad_headers, _) in BAD_HEADERS.items():
    started(f"/fault/header/{name}", lambda: [b"x"], bad_headers)


def no_start(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """start_response is never called."""
    return [b"x"]


def start_too_late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """start_response is called after the first part."""
    yield b"x"
    start_response("200 OK", TEXT)


def start_twice(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A second call without exc_info is a fatal error (PEP 3333)."""
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b"x"]


def start_again_after_the_body(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """exc_info when the headers are out: start_response must raise it again."""
    start_response("200 OK", TEXT)
    yield b"first"
    start_response("500 Oops", TEXT, exc_info())
    yield b"never"


def write_str(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """write() of text, nothing sent before."""
    write: Any = start_response("200 OK", TEXT)
    write("text")
    return []


def write_then_raise(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """write() of a first part, then an error."""
    start_response("200 OK", TEXT)(b"first")
    raise LookupError("oops")


def write_too_much(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """write() beyond the length."""
    write = start_response("200 OK", [*TEXT, LENGTH_6])
    write(b"abcd")
    write(b"efgh")
    return [b"ij"]


def write_too_little(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """write() of less than the length."""
    start_response("200 OK", [*TEXT, LENGTH_6])(b"first")
    return []


def raise_in_close(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The answer is whole when close() fails."""

    class Unclosable(list[bytes]):
        def close(self) -> None:
            raise LookupError("cannot close")

    start_response("200 OK", TEXT)
    return Unclosable([b"whole"])


def raise_before_start(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Nothing but an error, with a secret in it."""
    raise LookupError("the password is swordfish")


ROUTES |= {
    "/fault/no-start": no_start,
    "/fault/start-too-late": start_too_late,
    "/fault/start-twice": start_twice,
    "/fault/start-again-after-the-body": start_again_after_the_body,
    "/fault/write-str": write_str,
    "/fault/write-then-raise": write_then_raise,
    "/fault/write-too-much": write_too_much,
    "/fault/write-too-little": write_too_little,
    "/fault/raise-in-close": raise_in_close,
    "/fault/raise-before-start": raise_before_start,
}
# Any path below this one raises: what a path says must not be able to write lines into the log.
ROUTES["/fault/line\r\nforged: yes\x1b[31m"] = raise_before_start
