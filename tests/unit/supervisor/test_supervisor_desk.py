"""What --dev adds to a reload, with workers that are only lines of the table."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from potstill.net.bind import Listener
from potstill.settings import Settings
from potstill.supervisor.channel import Changed, open_channel
from potstill.supervisor.crew import Plan, State, plan
from potstill.supervisor.desk import refuse_elsewhere
from potstill.supervisor.haste import DeskError, make_way
from potstill.worker.mailbox import Order
from tests.unit.supervisor.crews import Crew


@pytest.fixture
def crew() -> Iterator[Crew]:
    crew = Crew()
    yield crew
    crew.close()


def test_old_code_takes_no_new_clients(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who serves shuts its door, who boots is ended without a word, who leaves is left alone."""
    killed: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: killed.append((pid, number)))
    ready, booting, leaving = (
        crew.member(number, state)
        for number, state in enumerate((State.READY, State.BOOTING, State.LEAVING), start=1)
    )
    make_way([ready, booting, leaving], kill_at=7.0)
    assert os.read(crew.ends[1].fileno(), 16) == bytes([Order.SHUT])
    assert killed == [(booting.pid, signal.SIGTERM)]
    assert (booting.state, booting.superseded, booting.kill_at) == (State.ABORTED, True, 7.0)
    assert leaving.state is State.LEAVING


def test_nobody_waits_for_a_worker_that_leaves(crew: Crew) -> None:
    """Its requests may be those that hang; the next save must not wait for them."""
    members = [crew.member(1, State.LEAVING), crew.member(2, State.READY, stale="reload")]
    assert plan(members, 1, wait_for_leaving=False) == Plan(forks=1)
    assert plan(members, 1) == Plan()


def test_a_change_goes_through_the_channel() -> None:
    ours, theirs = open_channel()
    with closing(ours), closing(theirs):
        theirs.report(Changed(("/shop/views.py",)))
        assert ours.read_report() == Changed(("/shop/views.py",))


def test_a_desk_that_others_can_reach_is_refused() -> None:
    with closing(socket.create_server(("0.0.0.0", 0))) as everywhere:
        listeners = [Listener(everywhere)]
        with pytest.raises(DeskError, match=r"refused at 0\.0\.0\.0:\d+: its error pages .* 127\.0\.0\.1"):
            refuse_elsewhere(Settings(dev=True, workers=1), listeners)
        refuse_elsewhere(Settings(dev=True, workers=1, debugger=False), listeners)
    with closing(socket.create_server(("127.0.0.1", 0))) as here:
        refuse_elsewhere(Settings(dev=True, workers=1), [Listener(here)])
