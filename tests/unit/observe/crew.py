"""Facts to show: a server with workers, without a process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from potstill.core.ledger import enter
from potstill.core.stats import Board, Stats, count
from potstill.observe.exposition import Family
from potstill.observe.facts import Facts, Member, Past, Server
from potstill.settings import Settings

NOW = 1000.0
SERVER = Server(
    "shop:app",
    ("http://127.0.0.1:8000",),
    2,
    1.7e9,
    NOW,
    exits=3,
    deaths=1,
    reloads=2,
    certificates={"shop.example": 1.8e9},
)


def worker(number: int = 1, state: str = "ready", stats: Stats | None = None, pid: int = 0) -> Member:
    return Member(number, pid or os.getpid(), state, NOW - 60, stats or Stats(2))


def busy_stats(board: Board | None = None, number: int = 0) -> Stats:
    """17 requests of two routes, with nasty names."""
    stats = Stats(2, board, number)
    for _ in range(10):
        enter(stats.ledger, "/cart", 200, queue_ns=1_000_000, application_ns=20_000_000, sent=1000)
    for _ in range(4):
        enter(stats.ledger, 'a"b\\c\nd', 404, application_ns=5_000)
    for _ in range(3):
        enter(stats.ledger, "/cart", 500, application_ns=3_000_000_000, received=77)
    count(stats, 0, "exchanges", 17)
    count(stats, 1, "failures", 3)
    count(stats, 1, "accepted", 5)
    count(stats, 0, "refused", 2, code=3)
    return stats


def facts(*members: Member, server: Server = SERVER) -> Facts:
    return Past().facts(members or (worker(stats=busy_stats()),), server)


class Owner:
    """Whoever a desk or an office asks; notes what it is told to do."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, str]]] = []
        self.waits: set[int] = set()
        self.crew = [worker(stats=busy_stats())]
        self.configured = Settings(admin_token="s3cret", app="shop:app")

    # Of a desk

    def facts(self) -> Facts:
        return facts(*self.crew)

    def configuration(self) -> dict[str, str]:
        return {"threads": "8"}

    def families(self) -> Any:
        return iter((Family("shop_orders", "counter", "Orders.", ()),))

    # Of an office

    def members(self) -> list[Member]:
        return self.crew

    def server(self) -> Server:
        return SERVER

    def settings(self) -> Settings:
        return self.configured

    # Of both

    def ask_stacks(self) -> tuple[set[int], dict[int, Any]]:
        return set(self.waits), {} if self.waits else {
            1: [{"name": "MainThread", "thread": 7, "stack": "  here"}]
        }

    def carry_out(self, order: str, words: Mapping[str, str]) -> str:
        if words.get("level") == "loud":
            raise ValueError("there is no such level")
        self.told.append((order, dict(words)))
        return "done as told"
