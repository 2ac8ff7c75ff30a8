"""To https, and nowhere else from then on."""

from __future__ import annotations

from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from potstill.middleware.https import HttpsRedirect, StrictTransportSecurity


def asked(app: Any, **environ: str) -> tuple[str, dict[str, str]]:
    """Status and fields of the answer."""
    told: list[Any] = []
    setup_testing_defaults(environ)
    list(app(environ, lambda status, fields, *error: told.append((status, dict(fields)))))
    return told[-1]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("port", "environ", "target"),
    [
        (443, {"HTTP_HOST": "shop.test"}, "https://shop.test/"),
        (
            443,
            {"HTTP_HOST": "shop.test:80", "PATH_INFO": "/a b", "QUERY_STRING": "c=d"},
            "https://shop.test/a%20b?c=d",
        ),
        (8443, {"HTTP_HOST": "shop.test:8080"}, "https://shop.test:8443/"),
        (8443, {"HTTP_HOST": "[::1]:8080"}, "https://[::1]:8443/"),
        (443, {"HTTP_HOST": "", "SERVER_NAME": "here.test"}, "https://here.test/"),
        (443, {"HTTP_HOST": "shop.test", "PATH_INFO": "//evil.test"}, "https://shop.test//evil.test"),
        (443, {"HTTP_HOST": "shop.test", "PATH_INFO": "/\xc3\xa4\r\n"}, "https://shop.test/%C3%A4%0D%0A"),
    ],
)
def test_redirects(port: int, environ: dict[str, str], target: str) -> None:
    """The same host, path and query; the port is that of TLS."""
    status, fields = asked(HttpsRedirect(port), **environ)
    assert status == "308 Permanent Redirect"
    assert fields["Location"] == target


def test_strict_transport_security() -> None:
    """Over TLS only, and only where the application has not said it."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        fields = [("strict-transport-security", "mine")] if environ["PATH_INFO"] == "/mine" else []
        start_response("200 OK", fields)
        return []

    wrapped = StrictTransportSecurity(app, "max-age=5")
    https = {"wsgi.url_scheme": "https"}
    assert asked(wrapped, PATH_INFO="/", **https)[1] == {"Strict-Transport-Security": "max-age=5"}
    assert asked(wrapped, PATH_INFO="/mine", **https)[1] == {"strict-transport-security": "mine"}
    assert asked(wrapped, PATH_INFO="/", **{"wsgi.url_scheme": "http"})[1] == {}
