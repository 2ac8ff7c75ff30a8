"""Static files: a directory as a WSGI application.

    Mount({"/static": Static("public", cache="1h"), "/": app})

The path below the mount point is the path below the directory. `beneath.py` sees to it that nothing else
can be reached, `static_files.py` keeps what was found, `representation.py` answers conditions and ranges.
What is left here is who answers: a file, a redirect to a directory's name with a slash, a listing, the
fallback, or an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from potstill.middleware.answers import plain_answer
from potstill.middleware.beneath import Beneath, Symlinks, relative_path
from potstill.middleware.cache_rules import HASHED, CacheRules
from potstill.middleware.listing import listing
from potstill.middleware.media_types import MediaTypes
from potstill.middleware.representation import Representation
from potstill.middleware.static_files import TWINS, Directory, Resource, Rules, StaticFiles

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

KIB, MIB = 1 << 10, 1 << 20
ALLOWED = ("GET", "HEAD")
# How often a file that changes while it is being answered is looked at again.
TRIES = 3


class ChangedError(Exception):
    """The file is no longer the one whose fields were about to be sent."""


class Static:
    """A WSGI application that answers with the files of a directory (RFC 9110 GET and HEAD).

    Args:
        root: the directory. Nothing outside it is served, whatever the path says.
        fallback: an application that is asked where there is no such file; without it the answer is 404.
        index: names that stand for their directory, the first that exists.
        single_page: a file, such as "index.html", that is the answer to every path without an ending which
            no file has: the addresses that a single-page application makes up in the browser.
        listing: answer a directory without index with a page of its entries.
        cache: the Cache-Control rule of all files, or rules by pattern (see cache_rules.py).
        immutable: patterns of files that never change under their name; `hashed` is names with a hash.
        precompressed: serve app.js.br, app.js.zst and app.js.gz for app.js to who accepts them.
        symlinks: "refuse", "inside" (follow links that stay below the root) or "follow".
        dotfiles: names beginning with a dot that are served all the same.
        media_types: additions to the table of types, by ending: {".gpx": "application/gpx+xml"}.
        charset: what is said of types of text; "" says nothing.
        file_bytes_max: files up to this size, in octets, are kept in memory; others are opened each time.
        memory_bytes_max: octets of memory for all of them.
        revalidate_s: seconds for which a file is taken for unchanged; 0 looks at it for every request.

    Raises ValueError for an argument that cannot be, and NotADirectoryError when there is no such root.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        fallback: WSGIApplication | None = None,
        index: Iterable[str] = ("index.html",),
        single_page: str | None = None,
        listing: bool = False,
        cache: str | Mapping[str, str] = "no-cache",
        immutable: Iterable[str] = (HASHED,),
        precompressed: bool = True,
        symlinks: Symlinks = "refuse",
        dotfiles: Iterable[str] = (".well-known",),
        media_types: Mapping[str, str] | None = None,
        charset: str = "utf-8",
        file_bytes_max: int = 128 * KIB,
        memory_bytes_max: int = 32 * MIB,
        revalidate_s: float = 1.0,
    ) -> None:
        rules = Rules(
            index=tuple(os.fsencode(name) for name in index),
            dotfiles=frozenset(os.fsencode(name) for name in dotfiles),
            codings=tuple(TWINS) if precompressed else (),
            media_types=MediaTypes(media_types, charset),
            cache=CacheRules(cache, immutable),
            file_bytes_max=file_bytes_max,
            memory_bytes_max=memory_bytes_max,
            revalidate_s=revalidate_s,
        )
        self._beneath = Beneath(root, symlinks)
        self._files = StaticFiles(self._beneath, rules)
        self._fallback = fallback
        self._single_page = None if single_page is None else "/" + single_page.lstrip("/")
        self._listing = listing

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        # The way of most requests: the file is in memory, and nothing is asked but the file.
        resource = self._files.kept(environ.get("PATH_INFO", ""))
        if (
            resource is not None
            and environ["REQUEST_METHOD"] == "GET"
            and "HTTP_IF_NONE_MATCH" not in environ
            and "HTTP_IF_MODIFIED_SINCE" not in environ
            and "HTTP_RANGE" not in environ
            and "HTTP_IF_MATCH" not in environ
            and "HTTP_IF_UNMODIFIED_SINCE" not in environ
        ):
            shown = resource.plain
            if resource.twins:
                shown = resource.chosen(environ.get("HTTP_ACCEPT_ENCODING"))[1]
            if shown.content is not None:
                start_response("200 OK", [*shown.fields])
                return [shown.content]
        return self._answer(environ, start_response)

    def _answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        allowed = environ["REQUEST_METHOD"] in ALLOWED
        if not allowed and self._fallback is None:
            return not_allowed(environ, start_response)
        try:
            # Nothing at all is the mount point without its slash; without a mount point it is the root.
            path = environ.get("PATH_INFO", "") or ("" if environ.get("SCRIPT_NAME") else "/")
            found = self._find(path)
        except PermissionError:
            return plain_answer(environ, start_response, "403 Forbidden")
        if found is None:
            if self._fallback is not None:
                return self._fallback(environ, start_response)
            return plain_answer(environ, start_response, "404 Not Found")
        if not allowed:
            return not_allowed(environ, start_response)
        if isinstance(found, Directory):
            return self._directory(found, environ, start_response)
        return self._file(found, environ, start_response)

    def _find(self, path: str) -> Resource | Directory | None:
        """What answers for the path; a directory only where that leads somewhere."""
        found = self._files.find(path)
        if isinstance(found, Resource):
            return found
        if isinstance(found, Directory) and (self._listing or self._has_index(path)):
            return found
        if self._single_page is None or "." in path.rpartition("/")[2]:
            return None
        return self._files.find(self._single_page) if relative_path(path) is not None else None

    def _has_index(self, path: str) -> bool:
        """Whether a directory that was asked for without its final slash has something to show with it."""
        return not path.endswith("/") and isinstance(self._files.find(path + "/"), Resource)

    def _file(
        self, resource: Resource, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        for _ in range(TRIES):
            path, shown = resource.chosen(environ.get("HTTP_ACCEPT_ENCODING"))
            try:
                return shown.answer(environ, start_response, lambda: self._open(path, shown))  # noqa: B023
            except ChangedError:
                found = self._files.look(resource.path_info)
            if not isinstance(found, Resource):
                return plain_answer(environ, start_response, "404 Not Found")
            resource = found
        text = "The file changes all the time."
        return plain_answer(environ, start_response, "503 Service Unavailable", [("Retry-After", "1")], text)

    def _open(self, path: bytes, shown: Representation) -> BinaryIO:
        file = self._files.open(path, shown)
        if file is None:
            raise ChangedError
        return file

    def _directory(
        self, directory: Directory, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        shown = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        if shown and not shown.endswith("/"):
            return with_slash(shown, environ, start_response)
        try:
            fd = self._beneath.open(directory.path)
        except OSError:
            return plain_answer(environ, start_response, "404 Not Found")
        try:
            links = self._beneath.symlinks != "refuse"
            title = shown.encode("latin-1").decode("utf-8", "replace") or "/"
            page = listing(fd, title, top=not directory.path, links=links)
        finally:
            os.close(fd)
        fields = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))]
        start_response("200 OK", [*fields, ("Cache-Control", "no-cache")])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [page]


def with_slash(shown: str, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Redirect to the directory's name with a slash.

    The target is relative and begins with `./`, so that no path makes it lead to another host
    (`//evil.example/`), and so that it is right behind a proxy that has taken a prefix away.
    """
    target = "./" + quote(shown.rpartition("/")[2].encode("latin-1")) + "/"
    query = environ.get("QUERY_STRING", "")
    return plain_answer(
        environ,
        start_response,
        "301 Moved Permanently",
        [("Location", f"{target}?{query}" if query else target)],
    )


def not_allowed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return plain_answer(environ, start_response, "405 Method Not Allowed", [("Allow", ", ".join(ALLOWED))])
