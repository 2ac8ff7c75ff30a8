"""Response fields that are set, added or taken away, whatever the application says.

    Headers(app, set={"Cache-Control": "no-store"}, append={"Vary": "Cookie"}, remove=["X-Powered-By"])
    SecurityHeaders(app, hsts_s=31536000)

Only `start_response` is touched; body, write() and errors pass as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Fields = list[tuple[str, str]]

# RFC 9110 sections 5.1 and 5.5; values are latin-1 text without controls (PEP 3333).
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_VALUE = re.compile(r"[\x21-\x7e\xa0-\xff](?:[ \t\x21-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?")
# What frames the message or belongs to the connection is the server's (PEP 3333, "Other HTTP Features").
NOT_OURS = frozenset(
    {
        "connection",
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class Headers:
    """Changes the fields of every response of `app`.

    Args:
        set: fields that replace what the application says under their names.
        default: fields that are added unless the application says something under their names.
        append: fields that are added to what the application says, as fields of their own.
        remove: names of fields that are taken away; before the others are added.

    Raises ValueError for what is no field name or no value, and for fields that are the server's.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        set: Mapping[str, str] | None = None,  # noqa: A002
        default: Mapping[str, str] | None = None,
        append: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        remove: Iterable[str] = (),
    ) -> None:
        added = list(append.items()) if isinstance(append, Mapping) else list(append)
        removed = list(remove)
        self._app = app
        self._set = [checked(*field) for field in (set or {}).items()]
        self._default = [checked(*field) for field in (default or {}).items()]
        self._append = [checked(*field) for field in added]
        self._gone = frozenset(
            checked(name)[0].lower() for name in [*removed, *(name for name, _ in self._set)]
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: Fields, exc_info: Any = None, /) -> Callable[[bytes], object]:
            try:
                return start_response(status, self.changed(headers), exc_info)
            finally:
                exc_info = None

        return self._app(environ, start)

    def changed(self, fields: Fields) -> Fields:
        """The fields as they are sent."""
        kept = [field for field in fields if field[0].lower() not in self._gone] if self._gone else [*fields]
        if self._default:
            there = {name.lower() for name, _ in kept}
            kept += [field for field in self._default if field[0].lower() not in there]
        return [*kept, *self._set, *self._append]


class SecurityHeaders:
    """Adds the fields that tell browsers to be careful, where the application does not say otherwise.

    Args:
        hsts_s: seconds of Strict-Transport-Security, sent over https only (RFC 6797 section 7.2); None: not
            sent, because browsers will not forget it for as long.
        hsts_subdomains: let it hold for all subdomains too.
        frame: X-Frame-Options, "DENY" or "SAMEORIGIN"; "" for none.
        referrer: Referrer-Policy; "" for none.
        opener: Cross-Origin-Opener-Policy; "" for none.
        content_security: Content-Security-Policy, which only the application's author can write.
        permissions: Permissions-Policy.

    X-Content-Type-Options: nosniff is always sent. Raises ValueError for what cannot be sent.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        hsts_s: int | None = None,
        hsts_subdomains: bool = False,
        frame: str = "DENY",
        referrer: str = "strict-origin-when-cross-origin",
        opener: str = "same-origin",
        content_security: str = "",
        permissions: str = "",
    ) -> None:
        if hsts_s is not None and hsts_s < 0:
            raise ValueError(f"security headers: hsts_s {hsts_s!r} is below 0")
        fields = {
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": frame,
            "Referrer-Policy": referrer,
            "Cross-Origin-Opener-Policy": opener,
            "Content-Security-Policy": content_security,
            "Permissions-Policy": permissions,
        }
        plain = {name: value for name, value in fields.items() if value}
        strict = dict(plain)
        if hsts_s is not None:
            scope = "; includeSubDomains" if hsts_subdomains else ""
            strict["Strict-Transport-Security"] = f"max-age={hsts_s}{scope}"
        self._http = Headers(app, default=plain)
        self._https = Headers(app, default=strict)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        chosen = self._https if environ.get("wsgi.url_scheme") == "https" else self._http
        return chosen(environ, start_response)


def checked(name: str, value: str = "-") -> tuple[str, str]:
    """The field, if it may be sent; ValueError says why not."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"headers: {name!r} is not the name of a field (RFC 9110 section 5.1)")
    if name.lower() in NOT_OURS:
        raise ValueError(f"headers: {name} is the server's to send (PEP 3333)")
    if value and not _VALUE.fullmatch(value):
        raise ValueError(f"headers: {value!r} is not the value of a field (RFC 9110 section 5.5)")
    return name, value
