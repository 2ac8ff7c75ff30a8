"""The office: a desk, the past, and a loop that also has signals to read."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from potstill.net.bind import Manner, open_listeners
from potstill.observe.asking import ask_json
from potstill.observe.finding import NotFoundError, find_addresses
from potstill.observe.office import Office
from potstill.settings import Settings
from potstill.worker.mailbox import Mailbox
from tests.unit.observe.crew import Owner, busy_stats


def test_questions_are_answered_while_notes_are_waited_for(tmp_path: Path) -> None:
    """And a note ends the waiting."""
    address = f"unix:{tmp_path / 'admin'}"
    office, box, found = Office(open_listeners([address], Manner(16)), Owner()), Mailbox(), []
    assert find_addresses(os.getpid()) == [address]

    def ask_and_end() -> None:
        found.append(ask_json(address, "/status"))
        box.leave_word()

    visitor = threading.Thread(target=ask_and_end)
    visitor.start()
    notes: list[int] = []
    while not notes:
        notes = office.wait(box, 20.0)
    visitor.join()
    box.close()
    office.close()
    assert notes == [0]
    assert found[0]["requests"]["total"] == 17
    with pytest.raises(NotFoundError):
        find_addresses(os.getpid())


def test_what_has_been_is_told_with_what_is() -> None:
    owner = Owner()
    office = Office([], owner)
    office.fold(busy_stats(), 2**22 + 1)
    assert office.facts().totals["exchanges"] == 34
    office.close()


def test_the_configuration_is_shown_without_its_secrets() -> None:
    office = Office([], Owner())
    shown = office.configuration()
    assert shown["app"] == "shop:app"
    assert shown["threads"] == "8"
    assert "s3cret" not in str(shown)
    office.close()


def test_numbers_are_pushed_when_they_are_due() -> None:
    owner = Owner()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(20)
        owner.configured = Settings(statsd=f"127.0.0.1:{daemon.getsockname()[1]}", statsd_prefix="shop")
        office = Office([], owner)
        assert office.next_deadline() == 0.0
        office.serve([], 5.0)
        assert b"shop.requests.2xx:10|c" in daemon.recv(2000)
        assert office.next_deadline() == 15.0
        office.close()
