"""An environ → the variables of a CGI program (RFC 3875 section 4.1), as octets.

Nothing of the server's own environment but what was named; nothing of the request that a program could take
for something else: HTTP_PROXY (httpoxy), credentials (section 4.1.18 and 9.2), hop-by-hop fields.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_COPIED = (
    "AUTH_TYPE",
    "CONTENT_TYPE",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "REMOTE_USER",
    "REQUEST_METHOD",
    "REQUEST_URI",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "SERVER_SOFTWARE",
)
_WITHHELD = frozenset(
    {
        "HTTP_AUTHORIZATION",
        "HTTP_CONNECTION",
        "HTTP_CONTENT_LENGTH",
        "HTTP_CONTENT_TYPE",
        "HTTP_EXPECT",
        "HTTP_KEEP_ALIVE",
        "HTTP_PROXY",
        "HTTP_PROXY_AUTHORIZATION",
        "HTTP_PROXY_CONNECTION",
        "HTTP_TE",
        "HTTP_TRAILER",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_UPGRADE",
    }
)


def script_variables(
    environ: dict[str, Any],
    root: Path,
    script: Path,
    script_name: str,
    path_info: str,
    surroundings: Mapping[str, str],
) -> dict[bytes, bytes]:
    """The environment of the program, and all of it.

    `script_name` and `path_info` say where the request's path was divided. Raises ValueError for a value
    with a NUL in it, which no environment can hold.
    """
    variables = dict(surroundings)
    variables.update({name: environ[name] for name in _COPIED if environ.get(name)})
    variables.update(
        {name: value for name, value in environ.items() if name.startswith("HTTP_") and name not in _WITHHELD}
    )
    variables |= {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "DOCUMENT_ROOT": _as_text(root),
        "SCRIPT_FILENAME": _as_text(script),
        "SCRIPT_NAME": script_name,
        "QUERY_STRING": environ.get("QUERY_STRING", ""),
        "SERVER_SOFTWARE": environ.get("SERVER_SOFTWARE") or "potstill",
        "REMOTE_HOST": environ.get("REMOTE_HOST") or environ.get("REMOTE_ADDR") or "",
    }
    if path_info:
        variables["PATH_INFO"] = path_info
        variables["PATH_TRANSLATED"] = f"{_as_text(root)}{path_info}"
    if environ.get("CONTENT_LENGTH"):
        variables["CONTENT_LENGTH"] = environ["CONTENT_LENGTH"]
    if environ.get("wsgi.url_scheme") == "https":
        variables["HTTPS"] = "on"
    if any("\0" in value for value in variables.values()):
        raise ValueError("a value with NUL in it cannot be given to a program")
    return {name.encode("latin-1"): value.encode("latin-1") for name, value in variables.items()}


def surroundings(inherited: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """What of the server's environment a program sees: the names in `inherited`, and what is `given`."""
    found = {name: _native(os.environ[name]) for name in inherited if name in os.environ}
    return found | {name: _native(value) for name, value in given.items()}


def _as_text(path: Path) -> str:
    return os.fsencode(path).decode("latin-1")


def _native(text: str) -> str:
    return os.fsencode(text).decode("latin-1")
