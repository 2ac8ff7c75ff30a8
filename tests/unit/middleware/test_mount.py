"""Routing by host and path, and how SCRIPT_NAME and PATH_INFO are shifted."""

from __future__ import annotations

from time import perf_counter
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.middleware import Mount, url_routing
from tests.unit.middleware.hosts import Answered, Recorder, call, environ_of, validated


class Named:
    """An application that says which one it is, and what it was called with."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        text = f"{self.name} {environ['SCRIPT_NAME']!r} {environ['PATH_INFO']!r}"
        return [text.encode("latin-1")]


def mounted(*keys: str, **more: Any) -> Mount:
    return Mount({key: validated(Named(key)) for key in keys}, **more)


def ask(app: Any, path: str, script: str = "", **changes: str) -> Answered:
    return call(app, Recorder(), environ_of(PATH_INFO=path, SCRIPT_NAME=script, **changes))


# Mounted: /, /a, /a/b, /ab, /ü
PATHS = [
    ("/", "/ '' '/'"),
    ("/x", "/ '' '/x'"),
    ("/a", "/a '/a' ''"),
    ("/a/", "/a '/a' '/'"),
    ("/a/x", "/a '/a' '/x'"),
    ("/a//x", "/a '/a' '//x'"),
    ("/a/b", "/a/b '/a/b' ''"),
    ("/a/b/", "/a/b '/a/b' '/'"),
    ("/a/b/c/d", "/a/b '/a/b' '/c/d'"),
    ("/a/bc", "/a '/a' '/bc'"),
    ("/ab", "/ab '/ab' ''"),
    ("/abc", "/ '' '/abc'"),
    ("/A", "/ '' '/A'"),
    ("/a.", "/ '' '/a.'"),
    ("//a", "/ '' '//a'"),
    ("/a/../ab", "/a '/a' '/../ab'"),
    ("/./a", "/ '' '/./a'"),
    ("/a%2fb", "/ '' '/a%2fb'"),
    ("/" * 50, "/ '' " + repr("/" * 50)),
    ("/ü/x".encode().decode("latin-1"), "/ü '/Ã¼' '/x'"),
]


@pytest.mark.parametrize(("path", "text"), PATHS)
def test_the_longest_path_that_fits_on_a_border(path: str, text: str) -> None:
    """And the shift, octet by octet: SCRIPT_NAME + PATH_INFO stays what it was."""
    app = mounted("/", "/a", "/a/b", "/ab", "/ü")
    assert ask(app, path).body.decode("latin-1") == text.replace("/ü '", "/ü '")


@given(st.text("/ab.", max_size=12).map("/".__add__))
def test_nothing_of_a_path_is_lost(path: str) -> None:
    """Whatever fits: the two variables together are the path, and the second begins on a border."""
    seen: list[tuple[str, str]] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        seen.append((environ["SCRIPT_NAME"], environ["PATH_INFO"]))
        return []

    routes = ("/a", "/a/b", "/ab", "/a/b/a", "/b/a")
    Mount(dict.fromkeys((*routes, "/"), app))(
        {"SCRIPT_NAME": "", "PATH_INFO": path}, lambda *_: lambda _: None
    )
    ((script_name, path_info),) = seen
    assert script_name + path_info == path
    assert path_info[:1] in ("", "/")
    fitting = [route for route in routes if f"{path}/".startswith(f"{route}/")]
    assert script_name == max(fitting, key=len, default="")


def test_an_empty_path_is_the_root() -> None:
    """PEP 3333: PATH_INFO may be empty, when the target is the application's own root."""
    assert ask(mounted("/", "/a"), "", "/outer").body == b"/ '/outer' ''"
    assert ask(mounted("/a"), "", "/outer").code == 404


def test_mounts_within_mounts() -> None:
    """Each adds to SCRIPT_NAME what it takes from PATH_INFO."""
    app = Mount({"/a": mounted("/b", "/")})
    assert ask(app, "/a/b/c").body == b"/b '/a/b' '/c'"
    assert ask(app, "/a", "/outer").body == b"/ '/outer/a' ''"


def test_nothing_fits() -> None:
    """404, or the application that is there for it, whose environ is as it came."""
    app = mounted("/a")
    for path in ("/", "/b", "/ab"):
        assert ask(app, path).status == "404 Not Found"
    assert ask(mounted("/a", default=Named("default")), "/ab").body == b"default '' '/ab'"
    assert ask(mounted(), "/").code == 404


HOSTS = [
    ("shop.example", "shop.example"),
    ("SHOP.Example", "shop.example"),
    ("shop.example:8080", "shop.example"),
    ("shop.example.", "shop.example"),
    ("shop.example.:80", "shop.example"),
    ("a.shop.example", "*.shop.example"),
    ("a.b.shop.example", "*.shop.example"),
    ("x.eu.shop.example", "*.eu.shop.example"),
    ("eu.shop.example", "eu.shop.example"),
    ("other.example", "*.example"),
    ("example", "/"),
    ("evilshop.example", "*.example"),
    ("shop.example.evil", "/"),
    ("[::1]", "[0::1]"),
    ("[::1]:8080", "[0::1]"),
    ("[0:0:0:0:0:0:0:1]:80", "[0::1]"),
    ("[::2]", "/"),
    ("[nonsense", "/"),
    ("", "127.0.0.1"),  # what environ_of says SERVER_NAME is
    ("127.0.0.1:80", "127.0.0.1"),
    (".shop.example", "*.shop.example"),
    ("*.shop.example", "*.shop.example"),
    ("shop..example", "*.example"),
    ("x" * 70 + ".nowhere", "/"),
]


@pytest.mark.parametrize(("host", "key"), HOSTS)
def test_the_most_specific_host(host: str, key: str) -> None:
    """Exact before wildcard, long before short, any host last; port, case and final dot do not count."""
    app = mounted(
        "/",
        "*.example",
        "*.shop.example",
        "*.eu.shop.example",
        "eu.shop.example",
        "shop.example",
        "[0::1]",
        "127.0.0.1",
    )
    for _ in range(2):  # the second time it is remembered
        assert ask(app, "/", HTTP_HOST=host).body.decode().split()[0] == key


def test_server_name_where_there_is_no_host_field() -> None:
    """HTTP/1.0, as PEP 3333 reconstructs URLs."""
    environ = environ_of(PATH_INFO="/", SERVER_NAME="shop.example")
    del environ["HTTP_HOST"]
    assert call(mounted("shop.example", "/"), Recorder(), environ).body.startswith(b"shop.example ")


def test_hosts_with_paths_are_tried_in_order() -> None:
    """A host that has no route for the path leaves it to a less specific one."""
    app = mounted("shop.example/admin", "*.example", "/admin", "/x")
    assert ask(app, "/admin/u", HTTP_HOST="shop.example").body == b"shop.example/admin '/admin' '/u'"
    assert ask(app, "/x", HTTP_HOST="shop.example").body == b"*.example '' '/x'"
    assert ask(app, "/x/y", HTTP_HOST="nowhere").body == b"/x '/x' '/y'"
    assert ask(app, "/y", HTTP_HOST="nowhere").code == 404


REFUSED = [
    ({"": 1}, "a route has a path"),
    ({"/a//b": 1}, "two slashes in a row"),
    ({"//a": 1}, "two slashes in a row"),
    ({"/a/../b": 1}, "no dots to resolve"),
    ({"/./a": 1}, "no dots to resolve"),
    ({"/a%20b": 1}, "as it is read"),
    ({"/a?b": 1}, "as it is read"),
    ({"/a\\b": 1}, "as it is read"),
    ({"/a\nb": 1}, "as it is read"),
    ({"shop.example:80": 1}, "the port is not looked at"),
    ({"www.*": 1}, "no host and no wildcard"),
    ({"*": 1}, "no host and no wildcard"),
    ({"a b": 1}, "no host and no wildcard"),
    ({"-a.example": 1}, "no host and no wildcard"),
    ({"[::1": 1, "[::1]": 2}, "another route for the same place"),
    ({"[::x]": 1}, "no IPv6 address in brackets"),
    ({"käse.example": 1}, "xn--kse-qla.example"),
    ({"/a": 1, "/a/": 2}, "another route for the same place"),
    ({"Shop.example": 1, "shop.example./": 2}, "another route for the same place"),
]


@pytest.mark.parametrize(("routes", "message"), REFUSED)
def test_keys_that_can_never_fit_are_refused(routes: dict[str, Any], message: str) -> None:
    """With the key, and what is wrong with it."""
    with pytest.raises(ValueError, match=f"^mount .*{message}"):
        Mount(routes)


def test_the_function_form() -> None:
    """For programs: a mapping of paths to applications."""
    app = url_routing({"/a": Named("a"), "/b": Named("b")})
    assert ask(app, "/b/c").body == b"b '/b' '/c'"
    assert ask(app, "/c").code == 404
    assert ask(url_routing({"/a": Named("a")}, Named("other")), "/c").body == b"other '' '/c'"


def test_the_application_itself_answers() -> None:
    """Whatever it returns: no wrapper stands in between."""
    result: list[bytes] = []
    app = Mount({"/a": lambda environ, start_response: result})
    assert app(environ_of(PATH_INFO="/a"), lambda *_: lambda _: None) is result


def test_hosts_that_are_remembered_have_a_bound() -> None:
    """A client may send any Host."""
    app = mounted("shop.example")
    for number in range(5000):
        ask(app, "/", HTTP_HOST=f"host{number}.example")
    assert len(app._kept) <= 1024


def test_a_path_of_thousands_of_slashes_costs_no_more() -> None:
    """The look-up does not walk over what is longer than any route."""
    app = Mount({"/a/b": Named("b")})
    environ = environ_of(PATH_INFO="/" * 8000)
    begun = perf_counter()
    for _ in range(200):
        list(app(dict(environ), lambda *_: lambda _: None))
    assert perf_counter() - begun < 1
