"""Views that fork, in a process of their own: test_forks.py runs this as a script and reads its JSON.

A test's own process has threads and buffers that no child of it should have.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from tests.support.engine import GET, Environ, Running, StartResponse, engine_on, hello, request

ENDS: dict[str, Callable[[], object]] = {
    "returns": lambda: None,
    "exits": lambda: sys.exit(7),
    "exits cleanly": lambda: sys.exit(),
    "exits with words": lambda: sys.exit("in words"),
    "raises": lambda: os.environ["ABSENT"],
    "leaves": lambda: os._exit(9),
}


def forks(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The child comes back from the view as it is asked to; the parent answers with its exit code."""
    how = environ["QUERY_STRING"].replace("%20", " ")
    if not how:
        return hello(environ, start_response)
    child = os.fork()
    if child == 0:
        sys.stderr.write("words of the child\n")
        ENDS[how]()
        return hello(environ, start_response)
    _, status = os.waitpid(child, 0)
    start_response("200 OK", [])
    return [str(os.waitstatus_to_exitcode(status)).encode()]


def streams(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """The child comes back into the generator, behind the first piece of the answer."""
    start_response("200 OK", [])
    yield b"one "
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    yield b"two"


def both(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    return (streams if environ["PATH_INFO"] == "/stream" else forks)(environ, start_response)


def exit_codes(running: Running) -> dict[str, int]:
    """How the child ends, by how it comes back; each on a connection that is asked once more afterwards."""
    codes = {}
    for how in ENDS:
        with running.client() as client:
            client.send(request("/?" + how.replace(" ", "%20")))
            codes[how] = int(client.response().body)
            client.send(GET)
            assert client.response().body == b"hello\n"
    return codes


def main() -> None:
    with engine_on(both, threads=2) as running:
        found: dict[str, Any] = {"codes": exit_codes(running)}
        found["stream"] = running.ask(request("/stream")).decode()
        with running.client() as client:
            client.send(request("/?returns", "Connection: close"))
            client.response()
            client.expect_end()  # also where a child has inherited the descriptor
        running.wait_idle()
        found["failures"] = running.now.failures
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
