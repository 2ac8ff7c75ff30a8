"""The variables of a program (RFC 3875 section 4.1)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from potstill.gateway.cgi_environ import script_variables, surroundings
from tests.support.upstream import environ_of

ROOT = Path("/srv/cgi-bin")


def variables(environ: dict[str, Any], path_info: str = "", **around: str) -> dict[str, str]:
    found = script_variables(environ, ROOT, ROOT / "a.cgi", "/cgi-bin/a.cgi", path_info, around)
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in found.items()}


def test_everything_the_rfc_names() -> None:
    environ = environ_of(
        "POST",
        "/a.cgi/more",
        b"abc",
        "x=%20&y",
        SCRIPT_NAME="/cgi-bin",
        CONTENT_TYPE="text/plain",
        REMOTE_USER="eve",
        AUTH_TYPE="Basic",
        HTTP_ACCEPT="*/*",
        **{"wsgi.url_scheme": "https"},
    )
    assert variables(environ, "/more", PATH="/bin") == {
        "AUTH_TYPE": "Basic",
        "CONTENT_LENGTH": "3",
        "CONTENT_TYPE": "text/plain",
        "DOCUMENT_ROOT": "/srv/cgi-bin",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "HTTPS": "on",
        "HTTP_ACCEPT": "*/*",
        "HTTP_HOST": "front.test",
        "PATH": "/bin",
        "PATH_INFO": "/more",
        "PATH_TRANSLATED": "/srv/cgi-bin/more",
        "QUERY_STRING": "x=%20&y",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_HOST": "192.0.2.7",
        "REMOTE_USER": "eve",
        "REQUEST_METHOD": "POST",
        "SCRIPT_FILENAME": "/srv/cgi-bin/a.cgi",
        "SCRIPT_NAME": "/cgi-bin/a.cgi",
        "SERVER_NAME": "front.test",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "potstill",
    }


def test_what_is_not_there_is_not_set() -> None:
    """QUERY_STRING is always, PATH_INFO and PATH_TRANSLATED only together, lengths only with a body."""
    found = variables(environ_of())
    assert found["QUERY_STRING"] == ""
    assert (
        not {"PATH_INFO", "PATH_TRANSLATED", "CONTENT_LENGTH", "CONTENT_TYPE", "HTTPS", "REMOTE_USER"}
        & found.keys()
    )


def test_what_a_program_must_not_see() -> None:
    """httpoxy; credentials (section 9.2); the client's connection; the server's objects."""
    hidden = dict.fromkeys(
        (
            "HTTP_PROXY",
            "HTTP_AUTHORIZATION",
            "HTTP_PROXY_AUTHORIZATION",
            "HTTP_CONNECTION",
            "HTTP_TRANSFER_ENCODING",
            "HTTP_CONTENT_LENGTH",
            "PYTHONPATH",
            "LD_PRELOAD",
        ),
        "evil",
    )
    found = variables(environ_of(**hidden))
    assert "evil" not in found.values()
    assert not [name for name in found if "." in name]


def test_only_what_is_named_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    monkeypatch.setenv("LANG", "C")
    monkeypatch.delenv("TZ", raising=False)
    assert surroundings(("LANG", "TZ"), {"MODE": "test"}) == {"LANG": "C", "MODE": "test"}
    assert "SECRET_KEY" not in surroundings(("PATH",), {})


def test_a_request_cannot_overwrite_the_surroundings() -> None:
    """Its names all begin with HTTP_ or are the RFC's."""
    assert variables(environ_of(HTTP_PATH="/evil"), PATH="/bin")["PATH"] == "/bin"


def test_nul_cannot_be_given_to_a_program() -> None:
    with pytest.raises(ValueError, match="NUL"):
        variables(environ_of(query="a\0b"))


def test_octets_stay_what_they_are() -> None:
    found = script_variables(environ_of(), ROOT, ROOT / "a.cgi", "/a.cgi", "/\xc3\xbc", {})
    assert found[b"PATH_INFO"] == "/ü".encode()
