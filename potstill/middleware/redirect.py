"""A redirect of a whole part of a site: what stands behind the mount point is kept.

Mount({"/old": Redirect("/new")})      /old/a?b=c  →  308, Location: /new/a?b=c
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from potstill.middleware.answers import plain_answer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

REASONS = {
    301: "301 Moved Permanently",
    302: "302 Found",
    303: "303 See Other",
    307: "307 Temporary Redirect",
    308: "308 Permanent Redirect",
}
# Characters of a path that need no encoding (RFC 3986 section 3.3). Not the backslash, which browsers take
# for a slash.
PATH_SAFE = "/:@!$&'()*+,;=~"


class Redirect:
    """A WSGI application that redirects to `to`, keeping the rest of the path and the query.

    Args:
        to: an absolute path, such as "/new", or an http or https URL.
        status: 301, 302, 303, 307 or 308; the last two keep method and body.
        keep_path: False sends everybody to `to` itself.

    Raises ValueError for a target or a status that cannot be.
    """

    def __init__(self, to: str, status: int = 308, *, keep_path: bool = True) -> None:
        if status not in REASONS:
            raise ValueError(f"redirect: {status!r} is not one of {', '.join(map(str, REASONS))}")
        parts = urlsplit(to)
        absolute = parts.scheme in ("http", "https") and bool(parts.netloc)
        local = not parts.scheme and not parts.netloc and to.startswith("/") and not to.startswith("//")
        if not (absolute or local) or not to.isascii() or any(character <= " " for character in to):
            raise ValueError(
                f"redirect: {to!r} is neither a path like /new nor a URL like https://shop.example/, "
                "percent-encoded where need be"
            )
        if keep_path and (parts.query or parts.fragment):
            raise ValueError(f"redirect: {to!r} has a query, behind which no path can be kept")
        self._to = to
        self._status = REASONS[status]
        self._keep_path = keep_path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        target = self._target(environ) if self._keep_path else self._to
        return plain_answer(environ, start_response, self._status, [("Location", target)])

    def _target(self, environ: WSGIEnvironment) -> str:
        rest = environ.get("PATH_INFO", "").lstrip("/")
        slash = environ.get("PATH_INFO", "")[:1]
        # One slash between the two: behind "/" the path "//evil.example" would name another host.
        target = self._to.rstrip("/") + "/" + quote(rest.encode("latin-1"), PATH_SAFE) if slash else self._to
        query = environ.get("QUERY_STRING", "")
        return f"{target}?{query}" if query else target
