"""Spans of OpenTelemetry: one for each request, below the one that the client's `traceparent` names.

Names and attributes are those of OpenTelemetry's semantic conventions for HTTP servers. A program that
has set up a tracer provider keeps it; otherwise one is set up that exports by OTLP, as the OTEL_*
variables say. The libraries are those of potstill[otel].
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

NEEDED = "--otel needs the libraries of OpenTelemetry, which `pip install potstill[otel]` brings"
SERVER_ERROR = 500


class TracingError(Exception):
    """There is nothing to trace with; the text says what to do."""


class Tracing:
    """`app` with a span around each request. Raises TracingError where a library is missing.

    Args:
        provider: where spans go; None: the program's, or one that exports by OTLP.
    """

    def __init__(self, app: WSGIApplication, provider: Any = None) -> None:
        try:
            self._api = importlib.import_module("opentelemetry.trace")
            self._context = importlib.import_module("opentelemetry.context")
            self._propagate = importlib.import_module("opentelemetry.propagate")
            provider = provider or exporting_provider(self._api)
        except ImportError as error:
            raise TracingError(NEEDED) from error
        self._app = app
        self._tracer = self._api.get_tracer("potstill", tracer_provider=provider)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        span = self._tracer.start_span(
            environ["REQUEST_METHOD"],
            context=self._propagate.extract(carrier_of(environ)),
            kind=self._api.SpanKind.SERVER,
            attributes=attributes_of(environ),
        )
        token = self._context.attach(self._api.set_span_in_context(span))
        try:
            result = self._app(environ, noting(span, start_response, self._api))
        except BaseException as error:
            finish(span, environ, error)
            raise
        finally:
            self._context.detach(token)
        if isinstance(result, (list, tuple)):  # the server sends these better than what wraps them
            finish(span, environ)
            return result
        return Spanned(result, lambda error: finish(span, environ, error))


class Spanned:
    """An answer in pieces; its span ends with it."""

    def __init__(self, pieces: Iterable[bytes], end: Callable[[BaseException | None], None]) -> None:
        self._pieces = pieces
        self._end = end

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._pieces
        except Exception as error:
            self._end(error)
            raise

    def close(self) -> None:
        try:
            close = getattr(self._pieces, "close", None)
            if close is not None:
                close()
        finally:
            self._end(None)


def exporting_provider(api: Any) -> Any:
    """The program's provider, or one of our making. Raises ImportError."""
    if not isinstance(api.get_tracer_provider(), api.ProxyTracerProvider):
        return api.get_tracer_provider()
    sdk = importlib.import_module("opentelemetry.sdk.trace")
    batches = importlib.import_module("opentelemetry.sdk.trace.export")
    otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    provider = sdk.TracerProvider()
    provider.add_span_processor(batches.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    api.set_tracer_provider(provider)
    return provider


def carrier_of(environ: WSGIEnvironment) -> dict[str, str]:
    """The fields of the request by their names."""
    return {
        key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")
    }


def attributes_of(environ: WSGIEnvironment) -> dict[str, Any]:
    """What is known before the application is called; nothing that is empty."""
    # Where the client sent it, by its own word; what it says of a port need not be a number.
    try:
        named = urlsplit("//" + environ.get("HTTP_HOST", ""))
        address, port = named.hostname or environ["SERVER_NAME"], named.port
    except ValueError:
        address, port = environ["SERVER_NAME"], None
    found = {
        "http.request.method": environ["REQUEST_METHOD"],
        "url.scheme": environ["wsgi.url_scheme"],
        "url.path": environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""),
        "url.query": environ.get("QUERY_STRING"),
        "server.address": address,
        "server.port": port,
        "client.address": environ.get("REMOTE_ADDR"),
        "network.protocol.version": environ.get("SERVER_PROTOCOL", "").removeprefix("HTTP/"),
        "user_agent.original": environ.get("HTTP_USER_AGENT"),
    }
    return {key: value for key, value in found.items() if value}


def noting(span: Any, start_response: StartResponse, api: Any) -> Callable[..., Any]:
    """start_response, and the status is noted."""

    def start(status: str, headers: Any, *exc_info: Any) -> Any:
        code = int(status[:3]) if status[:3].isdecimal() else 0
        span.set_attribute("http.response.status_code", code)
        if code >= SERVER_ERROR:
            span.set_status(api.StatusCode.ERROR)
        return start_response(status, headers, *exc_info)

    return start


def finish(span: Any, environ: WSGIEnvironment, error: BaseException | None = None) -> None:
    """The request is over; the application may have named its route by now. A span ends once."""
    if not span.is_recording():
        return
    route = environ.get("potstill.route")
    if isinstance(route, str) and route:
        span.set_attribute("http.route", route)
        span.update_name(f"{environ['REQUEST_METHOD']} {route}")
    if error is not None:
        span.record_exception(error)
        span.set_attribute("error.type", type(error).__qualname__)
    span.end()
