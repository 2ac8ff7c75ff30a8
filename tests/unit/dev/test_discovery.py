"""What a directory has to serve."""

from __future__ import annotations

from pathlib import Path

import pytest

from potstill.dev.discovery import DJANGO, Found, discover, of_flask

MANAGE = """
import os, sys
def main():
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cellar.settings")
"""


@pytest.mark.parametrize(
    ("name", "source", "app"),
    [
        ("app.py", "app = 1", "app:app"),
        ("app.py", "application = app = 1", "app:application"),
        ("app.py", "from shop import site as app", "app:app"),
        ("app.py", "def app(environ, start_response): ...", "app:app"),
        ("app.py", "class app: ...", "app:app"),
        ("app.py", "def create_app(): ...", "app:create_app()"),
        ("app.py", "try:\n  import a\nexcept ImportError:\n  app = 1", "app:app"),
        ("app.py", "app = (", "app"),
        ("wsgi.py", "application = 1", "wsgi:application"),
    ],
)
def test_files(tmp_path: Path, name: str, source: str, app: str) -> None:
    (tmp_path / name).write_text(source)
    assert discover({}, tmp_path) == Found(app, name)


def test_a_file_without_an_application_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print('hello')")
    (tmp_path / "wsgi.py").write_text("application = 1")
    assert discover({}, tmp_path) == Found("wsgi:application", "wsgi.py")


@pytest.mark.parametrize(
    "line",
    [
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cellar.settings")',
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'cellar.settings')",
        'os.environ["DJANGO_SETTINGS_MODULE"] = "cellar.settings"',
    ],
)
def test_manage_py(tmp_path: Path, line: str) -> None:
    (tmp_path / "manage.py").write_text(f"import os\n{line}\n")
    found = discover({}, tmp_path)
    assert found is not None
    assert (found.app, dict(found.variables)) == (DJANGO, {"DJANGO_SETTINGS_MODULE": "cellar.settings"})
    assert found.by == "manage.py, with cellar.settings"


def test_the_environment_comes_first(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("app = 1")
    assert discover({"FLASK_APP": "shop:site"}, tmp_path) == Found(
        "shop:site", "FLASK_APP in the environment"
    )
    assert discover({"DJANGO_SETTINGS_MODULE": "cellar.settings"}, tmp_path) == Found(
        DJANGO, "DJANGO_SETTINGS_MODULE in the environment"
    )


def test_nothing(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text("print('no Django')")
    (tmp_path / "app.py").mkdir()
    assert discover({}, tmp_path) is None


@pytest.mark.parametrize(
    ("text", "app"),
    [
        ("shop", "shop:app"),
        ("shop.py", "shop:app"),
        ("./shop.py", "shop:app"),
        ("web/views.py", "web.views:create_app()"),
        ("web.views", "web.views:create_app()"),
        ("shop:app", "shop:app"),
        ("web.views:create_app", "web.views:create_app()"),
        ("web.views:other", "web.views:other()"),
        ("web.views:create_app('x')", "web.views:create_app('x')"),
        ("package", "package:app"),
        ("nowhere", "nowhere"),
        ("nowhere:site", "nowhere:site"),
    ],
)
def test_what_flask_means(tmp_path: Path, text: str, app: str) -> None:
    (tmp_path / "shop.py").write_text("app = 1")
    (tmp_path / "web").mkdir()
    (tmp_path / "web/views.py").write_text("def create_app(name=''): ...\ndef other(): ...")
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").write_text("app = 1")
    assert of_flask(text, tmp_path) == app
