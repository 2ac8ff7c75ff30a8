"""wrk, the load generator: one thread on its own core, started and read.

wrk asks again as soon as it is answered (a closed loop), so its latency at saturation is the time a
request stands in the server's queue, and its req/s may be its own limit: the share of its core that it
used says so.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.launch import HOST
from bench.scenarios import Scenario

SCRIPT = Path(__file__).with_name("wrk.lua")
# The longest an answer may take before wrk counts a time-out. It still waits for it.
WRK_TIMEOUT_S = 10


@dataclass(frozen=True)
class Load:
    """What one run of wrk measured."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_s: float  # that wrk used
    bad_status: int
    broken: int  # connections that were refused or torn
    late: int

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


class Wrk:
    """One running wrk; `finish()` waits for its end."""

    def __init__(self, scenario: Scenario, port: int, core: int, seconds: int) -> None:
        headers = [argument for name, value in scenario.headers for argument in ("-H", f"{name}: {value}")]
        self._process = subprocess.Popen(
            [
                *("taskset", "--cpu-list", str(core), "wrk", "--threads", "1"),
                *("--connections", str(scenario.connections), "--duration", f"{seconds}s"),
                *("--timeout", f"{WRK_TIMEOUT_S}s", "--script", str(SCRIPT), *headers),
                *(
                    f"{'https' if scenario.secure else 'http'}://{HOST}:{port}{scenario.path}",
                    "--",
                    scenario.method,
                    str(scenario.body_bytes),
                ),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self) -> Load:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            text = output.read()
        # wait4 rather than wait: it says how much CPU this one child used.
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode != 0:
            raise RuntimeError(f"wrk ended with {self._process.returncode}: {text.strip()[-500:]}")
        told = json.loads(text.strip().splitlines()[-1])
        seconds = told["duration_us"] / 1e6
        return Load(
            requests=told["requests"],
            seconds=seconds,
            p50_ms=told["p50_us"] / 1e3,
            p99_ms=told["p99_us"] / 1e3,
            cpu_s=usage.ru_utime + usage.ru_stime,
            bad_status=told["status_errors"],
            broken=told["connect_errors"] + told["read_errors"] + told["write_errors"],
            late=told["timeouts"],
        )
