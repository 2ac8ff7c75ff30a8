"""What upstream processes serve in the tests of the proxy: who answers, and what was asked."""

from __future__ import annotations

import os
from typing import Any


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The process, the method, the path and the body, in a line each."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    lines = [str(os.getpid()), environ["REQUEST_METHOD"], environ["PATH_INFO"]]
    return ["\n".join(lines).encode("latin-1") + b"\n" + body]
