"""From a name to the application, and from settings to what the core is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from potstill.assemble import ApplicationLoadError, ApplicationNameError, engine_options, load
from potstill.core.options import Options
from potstill.settings import Settings, max_connections_auto

SHOP = """
import os.path
from pathlib import Path

def app(environ, start_response):
    return ["app"]

class Site:
    name = "site"
    def wsgi(self, environ, start_response):
        return ["site"]
    @property
    def broken(self):
        raise LookupError("no such wire")

site = Site()

def create_app(*names, debug=False):
    def made(environ, start_response):
        return ["made", *names, debug]
    made.site = site
    return made

def create_with(config, /):
    raise ValueError(f"bad {config}")

def create_nothing():
    return None

class PerRequest:
    def __init__(self, environ, start_response):
        pass
    def __iter__(self):
        return iter(["class"])

async def asynchronous(scope, receive, send):
    pass

class Asgi:
    async def __call__(self, scope, receive, send):
        pass

asgi = Asgi()
version = "1.0"
"""


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Write a module into the current directory; sys.modules and sys.path are as before in the end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    modules = set(sys.modules)

    def write(name: str, source: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(source, encoding="utf-8")

    write("shop.py", SHOP)
    yield write
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def called(name: str) -> Any:
    return list(load(name)({}, lambda *_: None))  # type: ignore[arg-type]


def wrong(name: str) -> str:
    with pytest.raises(ApplicationNameError) as caught:
        load(name)
    return str(caught.value)


def raised(name: str) -> str:
    with pytest.raises(ApplicationLoadError) as caught:
        load(name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("shop:app", ["app"]),
        (" shop:app ", ["app"]),
        ("shop", ["app"]),
        ("shop:site.wsgi", ["site"]),
        ("shop:create_app()", ["made", False]),
        ("shop:create_app('a', \"b\", debug=True)", ["made", "a", "b", True]),
        ("shop:create_app(-1, [2, {'k': None}])", ["made", -1, [2, {"k": None}], False]),
        ("shop:create_app().site.wsgi", ["site"]),
        ("shop:PerRequest", ["class"]),
    ],
)
@pytest.mark.usefixtures("put")
def test_how_an_application_may_be_named(name: str, answer: list[object]) -> None:
    """A name, attributes, calls with literal arguments, a module alone."""
    assert called(name) == answer


def test_a_module_alone_means_application_before_app(put: Callable[[str, str], None]) -> None:
    """As mod_wsgi and Django call it, then as Flask does."""
    put("both.py", "def app(e, s): return ['app']\ndef application(e, s): return ['application']\n")
    assert called("both") == ["application"]


def test_a_module_in_a_package(put: Callable[[str, str], None]) -> None:
    """Dots lead to modules, the colon into one."""
    put("store/__init__.py", "")
    put("store/web.py", "class site:\n    def wsgi(e, s): return ['deep']\n")
    assert called("store.web:site.wsgi") == ["deep"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "shop:ap",
            ["module 'shop' has no 'ap'; did you mean 'app'?", "tried: shop:ap", "shop.py) has: ", "app"],
        ),
        ("shop:site.wsgy", ["shop:site (Site) has no 'wsgy'; did you mean 'wsgi'?", "shop:site has: wsgi"]),
        ("shp:app", ["there is no module 'shp' in ", "did you mean 'shop'?", "has: shop"]),
        ("store.wob:app", ["no module 'wob' in package 'store'; did you mean 'web'?", "has: web"]),
        ("shop.web:app", ["'shop' is a module, not a package: it holds no module 'web'"]),
        ("store", ["module 'store' has neither 'application' nor 'app'", "nothing of the kind"]),
        ("works", ["neither 'application' nor 'app'; perhaps works:make_app() makes the application?"]),
        ("shop:version", ["shop:version is a str, which is not callable", "app(environ, start_response)"]),
        ("shop:site", ["shop:site is a Site, which is not callable"]),
        ("shop:os", ["shop:os is a module, which is not callable"]),
        ("shop:create_nothing()", ["shop:create_nothing() is None, which is not callable"]),
        ("shop:version()", ["shop:version is a str and cannot be called"]),
        (
            "shop:create_nothing",
            ["takes () instead of (environ, start_response)", "write shop:create_nothing()"],
        ),
        (
            "shop:create_with()",
            ["cannot call shop:create_with(): ", "missing 1 required positional argument"],
        ),
        ("shop:asynchronous", ["shop:asynchronous is asynchronous", "Potstill serves WSGI"]),
        ("shop:asgi", ["shop:asgi is asynchronous"]),
        ("shop.py", ["looks like a file", "shop:app"]),
        ("./src/shop.py:app", ["looks like a file", "src.shop:app"]),
        ("my-shop:app", ["'my-shop' is not the name of a module"]),
        (":app", ["'' is not the name of a module"]),
        ("shop:", ["'' in 'shop:' is not a name"]),
        ("shop:app or None", ["is not a name, an attribute, or a call with literal arguments"]),
        ("shop:create_app(site)", ["literal arguments"]),
        ("shop:create_app(*[1])", ["literal arguments"]),
        ("shop:create_app(**{})", ["literal arguments"]),
        ("shop:app[0]", ["literal arguments"]),
    ],
)
def test_a_wrong_name_says_what_was_tried_and_what_is_there(
    name: str, words: list[str], put: Callable[[str, str], None]
) -> None:
    """And what was perhaps meant; never a traceback."""
    put("store/__init__.py", "")
    put("store/web.py", "")
    put("works.py", "def make_app(): pass\n")
    message = wrong(name)
    assert [word for word in words if word not in message] == []
    assert "Traceback" not in message


@pytest.mark.usefixtures("put")
def test_what_a_module_has_imported_is_not_offered() -> None:
    """`Path` is there, but nobody means it."""
    listed = wrong("shop:nothing_like_it").rpartition("has: ")[2].split(", ")
    assert "Path" not in listed
    assert {"app", "create_app"} <= set(listed)


def test_long_lists_are_cut(put: Callable[[str, str], None]) -> None:
    """A dozen names, and how many more."""
    put("many.py", "".join(f"def view_{number:02}(): pass\n" for number in range(20)))
    assert wrong("many:absent").endswith("view_10, view_11 and 8 more")


@pytest.mark.parametrize(
    ("source", "last", "frames"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero", 1),
        ("import nowhere_at_all\n", "ModuleNotFoundError: No module named 'nowhere_at_all'", 1),
        ("import broken.sub\n", "'broken' is not a package", 1),
        ("from shop import absent\n", "ImportError: cannot import name 'absent' from 'shop'", 1),
        ("import worse\n", "RuntimeError: deep down", 2),
        ("def f(:\n", "SyntaxError: invalid syntax", 1),
        ("import sys\nsys.exit('bye')\n", "SystemExit: bye", 1),
    ],
)
def test_what_the_module_raises_is_shown_without_our_frames(
    source: str, last: str, frames: int, put: Callable[[str, str], None], tmp_path: Path
) -> None:
    """The user's traceback, from the user's first line on."""
    put("broken.py", source)
    put("worse.py", "raise RuntimeError('deep down')\n")
    text = raised("broken:app")
    assert last in text.splitlines()[-1]
    assert text.count('  File "') == frames
    assert text.count(str(tmp_path)) >= frames
    assert "assemble.py" not in text
    assert "importlib" not in text


def test_causes_are_shown_too(put: Callable[[str, str], None]) -> None:
    """`raise … from …` keeps both halves."""
    put("broken.py", "try:\n    {}['key']\nexcept KeyError as e:\n    raise ValueError('config') from e\n")
    text = raised("broken")
    assert "KeyError: 'key'" in text
    assert text.endswith("ValueError: config")


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("shop:create_with('x')", "ValueError: bad x"),
        ("shop:site.broken", "LookupError: no such wire"),
    ],
)
@pytest.mark.usefixtures("put")
def test_what_a_factory_or_a_property_raises_is_shown(name: str, last: str) -> None:
    """It is the user's code as much as the module is."""
    text = raised(name)
    assert text.endswith(last)
    assert text.count('  File "') == 1


def test_control_c_while_loading_passes_through(put: Callable[[str, str], None]) -> None:
    """Whoever presses it wants out, not a traceback."""
    put("broken.py", "raise KeyboardInterrupt\n")
    with pytest.raises(KeyboardInterrupt):
        load("broken:app")


def test_the_current_directory_is_on_the_path_once(put: Callable[[str, str], None], tmp_path: Path) -> None:
    """As for `python -m`."""
    put("more.py", "app = 3\n")
    load("shop:app")
    load("shop:site.wsgi")
    assert sys.path.count(str(tmp_path)) == 1
    assert sys.path[0] == str(tmp_path)


# No setting of the core as it is by default.
CHANGED = Settings(
    threads=3,
    max_connections=7,
    keepalive=1.5,
    header_map="keep",
    server_header="",
    body_memory=11,
    response_memory=12,
    spool_dir="/tmp",
    limit_request_line=13,
    limit_request_fields=14,
    limit_request_field_size=15,
    limit_request_head=16,
    limit_request_body=17,
    header_timeout=18.0,
    body_timeout=19.0,
    min_rate=20,
    write_timeout=21.0,
    keepalive_requests=22,
    handshake_timeout=23.0,
)


def test_every_option_of_the_core_comes_from_the_settings() -> None:
    """Changing any setting changes what the core is told."""
    told = engine_options(CHANGED)
    assert told == Options(
        threads=3,
        limit_request_line=13,
        limit_request_fields=14,
        limit_request_field_size=15,
        limit_request_head=16,
        limit_request_body=17,
        header_timeout_s=18.0,
        body_timeout_s=19.0,
        min_rate_bytes_s=20,
        write_timeout_s=21.0,
        handshake_timeout_s=23.0,
        keepalive_s=1.5,
        keepalive_requests=22,
        max_connections=7,
        header_map="keep",
        server_header="",
        body_memory_bytes=11,
        response_memory_bytes=12,
        spool_dir="/tmp",
        multiprocess=False,
        request_buffering=True,
        response_spool_bytes=1 << 30,
        request_timeout_s=0.0,
        interrupt_grace_s=5.0,
        slow_request_s=10.0,
        cancel_on_disconnect=False,
        queue_timeout_s=0.0,
        backlog_limit=0,
        trust_request_start=False,
        health_path="",
        ready_path="",
        handover_limit=512,
        server_timing=False,
        access_log=None,
    )
    assert engine_options(Settings()).max_connections == max_connections_auto()
