"""X-Sendfile and X-Accel-Redirect: which files are sent, and what stays of the application's response."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from potstill.middleware import SendFile
from tests.unit.middleware.calling import WAYS, Heard, Server, Speaker, through
from tests.unit.middleware.hosts import environ_of

TEXT = [("Content-Type", "text/plain")]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    (root / "sub").mkdir(parents=True)
    (root / "invoice 1.pdf").write_bytes(b"%PDF-1")
    (root / "sub" / "a.txt").write_bytes(b"0123456789")
    (root / ".secret").write_bytes(b"secret")
    (tmp_path / "outside.txt").write_bytes(b"outside")
    (root / "link").symlink_to("../outside.txt")
    os.mkfifo(root / "pipe")
    return root


def ask(
    root: Path, field: str, value: str, fields: list[tuple[str, str]] | None = None, **changes: str
) -> Heard:
    said = [*(TEXT if fields is None else fields), (field, value)]
    app = SendFile(
        Speaker("whole", [b"body of the application"], said), roots=[root], internal={"/files/": root}
    )
    return Server(app).ask(environ_of(**changes))


@pytest.mark.parametrize("way", WAYS)
def test_the_file_takes_the_place_of_the_body(root: Path, way: str) -> None:
    """In every way to answer; the application's own fields stay, but for those that the file knows better."""
    fields = [
        ("Content-Type", "application/pdf"),
        ("Content-Disposition", "attachment"),
        ("Set-Cookie", "a=b"),
        ("Content-Length", "23"),
        ("ETag", '"app"'),
        ("X-Accel-Buffering", "no"),
        ("X-Sendfile", str(root / "invoice 1.pdf")),
    ]
    heard = through(
        lambda app: SendFile(app, roots=[root]), Speaker(way, [b"body of ", b"the application"], fields)
    )
    assert (heard.status, heard.body) == ("200 OK", b"%PDF-1")
    assert heard.all("Content-Disposition") == ["attachment"]
    assert heard.all("Set-Cookie") == ["a=b"]
    assert heard.all("Content-Type") == ["application/pdf"]
    assert heard.all("Content-Length") == ["6"]
    assert heard.all("ETag") != ['"app"']
    assert not {"x-sendfile", "x-accel-buffering"} & {name.lower() for name, _ in heard.fields}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("X-Sendfile", "{root}/sub/a.txt"),
        ("x-sendfile", "{root}/sub/a.txt"),
        ("X-Accel-Redirect", "/files/sub/a.txt"),
        ("X-Accel-Redirect", "/files/sub/%61.txt?x=1"),
    ],
)
def test_both_fields(root: Path, field: str, value: str) -> None:
    """A path of the file system, or a URL that stands for one."""
    assert ask(root, field, value.format(root=root)).body == b"0123456789"


REFUSED = [
    ("X-Sendfile", "/etc/passwd"),
    ("X-Sendfile", "{root}"),
    ("X-Sendfile", "{root}/"),
    ("X-Sendfile", "{root}/sub"),
    ("X-Sendfile", "{root}/sub/"),
    ("X-Sendfile", "{root}/nothing"),
    ("X-Sendfile", "{root}/../outside.txt"),
    ("X-Sendfile", "{root}/sub/../../outside.txt"),
    ("X-Sendfile", "{root}/link"),
    ("X-Sendfile", "{root}/.secret"),
    ("X-Sendfile", "{root}/pipe"),
    ("X-Sendfile", "{root}//sub/a.txt"),
    ("X-Sendfile", "{root}x/sub/a.txt"),
    ("X-Sendfile", "sub/a.txt"),
    ("X-Sendfile", "/files/sub/a.txt"),
    ("X-Sendfile", ""),
    ("X-Accel-Redirect", "{root}/sub/a.txt"),
    ("X-Accel-Redirect", "/files/../outside.txt"),
    ("X-Accel-Redirect", "/files/%2e%2e/outside.txt"),
    ("X-Accel-Redirect", "/files/sub%2f..%2f..%2foutside.txt"),
    ("X-Accel-Redirect", "/files/a%00.txt"),
    ("X-Accel-Redirect", "/files/sub\\a.txt"),
    ("X-Accel-Redirect", "/elsewhere/a.txt"),
    ("X-Accel-Redirect", "http://127.0.0.1/files/sub/a.txt"),
]


@pytest.mark.parametrize(("field", "value"), REFUSED)
def test_only_files_below_the_listed_directories(root: Path, field: str, value: str) -> None:
    """404 for the client, and a line for the operator; the path is not told to the client."""
    errors = StringIO()
    said = [*TEXT, (field, value.format(root=root))]
    app = SendFile(Speaker("whole", [b"body"], said), roots=[root], internal={"/files": root})
    environ = environ_of()
    environ["wsgi.errors"] = errors
    before = os.listdir("/proc/self/fd")
    heard = Server(app).ask(environ)
    assert heard.status == "404 Not Found"
    assert str(root).encode() not in heard.body
    assert not any(name.lower() in ("x-sendfile", "x-accel-redirect") for name, _ in heard.fields)
    assert errors.getvalue().startswith(f"{field.lower()}: ")
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_conditions_and_ranges(root: Path) -> None:
    """As for static files."""
    path = str(root / "sub" / "a.txt")
    whole = ask(root, "X-Sendfile", path)
    tag = whole.all("ETag")[0]
    assert ask(root, "X-Sendfile", path, HTTP_IF_NONE_MATCH=tag).status == "304 Not Modified"
    part = ask(root, "X-Sendfile", path, HTTP_RANGE="bytes=2-4")
    assert (part.status, part.body) == ("206 Partial Content", b"234")
    head = ask(root, "X-Sendfile", path, REQUEST_METHOD="HEAD")
    assert (head.fields, head.body) == (whole.fields, b"")
    posted = ask(root, "X-Sendfile", path, REQUEST_METHOD="POST", HTTP_IF_NONE_MATCH=tag)
    assert (posted.status, posted.body) == ("200 OK", b"0123456789")


def test_the_type_is_the_files_where_the_application_says_none(root: Path) -> None:
    """By its name."""
    heard = ask(root, "X-Sendfile", str(root / "invoice 1.pdf"), [])
    assert heard.all("Content-Type") == ["application/pdf"]


def test_the_servers_file_wrapper_is_used(root: Path) -> None:
    """So that the kernel can send the file."""
    environ = environ_of()
    environ["wsgi.file_wrapper"] = lambda file, block: [file.read(), file.close()][:1]
    app = SendFile(Speaker("whole", [], [*TEXT, ("X-Sendfile", str(root / "sub" / "a.txt"))]), roots=[root])
    result: Any = app(environ, lambda *_: lambda _: None)
    assert result == [b"0123456789"]


def test_an_error_page_is_what_the_application_says(root: Path) -> None:
    """Only a 200 is replaced; the field does not get out all the same."""
    said = [*TEXT, ("X-Sendfile", str(root / "sub" / "a.txt"))]
    heard = Server(SendFile(Speaker("whole", [b"no"], said, "403 Forbidden"), roots=[root])).ask(environ_of())
    assert (heard.status, heard.fields, heard.body) == ("403 Forbidden", TEXT, b"no")


def test_the_longest_listed_directory_counts(root: Path) -> None:
    """One may stand in another, with links followed in one and not in the other, say."""
    said = [*TEXT, ("X-Accel-Redirect", "/x/deep/a.txt")]
    app = SendFile(Speaker("whole", [], said), internal={"/x": root, "/x/deep/": root / "sub"})
    assert Server(app).ask(environ_of()).body == b"0123456789"


def test_wrong_arguments_are_said_at_once(root: Path) -> None:
    """A relative directory would depend on where the server was started."""
    with pytest.raises(ValueError, match="no absolute path"):
        SendFile(Speaker("whole", []), roots=["files"])
    with pytest.raises(ValueError, match="does not begin with a slash"):
        SendFile(Speaker("whole", []), internal={"files": root})
    with pytest.raises(NotADirectoryError):
        SendFile(Speaker("whole", []), roots=[root / "nothing"])
