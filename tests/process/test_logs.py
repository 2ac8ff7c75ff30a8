"""What the processes write about themselves, and where to: --log-format, --log-config, --otel."""

from __future__ import annotations

import json
import re
import signal
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.process.running import running
from tests.process.shop import serving, workers_of, write
from tests.support.engine import Environ, StartResponse, engine_on, wait_until

SHOP = """
import logging

def app(environ, start_response):
    environ["potstill.route"] = environ["PATH_INFO"]
    if environ["PATH_INFO"] == "/raise":
        raise ValueError("two\\nlines")
    logging.getLogger("shop").warning("sold %s", environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"sold"]
"""

LOG_CONFIG = """
version = 1

[formatters.plain]
format = "%(process)d %(name)s %(levelname)s %(message)s"

[handlers.file]
class = "logging.FileHandler"
filename = "shop.log"
formatter = "plain"

[root]
handlers = ["file"]

[loggers.potstill]
level = "INFO"
"""
CONFIGURED = [
    *("-m", "potstill", "shop:app", "--bind", "127.0.0.1:0"),
    *("--workers", "2", "--log-config", "logging.toml"),
]


def test_the_log_as_json(tmp_path: Path) -> None:
    """Every line but the one with the address is an object; an exception with newlines is in one of them."""
    write(tmp_path, SHOP)
    with serving(tmp_path, "--log-format", "json", workers=1) as server:
        client = server.client()
        client.request("GET", "/raise")
        assert client.getresponse().status == 500
        client.close()
    lines = [line for line in server.log.lines() if "Ctrl+C" not in line]
    entries = [json.loads(line) for line in lines]
    (error,) = [entry for entry in entries if entry["level"] == "error"]
    assert error["exception"].endswith("ValueError: two\nlines")
    assert error["logger"] == "potstill"
    assert len({entry["pid"] for entry in entries}) == 2
    for entry in entries:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}", entry["time"])


def test_a_dict_config_is_in_force_everywhere_and_its_files_are_opened_anew(tmp_path: Path) -> None:
    """In the supervisor and in every worker, for the application's loggers too; SIGUSR1 goes to all."""
    write(tmp_path, SHOP)
    (tmp_path / "logging.toml").write_text(LOG_CONFIG, encoding="utf-8")
    log, rotated = tmp_path / "shop.log", tmp_path / "shop.log.1"

    def writers() -> set[str]:
        return {line.split()[0] for line in log.read_text().splitlines()} if log.exists() else set()

    with running(CONFIGURED, tmp_path) as server:
        wait_until(
            lambda: server.get("/cask") and len(writers()) == 3, "the supervisor and both workers write to it"
        )
        assert "shop WARNING sold /cask" in log.read_text()
        log.rename(rotated)
        server.signal(signal.SIGUSR1)
        wait_until(lambda: server.get("/bottle") and len(writers()) >= 2, "both workers have opened it anew")
        assert server.stop() == 0
    assert "sold /bottle" in log.read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version = 1\n[handlers.file]\nclass = 'logging.NoSuch'\nfilename = 'x'\n", "NoSuch"),
        ("version = ", "Invalid value"),
        (None, "No such file"),
    ],
)
def test_a_dict_config_that_is_wrong_ends_the_start(tmp_path: Path, text: str | None, words: str) -> None:
    write(tmp_path, SHOP)
    if text is not None:
        (tmp_path / "logging.toml").write_text(text, encoding="utf-8")
    with running(CONFIGURED, tmp_path) as server:
        assert server.code() == 1
    assert "--log-config logging.toml: " in server.log.tail()
    assert words in server.log.tail()
    assert "Traceback" not in server.log.tail()


class Collector:
    """Takes what OTLP exporters send."""

    def __init__(self) -> None:
        self.spans: list[str] = []
        self._adding = threading.Lock()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        sent = ExportTraceServiceRequest.FromString(environ["wsgi.input"].read())
        names = [
            span.name
            for resource in sent.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._adding:
            self.spans += names
        start_response("200 OK", [("Content-Type", "application/x-protobuf")])
        return [b""]


def test_spans_reach_a_collector(tmp_path: Path) -> None:
    """Those of each worker, and those that have not been sent yet when it ends."""
    write(tmp_path, SHOP)
    collector = Collector()
    with engine_on(collector) as receiving:
        host, port = receiving.address[:2]
        with serving(
            tmp_path,
            "--otel",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{host}:{port}",
            OTEL_BSP_SCHEDULE_DELAY="3600000",
        ) as server:
            wait_until(lambda: len(workers_of(server)) == 2)
            for _ in range(20):
                server.get("/cask")
            assert collector.spans == []
        wait_until(lambda: len(collector.spans) == 20, "the spans arrive")
    assert set(collector.spans) == {"GET /cask"}
