"""Connections that wait for work."""

from __future__ import annotations

import os
import socket
from time import monotonic
from typing import Any

import pytest

from potstill.middleware.proxy import pool as module
from potstill.middleware.proxy.connection import Connection
from potstill.middleware.proxy.pool import Pool
from potstill.middleware.upstream import UpstreamError


class Maker:
    """Makes connections to nobody, and keeps the other ends."""

    def __init__(self) -> None:
        self.ends: list[socket.socket] = []

    def __call__(self, deadline: float) -> Connection:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.ends.append(theirs)
        return Connection(ours, 4096)

    def close(self) -> None:
        for end in self.ends:
            end.close()


@pytest.fixture(name="maker")
def making() -> Any:
    maker = Maker()
    yield maker
    maker.close()


class Clock:
    def __init__(self) -> None:
        self.now = monotonic()

    def __call__(self) -> float:
        return self.now


@pytest.fixture(name="clock")
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


def pool_of(maker: Maker, idle_max: int = 8, idle_s: float = 30.0, connections_max: int = 0) -> Pool:
    return Pool(maker, idle_max, idle_s, connections_max)


def test_the_one_used_last_is_taken_first(maker: Maker) -> None:
    pool = pool_of(maker)
    one, other = pool.take(0, repeatable=True), pool.take(0, repeatable=True)
    pool.give(one)
    pool.give(other)
    assert pool.idle == 2
    assert pool.take(0, repeatable=True) is other
    assert pool.take(0, repeatable=True) is one
    pool.drop(one)
    pool.drop(other)


def test_old_ones_are_closed(maker: Maker, clock: Clock) -> None:
    pool = pool_of(maker)
    connection = pool.take(0, repeatable=True)
    pool.give(connection)
    clock.now += 30.1
    new = pool.take(0, repeatable=True)
    assert new is not connection
    assert maker.ends[0].recv(1) == b""
    pool.drop(new)


def test_a_request_that_must_not_be_repeated_gets_a_fresh_one(maker: Maker, clock: Clock) -> None:
    """A server may close what has been idle in the very moment when the request is on its way."""
    pool = pool_of(maker)
    connection = pool.take(0, repeatable=True)
    pool.give(connection)
    clock.now += 1.1
    new = pool.take(0, repeatable=False)
    assert new is not connection
    pool.give(new)
    clock.now += 0.9
    assert pool.take(0, repeatable=False) is new
    assert pool.take(0, repeatable=True) is connection
    pool.drop(new)
    pool.drop(connection)


def test_no_more_are_kept_than_wished(maker: Maker) -> None:
    pool = pool_of(maker, idle_max=1)
    one, other = pool.take(0, repeatable=True), pool.take(0, repeatable=True)
    pool.give(one)
    pool.give(other)
    assert pool.idle == 1
    assert maker.ends[1].recv(1) == b""
    pool.close()


def test_no_more_are_opened_than_allowed(maker: Maker) -> None:
    """Neither lost when they are closed nor when connecting fails."""
    pool = pool_of(maker, connections_max=1)
    connection = pool.take(0, repeatable=True)
    with pytest.raises(UpstreamError) as error:
        pool.take(0, repeatable=True)
    assert (error.value.status, error.value.unsent, error.value.blamed) == (503, True, False)
    pool.drop(connection)
    pool.give(pool.take(0, repeatable=True))
    assert pool.idle == 1
    pool.close()

    def fail(deadline: float) -> Connection:
        raise UpstreamError(503, "nobody", unsent=True)

    failing = Pool(fail, 8, 30.0, 1)
    for _ in range(3):
        with pytest.raises(UpstreamError, match="nobody"):
            failing.take(0, repeatable=True)


def test_an_idle_one_makes_room(maker: Maker, clock: Clock) -> None:
    """A request that wants a fresh connection is not refused because an old one idles."""
    pool = pool_of(maker, connections_max=1)
    pool.give(pool.take(0, repeatable=True))
    clock.now += 2
    fresh = pool.take(0, repeatable=False)
    assert maker.ends[0].recv(1) == b""
    with pytest.raises(UpstreamError):
        pool.take(0, repeatable=True)
    pool.drop(fresh)


def test_after_close_what_comes_back_is_closed(maker: Maker) -> None:
    pool = pool_of(maker)
    connection = pool.take(0, repeatable=True)
    pool.close()
    pool.give(connection)
    assert pool.idle == 0
    assert maker.ends[0].recv(1) == b""


def test_a_fork_takes_none_with_it(maker: Maker) -> None:
    """Two processes on one connection would read each other's answers."""
    pool = pool_of(maker)
    connection = pool.take(0, repeatable=True)
    pool.give(connection)
    child = os.fork()
    if child == 0:
        try:
            mine = pool.take(0, repeatable=True)
            os._exit(0 if mine is not connection and pool.idle == 0 else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert pool.take(0, repeatable=True) is connection
    assert not connection.is_stale
    pool.drop(connection)
