"""`flask potstill`, `manage.py potstill`, `manage.py runserver`, and `potstill --dev` without a name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from potstill.frameworks.django.management.commands.potstill import without_djangos
from potstill.frameworks.django.runserver.management.commands.runserver import bind_of
from tests.desk.desks import ask, wait_for_answer, write
from tests.process.running import running

pytestmark = pytest.mark.slow

FLASK = """
from flask import Flask

app = Flask(__name__)

@app.route("/")
def index():
    return f"one, debug {app.debug}"

@app.route("/error")
def error():
    return 7 / 0
"""
SETTINGS = """
SECRET_KEY = "for the test"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "cellar.urls"
STATIC_URL = "/static/"
STATICFILES_DIRS = ["assets"]
INSTALLED_APPS = [
    "potstill.frameworks.django",
    "potstill.frameworks.django.runserver",
    "django.contrib.staticfiles",
]
"""
URLS = """
from django.http import HttpResponse
from django.urls import path

def index(request):
    return HttpResponse("one")

def error(request):
    return HttpResponse(7 / 0)

urlpatterns = [path("", index), path("error", error)]
"""
MANAGE = """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cellar.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    write(tmp_path, "shop.py", FLASK)
    return tmp_path


@pytest.fixture
def cellar(tmp_path: Path) -> Path:
    for place in ("cellar", "assets"):
        (tmp_path / place).mkdir()
    write(tmp_path, "cellar/__init__.py", "")
    write(tmp_path, "cellar/settings.py", SETTINGS)
    write(tmp_path, "cellar/urls.py", URLS)
    write(tmp_path, "assets/style.css", "h1 {}")
    write(tmp_path, "manage.py", MANAGE)
    return tmp_path


def edited(here: Path, name: str) -> None:
    write(here, name, (here / name).read_text(encoding="utf-8").replace("one", "two"))


def test_flask_serves_what_it_names(shop: Path) -> None:
    command = ["-m", "flask", "--app", "shop", "potstill", "--bind", "127.0.0.1:0", "--threads", "2"]
    with running(command, shop) as server:
        assert ask(server.address)[1] == b"one, debug False"
        assert server.log.lines(r"serving shop:app on .*2 threads")
        assert server.stop() == 0


def test_flask_with_debug_is_at_the_desk(shop: Path) -> None:
    """Its reload, and the pages of its errors."""
    command = ["-m", "flask", "--app", "shop", "--debug", "potstill", "--bind", "127.0.0.1:0"]
    with running(command, shop) as server:
        assert ask(server.address)[1] == b"one, debug True"
        assert b"ZeroDivisionError" in ask(server.address, "/error")[1]
        edited(shop, "shop.py")
        wait_for_answer(server, b"two, debug True")
        assert server.stop() == 0


def test_flask_finds_the_application_by_itself(shop: Path) -> None:
    (shop / "shop.py").rename(shop / "app.py")
    with running(["-m", "flask", "potstill", "--bind", "127.0.0.1:0"], shop) as server:
        assert ask(server.address)[1] == b"one, debug False"
        assert server.stop() == 0


def test_flask_without_an_application(tmp_path: Path) -> None:
    with running(["-m", "flask", "potstill"], tmp_path) as server:
        assert server.code() == 2
        assert server.log.lines("which application[?] Name it: flask --app shop potstill")


def test_dev_turns_flasks_debugging_on(shop: Path) -> None:
    (shop / "shop.py").rename(shop / "app.py")
    with running(["-m", "potstill", "--dev", "--bind", "127.0.0.1:0"], shop) as server:
        server.log.wait_for("potstill: took app:app, found by app.py")
        assert ask(server.address)[1] == b"one, debug True"
        assert server.stop() == 0


def test_manage_py_potstill(cellar: Path) -> None:
    """All options, static files of DEBUG, and no reload unless it is asked for."""
    command = ["manage.py", "potstill", "--bind", "127.0.0.1:0", "--threads", "2"]
    with running(command, cellar) as server:
        assert ask(server.address)[1] == b"one"
        assert ask(server.address, "/static/style.css") == (200, b"h1 {}")
        assert b"ZeroDivisionError" in ask(server.address, "/error")[1]  # Django's own page
        assert not server.log.lines("worker 1")
        assert server.stop() == 0


def test_manage_py_from_elsewhere(cellar: Path, tmp_path: Path) -> None:
    """The project is found by the place of its manage.py."""
    write(cellar, "cellar/settings.py", SETTINGS.replace('STATICFILES_DIRS = ["assets"]', ""))
    (cellar / "other").mkdir()
    command = [str(cellar / "manage.py"), "potstill", "--settings=cellar.settings", "--bind", "127.0.0.1:0"]
    with running(command, cellar / "other") as server:
        assert ask(server.address)[1] == b"one"
        assert server.stop() == 0


def test_runserver_is_replaced(cellar: Path) -> None:
    with running(["manage.py", "runserver", "0"], cellar) as server:
        assert ask(server.address)[1] == b"one"
        assert ask(server.address, "/static/style.css") == (200, b"h1 {}")
        edited(cellar, "cellar/urls.py")
        wait_for_answer(server, b"two")
        write(cellar, "cellar/urls.py", "(")
        wait_for_answer(server, b"SyntaxError")
        write(cellar, "cellar/urls.py", URLS)
        wait_for_answer(server, b"one")
        assert server.stop() == 0


def test_runserver_without_reload_and_static_files(cellar: Path) -> None:
    command = ["manage.py", "runserver", "--noreload", "--nostatic", "--nothreading", "127.0.0.1:0"]
    with running(command, cellar) as server:
        assert ask(server.address, "/static/style.css")[0] == 404
        assert server.log.lines(r"\(1 thread, ")
        assert server.stop() == 0


def test_dev_finds_a_django_project(cellar: Path) -> None:
    with running(["-m", "potstill", "--dev", "--bind", "127.0.0.1:0"], cellar) as server:
        server.log.wait_for("found by manage.py, with cellar.settings")
        assert ask(server.address)[1] == b"one"
        assert ask(server.address, "/static/style.css")[0] == 200
        assert server.stop() == 0


def test_dev_that_finds_nothing_says_what_it_looks_for(tmp_path: Path) -> None:
    with running(["-m", "potstill", "--dev"], tmp_path) as server:
        assert server.code() == 2
        assert server.log.lines("potstill --dev +what app.py, wsgi.py or manage.py has")


@pytest.mark.parametrize(
    ("text", "ipv6", "bind"),
    [
        ("", False, "127.0.0.1:8000"),
        ("", True, "[::1]:8000"),
        ("9000", False, "127.0.0.1:9000"),
        ("0:9000", False, "0.0.0.0:9000"),
        ("0:9000", True, "[::]:9000"),
        ("[::1]:9000", True, "[::1]:9000"),
        ("shop.example:80", False, "shop.example:80"),
    ],
)
def test_runserver_addresses(text: str, ipv6: bool, bind: str) -> None:
    assert bind_of(text, ipv6=ipv6) == bind


def test_words_that_are_djangos() -> None:
    words = ["--settings", "a.b", "--threads", "2", "--pythonpath=/x", "--dev"]
    assert without_djangos(words) == ["--threads", "2", "--dev"]
    assert sys.path
