"""The report in markdown: what was promised, an overview, a table for each scenario, who was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.results import Results, in_table_order, ours
from bench.scenarios import BY_NAME as SCENARIOS
from bench.scenarios import Kind, Scenario
from bench.servers import BY_NAME as SERVERS
from bench.servers import Role
from bench.targets import TARGETS, Verdict, judge

# Above this a core has nothing left to give; the rest is start, stop and measuring.
SATURATED = 0.9
# Above this the machine was busy with something else, and latencies above all mean little.
OTHERS_SHARE_MAX = 0.1
NOTHING = "–"


@dataclass(frozen=True)
class Column:
    title: str
    figure: str
    digits: int
    percent: bool = False

    def show(self, value: float | None) -> str:
        if value is None:
            return NOTHING
        return f"{value:.0%}" if self.percent else f"{value:,.{self.digits}f}"


CPU = Column("CPU µs/request", "cpu_us", 1)
LOAD_COLUMNS = (
    CPU,
    Column("req/s", "rate", 0),
    Column("p50 ms", "p50_ms", 2),
    Column("p99 ms", "p99_ms", 2),
    Column("memory MiB", "pss_mib", 0),
    Column("server's core", "server_share", 0, percent=True),
    Column("wrk's core", "load_share", 0, percent=True),
)
COLUMNS = {
    Kind.LOAD: LOAD_COLUMNS,
    Kind.TURNS: LOAD_COLUMNS[:4],
    Kind.TWO_ROUTES: (
        Column("hello p99 ms", "beside_p99_ms", 1),
        Column("hello req/s", "beside_rate", 0),
        *LOAD_COLUMNS,
    ),
    Kind.CROWD: (Column("bytes for each", "idle_bytes", 0), Column("connections held", "held", 0)),
    Kind.SILENCE: (Column("system calls in 10 s", "system_calls", 0),),
    Kind.SPREAD: (Column("the fullest worker has", "fullest_share", 0, percent=True),),
}


def markdown(results: Results, chart: str | None = None) -> str:
    parts = ["# Potstill beside its peers", _about(results)]
    if chart:
        parts.append(f"![CPU time per request]({chart})")
    parts += ["## The figures it must reach", targets_table(results)]
    parts += ["## CPU µs per request, all scenarios", _overview(results)]
    for name in results.scenarios():
        scenario = SCENARIOS[name]
        parts += [f"## {scenario.title[0].upper()}{scenario.title[1:]}", scenario_table(scenario, results)]
    parts += ["## Who was measured", _servers_table(results)]
    return "\n\n".join(parts) + "\n"


def targets_table(results: Results) -> str:
    verdicts = [judge(target, results) for target in TARGETS]
    rows = [_target_row(verdict, _doubt(verdict, results)) for verdict in verdicts]
    head = ["scenario", "figure", "bound", "Potstill", "beside", "measured", "rounds", ""]
    return table(head, rows, left=3)


def _doubt(verdict: Verdict, results: Results) -> str:
    """A word behind the verdict when the machine did something else while either side was measured."""
    sides = [ours(), verdict.against] if verdict.against else [ours()]
    shares = [results.figure(side, verdict.target.scenario, "others_share") or 0.0 for side in sides]
    return ", disturbed" if max(shares) > OTHERS_SHARE_MAX else ""


def _target_row(verdict: Verdict, doubt: str) -> list[str]:
    target = verdict.target
    word = {True: "pass", False: "**MISS**", None: "not measured"}[verdict.passed]
    bound = f"{target.sense.value} {target.bound:,g}"
    if target.against:
        bound += f" × {target.against}"
    beside = f"{verdict.against} {_number(verdict.theirs)}" if verdict.theirs is not None else NOTHING
    is_ratio = bool(target.against) and verdict.compared is not None
    spread = is_ratio and verdict.lowest != verdict.highest
    return [
        SCENARIOS[target.scenario].title,
        f"{target.words} ({target.unit})" if target.unit else target.words,
        bound,
        _number(verdict.ours),
        beside,
        f"{verdict.compared:.2f} ×" if is_ratio else NOTHING,
        f"{verdict.lowest:.2f} to {verdict.highest:.2f}" if spread else NOTHING,
        word + doubt,
    ]


def _number(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.1f}"


def _overview(results: Results) -> str:
    names = [name for name in results.scenarios() if SCENARIOS[name].kind in (Kind.LOAD, Kind.TWO_ROUTES)]
    servers = in_table_order({server for name in names for server in results.servers(name)})
    rows = [[server, *(_overview_cell(results, server, name) for name in names)] for server in servers]
    return table(["", *names], rows) + "\n\nStruck through: the server did not answer correctly."


def _overview_cell(results: Results, server: str, scenario: str) -> str:
    shown = CPU.show(results.figure(server, scenario, CPU.figure))
    if not results.fault(server, scenario):
        return shown
    return "wrong" if shown == NOTHING else f"~~{shown}~~"


def scenario_table(scenario: Scenario, results: Results) -> str:
    columns = COLUMNS[scenario.kind]
    first = columns[0].figure if scenario.kind is not Kind.TWO_ROUTES else CPU.figure
    servers = sorted(
        results.servers(scenario.name),
        key=lambda server: results.figure(server, scenario.name, first) or float("inf"),
    )
    rows = [_scenario_row(scenario, server, columns, results) for server in servers]
    return table(["", *(column.title for column in columns), "remarks"], rows, right_to=len(columns) + 1)


def _scenario_row(scenario: Scenario, server: str, columns: Sequence[Column], results: Results) -> list[str]:
    name = f"**{server}**" if server == ours() else server
    cells = [column.show(results.figure(server, scenario.name, column.figure)) for column in columns]
    return [name, *cells, "; ".join(_remarks(scenario, server, results))]


def _remarks(scenario: Scenario, server: str, results: Results) -> Iterable[str]:
    fault = results.fault(server, scenario.name)
    if fault:
        yield f"**wrong**: {fault}"
    note = results.note(server, scenario.name)
    if note:
        yield note
    load_share = results.figure(server, scenario.name, "load_share") or 0.0
    server_share = results.figure(server, scenario.name, "server_share") or 1.0
    if load_share > SATURATED > server_share:
        yield "wrk was the limit"
    others_share = results.figure(server, scenario.name, "others_share") or 0.0
    if others_share > OTHERS_SHARE_MAX:
        yield f"disturbed: others used {others_share:.0%} of a core"


def _servers_table(results: Results) -> str:
    rows = []
    for name, server in SERVERS.items():
        if name in results.missing:
            rows.append([name, "missing", results.missing[name]])
        elif name in results.versions:
            ours_or = "the server of this project" if server.role is Role.OURS else server.remark
            rows.append([name, results.versions[name], ours_or])
    return table(["server", "version", "how it runs"], rows, left=3)


def _about(results: Results) -> str:
    about = results.about | {"disturbance": _disturbance(results)}
    return "\n".join(f"- {name}: {value}" for name, value in about.items())


def _disturbance(results: Results) -> str:
    """Whether something else ran meanwhile: what latencies are worth depends on it."""
    shares = [one.figures["others_share"] for one in results.samples if "others_share" in one.figures]
    disturbed = sum(share > OTHERS_SHARE_MAX for share in shares)
    return f"in {disturbed} of {len(shares)} runs others used more than {OTHERS_SHARE_MAX:.0%} of a core"


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1, right_to: int | None = None
) -> str:
    """Markdown; the first `left` columns lean left, those up to `right_to` right, the rest left again."""
    right_to = len(head) if right_to is None else right_to
    rule = ["--:" if left <= index < right_to else "---" for index in range(len(head))]
    lines = [head, rule, *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
