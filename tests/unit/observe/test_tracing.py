"""Spans of OpenTelemetry, as its own SDK has recorded them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from potstill.observe.tracing import Tracing, TracingError
from tests.support.engine import Application, Environ, StartResponse, engine_on, request

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def traced(application: Application, raw: bytes) -> Any:
    """The span of one request."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with engine_on(Tracing(application, provider)) as running:  # type: ignore[arg-type]
        running.ask(raw)
    (span,) = exporter.get_finished_spans()
    return span


def test_a_request_is_a_span_below_its_clients() -> None:
    inside = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        inside.append(get_current_span().get_span_context().trace_id)
        environ["potstill.route"] = "/cart/{id}"
        start_response("200 OK", [])
        return [b"body"]

    span = traced(application, request("/cart/7?a=b", f"traceparent: {PARENT}", "User-Agent: test"))
    assert (span.name, span.kind) == ("GET /cart/{id}", SpanKind.SERVER)
    assert span.parent.span_id == 0xB7AD6B7169203331
    assert span.context.trace_id == inside[0] == 0x0AF7651916CD43DD8448EB211C80319C
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["http.route"] == "/cart/{id}"
    assert (span.attributes["url.path"], span.attributes["url.query"]) == ("/cart/7", "a=b")
    assert span.attributes["user_agent.original"] == "test"


@pytest.mark.parametrize(
    ("host", "address", "port"),
    [
        ("shop.example:8080", "shop.example", 8080),
        ("shop.example", "shop.example", None),
        ("[::1]:8080", "::1", 8080),
    ],
)
def test_the_servers_address_is_the_one_that_the_client_asked_for(
    host: str, address: str, port: int | None
) -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"body"]

    span = traced(application, b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % host.encode())
    assert (span.attributes["server.address"], span.attributes.get("server.port")) == (address, port)


def test_an_exception_is_recorded() -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        raise ValueError("by request")

    span = traced(application, request())
    assert span.attributes["error.type"] == "ValueError"
    assert span.events[0].attributes["exception.message"] == "by request"


def test_a_span_of_an_answer_in_pieces_ends_with_it() -> None:
    """Closed once, whatever the application does."""
    closed = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            yield b"a"
            yield b"b"

        def close(self) -> None:
            closed.append(True)

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("503 Service Unavailable", [])
        return Pieces()

    span = traced(application, request())
    assert span.status.status_code is StatusCode.ERROR
    assert closed == [True]


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with pytest.raises(TracingError, match=r"potstill\[otel\]"):
        Tracing(lambda environ, start_response: [])
