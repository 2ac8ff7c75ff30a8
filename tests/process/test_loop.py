"""The supervisor as an operator meets it: starting, watching, signals, failing, and the exit codes."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from pathlib import Path

import pytest

from tests.process.running import Running, answered, running
from tests.process.shop import SERVES, SHOP, serving, stopped, workers_of, write
from tests.support.server import STOP_S

pytestmark = pytest.mark.slow


def start(here: Path, *options: str) -> list[str]:
    return ["-m", "potstill", "shop:app", "--bind", "127.0.0.1:0", "--workers", "2", *options]


def held(server: Running, microseconds: int) -> socket.socket:
    """A request that holds the GIL of its worker for so long."""
    return server.asked(f"/held?{microseconds}")


# Starting


def test_the_start_line_comes_when_all_serve(tmp_path: Path) -> None:
    """It names the supervisor, which is the process that was started."""
    with serving(tmp_path) as server:
        (line,) = server.log.lines("Ctrl[+]C stops it")
        assert f"(2 workers, 8 threads each, pid {server.process.pid})" in line
        assert server.log.lines().index(line) == 2
        assert len(workers_of(server)) == 2
        assert int(server.get()) in workers_of(server)
        assert stopped(server) == 0


def test_auto_says_what_it_chose_and_why(tmp_path: Path) -> None:
    write(tmp_path)
    command = ["-m", "potstill", "shop:app", "--bind", "127.0.0.1:0", "--workers", "auto"]
    with running(command, tmp_path) as server:
        line = server.log.wait_for("workers auto: ")
        found = re.search(r"workers auto: (\d+), for \d+ processors?", line)
        assert found is not None
        assert server.urls
        assert len(workers_of(server)) == int(found[1])
        assert stopped(server) == 0


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("{}['key']\n", 3, "KeyError: 'key'"),
        ("application = None\n", 2, "'shop' has no 'app'"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", 3, "it was killed by SIGKILL"),
    ],
)
def test_what_fails_at_the_start_is_said_once(tmp_path: Path, source: str, code: int, words: str) -> None:
    """Not once for each worker, and not for ever."""
    write(tmp_path, source)
    with running(start(tmp_path), tmp_path) as server:
        assert server.code() == code
        assert len(server.log.lines(words)) == 1
        assert not server.log.lines("Ctrl[+]C")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """Exit code 1, before anything is forked."""
    write(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        with running(["-m", "potstill", "shop:app", "--workers", "2", "--bind", bind], tmp_path) as server:
            assert server.code() == 1
            assert server.log.lines(f"{bind} is taken by ")


def test_what_needs_a_supervisor_says_so(tmp_path: Path) -> None:
    """Exit code 2, and all of it at once."""
    command = ["-m", "potstill", "shop:app", "--max-requests", "5", "--preload"]
    with running(command, tmp_path) as server:
        assert server.code() == 2
        assert server.log.lines("max-requests 5 needs a supervisor; give --workers 1 or more")
        assert server.log.lines("preload yes needs a supervisor")


def test_a_worker_that_never_gets_ready_is_given_up(tmp_path: Path) -> None:
    """With the place where it hangs."""
    write(
        tmp_path, "import threading\ndef wait_for_godot():\n    threading.Event().wait()\nwait_for_godot()\n"
    )
    with running(start(tmp_path, "--boot-timeout", "300ms"), tmp_path) as server:
        assert server.code() == 3
        assert server.log.lines(r"is not ready after --boot-timeout 0\.3 s: aborting it")
        assert server.log.lines("in wait_for_godot")


# Watching


def test_a_worker_that_holds_the_gil_is_replaced(tmp_path: Path) -> None:
    """With the stacks of its threads in the log; the others serve meanwhile."""
    with serving(tmp_path, "--worker-timeout", "1s") as server:
        seen = len(server.log.lines())
        client = held(server, 30_000_000)
        line = server.log.wait_for(r"has not had the GIL for .*: aborting it", since=seen)
        found = re.search(r"pid (\d+)", line)
        assert found is not None
        server.log.wait_for(r"Fatal Python error: Aborted", since=seen)
        server.log.wait_for(r'File ".*shop\.py", line 6 in app', since=seen)
        server.log.wait_for(SERVES, since=seen)
        server.log.wait_for(rf"\(pid {found[1]}\) was killed by SIGABRT", since=seen)
        client.close()
        assert server.get().decode() != found[1]


def test_a_request_that_only_waits_is_left_alone(tmp_path: Path) -> None:
    """It lets the GIL go: its worker is well, however long that lasts."""
    os.mkfifo(tmp_path / "door")
    waiting = SHOP.replace("ctypes.PyDLL(None).usleep(int(environ['QUERY_STRING']))", "")
    write(
        tmp_path,
        waiting.replace(
            "    start_", '    "/door" == environ["PATH_INFO"] and open("door").read()\n    start_'
        ),
    )
    with serving(tmp_path, "--worker-timeout", "1s") as server:
        client = server.asked("/door")
        with (tmp_path / "door").open("w") as door:  # the view is at the other end of it
            threading.Event().wait(2.2)
            door.write("go on")
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        assert answered(client).count(b"200 OK") == 2
        assert not server.log.lines("aborting")


def test_an_idle_worker_is_never_woken(tmp_path: Path) -> None:
    """Its supervisor looks at it several times and leaves its main thread asleep."""
    with serving(tmp_path, "--worker-timeout", "100ms") as server:
        server.get()
        (one, other) = workers_of(server)
        threading.Event().wait(0.3)  # whatever it did last is done
        before = [switches(pid) for pid in (one, other)]
        threading.Event().wait(1.0)
        assert [switches(pid) for pid in (one, other)] == before


def switches(pid: int) -> int:
    """How often any thread of the process has gone to sleep or was made to."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        text = (task / "status").read_text(encoding="utf-8")
        total += sum(map(int, re.findall(r"ctxt_switches:\s*(\d+)", text)))
    return total


def test_workers_that_die_young_are_forked_less_and_less_often(tmp_path: Path) -> None:
    """At once, then after half a second, then after one."""
    with serving(tmp_path, workers=1) as server:
        for pause in ("", r"; the next one is forked in 0\.5 s", "; the next one is forked in 1 s"):
            seen = len(server.log.lines())
            os.kill(workers_of(server)[-1], signal.SIGKILL)
            server.log.wait_for(f"was killed by SIGKILL{pause}$", since=seen)
            server.log.wait_for(SERVES, since=seen)


def test_workers_go_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    """Nobody would look after them; what they have in hand they finish."""
    with serving(tmp_path) as server:
        pids = workers_of(server)
        server.signal(signal.SIGKILL)
        assert server.process.wait(STOP_S) == -signal.SIGKILL
        server.log.join(STOP_S)  # it ends when the last process has closed its end
        assert len(server.log.lines("stopped on the end of its supervisor")) == len(pids)


# Signals


def test_what_is_in_flight_is_printed(tmp_path: Path) -> None:
    """SIGQUIT: the table of workers, and the stack of each thread that is inside the application."""
    os.mkfifo(tmp_path / "door")
    write(
        tmp_path,
        SHOP.replace("    start_", '    "/door" == environ["PATH_INFO"] and open("door").read()\n    start_'),
    )
    with serving(tmp_path) as server:
        client = server.asked("/door")
        with (tmp_path / "door").open("w"):
            server.signal(signal.SIGQUIT)
            server.log.wait_for("2 workers, 2 wanted")
            server.log.wait_for(r"worker 1 \(pid \d+\): ready, \d+ s old, \d+ requests, \d connection")
            server.log.wait_for("in flight: 1 connection, 1 in the application")
            server.log.wait_for(r"GET /door from 127\.0\.0\.1:\d+, .* s in the application")
            server.log.wait_for(r'File ".*/shop\.py", line 7, in app')
        client.close()


def test_a_stop_lists_what_is_in_flight(tmp_path: Path) -> None:
    """SIGTERM to the supervisor: each worker shows its requests, then they are finished."""
    os.mkfifo(tmp_path / "door")
    write(
        tmp_path,
        SHOP.replace("    start_", '    "/door" == environ["PATH_INFO"] and open("door").read()\n    start_'),
    )
    with serving(tmp_path) as server:
        client = server.asked("/door")
        with (tmp_path / "door").open("w"):
            server.signal(signal.SIGTERM)
            server.log.wait_for(r"GET /door from 127\.0\.0\.1:\d+, .* s in the application")
        assert b"200 OK" in answered(client)
        assert server.code() == 0


def test_signals_that_have_nothing_to_do_are_harmless(tmp_path: Path) -> None:
    """USR1 opens log files again, and there are none; a worker takes no notice of what is not for it."""
    with serving(tmp_path) as server:
        server.signal(signal.SIGUSR1)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT):
            os.kill(workers_of(server)[0], number)
        assert server.get()
        server.signal(signal.SIGQUIT)
        server.log.wait_for("2 workers, 2 wanted")
        assert len(workers_of(server)) == 2


def test_a_worker_may_be_told_to_go(tmp_path: Path) -> None:
    """SIGTERM for a worker alone: it leaves in good order, and another takes its place."""
    with serving(tmp_path) as server:
        seen = len(server.log.lines())
        os.kill(workers_of(server)[0], signal.SIGTERM)
        server.log.wait_for("ended with 0", since=seen)
        server.log.wait_for(SERVES, since=seen)


def test_the_last_worker_stays(tmp_path: Path) -> None:
    """TTOU stops at one."""
    with serving(tmp_path) as server:
        for _ in range(3):
            seen = len(server.log.lines())
            server.signal(signal.SIGTTOU)
            server.log.wait_for("SIGTTOU: 1 worker from now on", since=seen)
        server.log.wait_for(r"\) has left")
        assert server.get()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_cuts_what_is_left(tmp_path: Path, number: signal.Signals) -> None:
    """Exit code 0 at once; the thread that is left is shown with its stack."""
    os.mkfifo(tmp_path / "door")
    write(
        tmp_path,
        SHOP.replace("    start_", '    "/door" == environ["PATH_INFO"] and open("door").read()\n    start_'),
    )
    with serving(tmp_path) as server:
        client = server.asked("/door")
        with (tmp_path / "door").open("w"):
            server.signal(number)
            server.log.wait_for(rf"stopping on {number.name}: 1 connection \(1 in the application\) in ")
            server.signal(number)
            assert server.code() == 0
        client.close()
        assert server.log.lines("told to hurry: cut off 1 exchange")
        assert server.log.lines(r"did not end: it is in app \(.*/shop\.py:7\)")
        assert server.log.lines(r'^  File ".*/shop\.py", line 7, in app')


def test_the_graceful_timeout_ends_a_stop(tmp_path: Path) -> None:
    """A line a second says who is waited for."""
    os.mkfifo(tmp_path / "door")
    write(
        tmp_path,
        SHOP.replace("    start_", '    "/door" == environ["PATH_INFO"] and open("door").read()\n    start_'),
    )
    with serving(tmp_path, "--graceful-timeout", "1500ms") as server:
        client = server.asked("/door")
        with (tmp_path / "door").open("w"):
            assert stopped(server) == 0
        client.close()
        assert len(server.log.lines("stopping on SIGTERM: 1 connection .* in 1 worker")) >= 1
        assert server.log.lines(r"after 1\.5 s: cut off 1 exchange")


# Reloading the configuration


def test_a_reload_reads_the_configuration_again(tmp_path: Path) -> None:
    """What may change changes, and what needs a restart is named; a file that is wrong changes nothing."""
    file = tmp_path / "potstill.toml"
    file.write_text('workers = 1\nthreads = 2\nbind = "127.0.0.1:0"\n', encoding="utf-8")
    write(tmp_path, SHOP.replace("str(os.getpid())", "str(environ['wsgi.multithread'])"))
    with running(["-m", "potstill", "shop:app"], tmp_path) as server:
        assert server.get() == b"True"
        file.write_text("workers = 1\nthreads = 0\n", encoding="utf-8")
        server.signal(signal.SIGHUP)
        server.log.wait_for(r"reload refused: potstill\.toml:2:\d+: ")
        file.write_text('workers = 2\nthreads = 1\nbind = "127.0.0.1:1"\n', encoding="utf-8")
        server.signal(signal.SIGHUP)
        server.log.wait_for("reload: bind stays as it is; only a restart changes it")
        server.log.wait_for("reload is done", STOP_S)
        assert len(workers_of(server)) == 3
        assert server.get() == b"False"
        assert stopped(server) == 0
