"""run_simple as programs call it, with each parameter of Werkzeug's."""

from __future__ import annotations

import http.client
import inspect
import os
import signal
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import werkzeug.serving

from potstill import run_simple
from tests.desk.desks import ask, wait_for_answer, write
from tests.process.running import Running, running
from tests.support.certificates import Authority, careless

pytestmark = pytest.mark.slow

PROGRAM = """
import os, sys
from potstill import run_simple

def app(environ, start_response):
    if environ["PATH_INFO"] == "/error":
        return [7 / 0]
    words = [os.getpid(), environ["wsgi.multithread"], environ["wsgi.multiprocess"], sys.argv[1:], "VERSION"]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(words).encode()]

if __name__ == "__main__":
    try:
        run_simple("127.0.0.1", 0, app, ARGUMENTS)
    finally:
        print("the program goes on", file=sys.stderr, flush=True)
"""


def program(here: Path, arguments: str = "", *command: str, version: str = "one") -> Any:
    write(here, "serve_it.py", PROGRAM.replace("ARGUMENTS", arguments).replace("VERSION", version))
    return running([*(command or ("serve_it.py",)), "a", "b"], here)


def words(server: Running) -> Any:
    status, body = ask(server.address)
    assert status == 200
    return eval(body)


def test_the_parameters_are_werkzeugs() -> None:
    """Names, order and defaults: a call that is right there is right here."""
    theirs = inspect.signature(werkzeug.serving.run_simple).parameters
    ours = inspect.signature(run_simple).parameters
    assert [(each.name, each.default) for each in theirs.values()] == [
        (each.name, each.default) for each in ours.values()
    ][: len(theirs)]


def test_plain(tmp_path: Path) -> None:
    """One thread, this process, and on with the program when it ends."""
    with program(tmp_path) as server:
        assert words(server) == [server.process.pid, False, False, ["a", "b"], "one"]
        status, body = ask(server.address, "/error")
        assert (status, b"ZeroDivisionError" in body) == (500, False)
        assert server.stop() == 0
        assert server.log.lines("the program goes on")


def test_threaded(tmp_path: Path) -> None:
    with program(tmp_path, "threaded=True") as server:
        assert words(server)[1:3] == [True, False]
        assert server.stop() == 0


def test_processes(tmp_path: Path) -> None:
    """The program goes on once, in the process that was started."""
    with program(tmp_path, "processes=2") as server:
        assert words(server)[1:3] == [False, True]
        assert words(server)[0] != server.process.pid
        assert server.stop() == 0
        assert len(server.log.lines("the program goes on")) == 1


@pytest.mark.parametrize("command", [("serve_it.py",), ("-X", "dev", "serve_it.py"), ("-m", "serve_it")])
def test_the_reloader(tmp_path: Path, command: tuple[str, ...]) -> None:
    """However it was started: as a file, with options of the interpreter, as a module."""
    with program(tmp_path, "use_reloader=True", *command) as server:
        assert words(server)[1:] == [False, False, ["a", "b"], "one"]
        write(tmp_path, "serve_it.py", (tmp_path / "serve_it.py").read_text().replace("one", "two"))
        wait_for_answer(server, b"two")
        assert server.stop() == 0
        server.log.wait_for("the program goes on")


def test_a_reloaded_program_that_does_not_serve(tmp_path: Path) -> None:
    with program(tmp_path, "use_reloader=True") as server:
        assert words(server)
        text = (tmp_path / "serve_it.py").read_text()
        write(tmp_path, "serve_it.py", "pass\n")
        wait_for_answer(server, b"ended without calling run_simple")
        write(tmp_path, "serve_it.py", "raise LookupError('no pool')\n" + text)
        wait_for_answer(server, b"LookupError: no pool")
        write(tmp_path, "serve_it.py", text)
        wait_for_answer(server, b"one")
        assert server.stop() == 0


def test_extra_files_and_exclude_patterns(tmp_path: Path) -> None:
    write(tmp_path, "prices.txt", "1")
    write(tmp_path, "helper.py", "value = 1\n")
    arguments = (
        "use_reloader=True, reloader_type='stat', extra_files=['prices.txt'], exclude_patterns=['*helper*']"
    )
    write(tmp_path, "serve_it.py", PROGRAM)
    with program(tmp_path, arguments) as server:
        assert words(server)
        write(tmp_path, "helper.py", "value = 2\n")
        write(tmp_path, "prices.txt", "2")
        server.log.wait_for("reload: prices.txt changed")
        assert not server.log.lines("helper.py")
        assert server.stop() == 0


def test_the_debugger(tmp_path: Path) -> None:
    with program(tmp_path, "use_debugger=True") as server:
        assert b"environ = {" in ask(server.address, "/error")[1]
        page = ask(server.address, "/error", "Accept: text/html")[1]
        assert b"EVALEX = true" in page
        assert server.stop() == 0


def test_the_debugger_without_consoles(tmp_path: Path) -> None:
    with program(tmp_path, "use_debugger=True, use_evalex=False") as server:
        page = ask(server.address, "/error", "Accept: text/html")[1]
        assert b"ZeroDivisionError" in page
        assert b"EVALEX" not in page
        assert server.stop() == 0


def test_passthrough_errors(tmp_path: Path) -> None:
    with program(tmp_path, "use_debugger=True, passthrough_errors=True") as server:
        assert b"ZeroDivisionError" not in ask(server.address, "/error")[1]
        assert server.stop() == 0


@pytest.mark.parametrize("reloader", ["True", "False"])
def test_the_debugger_elsewhere_is_refused(tmp_path: Path, reloader: str) -> None:
    text = PROGRAM.replace("127.0.0.1", "0.0.0.0")
    write(tmp_path, "serve_it.py", text.replace("ARGUMENTS", f"use_debugger=True, use_reloader={reloader}"))
    with running(["serve_it.py"], tmp_path) as server:
        assert server.code() == 1
        assert server.log.lines("ValueError: use_debugger: --dev is refused at 0.0.0.0")


def test_static_files(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    write(tmp_path, "public/a.txt", "a file")
    (tmp_path / "shelf").mkdir()
    write(tmp_path, "shelf/__init__.py", "")
    (tmp_path / "shelf/data").mkdir()
    write(tmp_path, "shelf/data/b.txt", "of a package")
    with program(tmp_path, "static_files={'/public': 'public', '/shelf/': ('shelf', 'data')}") as server:
        assert ask(server.address, "/public/a.txt")[1] == b"a file"
        assert ask(server.address, "/shelf/b.txt")[1] == b"of a package"
        assert b"one" in ask(server.address, "/public/no-such-file")[1]
        assert server.stop() == 0


def test_fd_and_unix_sockets(tmp_path: Path) -> None:
    write(tmp_path, "serve_it.py", PROGRAM.replace("ARGUMENTS", "fd=int(sys.argv[1])"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        os.set_inheritable(listener.fileno(), True)
        number = listener.fileno()
        with running(["serve_it.py", str(number)], tmp_path, pass_fds=[number]) as server:
            assert server.address == listener.getsockname()
            assert words(server)
            assert server.stop() == 0
    text = PROGRAM.replace('"127.0.0.1"', f'"unix://{tmp_path}/s"').replace("ARGUMENTS", "")
    write(tmp_path, "serve_it.py", text)
    with running(["serve_it.py"], tmp_path) as server:
        assert server.urls == [f"unix:{tmp_path}/s"]
        assert server.stop() == 0


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    with program(tmp_path, "use_reloader=True") as server:
        assert words(server)
        server.signal(signal.SIGINT)
        assert server.code() == 0


def app(environ: Any, start_response: Any) -> list[bytes]:
    raise AssertionError("nobody asks")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"request_handler": object}, "request_handler: .* wrap the application"),
        ({"ssl_context": 3}, "ssl_context: give an ssl.SSLContext"),
        (
            {"ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), "use_reloader": True},
            "ssl_context: with the reloader give files",
        ),
        ({"threaded": True, "processes": 2}, "several threads or several processes"),
        ({"reloader_type": "kqueue"}, "reloader_type: 'kqueue' is not one of auto, stat"),
        ({"processes": 2, "use_reloader": True}, "for one process"),
        ({"processes": 2, "use_debugger": True}, "for one process"),
        ({"static_files": {"/x": "/no/such/place"}}, "static_files: /x: '/no/such/place' is not a directory"),
        ({"static_files": {"/x": ("no_such_package", "x")}}, "there is no package 'no_such_package'"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_the_reason(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        run_simple("127.0.0.1", 0, app, **given)


@pytest.mark.parametrize("more", ["", ", use_reloader=True", ", processes=2"])
@pytest.mark.parametrize("how", ["files", "adhoc"])
def test_tls(tmp_path: Path, how: str, more: str) -> None:
    """By files and by a certificate that is made now, in all three ways of serving."""
    given = "'adhoc'"
    if how == "files":
        issued = Authority(tmp_path).issue("localhost")
        given = repr((str(issued.certfile), str(issued.keyfile)))
    with program(tmp_path, f"ssl_context={given}{more}") as server:
        client = http.client.HTTPSConnection(*server.address, context=careless(), timeout=20)
        client.request("GET", "/")
        assert client.getresponse().status == 200
        client.close()
        assert server.stop() == 0


def test_tls_by_a_context_of_the_program(tmp_path: Path) -> None:
    issued = Authority(tmp_path).issue("localhost")
    made = "import ssl\ncontext = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
    made += f"context.load_cert_chain({str(issued.certfile)!r}, {str(issued.keyfile)!r})\n"
    write(tmp_path, "made.py", made)
    with program(tmp_path, "ssl_context=__import__('made').context") as server:
        client = http.client.HTTPSConnection(*server.address, context=careless(), timeout=20)
        client.request("GET", "/")
        assert client.getresponse().status == 200
        client.close()
        assert server.stop() == 0


def test_the_reloader_wants_a_file(tmp_path: Path) -> None:
    source = PROGRAM.replace("ARGUMENTS", "use_reloader=True")
    with running(["-c", source], tmp_path) as server:
        assert server.code() == 1
        assert server.log.lines("use_reloader: this program was not started from a file")
