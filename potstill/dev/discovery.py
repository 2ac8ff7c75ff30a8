"""The application of the current directory, for `potstill --dev` without a name.

What the environment says comes first, then the files in which people put applications. Files are read, not
imported: a file that does not parse is taken too, since it is most likely the one that is being edited, and
the page will say what is wrong with it.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILES = ("app.py", "wsgi.py")
USUAL = ("application", "app")
FACTORIES = ("create_app", "make_app")
DJANGO = "potstill.frameworks.django:application()"
DJANGO_SETTINGS = "DJANGO_SETTINGS_MODULE"
# manage.py as Django writes it, and as people change it.
_SETTINGS = re.compile(rf"""["']{DJANGO_SETTINGS}["']\s*[,\]]\s*=?\s*["']([\w.]+)["']""")


@dataclass(frozen=True)
class Found:
    """An application, and by what it was found."""

    app: str
    by: str
    variables: Mapping[str, str] = field(default_factory=dict)  # to be set in the environment


def discover(environ: Mapping[str, str], directory: Path) -> Found | None:
    """What to serve, or None when nothing here looks like it."""
    if environ.get("FLASK_APP"):
        return Found(of_flask(environ["FLASK_APP"], directory), "FLASK_APP in the environment")
    if environ.get(DJANGO_SETTINGS):
        return Found(DJANGO, f"{DJANGO_SETTINGS} in the environment")
    for name in FILES:
        app = of_file(directory / name)
        if app:
            return Found(app, name)
    settings = settings_of_manage(directory / "manage.py")
    if settings:
        return Found(DJANGO, f"manage.py, with {settings}", {DJANGO_SETTINGS: settings})
    return None


def of_flask(text: str, directory: Path) -> str:
    """What Flask means by FLASK_APP or --app: `shop`, `web/shop.py`, `shop:create_app`, `shop:make("x")`."""
    place, _, name = text.strip().partition(":")
    module = os.path.normpath(place).removesuffix(".py").replace(os.sep, ".").lstrip(".")
    path = directory.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not name:
        return of_file(file, module) or module
    called = name in FACTORIES or name in functions_of(file)
    return f"{module}:{name}()" if called and name.isidentifier() else f"{module}:{name}"


def of_file(file: Path, module: str = "") -> str:
    """`app:app` for a file that has an application or makes one; empty for any other."""
    try:
        tree = ast.parse(file.read_bytes())
    except OSError:
        return ""
    except (SyntaxError, ValueError):
        return module or file.stem
    module = module or file.stem
    names = assigned_in(tree)
    for name in USUAL:
        if name in names:
            return f"{module}:{name}"
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name in FACTORIES:
        if name in defined:
            return f"{module}:{name}()"
    return ""


def assigned_in(tree: ast.Module) -> set[str]:
    """The names that a module has, whether or not it needs a condition to get them."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(alias.asname or alias.name for alias in node.names)
    return names | {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}


def functions_of(file: Path) -> set[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def settings_of_manage(file: Path) -> str:
    """The settings that a manage.py names; empty when there is none, or none is named."""
    try:
        found = _SETTINGS.search(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1] if found else ""
