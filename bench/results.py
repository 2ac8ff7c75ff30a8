"""What a run found: samples, and the questions the report asks of them.

A sample is one server in one scenario in one round. Figures are medians over the rounds; a comparison of
two servers is the median of the ratios of each round, whose two halves were measured within a minute of
each other.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.servers import BY_NAME, Role


@dataclass(frozen=True)
class Sample:
    server: str
    scenario: str
    round: int
    figures: dict[str, float]
    fault: str = ""  # what is wrong with its answers; "" when nothing is
    note: str = ""


@dataclass(frozen=True)
class Ratio:
    """How a figure of one server compares to another's: the median of the rounds, and their range."""

    median: float
    lowest: float
    highest: float


@dataclass
class Results:
    about: dict[str, str]
    versions: dict[str, str]
    missing: dict[str, str]
    samples: list[Sample] = field(default_factory=list)

    def of(self, server: str, scenario: str) -> list[Sample]:
        return [one for one in self.samples if one.server == server and one.scenario == scenario]

    def servers(self, scenario: str) -> list[str]:
        return list(dict.fromkeys(one.server for one in self.samples if one.scenario == scenario))

    def scenarios(self) -> list[str]:
        return list(dict.fromkeys(one.scenario for one in self.samples))

    def fault(self, server: str, scenario: str) -> str:
        """The first fault of any round: a server that is sometimes wrong is wrong."""
        return next((one.fault for one in self.of(server, scenario) if one.fault), "")

    def note(self, server: str, scenario: str) -> str:
        return next((one.note for one in reversed(self.of(server, scenario)) if one.note), "")

    def figure(self, server: str, scenario: str, name: str) -> float | None:
        """The median over the rounds, or None where it was never measured."""
        values = [one.figures[name] for one in self.of(server, scenario) if name in one.figures]
        return statistics.median(values) if values else None

    def ratio(self, server: str, against: str, scenario: str, name: str) -> Ratio | None:
        ours = {one.round: one.figures for one in self.of(server, scenario)}
        theirs = {one.round: one.figures for one in self.of(against, scenario)}
        ratios = [
            ours[turn][name] / theirs[turn][name]
            for turn in ours.keys() & theirs.keys()
            if name in ours[turn] and theirs[turn].get(name)
        ]
        return Ratio(statistics.median(ratios), min(ratios), max(ratios)) if ratios else None

    def best_peer(self, scenario: str, name: str) -> str | None:
        """The peer with the lowest figure among those that answer correctly."""
        right = [one for one in self.servers(scenario) if is_peer(one) and not self.fault(one, scenario)]
        ranked = [(value, one) for one in right if (value := self.figure(one, scenario, name)) is not None]
        return min(ranked)[1] if ranked else None

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")


def is_peer(server: str) -> bool:
    return BY_NAME[server].role is Role.PEER


def ours() -> str:
    return next(name for name, server in BY_NAME.items() if server.role is Role.OURS)


def in_table_order(servers: Iterable[str]) -> list[str]:
    order = list(BY_NAME)
    return sorted(servers, key=order.index)
