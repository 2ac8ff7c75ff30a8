"""X-Sendfile and X-Accel-Redirect: the application decides, the server sends the file.

    SendFile(app, roots=["/srv/invoices"])                     X-Sendfile: /srv/invoices/2024/17.pdf
    SendFile(app, internal={"/protected": "/srv/invoices"})    X-Accel-Redirect: /protected/2024/17.pdf

The application checks who asks, names the file in a field of its response, and need not read it. Conditions,
ranges and the server's file wrapper work as for static files. Only files below the listed directories are
sent; the fields themselves never reach the client.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote_to_bytes

from potstill.middleware.answers import plain_answer
from potstill.middleware.beneath import Beneath, Symlinks, relative_path
from potstill.middleware.media_types import MediaTypes
from potstill.middleware.replacing import Fields, Judge, call_judged
from potstill.middleware.representation import represent

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SENDFILE, ACCEL = "x-sendfile", "x-accel-redirect"
# Of the application's response, what the file says better, and nginx's further fields of this kind.
REPLACED = frozenset(
    {
        "accept-ranges",
        "content-length",
        "etag",
        "last-modified",
        "x-accel-buffering",
        "x-accel-charset",
        "x-accel-expires",
        "x-accel-limit-rate",
        ACCEL,
        SENDFILE,
    }
)


class SendFile:
    """Sends the files that `app` names in its responses with status 200.

    Args:
        roots: directories, as absolute paths, from which X-Sendfile may name files.
        internal: for X-Accel-Redirect, directories by the path that stands for them.
        symlinks: as of Static.
        media_types: additions to the table of types, used where the application gives no Content-Type.

    A file that is not below a listed directory, or is not there, is answered with 404 and a line on
    `wsgi.errors`. Raises ValueError for a path that cannot be, NotADirectoryError for a missing directory.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        roots: Iterable[str | os.PathLike[str]] = (),
        internal: Mapping[str, str | os.PathLike[str]] | None = None,
        symlinks: Symlinks = "refuse",
        media_types: Mapping[str, str] | None = None,
    ) -> None:
        self._app = app
        self._media_types = MediaTypes(media_types)
        files: list[tuple[bytes, Beneath]] = []
        for root in roots:
            if not os.path.isabs(root):
                raise ValueError(f"send file: {os.fspath(root)!r} is no absolute path")
            files.append((_prefix(os.fsencode(root)), Beneath(root, symlinks)))
        paths: list[tuple[bytes, Beneath]] = []
        for path, directory in (internal or {}).items():
            if not path.startswith("/"):
                raise ValueError(f"send file: {path!r} does not begin with a slash")
            paths.append((_prefix(path.encode()), Beneath(directory, symlinks)))
        # The longest first: one listed directory may stand in another.
        files.sort(key=_length, reverse=True)
        paths.sort(key=_length, reverse=True)
        self._places = {SENDFILE: files, ACCEL: paths}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return call_judged(self._app, environ, start_response, _Wish(self))

    def find(self, field: str, value: str) -> tuple[Beneath, bytes] | None:
        """Where the file is that a field names: a directory, and the path below it."""
        named = value.encode("latin-1", "replace")
        if field == ACCEL:  # a URL: with a query perhaps, and percent-encoded
            named = unquote_to_bytes(named.partition(b"?")[0])
        for prefix, beneath in self._places[field]:
            if named.startswith(prefix):
                path = relative_path("/" + named.removeprefix(prefix).decode("latin-1"))
                return None if not path or path.endswith(b"/") else (beneath, path)
        return None

    def media_type(self, path: bytes) -> str:
        return self._media_types.of(os.fsdecode(path))


def _prefix(path: bytes) -> bytes:
    return path.rstrip(b"/") + b"/"


def _length(place: tuple[bytes, Beneath]) -> int:
    return len(place[0])


class _Wish(Judge):
    """Notices that a response names a file."""

    def __init__(self, owner: SendFile) -> None:
        self._owner = owner

    def started(self, status: str, fields: Fields) -> WSGIApplication | None:
        wish = next(
            ((name.lower(), value) for name, value in fields if name.lower() in (SENDFILE, ACCEL)), None
        )
        if wish is None:
            return None
        kept = [field for field in fields if field[0].lower() not in REPLACED]
        if not status.startswith("200"):  # an error page is what the application says it is
            fields[:] = [field for field in fields if field[0].lower() not in (SENDFILE, ACCEL)]
            return None
        return _Answer(self._owner, *wish, kept)


class _Answer:
    """The application that answers in the other's place."""

    def __init__(self, owner: SendFile, field: str, value: str, fields: Fields) -> None:
        self._owner = owner
        self._field = field
        self._value = value
        self._fields = fields

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        found = self._owner.find(self._field, self._value)
        if found is None:
            return self._refuse(environ, start_response, "is not below a listed directory")
        beneath, path = found
        try:
            fd = beneath.open(path)
        except OSError as error:
            return self._refuse(environ, start_response, f"cannot be sent: {error.strerror}")
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            os.close(fd)
            return self._refuse(environ, start_response, "is no file")
        return self._send(os.fdopen(fd, "rb", buffering=0), facts, path, environ, start_response)

    def _send(
        self,
        file: BinaryIO,
        facts: os.stat_result,
        path: bytes,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        kind = next((value for name, value in self._fields if name.lower() == "content-type"), None)
        more = [field for field in self._fields if field[0].lower() != "content-type"]
        shown = represent(facts, None, kind or self._owner.media_type(path), more)
        used = False

        def opener() -> BinaryIO:
            nonlocal used
            used = True
            return file

        try:
            if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
                return shown.answer(environ, start_response, opener)
            return shown.whole(environ, start_response, opener)
        finally:
            if not used:
                file.close()

    def _refuse(self, environ: WSGIEnvironment, start_response: StartResponse, why: str) -> Iterable[bytes]:
        environ["wsgi.errors"].write(f"{self._field}: {self._value!r} {why}\n")
        return plain_answer(environ, start_response, "404 Not Found")
