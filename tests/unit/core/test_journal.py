"""The access log's way to its file: whole lines, in order, none of them anybody's burden."""

from __future__ import annotations

import logging
import os
import re
import select
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from potstill.core.journal import Journal, syslog_socket
from potstill.core.options import AccessLog
from potstill.settings.log_formats import parse
from potstill.settings.log_kinds import skip_of
from tests.support.engine import Environ, StartResponse, engine_on, request, wait_until
from tests.support.server import ROOT

LOG = logging.getLogger("potstill")


def log_to(
    target: object, form: str = "%(s)s %(U)s", *skip: str, sample: float = 1.0, slower: float = 0.0
) -> AccessLog:
    return AccessLog(parse(form), str(target), tuple(map(skip_of, skip)), sample, slower)


def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """/404/whatever is answered 404."""
    start_response(f"{environ['PATH_INFO'].split('/')[1]} Whatever", [("X-Answer", "yes")])
    return [b"body"]


def ask(log: AccessLog, *targets: str, wait: Callable[[], object] = lambda: True) -> int:
    """Ask for each; how many lines were dropped. The log is complete when the engine has been stopped."""
    with engine_on(answer, access_log=log) as running:
        with running.client() as client:
            for target in targets:
                client.send(request(target))
                client.response()
        wait_until(wait)
    return running.engine.stats.log_dropped()


def test_every_request_has_its_line_in_the_order_of_their_ends(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    targets = [f"/200/{number}" for number in range(500)]
    assert ask(log_to(file), *targets) == 0
    assert file.read_text().splitlines() == [f"200 {target}" for target in targets]


def test_lines_come_while_it_serves(tmp_path: Path) -> None:
    """Soon, though not at once; and again after a rest."""
    file = tmp_path / "access.log"
    with engine_on(answer, access_log=log_to(file)) as running:
        for number in range(3):
            running.ask(request(f"/200/{number}"))
            wait_until(lambda number=number: len(file.read_text().splitlines()) == number + 1)  # type: ignore[misc]


def test_what_there_was_before_stays(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    file.write_text("before\n")
    ask(log_to(file), "/200/a")
    assert file.read_text() == "before\n200 /200/a\n"


def test_fields_of_the_answer_can_be_told(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    ask(log_to(file, '"%({x-answer}o)s"'), "/200/a")
    assert file.read_text() == '"yes"\n'


def test_fields_of_the_request_are_those_that_it_had(tmp_path: Path) -> None:
    """What the application makes of them is for `%({key}e)s`; known names and others, sent or not."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ["HTTP_REFERER"] = "made up"
        environ["REMOTE_USER"] = "malt"
        return answer(environ, start_response)

    file = tmp_path / "access.log"
    form = '%(u)s "%(f)s" "%({HTTP_REFERER}e)s" "%(a)s" "%({x-cask}i)s" %({content-type}i)s %(received)s'
    with engine_on(app, access_log=log_to(file, form)) as running:
        running.ask(request("/200/a", "User-Agent: still", "X-Cask: 7"))
        running.ask(request("/200/b", "Content-Type: a/b", method="POST", body=b"water"))
        chunks = b"3\r\nwat\r\n2\r\ner\r\n0\r\n\r\n"
        running.ask(request("/200/c", "Transfer-Encoding: chunked", method="PATCH") + chunks)
    assert file.read_text().splitlines() == [
        'malt "-" "made up" "still" "7" - 0',
        'malt "-" "made up" "-" "-" a/b 5',
        'malt "-" "made up" "-" "-" - 5',
    ]


def test_a_name_with_an_underscore_can_be_that_of_any_field(tmp_path: Path) -> None:
    """Where such names are kept, they are what the environ has."""
    file = tmp_path / "access.log"
    with engine_on(answer, access_log=log_to(file, '"%(a)s"'), header_map="keep") as running:
        running.ask(request("/200/a", "User_Agent: still"))
    assert file.read_text() == '"still"\n'


class Key(str):
    """A key of the application's, which cannot be compared with `name` that has its hash."""

    def __new__(cls, name: str) -> Key:
        made = super().__new__(cls, "anything")
        made.name = name
        return made

    name: str

    def __hash__(self) -> int:
        return hash(self.name)

    def __eq__(self, other: object) -> bool:
        raise ValueError("by request")


@pytest.mark.parametrize("name", ["potstill.route", "CONTENT_LENGTH", "REMOTE_USER", "potstill.request_id"])
def test_a_key_that_cannot_be_compared_costs_no_line(tmp_path: Path, name: str) -> None:
    """And the request is counted all the same."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        environ.pop(name, None)
        environ[Key(name)] = "odd"
        return answer(environ, start_response)

    file = tmp_path / "access.log"
    with engine_on(app, access_log=log_to(file, "%(s)s %(u)s")) as running:
        running.ask(request("/200/a", method="POST", body=b"water"))
        running.wait(lambda now: now.requests == 1)
        rows = running.engine.stats.ledger.rows()
    assert file.read_text() == "200 -\n"
    assert [row.count for row in rows.values()] == [1]


def test_a_file_is_opened_anew_when_that_is_asked_for(tmp_path: Path) -> None:
    """Its name is another's by then: no line is lost, and none is in the wrong one."""
    file, rotated = tmp_path / "access.log", tmp_path / "access.log.1"
    with engine_on(answer, access_log=log_to(file)) as running:
        running.ask(request("/200/old"))
        wait_until(lambda: "old" in file.read_text())
        file.rename(rotated)
        running.engine.reopen_log()
        wait_until(file.exists)
        running.ask(request("/200/new"))
        wait_until(lambda: "new" in file.read_text())
    assert rotated.read_text() == "200 /200/old\n"
    assert file.read_text() == "200 /200/new\n"


def test_a_file_that_was_rotated_is_opened_anew_without_a_word(tmp_path: Path) -> None:
    """Within about a second of the next lines."""
    file, rotated = tmp_path / "access.log", tmp_path / "access.log.1"
    with engine_on(answer, access_log=log_to(file)) as running:
        running.ask(request("/200/old"))
        wait_until(lambda: "old" in file.read_text())
        file.rename(rotated)

        def asked_and_there() -> bool:
            running.ask(request("/200/new"))
            return file.exists()

        wait_until(asked_and_there)
        running.ask(request("/200/last"))
    assert "last" in file.read_text()
    lines = (rotated.read_text() + file.read_text()).splitlines()
    assert len(lines) == running.engine.statistics().requests


def test_a_file_that_cannot_be_opened_anew_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The lines go where they went, and the log says what is wrong."""
    directory = tmp_path / "logs"
    directory.mkdir()
    file = directory / "access.log"
    with engine_on(answer, access_log=log_to(file)) as running:
        running.ask(request("/200/a"))
        wait_until(lambda: "a" in file.read_text())
        directory.rename(tmp_path / "gone")
        running.engine.reopen_log()

        def complained() -> bool:
            running.ask(request("/200/b"))
            return "the access log cannot be written: No such file or directory" in caplog.text

        wait_until(complained)
    assert "b" in (tmp_path / "gone" / "access.log").read_text()


def test_a_file_that_cannot_be_opened_is_an_error_of_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Journal(log_to(tmp_path / "nowhere" / "access.log"), 1, LOG)


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        (["/200/health"], ["/404/health", "/200/static/a", "/304/static/b"]),
        (["/200/*"], ["/404/health", "/304/static/b"]),
        (["=2xx"], ["/404/health", "/304/static/b"]),
        (["=304", "/404/*=404"], ["/200/health", "/200/static/a"]),
        (["/200/static/*=404"], ["/200/health", "/404/health", "/200/static/a", "/304/static/b"]),
    ],
)
def test_what_nobody_wants_to_read_is_left_out(tmp_path: Path, rules: list[str], left: list[str]) -> None:
    """By path, by how it begins, by status, by both; the query does not count."""
    file = tmp_path / "access.log"
    targets = ["/200/health?a", "/404/health", "/200/static/a", "/304/static/b"]
    ask(log_to(file, "%(U)s", *rules), *targets)
    assert file.read_text().split() == left


def test_a_sample_is_as_large_as_was_asked_for_and_has_all_errors(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    ask(log_to(file, "%(s)s", sample=0.25), *["/200/a"] * 100, *["/500/a"] * 10)
    assert file.read_text().split() == ["200"] * 25 + ["500"] * 10


def test_only_what_is_slow_can_be_told(tmp_path: Path) -> None:
    file = tmp_path / "access.log"
    ask(log_to(file, slower=5.0), "/200/a")
    assert file.read_text() == ""


def test_a_pipe_that_nobody_reads_keeps_nobody_waiting(tmp_path: Path) -> None:
    """Lines for which there is no room are dropped and counted; whole ones arrive once somebody reads."""
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    form = "%(s)s " + "x" * 3000
    with engine_on(answer, access_log=log_to(fifo, form)) as running, running.client() as client:
        for _ in range(900):  # 2.6 MiB; the ring holds two, the pipe sixteen pages
            client.send(request("/200/a"))
            assert client.response().status == 200
        dropped = running.engine.stats.log_dropped()
        assert 0 < dropped < 900
        found = b""
        while found.count(b"\n") < 900 - dropped:
            select.select([reading], [], [], 20)
            found += os.read(reading, 1 << 20)
        os.close(reading)
    assert set(found.splitlines()) == {form.replace("%(s)s", "200").encode()}


def test_lines_keep_their_order_however_the_reader_halts(tmp_path: Path) -> None:
    """More than a pipe holds waits each time, so the ring begins anew at many places; nothing is lost."""
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    targets = [f"/200/{number}/{'z' * (number * 577 % 1900)}" for number in range(2400)]
    found = b""
    with engine_on(answer, access_log=log_to(fifo, "%(U)s")) as running, running.client() as client:
        for at in range(0, len(targets), 300):
            for target in targets[at : at + 300]:
                client.send(request(target))
                assert client.response().status == 200
            while found.count(b"\n") < at + 300:
                assert select.select([reading], [], [], 20)[0]
                found += os.read(reading, 1 << 20)
        assert running.engine.stats.log_dropped() == 0
    os.close(reading)
    assert found.decode().split() == targets


def test_lines_keep_their_order_when_the_reader_never_catches_up(tmp_path: Path) -> None:
    """Half a ring always waits, so each new lap begins while there is something left of the one before."""
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    targets = [f"/200/{number}/{'z' * (number * 577 % 3900)}" for number in range(4000)]
    lead, stride = 500, 100
    chunks: list[bytes] = []
    lines = 0
    with engine_on(answer, access_log=log_to(fifo, "%(U)s")) as running, running.client() as client:
        for at, target in enumerate(targets):
            client.send(request(target))
            assert client.response().status == 200
            while lines < at - lead and at % stride == 0:
                assert select.select([reading], [], [], 20)[0]
                chunks.append(os.read(reading, 1 << 14))
                lines += chunks[-1].count(b"\n")
        while lines < len(targets):
            assert select.select([reading], [], [], 20)[0]
            chunks.append(os.read(reading, 1 << 20))
            lines += chunks[-1].count(b"\n")
        assert running.engine.stats.log_dropped() == 0
    os.close(reading)
    assert b"".join(chunks).decode().split() == targets


def flooded(file: Path, count: int) -> int:
    """How many of so many lines were dropped, which came as fast as they could; the others must be there."""
    together = 1000
    form = "%(s)s " + "x" * 3900
    with (
        engine_on(answer, access_log=log_to(file, form)) as running,
        socket.create_connection(running.address, timeout=20) as client,
    ):
        client.sendall(request("/200/a"))
        size = len(client.recv(4096))
        for _ in range(count // together):
            client.sendall(request("/200/a") * together)
            left = size * together
            while left:
                left -= len(client.recv(left))
        dropped = running.engine.stats.log_dropped()
    lines = file.read_bytes().splitlines()
    assert len(lines) == 1 + count - dropped
    assert set(lines) == {form.replace("%(s)s", "200").encode()}
    file.unlink()
    return dropped


def test_many_long_lines_at_once_do_not_wait_for_the_clock(tmp_path: Path) -> None:
    """The ring is full before a twentieth of a second is over: each time the writer has to be hurried.

    A machine that is busy with something else keeps it waiting too; so the best of a few tries counts.
    """
    count = 50_000
    best = count
    for _ in range(8):
        best = min(best, flooded(tmp_path / "access.log", count))
        if best < count / 10:
            break
    assert best < count / 10


def test_a_syslog_gets_a_datagram_for_each_line(tmp_path: Path) -> None:
    """As syslog(3) sends it: facility local0, informational."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(tmp_path / "log"))
        daemon.settimeout(20)
        ask(log_to(f"syslog:{tmp_path / 'log'}"), "/200/a", "/404/b")
        found = [daemon.recv(8192).decode() for _ in range(2)]
    stamp = r"<134>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
    assert re.fullmatch(rf"{stamp} potstill\[{os.getpid()}\]: 200 /200/a", found[0])
    assert re.fullmatch(rf"{stamp} potstill\[{os.getpid()}\]: 404 /404/b", found[1])


def test_a_syslog_can_be_on_another_machine() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(20)
        with syslog_socket(f"udp://127.0.0.1:{daemon.getsockname()[1]}") as sender:
            sender.send(b"line")
        assert daemon.recv(100) == b"line"


WRITERS = """
import os, sys
from tests.unit.core.test_journal import answer, log_to
from tests.support.engine import engine_on, request
log = log_to("-", "%(p)s %(U)s " + "y" * 1500)
with engine_on(answer, access_log=log) as running, running.client() as client:
    for number in range(200):
        client.send(request(f"/200/{number}"))
        client.response()
"""


@pytest.mark.slow
def test_no_line_is_torn_by_another_processes() -> None:
    """Three processes write to one pipe; each line is one process's, and each one's are in order."""
    reading, writing = os.pipe()
    command = [sys.executable, "-c", WRITERS]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [subprocess.Popen(command, stdout=writing, env=environment) for _ in range(3)]
    os.close(writing)
    with open(reading, "rb") as pipe:
        lines = pipe.read().decode().splitlines()
    assert [writer.wait(20) for writer in writers] == [0, 0, 0]
    for writer in writers:
        own = [line for line in lines if line.startswith(f"{writer.pid} ")]
        assert own == [f"{writer.pid} /200/{number} {'y' * 1500}" for number in range(200)]
    assert len(lines) == 600
