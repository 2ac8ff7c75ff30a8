"""The application as the server sees it: inside `wsgiref.validate`, unless the request asks for it bare.

The validator checks both sides of PEP 3333: that the server's environ, input and start_response are right,
and that what goes through them is. But it wraps the application's iterable, and so hides the framework's
`wsgi.file_wrapper` object from the server: a request with the field `Without-Validator` passes beside it, and
files are fetched both ways.

No framework trips the validator by its own fault; two would, and are asked nicely in their own file: Werkzeug
reads `wsgi.input` with a size once MAX_CONTENT_LENGTH is set, and Flask and Django keep a Content-Type on a
204 unless the view removes it.
"""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.validate import validator

WITHOUT_VALIDATOR = "Without-Validator"

Application = Callable[..., Iterable[bytes]]


def under_validator(application: Application) -> Application:
    """The application to serve: validated, and bare for requests that carry `Without-Validator`."""
    validated = validator(application)

    def served(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        chosen = application if "HTTP_WITHOUT_VALIDATOR" in environ else validated
        return chosen(environ, start_response)

    return served
