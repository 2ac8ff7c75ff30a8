"""The command: which servers, which scenarios, how long; then the run, the tables and the files."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from bench import chart, report
from bench.measures import Plan
from bench.results import Results, Sample
from bench.runner import run
from bench.scenarios import BY_NAME as SCENARIOS
from bench.servers import BY_NAME as SERVERS
from bench.servers import PROJECT, Server

RESULTS = Path(__file__).with_name("results")
TOOLS = ("wrk", "taskset")
CORES_NEEDED = 2
Entry = TypeVar("Entry")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if options.list:
        _list()
        return 0
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    if lacking:
        print(f"bench needs {' and '.join(lacking)} (apt: wrk, util-linux)", file=sys.stderr)
        return 1
    if (os.cpu_count() or 1) < CORES_NEEDED:
        print("bench needs two cores: one for the server, one for the load", file=sys.stderr)
        return 1
    servers, missing = _usable(options.servers)
    seconds, rounds = (1, 1) if options.quick else (options.seconds, options.rounds)
    plan = Plan(seconds, warm_up_s=1, server_core=options.server_core, load_core=options.load_core)
    results = Results(_about(plan, rounds), {one.name: one.version() for one in servers}, missing)
    try:
        for sample in run(servers, options.scenarios, rounds, plan):
            results.samples.append(sample)
            print(_line(sample), flush=True)
    except KeyboardInterrupt:
        print("interrupted; this is what was measured so far", file=sys.stderr)
        options.quick = True
    whole = (
        not options.quick
        and options.servers == [*SERVERS.values()]
        and options.scenarios == [*SCENARIOS.values()]
    )
    _write(results, options.output or RESULTS, "latest" if whole else "partial")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Potstill beside its peers, one core each."
    )
    parser.add_argument("--servers", type=_entries(SERVERS), default=[*SERVERS.values()], metavar="A,B")
    parser.add_argument("--scenarios", type=_entries(SCENARIOS), default=[*SCENARIOS.values()], metavar="A,B")
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured (3)")
    parser.add_argument("--seconds", type=int, default=3, help="how long each measured run takes (3)")
    parser.add_argument("--quick", action="store_true", help="one round of one second: does everything run?")
    parser.add_argument("--output", type=Path, metavar="DIRECTORY", help="where the files go (bench/results)")
    parser.add_argument("--server-core", type=int, default=0, help="the core of the server (0)")
    parser.add_argument("--load-core", type=int, default=1, help="the core of wrk and of the harness (1)")
    parser.add_argument("--list", action="store_true", help="what there is to choose from")
    return parser


def _entries(table: dict[str, Entry]) -> Callable[[str], list[Entry]]:
    """Parses `a,b` into entries of the table, in the table's order."""

    def parse(text: str) -> list[Entry]:
        wanted = text.split(",")
        unknown = [name for name in wanted if name not in table]
        if unknown:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are {', '.join(table)}")
        return [entry for name, entry in table.items() if name in wanted]

    return parse


def _usable(servers: Iterable[Server]) -> tuple[list[Server], dict[str, str]]:
    """The servers that can be started here, and why the others cannot. Says so at once, too."""
    usable, missing = [], {}
    for server in servers:
        reason = server.missing()
        if reason is None:
            usable.append(server)
        else:
            missing[server.name] = reason
            print(f"{server.name} is missing: {reason}", file=sys.stderr)
    return usable, missing


def _line(sample: Sample) -> str:
    shown = [
        f"{name} {value:,.1f}"
        for name, value in sample.figures.items()
        if not name.endswith(("_share", "rss_mib"))
    ]
    words = [f"WRONG: {sample.fault}"] if sample.fault else []
    if sample.note:
        words.append(f"({sample.note})")
    return f"{sample.round + 1} {sample.scenario:<10} {sample.server:<9} {'  '.join([*shown, *words])}"


def _about(plan: Plan, rounds: int) -> dict[str, str]:
    load = os.getloadavg()[0]
    return {
        "when": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "what": f"medians of {rounds} interleaved rounds of {plan.seconds} s, each after a warm-up",
        "where": f"{_cpu_model()}, {os.cpu_count()} cores, Linux {platform.release().split('-')[0]}",
        "server": f"on core {plan.server_core}, 8 threads; Python {platform.python_version()}",
        "load": f"{_first_words(['wrk', '--version'])}, one thread on core {plan.load_core}",
        "commit": _first_words(["git", "describe", "--always", "--dirty"]) or "none",
        "load average before": f"{load:.2f}",
    }


def _cpu_model() -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _first_words(command: list[str]) -> str:
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    lines = done.stdout.strip().splitlines()
    return " ".join(lines[0].split()[:2]) if lines else ""


def _write(results: Results, directory: Path, name: str) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    results.save(directory / f"{name}.json")
    (directory / f"{name}.svg").write_text(chart.svg(results))
    (directory / f"{name}.md").write_text(report.markdown(results, f"{name}.svg"))
    print(f"\n{report.targets_table(results)}\n\nTables and chart: {directory / name}.md, .json, .svg")


def _list() -> None:
    print("servers:")
    for server in SERVERS.values():
        print(f"  {server.name:<12} {server.remark}")
    print("scenarios:")
    for scenario in SCENARIOS.values():
        print(f"  {scenario.name:<12} {scenario.title}")
