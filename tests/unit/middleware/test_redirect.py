"""A redirect of a whole part of a site."""

from __future__ import annotations

import pytest

from potstill.middleware import Mount, Redirect
from tests.unit.middleware.hosts import Answered, Recorder, call, environ_of


def ask(app: Redirect | Mount, path: str, **changes: str) -> Answered:
    return call(app, Recorder(), environ_of(PATH_INFO=path, **changes))


ROWS = [
    ("/new", "", "", "/new"),
    ("/new", "/", "", "/new/"),
    ("/new", "/a/b", "x=1&y=%20", "/new/a/b?x=1&y=%20"),
    ("/new/", "/a", "", "/new/a"),
    ("/new", "/a b?#%", "", "/new/a%20b%3F%23%25"),
    ("/new", "/käse".encode().decode("latin-1"), "", "/new/k%C3%A4se"),
    ("https://shop.example", "/a", "b", "https://shop.example/a?b"),
    ("https://shop.example/x/", "", "", "https://shop.example/x/"),
    # No path makes it lead to another host.
    ("/", "//evil.example", "", "/evil.example"),
    ("/", "///evil.example/..", "", "/evil.example/.."),
    ("/", "/\\evil.example", "", "/%5Cevil.example"),
    ("/new", "/\r\nX: y", "", "/new/%0D%0AX:%20y"),
]


@pytest.mark.parametrize(("to", "path", "query", "location"), ROWS)
def test_the_rest_of_the_path_is_kept(to: str, path: str, query: str, location: str) -> None:
    """With one slash in between, encoded as a path is, and the query behind it."""
    answer = ask(Redirect(to), path, QUERY_STRING=query)
    assert (answer.status, answer.all("Location")) == ("308 Permanent Redirect", [location])


def test_below_a_mount() -> None:
    """What the mount has taken is not kept."""
    assert ask(Mount({"/old": Redirect("/new")}), "/old/a").all("Location") == ["/new/a"]


def test_a_fixed_target() -> None:
    """Everybody goes to the same place, which may have a query then."""
    app = Redirect("/login?next=/", 303, keep_path=False)
    answer = ask(app, "/a/b", QUERY_STRING="c", REQUEST_METHOD="POST")
    assert (answer.code, answer.all("Location")) == (303, ["/login?next=/"])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_five_statuses(status: int) -> None:
    """RFC 9110 section 15.4."""
    assert ask(Redirect("/new", status), "/").code == status


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("new", 308),
        ("", 308),
        ("//evil.example", 308),
        ("javascript:alert(1)", 308),
        ("ftp://shop.example", 308),
        ("/a b", 308),
        ("/ü", 308),
        ("/a\r\nX: y", 308),
        ("https:///x", 308),
        ("/new?x=1", 308),
        ("/new", 200),
        ("/new", 304),
    ],
)
def test_what_cannot_be_a_redirect(to: str, status: int) -> None:
    """A target is a path or an http URL."""
    with pytest.raises(ValueError, match=r"^redirect: "):
        Redirect(to, status)
