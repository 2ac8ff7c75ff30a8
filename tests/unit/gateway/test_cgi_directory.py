"""A directory of programs as an application."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from potstill.gateway import CGIDirectory, cgi_process
from potstill.gateway.cgi_directory import HEAD_BYTES_MAX
from tests.support.engine import wait_until
from tests.support.upstream import ask, environ_of
from tests.unit.gateway.programs import program

PLAIN = "printf 'Content-Type: text/plain\\n\\n';"


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgi_process, "GRACE_S", 0.2)


@pytest.fixture(name="root")
def made_root(tmp_path: Path) -> Path:
    root = tmp_path / "cgi-bin"
    program(
        root, "echo.cgi", f'{PLAIN} echo "$SCRIPT_NAME|$PATH_INFO|$PATH_TRANSLATED|$QUERY_STRING"; exec cat'
    )
    program(root, "sub/deep.cgi", f"{PLAIN} echo deep")
    program(root, "data.txt", "secret", mode=0o644)
    program(root, ".hidden.cgi", f"{PLAIN} echo hidden")
    program(root, "sub/.git/hook", f"{PLAIN} echo hook")
    program(tmp_path, "outside.cgi", f"{PLAIN} echo outside")
    (root / "link.cgi").symlink_to(root / "echo.cgi")
    (root / "out.cgi").symlink_to(tmp_path / "outside.cgi")
    (root / "up").symlink_to(tmp_path)
    os.mkfifo(root / "pipe.cgi", 0o777)
    return root


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/echo.cgi", "/m/echo.cgi|||q=1"),
        ("/echo.cgi/", "/m/echo.cgi|/|ROOT/|q=1"),
        ("/echo.cgi/a//../b", "/m/echo.cgi|/a//../b|ROOT/a//../b|q=1"),
        ("/link.cgi/x", "/m/link.cgi|/x|ROOT/x|q=1"),
    ],
)
def test_the_path_is_divided_behind_the_program(root: Path, path: str, told: str) -> None:
    answer = ask(CGIDirectory(root), "POST", path, b"body", "q=1", SCRIPT_NAME="/m")
    assert (answer.status, answer.get("Content-Type")) == (200, "text/plain")
    assert answer.body.decode() == told.replace("ROOT", str(root)) + "\nbody"


def test_programs_below(root: Path) -> None:
    assert ask(CGIDirectory(root), "GET", "/sub/deep.cgi").body == b"deep\n"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/sub",
        "/sub/",
        "/none.cgi",
        "//echo.cgi",
        "/./echo.cgi",
        "/sub/../echo.cgi",
        "/../outside.cgi",
        "/sub/../../outside.cgi",
        "/.hidden.cgi",
        "/sub/.git/hook",
        "/echo.cgi\0",
        "/\0",
        "/" + "x" * 300,
        "/..%2foutside.cgi",
        "/..\\outside.cgi",
        "echo.cgi",
        "*",
        "/\xc0\xae\xc0\xae/outside.cgi",
    ],
)
def test_paths_that_name_no_program(root: Path, path: str) -> None:
    assert ask(CGIDirectory(root), "GET", path, validate=False).status == 404


@pytest.mark.parametrize("path", ["/data.txt", "/out.cgi", "/up/outside.cgi", "/pipe.cgi"])
def test_files_that_are_no_programs(root: Path, path: str) -> None:
    """Not executable; links that lead out; what is no file at all. None is read, and none is waited for."""
    assert ask(CGIDirectory(root), "GET", path).status == 403


def test_status_and_fields(root: Path) -> None:
    program(
        root,
        "a.cgi",
        "printf 'Status: 418 Teapot\\r\\nContent-Type: a/b\\r\\nX: y\\r\\nX: z\\r\\n\\r\\nshort'",
    )
    answer = ask(CGIDirectory(root), "GET", "/a.cgi")
    assert (answer.status, answer.body) == (418, b"short")
    assert answer.headers == [("Content-Type", "a/b"), ("X", "y"), ("X", "z")]


def test_nph(root: Path) -> None:
    program(root, "nph-a.cgi", "printf 'HTTP/1.0 202 Fine\\nContent-Type: a/b\\n\\nwhole'")
    answer = ask(CGIDirectory(root), "GET", "/nph-a.cgi")
    assert (answer.status, answer.headers, answer.body) == (202, [("Content-Type", "a/b")], b"whole")


@pytest.mark.parametrize(
    "script",
    [
        "",
        "exit 1",
        "echo Content-Type: text/plain",
        "echo '<html>'; echo",
        "echo",
        f"head -c {HEAD_BYTES_MAX + 70_000} /dev/zero | tr '\\0' a",
        "kill -SEGV $$",
        "echo 'Location: /bad.cgi'; echo",
    ],
    ids=["nothing", "exit code", "no end", "no field", "empty", "too large", "signal", "circle"],
)
def test_programs_that_are_broken(root: Path, script: str, caplog: pytest.LogCaptureFixture) -> None:
    """500 for the client, the reason in the log."""
    program(root, "bad.cgi", script)
    answer = ask(CGIDirectory(root), "GET", "/bad.cgi")
    assert (answer.status, answer.body) == (500, b"500 Internal Server Error\n")
    assert any(record.levelname == "ERROR" for record in caplog.records)


def test_a_program_that_cannot_be_run(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "a.cgi").write_text("#!/no/such/interpreter\n")
    (root / "a.cgi").chmod(0o755)
    assert ask(CGIDirectory(root), "GET", "/a.cgi").status == 500
    assert "cannot be run" in caplog.text


def test_a_program_that_takes_too_long(root: Path) -> None:
    program(root, "a.cgi", "exec sleep 60")
    program(root, "b.cgi", f"{PLAIN} echo begun; exec sleep 60")
    application = CGIDirectory(root, idle_timeout_s=0.1)
    assert ask(application, "GET", "/a.cgi").status == 504
    answer = ask(application, "GET", "/b.cgi")
    assert (answer.status, answer.body) == (200, b"begun\n")
    assert "took too long" in str(answer.error)


def test_a_redirect_inside(root: Path) -> None:
    """RFC 3875 section 6.2.2: as if the client had asked for the other path, by GET."""
    program(root, "go.cgi", "echo 'Location: /m/echo.cgi/in?side'; echo")
    answer = ask(CGIDirectory(root), "POST", "/go.cgi", b"body", SCRIPT_NAME="/m")
    assert answer.body.decode() == f"/m/echo.cgi|/in|{root}/in|side\n"


def test_a_redirect_to_elsewhere_in_the_site(root: Path) -> None:
    program(root, "go.cgi", "echo 'Location: /other%20side?x=1'; echo")
    seen: list[dict[str, Any]] = []

    def site(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"there"]

    assert ask(CGIDirectory(root, site=site), "POST", "/go.cgi", b"x", SCRIPT_NAME="/m").body == b"there"
    assert [seen[0][name] for name in ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING")] == [
        "GET",
        "",
        "/other side",
        "x=1",
    ]
    answer = ask(CGIDirectory(root), "GET", "/go.cgi", SCRIPT_NAME="/m")
    assert (answer.status, answer.get("Location")) == (302, "/other%20side?x=1")


def test_a_redirect_for_the_client(root: Path) -> None:
    program(root, "go.cgi", "echo 'Location: https://a.test/'; echo")
    answer = ask(CGIDirectory(root), "GET", "/go.cgi")
    assert (answer.status, answer.get("Location"), answer.body) == (302, "https://a.test/", b"")


def test_its_output_streams(root: Path) -> None:
    """A block is there before the next is made, and a program waits for whoever does not take its blocks."""
    os.mkfifo(root / "gate")
    program(root, "a.cgi", f"{PLAIN} echo first; read line <gate; echo $line")
    answer = iter(CGIDirectory(root)(environ_of(path="/a.cgi"), lambda status, headers: None))
    assert next(answer) == b"first\n"
    (root / "gate").write_text("second\n")
    assert b"".join(answer) == b"second\n"
    answer.close()  # type: ignore[attr-defined]


def test_a_client_that_leaves_ends_the_program(root: Path) -> None:
    program(root, "a.cgi", f"{PLAIN} echo $$; exec sleep 60")
    answer = CGIDirectory(root)(environ_of(path="/a.cgi"), lambda status, headers: None)
    pid = int(next(iter(answer)))
    answer.close()  # type: ignore[attr-defined]
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def test_a_client_that_leaves_a_silent_program_ends_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written, so that only the server can know; Potstill tells."""
    monkeypatch.setattr(cgi_process, "LOOK_S", 0.01)
    program(root, "a.cgi", "echo $$ >pid; exec sleep 60")
    written = root / "pid"
    ask(
        CGIDirectory(root),
        "GET",
        "/a.cgi",
        **{"potstill.client_disconnected": lambda: written.exists() and written.read_text()},
    )
    assert not Path(f"/proc/{written.read_text().strip()}").exists()


def test_a_start_response_that_raises_ends_the_program(root: Path) -> None:
    program(root, "a.cgi", f"echo $$ >pid; {PLAIN} exec sleep 60")

    def refuse(status: str, headers: Any) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        CGIDirectory(root)(environ_of(path="/a.cgi"), refuse)
    pid = int((root / "pid").read_text())
    wait_until(lambda: not Path(f"/proc/{pid}").exists())


def test_many_at_once(root: Path) -> None:
    application = CGIDirectory(root)
    bodies: list[bytes] = []

    def run(number: int) -> None:
        bodies.append(ask(application, "POST", "/echo.cgi", b"%d" % number).body)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {int(body.split()[-1]) for body in bodies} == set(range(20))


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"CONTENT_LENGTH": "-5"}, 400),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 411),
        ({"QUERY_STRING": "\0"}, 400),
    ],
)
def test_requests_that_no_program_can_be_asked(root: Path, more: dict[str, str], status: int) -> None:
    assert ask(CGIDirectory(root), "POST", "/echo.cgi", validate=False, **more).status == status


def test_mistakes_are_told_when_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a directory"):
        CGIDirectory(tmp_path / "none")
    for name in ("idle_timeout_s", "run_timeout_s"):
        with pytest.raises(ValueError, match=name):
            CGIDirectory(tmp_path, **{name: 0})
