"""Entries of access lists: the grammar, and what holds for which request, in tables."""

from __future__ import annotations

from pathlib import Path
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.middleware.access_conditions import Answer, conditions_of
from potstill.middleware.reloaded import FileError
from tests.unit.middleware.hosts import environ_of


def holds(entry: str, **environ: str) -> Answer:
    (condition,) = conditions_of([entry])
    return condition(environ_of(**environ))


def path_holds(entry: str, path: str) -> Answer:
    return holds(entry, PATH_INFO=path)


@pytest.mark.parametrize(
    ("entry", "address", "expected"),
    [
        ("10.0.0.0/8", "10.1.1.1", True),
        ("10.0.0.0/8", "::ffff:10.1.1.1", True),
        ("10.0.0.0/8", "11.1.1.1", False),
        ("10.0.0.0/8,unix,2001:db8::/32", "2001:db8::7", True),
        ("10.0.0.0/8,unix", "", True),
        ("2001:db8::/32", "2001:db9::7", False),
        ("!10.0.0.0/8", "11.1.1.1", True),
        ("!10.0.0.0/8", "10.1.1.1", False),
        ("all", "2001:db8::7", True),
        # Who the peer is, is not known: it may be in the list and may not.
        ("10.0.0.0/8", "unknown", None),
        ("!10.0.0.0/8", "_hidden", None),
        ("all", "010.0.0.1", None),
        ("10.0.0.0/8", "10.0.0.1:80", None),
    ],
)
def test_the_peer(entry: str, address: str, expected: Answer) -> None:
    """Networks of both families and unix sockets, joined by commas."""
    assert holds(entry, REMOTE_ADDR=address) is expected


def test_a_server_that_names_no_peer_is_not_a_unix_socket() -> None:
    """Without REMOTE_ADDR nothing is known about the peer."""
    environ = environ_of()
    del environ["REMOTE_ADDR"]
    for entry in ("unix", "all", "!unix"):
        (condition,) = conditions_of([entry])
        assert condition(environ) is None


@pytest.mark.parametrize(
    ("entry", "method", "expected"),
    [
        ("method:POST", "POST", True),
        ("method:POST,PUT", "PUT", True),
        ("method:POST", "GET", False),
        ("method:GET", "HEAD", True),
        ("method:HEAD", "GET", False),
        ("!method:GET", "HEAD", False),
        ("!method:GET", "DELETE", True),
        # A method in other letters is another method (RFC 9110), and the same to many an application.
        ("method:POST", "post", None),
        ("!method:GET", "get", None),
    ],
)
def test_the_method(entry: str, method: str, expected: Answer) -> None:
    """A token, case-sensitive, with GET standing for HEAD."""
    assert holds(entry, REQUEST_METHOD=method) is expected


@pytest.mark.parametrize(
    ("entry", "path", "expected"),
    [
        ("path:/admin", "/admin", True),
        ("path:/admin", "/admin/", True),
        ("path:/admin", "/admin/users", True),
        ("path:/admin", "/administration", False),
        ("path:/admin", "/admin.html", False),
        ("path:/admin", "/", False),
        ("path:/admin", "/x/admin", False),
        ("path:/admin/", "/admin", True),
        ("path:/", "", True),
        ("path:/", "/anything", True),
        ("path:/caf\u00e9", "/caf\u00c3\u00a9/x", True),  # octals of UTF-8 as latin-1, as PEP 3333 has them
        ("path:*.php", "/a/b.php", True),
        ("path:*.php", "/a/b.php/c", False),
        ("path:*.php", "/a.phpx", False),
        ("path:/a/*/c", "/a/b/b/c", True),
        ("path:/a/?", "/a/b", True),
        ("path:/a/?", "/a/", False),
        ("path:/a.b*", "/aXb", False),
        ("path:/a*a", "/a", False),
        ("path:/a*a", "/aa", True),
        ("path:/a*b*c*d", "/abcbcd\n", False),
        ("path:/a*d*", "/ad\n", True),
        ("!path:/public", "/public/x", False),
        ("!path:/public", "/private", True),
    ],
)
def test_the_path(entry: str, path: str, expected: Answer) -> None:
    """Below a prefix, on the borders of segments, or a glob of the whole."""
    assert path_holds(entry, path) is expected


ROUNDABOUT = [
    "//admin",
    "/./admin",
    "/x/../admin",
    "/admin/../public",
    "/public/../admin",
    "/public/..//admin/x",
    "/public/%2e%2e/admin",
    "/public/..%2fadmin",
    "/%61dmin",
    "/\\admin",
    "/x/..\\admin",
    "/public\\..\\admin",
    "/public/./../admin",
    "/public/../../../admin",
    "/public//../admin",
    "/.//admin",
    "/public/%2E./admin",
]


@pytest.mark.parametrize("path", ROUNDABOUT)
def test_a_path_that_may_or_may_not_be_admin_is_neither(path: str) -> None:
    """The path has been decoded once; `%` in it was sent twice encoded."""
    assert path_holds("path:/admin", path) is None
    assert path_holds("!path:/admin", path) is None


@pytest.mark.parametrize(
    "path", ["/public/./a", "/public//a", "/public/a/../b", "/public/100%", "/public/%41"]
)
def test_a_roundabout_path_that_is_public_however_it_is_read_is_public(path: str) -> None:
    """Only where readings differ does it matter that there are several."""
    assert path_holds("path:/public", path) is True
    assert path_holds("path:/admin", path) is False


@given(st.text(st.sampled_from("/.%2e\\admn"), max_size=12))
def test_every_path_that_normalises_into_admin_is_noticed(text: str) -> None:
    """Against another way to follow dots: a stack of segments."""
    stack: list[str] = []
    for segment in text.replace("\\", "/").split("/"):
        if segment == "..":
            del stack[-1:]
        elif segment not in ("", "."):
            stack.append(segment)
    answer = path_holds("path:/admin", "/" + text)
    if stack[:1] == ["admin"]:
        assert answer is not False
    elif "%" not in text and "\\" not in text and ".." not in text:
        assert answer is False


def test_globs_take_linear_time() -> None:
    """The client chooses the text: a pattern with many stars must not go back and forth in it."""
    (condition,) = conditions_of(["header:X-Long=*a*a*a*a*a*a*b"])
    environ = environ_of(HTTP_X_LONG="a" * 60_000)
    began = process_time()
    assert condition(environ) is False
    assert process_time() - began < 1.0


@pytest.mark.parametrize(
    ("entry", "host", "expected"),
    [
        ("host:shop.example", "shop.example", True),
        ("host:shop.example", "SHOP.Example:8000", True),
        ("host:shop.example", "shop.example.", True),
        ("host:SHOP.example,b.example", "b.example:", True),
        ("host:shop.example", "a.shop.example", False),
        ("host:*.shop.example", "a.shop.example", True),
        ("host:*.shop.example", "a.b.shop.example:1", True),
        ("host:*.shop.example", "shop.example", False),
        ("host:*.shop.example", "evilshop.example", False),
        ("host:[::1]", "[::1]:80", True),
        ("host:127.0.0.1", "", True),  # no Host: the server's own name, in these tests 127.0.0.1
        # Not hosts: an application may take any part of them for one.
        ("host:shop.example", "shop.example@evil.example", None),
        ("host:shop.example", "evil.example/shop.example", None),
        ("host:shop.example", "shop.example, evil.example", None),
        ("!host:shop.example", "shop.example:80:80", None),
        ("host:shop.example", "shop.example\t", None),
    ],
)
def test_the_host(entry: str, host: str, expected: Answer) -> None:
    """Without port and in any letters; a wildcard stands for one or more labels."""
    assert holds(entry, HTTP_HOST=host, SERVER_NAME="127.0.0.1") is expected


@pytest.mark.parametrize(
    ("entry", "value", "expected"),
    [
        ("header:X-Token", "", True),
        ("header:X-Token", None, False),
        ("!header:X-Token", None, True),
        ("header:x-token=secret", "secret", True),
        ("header:X-Token=secret", "Secret", False),
        ("header:X-Token=secret", "secre", False),
        ("header:X-Token=", "", True),
        ("header:X-Token=se*t", "seckret", True),
        ("header:X-Token=*", None, False),
        ("'header:X-Token=two words'", "two words", True),
        ("header:X-Token=a=b", "a=b", True),
        ("header:X-Token=secret", "secretly\u00e9", False),
        # Sent twice: whether the first, the last or all of them count, the application decides.
        ("header:X-Token=secret", "wrong, secret", None),
        ("!header:X-Token=secret", "secret,wrong", None),
    ],
)
def test_a_header(entry: str, value: str | None, expected: Answer) -> None:
    """There at all, equal, or a glob."""
    environ = {} if value is None else {"HTTP_X_TOKEN": value}
    assert holds(entry, **environ) is expected


def test_content_type_is_a_header_too() -> None:
    """CGI gives it another key than the others."""
    assert holds("header:Content-Type=text/*", CONTENT_TYPE="text/plain") is True


def test_all_words_of_an_entry_must_hold() -> None:
    """False beats None, None beats True."""
    entry = "10.0.0.0/8 method:POST path:/admin"
    good = {"REMOTE_ADDR": "10.0.0.1", "REQUEST_METHOD": "POST", "PATH_INFO": "/admin"}
    assert holds(entry, **good) is True
    for change in ({"REMOTE_ADDR": "11.0.0.1"}, {"REQUEST_METHOD": "GET"}, {"PATH_INFO": "/"}):
        assert holds(entry, **good | change) is False
    assert holds(entry, **good | {"REMOTE_ADDR": "unknown"}) is None
    assert holds(entry, **good | {"REMOTE_ADDR": "unknown", "PATH_INFO": "/"}) is False


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("methd:GET", "'methd:GET' is no network"),
        ("10.0.0.1/8", "10.0.0.0/8"),
        ("10.0.0.0/8 11.0.0.1/8", "11.0.0.0/8"),
        ("10.0.0.0/8,", "'' is no network"),
        ("method:", "behind method: comes"),
        ("method:GE T", "no network"),
        ("method:GE(T", "no method"),
        ("path:admin", "begins with a slash"),
        ("host:shop.example:80", "without a port"),
        ("host:shop*.example", "no host"),
        ("header:=x", "no name"),
        ("header:X Y", "no network"),
        ("'open", "quotation"),
        ("!", "no network"),
        ("file:/nowhere/at/all", "nowhere"),
    ],
)
def test_a_wrong_entry_is_said_with_its_text(entry: str, says: str) -> None:
    """The message has the entry and what is wrong with it."""
    with pytest.raises((ValueError, OSError), match=says) as raised:
        conditions_of(["10.0.0.0/8", entry])
    assert entry.strip() in str(raised.value) or entry.startswith("file:")


def test_networks_in_a_file(tmp_path: Path) -> None:
    """One a line, with comments, beside others; an error has file and line."""
    path = tmp_path / "office.txt"
    path.write_text("# office\n10.0.0.0/8\n2001:db8::/32   # v6\n\nunix\n")
    entry = f"192.0.2.1,file:{path} method:GET"
    for address, expected in (("10.1.1.1", True), ("", True), ("192.0.2.1", True), ("192.0.2.2", False)):
        assert holds(entry, REMOTE_ADDR=address) is expected
    path.write_text("10.0.0.0/8\n10.0.0.1/8\n")
    with pytest.raises(FileError, match=r"office.txt:2: '10.0.0.1/8' has bits set"):
        conditions_of([f"file:{path}"])


def test_thousands_of_networks_are_one_condition() -> None:
    """A list pasted into the configuration costs what one network does."""
    entries = [f"10.{i // 256}.{i % 256}.0/24" for i in range(10_000)]
    assert len(conditions_of([*entries, "method:GET", "unix"])) == 2
