"""The command among init systems: notifications, sockets that are passed on, users, modes, names."""

from __future__ import annotations

import os
import pwd
import re
import signal
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.process.crowd import Crowd
from tests.process.running import Running, answered, running
from tests.process.shop import serving, stopped, workers_of, write
from tests.support.server import LOG_S, STOP_S

pytestmark = pytest.mark.slow


class Init:
    """The init system's end of NOTIFY_SOCKET."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(STOP_S)

    def close(self) -> None:
        self._socket.close()

    def read(self) -> dict[str, str]:
        """The next message, as the assignments in it."""
        lines = self._socket.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def wait_for(self, *names: str) -> dict[str, str]:
        """The next message that has all these names."""
        while True:
            message = self.read()
            if set(names) <= message.keys():
                return message


@pytest.fixture
def init(tmp_path: Path) -> Iterator[Init]:
    made = Init(tmp_path / "notify")
    yield made
    made.close()


# Type=notify


def test_the_init_system_hears_of_everything(tmp_path: Path, init: Init) -> None:
    """Ready, reloading with the time of the clock that it compares, ready again, stopping."""
    with serving(tmp_path, NOTIFY_SOCKET=str(init.path)) as server:
        assert init.read() == {"READY": "1", "STATUS": "2 workers serving shop:app"}
        server.signal(signal.SIGHUP)
        reloading = init.wait_for("RELOADING")
        assert reloading["RELOADING"] == "1"
        assert int(reloading["MONOTONIC_USEC"]) > 0
        assert init.wait_for("READY")["STATUS"] == "2 workers serving shop:app"
        assert stopped(server) == 0
        assert init.wait_for("STOPPING")["STATUS"] == "stopping on SIGTERM"


def test_a_reload_that_fails_is_in_the_status(tmp_path: Path, init: Init) -> None:
    """It is over, and the service is ready; `systemctl status` says what is wrong."""
    with serving(tmp_path, NOTIFY_SOCKET=str(init.path)) as server:
        init.wait_for("READY")
        write(tmp_path, "{}['key']\n")
        server.signal(signal.SIGHUP)
        init.wait_for("RELOADING")
        assert init.wait_for("READY")["STATUS"] == (
            "reload failed: KeyError: 'key'; the old workers are serving"
        )
        assert server.get()


def test_the_watchdog_is_fed(tmp_path: Path, init: Init) -> None:
    """Several times in the time that is given; workers do not see the variables."""
    write(
        tmp_path,
        "import os\ndef app(environ, start_response):\n    start_response('200 OK', [])\n"
        "    seen = [name for name in os.environ if name.startswith(('NOTIFY', 'WATCHDOG'))]\n"
        "    return [str(seen).encode()]\n",
    )
    with serving(tmp_path, NOTIFY_SOCKET=str(init.path), WATCHDOG_USEC="400000") as server:
        init.wait_for("READY")
        for _ in range(5):
            assert init.wait_for("WATCHDOG") == {"WATCHDOG": "1"}
        assert server.get() == b"[]"


def test_one_process_without_a_supervisor_is_ready_too(tmp_path: Path, init: Init) -> None:
    """Type=notify works in every mode."""
    write(tmp_path)
    command = ["-m", "potstill", "shop:app", "--bind", "127.0.0.1:0"]
    with running(command, tmp_path, NOTIFY_SOCKET=str(init.path)) as server:
        assert init.read()["READY"] == "1"
        assert stopped(server) == 0


def test_an_upgrade_moves_the_main_process(tmp_path: Path, init: Init) -> None:
    """The old one says who is the service from now on, for the init system believes nobody else."""
    with serving(tmp_path, NOTIFY_SOCKET=str(init.path)) as server:
        init.wait_for("READY")
        server.signal(signal.SIGUSR2)
        successor = int(init.wait_for("MAINPID")["MAINPID"])
        assert successor != server.process.pid
        assert server.process.wait(STOP_S) == 0
        assert server.get()
        os.kill(successor, signal.SIGTERM)
        server.log.join(STOP_S)


def test_an_upgrade_that_fails_changes_nothing(tmp_path: Path, init: Init) -> None:
    """The old supervisor and its workers stay."""
    with serving(tmp_path, NOTIFY_SOCKET=str(init.path)) as server, Crowd(server.address) as crowd:
        init.wait_for("READY")
        old = workers_of(server)
        write(tmp_path, "{}['key']\n")
        server.signal(signal.SIGUSR2)
        server.log.wait_for("upgrade failed: it .*; the workers that serve stay", STOP_S)
        assert init.wait_for("READY")["STATUS"] == "upgrade failed; the old workers are serving"
        crowd.wait_for_answers(50)
        assert workers_of(server) == old
        assert crowd.lost == []


# Socket activation

# As systemd does it: the variables name the process that will be the server, which only it can know.
LAUNCHER = """
import os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@contextmanager
def activated(here: Path, sockets: list[socket.socket], names: str, *options: str) -> Iterator[Running]:
    """The server with these sockets as descriptors 3, 4 …"""
    (here / "launcher.py").write_text(LAUNCHER, encoding="utf-8")
    write(here)
    high = [os.dup2(each.fileno(), 100 + number) for number, each in enumerate(sockets)]
    moves = "; ".join(f"os.dup2({number}, {3 + index})" for index, number in enumerate(high))
    first = f"import os, sys; {moves}; os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    arguments = ["-c", first, "launcher.py", "-m", "potstill", "shop:app", *options]
    try:
        with running(
            arguments, here, pass_fds=high, LISTEN_FDS=str(len(sockets)), LISTEN_FDNAMES=names
        ) as server:
            yield server
    finally:
        for number in high:
            os.close(number)


@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
def test_sockets_of_the_init_system_are_used(tmp_path: Path, workers: list[str]) -> None:
    """Without any --bind: all of them, whatever they are called."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        with activated(tmp_path, [one, other], "web:admin", *workers) as server:
            assert [int(url.rpartition(":")[2]) for url in server.urls] == [
                one.getsockname()[1],
                other.getsockname()[1],
            ]
            assert server.get()
            assert stopped(server) == 0


def test_a_socket_by_its_name(tmp_path: Path) -> None:
    """And by no other."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        with activated(tmp_path, [one, other], "web:admin", "--bind", "systemd:admin") as server:
            assert server.urls == [f"http://127.0.0.1:{other.getsockname()[1]}"]
            assert stopped(server) == 0
        with activated(tmp_path, [one, other], "web:admin", "--bind", "systemd:shop") as server:
            assert server.code() == 1
            assert server.log.lines("has passed no socket named 'shop'")


def test_sockets_of_the_init_system_survive_an_upgrade(tmp_path: Path) -> None:
    """The new supervisor is not the process that they were passed to, and has them all the same."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        with activated(tmp_path, [one], "web", "--workers", "1") as server:
            assert server.urls
            server.signal(signal.SIGUSR2)
            line = server.log.wait_for(r"new supervisor with pid \d+ serves", STOP_S)
            assert server.process.wait(STOP_S) == 0
            assert server.get()
            os.kill(int(re.findall(r"pid (\d+) serves", line)[0]), signal.SIGTERM)
            server.log.join(STOP_S)


# Who it is


WHO = """
import os
def app(environ, start_response):
    start_response("200 OK", [])
    mask = os.umask(0); os.umask(mask)
    return [repr((os.getresuid(), os.getresgid(), oct(mask))).encode()]
"""


@pytest.mark.parametrize("workers", [[], ["--workers", "1"]])
def test_the_user_is_changed_for_good(workers: list[str]) -> None:
    """After the sockets are open, in every process; who may not do that is told so."""
    # Whose Python is installed where only root may read has to stay root, and changes the group alone.
    readable = all(place.stat().st_mode & stat.S_IXOTH for place in Path(os.__file__).parents)
    account = pwd.getpwnam("nobody" if readable else "root")
    group = pwd.getpwnam("nobody").pw_gid
    here = Path("/tmp/potstill-test-user")  # a directory that nobody may read
    here.mkdir(mode=0o755, exist_ok=True)
    write(here, WHO)
    arguments = ["-m", "potstill", "shop:app", "--bind", "127.0.0.1:0", "--bind", "unix:shop.sock", *workers]
    with running(
        [*arguments, "--user", account.pw_name, "--group", str(group), "--umask", "027"], here
    ) as server:
        if os.geteuid() != 0:
            assert server.code() == 1
            assert server.log.lines("cannot become user .*: only root may")
            return
        assert server.urls
        ids = (account.pw_uid,) * 3, (group,) * 3, "0o27"
        assert server.get().decode() == repr(ids)
        found = (here / "shop.sock").stat()
        assert (found.st_uid, found.st_gid) == (account.pw_uid, group)
        status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8")
        assert f"Gid:\t{group}\t{group}\t{group}" in status
        assert stopped(server) == 0
    (here / "shop.sock").unlink(missing_ok=True)


def test_a_user_that_does_not_exist(tmp_path: Path) -> None:
    """Exit code 1, with where to look."""
    write(tmp_path)
    with running(
        ["-m", "potstill", "shop:app", "--bind", "127.0.0.1:0", "--user", "nemo-7"], tmp_path
    ) as server:
        assert server.code() == 1
        assert server.log.lines("--user nemo-7: this machine has no such user")


def test_the_mode_of_a_unix_socket(tmp_path: Path) -> None:
    """As it was asked for, whatever the umask; the file is gone in the end, and not when a worker ends."""
    write(tmp_path)
    arguments = ["-m", "potstill", "shop:app", "--bind", "unix:shop.sock", "--workers", "2"]
    with running([*arguments, "--socket-mode", "660", "--umask", "077"], tmp_path) as server:
        assert server.urls == ["unix:shop.sock"]
        path = tmp_path / "shop.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        os.kill(workers_of(server)[0], signal.SIGTERM)
        server.log.wait_for("ended with 0")
        assert path.exists()
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(LOG_S)
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200 OK")
        server.signal(signal.SIGUSR2)
        line = server.log.wait_for(r"new supervisor with pid \d+ serves", STOP_S)
        assert server.process.wait(STOP_S) == 0
        assert path.exists()  # it is the successor's now
        os.kill(int(re.findall(r"pid (\d+) serves", line)[0]), signal.SIGTERM)
        server.log.join(STOP_S)
        assert not path.exists()


def test_two_servers_share_a_port_when_both_say_so(tmp_path: Path) -> None:
    """SO_REUSEPORT; without it the second is refused."""
    with serving(tmp_path, "--reuse-port", workers=1) as server:
        bind = "{}:{}".format(*server.address)
        arguments = ["-m", "potstill", "shop:app", "--bind", bind]
        with running([*arguments, "--reuse-port"], tmp_path) as second:
            assert second.urls
            assert stopped(second) == 0
        with running(arguments, tmp_path) as third:
            assert third.code() == 1


def test_processes_have_names(tmp_path: Path) -> None:
    """Each says its role."""
    with serving(tmp_path, "--proc-name", "shop") as server:

        def title(pid: int) -> str:
            return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").rstrip("\0 ")

        assert title(server.process.pid) == "shop: supervisor"
        assert sorted(map(title, workers_of(server))) == ["shop: worker 1", "shop: worker 2"]


def test_a_name_needs_its_extra(tmp_path: Path) -> None:
    """The error names it."""
    write(tmp_path)
    (tmp_path / "setproctitle.py").write_text("raise ImportError\n", encoding="utf-8")
    lines = "import sys; sys.path.insert(0, ''); from potstill.cli import main; main()"
    command = ["-c", lines, "shop:app", "--bind", "127.0.0.1:0", "--proc-name", "shop"]
    with running(command, tmp_path) as server:
        assert server.code() == 1
        assert server.log.lines(r"pip install potstill\[fast\]")


def test_the_answer_is_whole_when_the_last_worker_goes(tmp_path: Path) -> None:
    """One worker, stopped while nobody asks: the port is free at once."""
    with serving(tmp_path, workers=1) as server:
        client = server.asked("/")
        assert client.recv(65536).startswith(b"HTTP/1.1 200 OK")
        address = server.address
        assert stopped(server) == 0
        assert answered(client) == b""
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=LOG_S)
    assert sys.platform == "linux"
