"""The application behind the wire tests: `python -m potstill tests.wire.probe:app`.

Any path that is not a route of `answers.py` or `faults.py` is answered with the facts of its request, as
JSON: every string of environ, the type of everything, the body that wsgi.input yields, and what
`wsgiref.validate` complains of. A HEAD request gets the same facts in the field `X-Facts`, for want of a
body.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.validate import WSGIWarning, check_environ  # type: ignore[attr-defined]

from tests.wire import answers, faults

# An unknown method is a warning to the validator; to a server it is a method.
warnings.simplefilter("ignore", WSGIWarning)

ROUTES = {**answers.ROUTES, **faults.ROUTES}


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """What the path is a route to, else the facts."""
    return ROUTES.get(environ["PATH_INFO"], facts)(environ, start_response)


def facts(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Everything that can be said about a request in JSON. Bytes are latin-1 text, as in environ."""
    body = environ["wsgi.input"].read()
    answer = json.dumps(
        {
            "environ": {key: value for key, value in environ.items() if type(value) is str},
            "types": {key: type(value).__name__ for key, value in environ.items()},
            "wsgi": {key: plain(environ[key]) for key in environ if key.startswith("wsgi.")},
            "body": body.decode("latin-1"),
            "complaint": complaint(environ),
        }
    )
    headers = [("Content-Type", "application/json")]
    if environ["REQUEST_METHOD"] == "HEAD":
        headers.append(("X-Facts", answer))
    start_response("200 OK", headers)
    return [answer.encode("ascii")]


def plain(value: object) -> Any:
    """The value itself if JSON can say it, else its type's name."""
    return value if isinstance(value, bool | int | str | tuple) else type(value).__name__


def complaint(environ: WSGIEnvironment) -> str | None:
    """What `wsgiref.validate` says is wrong with this environ."""
    try:
        check_environ(environ)
    except AssertionError as error:
        return str(error) or repr(error)
    return None
