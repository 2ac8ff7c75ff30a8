"""Static files: `python -m bench.static` asks Potstill, nginx, granian, uWSGI and WhiteNoise for the same.

A small file of 4 KiB, as stylesheets and icons are, and one of 1 MiB. Each server has one process that
serves, on its core; what is compared is CPU time per request, kernel included. nginx stands there twice: as
most people have it, which opens the file for each request, and with `open_file_cache`, which keeps it open
and, as Potstill does, looks once a second whether it has changed.
"""

from __future__ import annotations

import argparse
import http.client
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.launch import BACKLOG, HOST, KEEPALIVE_S, THREADS
from bench.measures import Plan, measure
from bench.process import ServerFailedError, free_port, started
from bench.scenarios import BROWSER_HEADERS, Scenario
from bench.servers import PROJECT

RESULT = Path(__file__).with_name("results") / "static.md"
FIGURES = ("cpu_us", "rate", "p50_ms", "p99_ms", "server_share")
WAIT_S = 10.0
FILES = {"small.css": b"body { margin: 0 } /* " + b"x" * 4071 + b" */", "large.bin": os.urandom(1 << 20)}

SCENARIOS = (
    Scenario("small", "4 KiB", "", b"", path="/static/small.css"),
    Scenario(
        "browser", "4 KiB, browser's header", "", b"", path="/static/small.css", headers=BROWSER_HEADERS
    ),
    Scenario("large", "1 MiB", "", b"", path="/static/large.bin"),
)

NGINX = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    keepalive_timeout {keepalive_s}s;
    types {{ text/css css; }}
    {more}
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen {host}:{port} backlog={backlog};
        location /static/ {{ alias {files}/; }}
    }}
}}
"""
FILE_CACHE = "open_file_cache max=1000; open_file_cache_valid 1s;"


@dataclass(frozen=True)
class Place:
    """What a server is told: where it writes, where the files are, where it listens."""

    directory: Path
    files: Path
    port: int

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"


def _potstill(application: str) -> Callable[[Place], list[str]]:
    options = f"--threads {THREADS} --backlog {BACKLOG} --log-level warning"

    def command(place: Place) -> list[str]:
        where = ["--bind", place.address, *options.split()]
        return [sys.executable, "-m", "potstill", f"bench.static_app:{application}", *where]

    return command


def _nginx(more: str = "") -> Callable[[Place], list[str]]:
    def command(place: Place) -> list[str]:
        configuration = place.directory / "nginx.conf"
        configuration.write_text(
            NGINX.format(
                directory=place.directory,
                files=place.files,
                host=HOST,
                port=place.port,
                backlog=BACKLOG,
                keepalive_s=KEEPALIVE_S,
                more=more,
            )
        )
        return ["nginx", "-p", str(place.directory), "-e", "stderr", "-c", str(configuration)]

    return command


def _granian(place: Place) -> list[str]:
    options = f"--interface wsgi --http 1 --workers 1 --no-ws --no-access-log --backlog {BACKLOG}"
    where = ["--host", HOST, "--port", str(place.port), "--static-path-mount", str(place.files)]
    return [
        sys.executable,
        "-m",
        "granian",
        "bench.apps:hello",
        *where,
        *options.split(),
        "--log-level",
        "warning",
    ]


def _uwsgi(place: Place) -> list[str]:
    beside = Path(sys.prefix, "bin", "uwsgi")
    program = str(beside) if beside.exists() else shutil.which("uwsgi") or "uwsgi"
    router = f"--http-keepalive={KEEPALIVE_S} --http-timeout={KEEPALIVE_S}"
    options = f"--master --processes 1 --threads {THREADS} --listen {BACKLOG} --disable-logging --die-on-term"
    files = ["--static-map", f"/static={place.files}"]
    python = [f"--virtualenv={sys.prefix}", f"--pythonpath={PROJECT}", "--module=bench.apps:hello"]
    return [program, "--http", place.address, *router.split(), *options.split(), *files, *python]


SERVERS: dict[str, Callable[[Place], list[str]]] = {
    "potstill": _potstill("static"),
    "nginx": _nginx(),
    "nginx with open_file_cache": _nginx(FILE_CACHE),
    "whitenoise on potstill": _potstill("whitenoise()"),
    "granian": _granian,
    "uwsgi": _uwsgi,
}

Samples = dict[tuple[str, str], list[dict[str, float]]]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.static", description="What a static file costs.")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (3)")
    parser.add_argument("--seconds", type=int, default=3, help="how long each measured run takes (3)")
    parser.add_argument("--servers", default=",".join(SERVERS), help="names of servers, separated by commas")
    options = parser.parse_args(arguments)
    lacking = [tool for tool in ("wrk", "taskset") if shutil.which(tool) is None]
    if lacking:
        print(f"missing: {', '.join(lacking)} (apt: wrk util-linux)", file=sys.stderr)
        return 1
    wanted = [name for name in SERVERS if name in options.servers.split(",")]
    plan = Plan(options.seconds, warm_up_s=1, server_core=0, load_core=1)
    os.sched_setaffinity(0, {plan.load_core})
    with tempfile.TemporaryDirectory(prefix="bench-static-") as name:
        samples = _measured(Path(name), wanted, options.rounds, plan)
    table = _table(samples, options.rounds, plan)
    RESULT.write_text(table)
    print(f"\n{table}\n{RESULT}")
    return 0


def _measured(directory: Path, servers: Sequence[str], rounds: int, plan: Plan) -> Samples:
    files = directory / "files"
    files.mkdir()
    for name, content in FILES.items():
        (files / name).write_bytes(content)
    samples: Samples = {}
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "BENCH_STATIC": str(files)}
    for _ in range(rounds):
        for scenario in SCENARIOS:
            for name in servers:
                place = Place(directory, files, free_port())
                try:
                    log = directory / "server.log"
                    command = SERVERS[name](place)
                    with started(command, plan.server_core, place.port, log, environment) as running:
                        _check(place, scenario)
                        measured = measure(running, scenario, plan)
                except (OSError, ServerFailedError) as error:
                    print(f"{name} did not start: {error}", file=sys.stderr)
                    continue
                cpu_us = measured.figures.get("cpu_us", 0)
                print(f"{scenario.name:<8} {name:<27} {cpu_us:7.1f} µs {measured.fault}")
                if not measured.fault:
                    samples.setdefault((scenario.title, name), []).append(measured.figures)
    return samples


def _check(place: Place, scenario: Scenario) -> None:
    """The answer must be the file."""
    client = http.client.HTTPConnection(HOST, place.port, timeout=WAIT_S)
    client.request("GET", scenario.path, headers=dict(scenario.headers))
    answer = client.getresponse()
    if answer.status != 200 or answer.read() != FILES[Path(scenario.path).name]:
        raise ServerFailedError(f"it answers {answer.status}, and not the file")
    client.close()


def _table(samples: Samples, rounds: int, plan: Plan) -> str:
    """Medians of the rounds."""
    lines = [
        f"Static files over the loopback, 64 connections; medians of {rounds} rounds of {plan.seconds} s.",
        "",
        "| file | server | CPU µs/request | × nginx | req/s | p50 ms | p99 ms | server's core |",
        "| --- | --- | --: | --: | --: | --: | --: | --: |",
    ]
    medians = {
        key: [statistics.median(each[figure] for each in found) for figure in FIGURES]
        for key, found in samples.items()
    }
    for (title, name), (cpu_us, rate, p50_ms, p99_ms, share) in medians.items():
        beside = medians.get((title, "nginx"))
        ratio = f"{cpu_us / beside[0]:.2f}" if beside else ""
        figures = f"{cpu_us:.1f} | {ratio} | {rate:,.0f} | {p50_ms:.1f} | {p99_ms:.1f} | {share:.0%}"
        lines.append(f"| {title} | {name} | {figures} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
