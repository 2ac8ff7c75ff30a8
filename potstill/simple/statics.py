"""The `static_files` of run_simple: files in front of an application, which is asked for all others."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from potstill.middleware import Mount, Static

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication


def with_static_files(
    application: WSGIApplication, files: Mapping[str, str | tuple[str, str]]
) -> WSGIApplication:
    """The application behind the directories; ValueError for one that is none.

    A path is answered by the directory that is mounted there, and by the application where the directory has
    no such file. A tuple is a package and a path in it.
    """
    if not files:
        return application
    routes: dict[str, WSGIApplication] = {"/": application}
    for path, place in files.items():
        directory = place if isinstance(place, str) else in_package(*place)
        if not os.path.isdir(directory):
            raise ValueError(f"static_files: {path}: {directory!r} is not a directory")
        routes[f"/{path.strip('/')}"] = Static(
            directory, fallback=Unmounted(application), index=(), revalidate_s=0.0
        )
    return Mount(routes)


class Unmounted:
    """The application, asked by the path that the client asked for."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        whole = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        return self._application({**environ, "SCRIPT_NAME": "", "PATH_INFO": whole}, start_response)


def in_package(package: str, path: str) -> str:
    """The directory of a path in an installed package."""
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places:
        raise ValueError(f"static_files: there is no package {package!r}")
    return os.path.join(places[0], path)
