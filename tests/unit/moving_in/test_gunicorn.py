"""What is said to gunicorn, and which of several places counts."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from potstill.moving_in import gunicorn
from potstill.moving_in.mapping import Function, MovingInError, Said


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def by_name(said: list[Said]) -> dict[str, object]:
    return {each.name: each.value for each in said}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("shop:app", {"wsgi_app": "shop:app"}),
        ("-w 4 -b :80 --bind=:81 shop:app", {"workers": "4", "bind": [":80", ":81"], "wsgi_app": "shop:app"}),
        ("-w4 --preload -t=30", {"workers": "4", "preload_app": True, "timeout": "30"}),
        ("--no-sendfile --reuse-port", {"sendfile": False, "reuse_port": True}),
        ("--proxy-protocol shop:app", {"proxy_protocol": "shop:app"}),
        ("--proxy-protocol", {"proxy_protocol": "auto"}),
        ("--max-requests-jit 5", {"max_requests_jitter": "5"}),
        ("-e A=1 -e B=2", {"raw_env": ["A=1", "B=2"]}),
        ("", {}),
    ],
)
def test_command_lines(line: str, said: dict[str, object]) -> None:
    """As argparse reads them, which gunicorn uses: joined, abbreviated, repeated."""
    assert by_name(gunicorn.from_arguments(shlex.split(line), "command line")) == said


@pytest.mark.parametrize("line", ["--workerz 4", "-w", "--no-such-thing=1"])
def test_a_command_line_that_gunicorn_would_refuse(line: str) -> None:
    """The words are argparse's; nothing ends the process."""
    with pytest.raises(MovingInError, match="gunicorn would not understand this command line: "):
        gunicorn.from_arguments(shlex.split(line), "command line")


@pytest.mark.slow
def test_the_places_and_their_order() -> None:
    """Command line over GUNICORN_CMD_ARGS over the file over a variable; each value with its place."""
    Path("gunicorn.conf.py").write_text(
        "import os\nworkers = 1\nthreads = 2\nif True:\n    timeout = int('3')\nbacklog, keepalive = 4, 5\n"
        "def on_exit(server): pass\nunknown = 1\n",
        encoding="utf-8",
    )
    environ = {"GUNICORN_CMD_ARGS": "--workers 10 --threads '20'", "WEB_CONCURRENCY": "100", "PORT": "1"}
    found = gunicorn.from_command_line(["-w", "1000", "shop:app"], environ, use_environ=True)
    assert {each.name: (each.value, each.place, each.source) for each in found.said} == {
        "workers": ("1000", "command line", ""),
        "threads": ("20", "environment GUNICORN_CMD_ARGS", ""),
        "timeout": (3, "gunicorn.conf.py:5", "int('3')"),
        "backlog": (4, "gunicorn.conf.py:6", ""),
        "keepalive": (5, "gunicorn.conf.py:6", ""),
        "on_exit": (Function("function on_exit"), "gunicorn.conf.py:7", ""),
        "wsgi_app": ("shop:app", "command line", ""),
    }
    alone = gunicorn.from_command_line(["shop:app"], environ, use_environ=False)
    assert by_name(alone.said)["workers"] == 1


@pytest.mark.slow
def test_the_file_that_a_command_line_names() -> None:
    """Is the one that is run, and not the one that is found."""
    Path("gunicorn.conf.py").write_text("1 / 0", encoding="utf-8")
    Path("other.py").write_text("workers = 2", encoding="utf-8")
    found = gunicorn.from_command_line(["-c", "other.py"], {}, use_environ=False)
    assert by_name(found.said) == {"workers": 2, "threads": 1}


@pytest.mark.parametrize(
    ("arguments", "ours"),
    [
        ([], "request_timeout"),
        (["-k", "gthread"], "worker_timeout"),
        (["--threads", "2"], "worker_timeout"),
        (["-k", "gevent"], "worker_timeout"),
    ],
)
def test_what_the_timeout_is_about(arguments: list[str], ours: str) -> None:
    """A sync worker is killed for its request; with threads, gunicorn watches the worker alone."""
    found = gunicorn.from_command_line(["-t", "60", *arguments], {}, use_environ=False)
    assert found.rows["timeout"].ours == ours


@pytest.mark.parametrize("known", [True, False])
def test_one_worker_where_gunicorn_has_one(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Potstill has no supervisor by default, gunicorn always has one; said if there is such an option."""
    monkeypatch.setattr(gunicorn, "BY_FIELD", {"workers": None} if known else {})
    found = gunicorn.from_command_line(["shop:app"], {}, use_environ=False)
    assert by_name(found.said).get("workers") == (1 if known else None)


@pytest.mark.parametrize(
    ("arguments", "threads"),
    [
        ([], 1),
        (["-k", "sync"], 1),
        (["-k", "gthread"], 1),
        (["-k", "gunicorn.workers.sync.SyncWorker"], 1),
        (["-k", "gevent"], None),
        (["--threads", "3"], "3"),
    ],
)
def test_one_thread_where_gunicorn_has_one(arguments: list[str], threads: object) -> None:
    """Potstill has eight by default: nobody has called such an application in two threads before."""
    found = gunicorn.from_command_line(arguments, {}, use_environ=False)
    assert by_name(found.said).get("threads") == threads


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "conf.py does not exist"),
        ("1 / 0", "conf.py ended with exit code 1"),
        ("syntax error", "conf.py ended with exit code 1"),
        ("import os; os._exit(0)", "conf.py ended with exit code 0 before all of it had run"),
        ("import threading; threading.Event().wait()", "conf.py ran for 1 s without an end"),
    ],
)
def test_a_file_that_cannot_be_run(text: str | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way to fail is an error with words, within a bound."""
    monkeypatch.setattr(gunicorn, "RUN_S", 1 if text and "Event" in text else gunicorn.RUN_S)
    if text is not None:
        Path("conf.py").write_text(text, encoding="utf-8")
    with pytest.raises(MovingInError, match=words):
        gunicorn.from_file("conf.py", {}, use_environ=False)
