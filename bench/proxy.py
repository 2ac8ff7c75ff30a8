"""The proxy hop: `python -m bench.proxy` puts Potstill's proxy, nginx and HAProxy in front of the same
upstream.

The upstream is the floor (floor.c), which answers in some 6 µs, on the load generator's core; the proxies
take turns on the server's core. What is compared is the CPU time that the hop costs, for a bare request and
for a browser's. nginx and HAProxy are C and do nothing else: the figure says what the convenience of one
process costs beside them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.launch import BACKLOG, HOST, THREADS
from bench.measures import Plan, measure
from bench.process import ServerFailedError, free_port, started
from bench.scenarios import BY_NAME
from bench.servers import PROJECT, build_floor

RESULT = Path(__file__).with_name("results") / "proxy.md"
SCENARIOS = ("hello", "browser")
FIGURES = ("cpu_us", "rate", "p50_ms", "p99_ms")

NGINX = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    upstream up {{ server {host}:{upstream}; keepalive 64; keepalive_requests 100000000; }}
    server {{
        listen {host}:{port} backlog={backlog};
        location / {{
            proxy_pass http://up;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""

HAPROXY = """
global
    maxconn 4096
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 75s
    timeout server 60s
    option forwardfor
    http-reuse always
frontend in
    bind {host}:{port} backlog {backlog}
    default_backend up
backend up
    server floor {host}:{upstream} pool-max-conn 64
"""


@dataclass(frozen=True)
class Place:
    """What a proxy is told: where it writes, where it listens, whom it asks."""

    directory: Path
    port: int
    upstream: int

    def written(self, name: str, template: str) -> str:
        path = self.directory / name
        path.write_text(
            template.format(
                directory=self.directory, host=HOST, port=self.port, upstream=self.upstream, backlog=BACKLOG
            )
        )
        return str(path)


def _potstill(place: Place) -> list[str]:
    options = f"--bind {HOST}:{place.port} --threads {THREADS} --backlog {BACKLOG} --log-level warning"
    return [sys.executable, "-m", "potstill", "bench.proxy_app:application", *options.split()]


def _nginx(place: Place) -> list[str]:
    return ["nginx", "-p", str(place.directory), "-e", "stderr", "-c", place.written("nginx.conf", NGINX)]


def _haproxy(place: Place) -> list[str]:
    return ["haproxy", "-db", "-q", "-f", place.written("haproxy.cfg", HAPROXY)]


PROXIES: dict[str, Callable[[Place], list[str]]] = {
    "potstill": _potstill,
    "nginx": _nginx,
    "haproxy": _haproxy,
}

Samples = dict[tuple[str, str], list[dict[str, float]]]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.proxy", description="What a proxy hop costs.")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (3)")
    parser.add_argument("--seconds", type=int, default=3, help="how long each measured run takes (3)")
    options = parser.parse_args(arguments)
    lacking = [tool for tool in ("wrk", "taskset", "cc", "nginx", "haproxy") if shutil.which(tool) is None]
    if lacking:
        print(f"missing: {', '.join(lacking)} (apt: wrk util-linux gcc nginx-light haproxy)", file=sys.stderr)
        return 1
    plan = Plan(options.seconds, warm_up_s=1, server_core=0, load_core=1)
    with tempfile.TemporaryDirectory(prefix="bench-proxy-") as name, _upstream(Path(name), plan) as upstream:
        samples = _measured(Path(name), upstream, options.rounds, plan)
    table = _table(samples, options.rounds, plan)
    RESULT.write_text(table)
    print(f"\n{table}\n{RESULT}")
    return 0


@contextmanager
def _upstream(directory: Path, plan: Plan) -> Iterator[int]:
    """The floor on the load generator's core; its port."""
    port = free_port()
    command = [str(build_floor(directory)), str(port)]
    with started(command, plan.load_core, port, directory / "floor.log", dict(os.environ)):
        yield port


def _measured(directory: Path, upstream: int, rounds: int, plan: Plan) -> Samples:
    samples: Samples = {}
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "BENCH_UPSTREAM": f"http://{HOST}:{upstream}"}
    for _ in range(rounds):
        for scenario in SCENARIOS:
            for name, command in PROXIES.items():
                place = Place(directory, free_port(), upstream)
                log = directory / f"{name}.log"
                try:
                    with started(command(place), plan.server_core, place.port, log, environment) as running:
                        measured = measure(running, BY_NAME[scenario], plan)
                except ServerFailedError as error:
                    print(f"{name} did not start: {error}", file=sys.stderr)
                    continue
                print(f"{scenario:<8} {name:<9} {measured.figures.get('cpu_us', 0):7.1f} µs {measured.fault}")
                if not measured.fault:
                    samples.setdefault((scenario, name), []).append(measured.figures)
    return samples


def _table(samples: Samples, rounds: int, plan: Plan) -> str:
    """Medians of the rounds."""
    lines = [
        f"One hop to a local upstream, 64 connections; medians of {rounds} rounds of {plan.seconds} s.",
        "",
        "| request | proxy | CPU µs/request | × nginx | req/s | p50 ms | p99 ms |",
        "| --- | --- | --: | --: | --: | --: | --: |",
    ]
    medians = {
        key: [statistics.median(each[figure] for each in found) for figure in FIGURES]
        for key, found in samples.items()
    }
    for (scenario, name), (cpu_us, rate, p50_ms, p99_ms) in medians.items():
        beside = medians.get((scenario, "nginx"))
        ratio = f"{cpu_us / beside[0]:.1f}" if beside else ""
        lines.append(
            f"| {scenario} | {name} | {cpu_us:.1f} | {ratio} | {rate:,.0f} | {p50_ms:.1f} | {p99_ms:.1f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
