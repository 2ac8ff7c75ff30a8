"""Every row of every table, fed in three ways: whole, byte by byte, and with the next request behind it."""

from __future__ import annotations

import pytest

from tests.support.server import Server
from tests.support.wire import Client
from tests.wire.corpus import TABLES
from tests.wire.judge import NEXT, judge
from tests.wire.rows import Row

ROWS = [pytest.param(row, id=f"{subject}/{row.name}") for subject, rows in TABLES.items() for row in rows]

every_row = pytest.mark.parametrize("row", ROWS)


@every_row
def test_a_message_fed_whole_leads_to_its_facts(server: Server, row: Row) -> None:
    """One send; where the connection is kept, the next request follows when the answer has come."""
    with Client(server.address) as client:
        client.send(row.raw + row.behind)
        judge(client, row, next_sent=False, may_continue=False)


@every_row
def test_a_message_fed_byte_by_byte_leads_to_the_same_facts(server: Server, row: Row) -> None:
    """No server may rely on where one receive ends and the next begins."""
    with Client(server.address) as client:
        client.send_bytewise(row.raw)
        judge(client, row, next_sent=False, may_continue=row.may_continue)


@every_row
def test_a_request_behind_a_message_is_answered_only_if_the_connection_is_kept(
    server: Server, row: Row
) -> None:
    """What stands behind a refusal or a close is never parsed, and costs the client no byte of the answer."""
    with Client(server.address) as client:
        client.send(row.raw + row.behind + NEXT)
        judge(client, row, next_sent=True, may_continue=False)
