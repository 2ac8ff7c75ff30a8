"""`python -m potstill`, as an operator meets it: starting, stopping, failing, and the exit codes."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from tests.process.running import STARTED, Running, answered, running
from tests.support.server import LOG_S, ROOT, STOP_S

pytestmark = pytest.mark.slow

# /wait/NAME opens the named pipe NAME twice: to say that it is inside, and to be let out.
SHOP = """
import atexit, os, signal, sys, threading

def app(environ, start_response):
    path = environ["PATH_INFO"]
    body = b"hello"
    if path.startswith("/wait/"):
        with open(path.removeprefix("/wait/") + ".in", "w"): pass
        with open(path.removeprefix("/wait/") + ".out", "rb") as out:
            body = out.read()
    elif path == "/ticker":
        threading.Thread(target=threading.Event().wait, name="ticker", daemon=False).start()
    elif path == "/at-exit":
        atexit.register(lambda: os.write(2, b"flushed at exit\\n"))
    elif path == "/fork":
        pid = os.fork()
        if pid == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            os._exit(0)
        body = str(os.waitpid(pid, 0)[1]).encode()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]

def create_app(name, shout=False):
    def created(environ, start_response):
        start_response("200 OK", [])
        return [(name.upper() if shout else name).encode()]
    return created
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A directory with an application in it, and a pair of named pipes for a request that waits."""
    (tmp_path / "shop.py").write_text(SHOP, encoding="utf-8")
    os.mkfifo(tmp_path / "door.in")
    os.mkfifo(tmp_path / "door.out")
    return tmp_path


def potstill(here: Path, *arguments: str, **environment: str) -> AbstractContextManager[Running]:
    return running(["-m", "potstill", *arguments], here, **environment)


@pytest.fixture
def server(here: Path) -> Iterator[Running]:
    """The application on a free port."""
    with potstill(here, "shop:app", "--bind", "127.0.0.1:0", "--graceful-timeout", "20s") as process:
        yield process


def enter(server: Running, here: Path) -> socket.socket:
    """A client whose request is inside the application, waiting at the door."""
    client = server.asked("/wait/door")
    with (here / "door.in").open("rb") as inside:
        inside.read()
    return client


def let_out(here: Path, body: bytes) -> None:
    with (here / "door.out").open("wb") as out:
        out.write(body)


# Starting


def test_it_says_in_one_line_where_it_serves_and_how_to_stop(server: Running) -> None:
    """And serves there."""
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", server.urls[0])
    assert server.get() == b"hello"
    assert server.stop() == 0
    assert len(server.log.lines(STARTED)) == 1
    assert f"pid {server.process.pid}" in server.log.lines(STARTED)[0]


@pytest.mark.parametrize(
    ("name", "body"),
    [("shop", b"hello"), ("shop:create_app('x')", b"x"), ("shop:create_app('x', shout=True)", b"X")],
)
def test_the_application_by_another_name(here: Path, name: str, body: bytes) -> None:
    """A module alone, a factory with arguments."""
    with potstill(here, name, "--bind", "127.0.0.1:0") as server:
        assert server.get() == body
        assert server.stop() == 0


def test_the_port_of_the_environment(here: Path) -> None:
    """As hosting platforms set it: on every IPv4 address."""
    with potstill(here, "shop:app", PORT="0") as server:
        assert re.fullmatch(r"http://0\.0\.0\.0:\d+", server.urls[0])
        assert server.get() == b"hello"
        assert server.stop() == 0


def test_several_addresses_at_once(here: Path) -> None:
    """TCP, a unix socket, an inherited one; the file of the unix socket is gone in the end."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        port = given.getsockname()[1]
        binds = ["--bind", "127.0.0.1:0", "--bind", "unix:shop.sock", "--bind", f"fd://{given.fileno()}"]
        with running(["-m", "potstill", "shop:app", *binds], here, pass_fds=[given.fileno()]) as server:
            assert server.urls[1:] == ["unix:shop.sock", f"http://127.0.0.1:{port}"]
            given.close()
            assert server.get() == b"hello"
            for client in (socket.socket(socket.AF_UNIX), socket.socket()):
                client.settimeout(LOG_S)
                client.connect(
                    str(here / "shop.sock") if client.family == socket.AF_UNIX else ("127.0.0.1", port)
                )
                client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
                assert answered(client).endswith(b"\r\n\r\nhello")
            assert server.stop() == 0
    assert not (here / "shop.sock").exists()


def test_a_unix_socket_that_a_killed_server_left_is_taken_over(here: Path) -> None:
    """And one that is served is not."""
    with potstill(here, "shop:app", "--bind", "unix:shop.sock") as killed:
        assert killed.urls == ["unix:shop.sock"]
        with potstill(here, "shop:app", "--bind", "unix:shop.sock") as late:
            assert late.code() == 1
        killed.signal(signal.SIGKILL)
        killed.code()
    with potstill(here, "shop:app", "--bind", "unix:shop.sock") as server:
        assert server.urls == ["unix:shop.sock"]
        assert server.stop() == 0


# Failing to start


def test_a_port_that_is_taken_names_who_has_it(here: Path, server: Running) -> None:
    """Exit code 1, without a traceback."""
    host, port = server.address
    with potstill(here, "shop:app", "--bind", f"{host}:{port}") as late:
        assert late.code() == 1
        (line,) = late.log.lines()
    assert f"potstill: 127.0.0.1:{port} is taken by " in line
    assert f"(pid {server.process.pid})" in line
    assert server.stop() == 0


def test_a_wrong_name_is_told_without_a_traceback(here: Path) -> None:
    """Exit code 2, and what was perhaps meant."""
    with potstill(here, "shop:ap", "--bind", "127.0.0.1:0") as server:
        assert server.code() == 2
        lines = server.log.lines()
    assert lines[0] == "potstill: module 'shop' has no 'ap'; did you mean 'app'?"
    assert not any("Traceback" in line for line in lines)


def test_what_the_application_raises_is_shown(here: Path) -> None:
    """Exit code 3, with its traceback and none of our frames; the file of the unix socket is gone."""
    (here / "broken.py").write_text("import shop\n{}['key']\n", encoding="utf-8")
    with potstill(here, "broken:app", "--bind", "unix:shop.sock") as server:
        assert server.code() == 3
        lines = server.log.lines()
    assert lines[0] == "Traceback (most recent call last):"
    assert f'File "{here}/broken.py", line 2' in lines[1]
    assert "KeyError: 'key'" in lines
    assert not any(str(ROOT / "potstill") in line for line in lines)
    assert not (here / "shop.sock").exists()


def test_control_c_while_the_application_loads(here: Path) -> None:
    """Exit code 130 and not a word."""
    (here / "slow.py").write_text(
        "import os, threading\nos.write(2, b'loading\\n')\nthreading.Event().wait()\n", encoding="utf-8"
    )
    with potstill(here, "slow:app", "--bind", "127.0.0.1:0") as server:
        server.log.wait_for("loading")
        server.signal(signal.SIGINT)
        assert server.code() == 130
        assert server.log.lines() == ["loading"]


def test_wrong_settings_come_before_anything_else(here: Path) -> None:
    """Exit code 2; the module is not even looked for."""
    with potstill(here, "nowhere:app", "--threads", "0", POTSTILL_KEEPALIVE="soon") as server:
        assert server.code() == 2
        assert len(server.log.lines("^potstill: ")) == 2


# Stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it(server: Running, number: signal.Signals) -> None:
    """Exit code 0, and the port is free."""
    address = server.address
    assert server.get() == b"hello"
    server.signal(number)
    assert server.code() == 0
    assert server.log.lines(f"stopped on {number.name}: every response has left")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=LOG_S)


def test_a_signal_right_after_the_start_line_is_not_too_early(here: Path) -> None:
    """Nor are two of them too many."""
    with potstill(here, "shop:app", "--bind", "127.0.0.1:0") as server:
        assert server.urls
        server.signal(signal.SIGTERM)
        server.signal(signal.SIGTERM)
        assert server.code() == 0


def test_a_request_inside_the_application_is_finished(here: Path, server: Running) -> None:
    """While it lasts nobody new gets in; its answer says that the connection ends."""
    client = enter(server, here)
    server.signal(signal.SIGTERM)
    server.log.wait_for(r"waiting up to \d+ s for 1 exchange \(1 in the application\)")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.address, timeout=LOG_S)
    let_out(here, b"finished")
    answer = answered(client)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nfinished")
    assert server.code() == 0
    assert server.log.lines("every response has left")


def test_an_idle_connection_does_not_keep_it(server: Running) -> None:
    """The client sees the end, and the server need not wait for it."""
    client = server.asked("/")
    assert client.recv(65536).endswith(b"hello")
    server.signal(signal.SIGTERM)
    assert answered(client) == b""
    assert server.code() == 0


def test_a_second_signal_stops_it_at_once(here: Path, server: Running) -> None:
    """Exit code 0; the thread that is left is named with the line it stands at."""
    client = enter(server, here)
    server.signal(signal.SIGTERM)
    server.log.wait_for("waiting up to")
    server.signal(signal.SIGINT)
    assert server.code() == 0
    assert b"200 OK" not in ended(client)
    assert server.log.lines(r"stopped on SIGTERM, told to hurry: cut off 1 exchange")
    assert server.log.lines(r"thread potstill-\d did not end: it is in app \(.*/shop\.py:9\)")


def test_the_graceful_timeout_ends_the_wait(here: Path) -> None:
    """Exit code 0, and what the application has registered for its exit is done."""
    with potstill(here, "shop:app", "--bind", "127.0.0.1:0", "--graceful-timeout", "100ms") as server:
        server.get("/at-exit")
        client = enter(server, here)
        server.signal(signal.SIGTERM)
        assert server.code() == 0
        assert b"200 OK" not in ended(client)
        assert server.log.lines(r"after 0\.1 s: cut off 1 exchange")
        assert server.log.lines()[-1] == "flushed at exit"


def test_a_thread_of_the_application_does_not_keep_it(here: Path) -> None:
    """It is no daemon, so the interpreter would wait for it without end."""
    with potstill(here, "shop:app", "--bind", "127.0.0.1:0", "--graceful-timeout", "100ms") as server:
        server.get("/ticker")
        assert server.stop() == 0
        assert server.log.lines("exiting without waiting any longer; still running: .*ticker")


def test_a_signal_for_a_forked_child_is_not_for_the_server(server: Running) -> None:
    """The child dies of it, as a process does that has no handler, and the server goes on."""
    assert server.get("/fork") == str(int(signal.SIGTERM)).encode()
    assert server.get() == b"hello"
    assert server.stop() == 0
    assert not server.log.lines("told to hurry")


def test_the_main_thread_sleeps_while_others_serve(server: Running) -> None:
    """A hundred requests do not wake it; it may just have been on its way to bed."""
    server.get()
    status = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/status")
    before = switches(status)
    client = server.client()
    for _ in range(100):
        client.request("GET", "/")
        assert client.getresponse().read() == b"hello"
    client.close()
    assert switches(status) - before < 5
    assert server.stop() == 0


def switches(status: Path) -> int:
    """How often the thread has run and gone to sleep again, or was made to."""
    return sum(map(int, re.findall(r"ctxt_switches:\s*(\d+)", status.read_text(encoding="utf-8"))))


def ended(client: socket.socket) -> bytes:
    """What comes until the connection ends, which may be a reset."""
    with closing(client):
        try:
            return answered(client)
        except ConnectionResetError:
            return b""


# Logging


def test_the_log_level_of_the_application_stays_the_applications(here: Path) -> None:
    """Logging that it has configured is used, and its root logger is not touched."""
    (here / "loud.py").write_text(
        "import logging\nlogging.basicConfig(format='mine %(name)s %(message)s', level='WARNING')\n"
        "from shop import app\n",
        encoding="utf-8",
    )
    with potstill(here, "loud:app", "--bind", "127.0.0.1:0") as server:
        server.get()
        assert server.stop() == 0
        assert server.log.lines("^mine potstill stopped on SIGTERM")
        assert not server.log.lines("INFO")


def test_a_quiet_log_still_has_the_start_line(here: Path) -> None:
    """It is for people, not for the log."""
    with potstill(here, "shop:app", "--bind", "127.0.0.1:0", "--log-level", "error") as server:
        assert server.urls
        assert server.stop() == 0
        assert len(server.log.lines()) == 1


# Without serving


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["--help"], 0), ([], 2)])
def test_what_needs_no_core_does_not_load_it(arguments: list[str], code: int, tmp_path: Path) -> None:
    """`--help` is quick, and works where the core has not been compiled."""
    lines = (
        "import sys, atexit\n"
        "atexit.register(lambda: print(*[name for name in sys.modules if '.core' in name]))\n"
        f"sys.argv = ['potstill', *{arguments!r}]\n"
        "from potstill.cli import main\nmain()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", lines],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=STOP_S,
        check=False,
    )
    assert done.returncode == code
    assert "potstill.core" not in done.stdout
