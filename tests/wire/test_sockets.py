"""The same rules on every kind of socket: TCP over IPv6, and a unix socket, which has no address to tell."""

from __future__ import annotations

import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import Server, serve_process
from tests.support.wire import Address, Client
from tests.wire.conftest import PROBE
from tests.wire.judge import NEXT, facts_of, judge
from tests.wire.rows import get
from tests.wire.tables import connection, framing_chunked, framing_length, host

# REMOTE_ADDR has its own tests below; these tables do not speak of it.
ROWS = [*connection.ROWS, *framing_chunked.ROWS, *framing_length.ROWS, *host.ROWS]
KINDS = ["unix", "ipv6"]


def has_ipv6() -> bool:
    """Whether this machine has a loopback of version 6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def path() -> Iterator[str]:
    """Where the unix socket will be; short, as the system wants it."""
    with tempfile.TemporaryDirectory(prefix="wire") as directory:
        yield str(Path(directory, "socket"))


@pytest.fixture(scope="module")
def listening(path: str) -> Iterator[Server]:
    """One server on three sockets; the port of the second is in its first line."""
    binds = ["--bind", f"unix:{path}", *(["--bind", "[::1]:0"] if has_ipv6() else [])]
    with serve_process(PROBE, *binds) as server:
        yield server


def address_of(kind: str, listening: Server, path: str) -> Address:
    """Where to connect for this kind of socket."""
    if kind == "unix":
        return path
    if not has_ipv6():
        pytest.skip("no IPv6 on this machine")
    line = listening.log.wait_for(r"http://\[::1\]:\d+")
    found = re.search(r"http://\[::1\]:(\d+)", line)
    assert found is not None
    return ("::1", int(found[1]))


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_of_framing_holds_on_it(listening: Server, path: str, kind: str) -> None:
    """With the next request behind: the strictest way to be fed."""
    address = address_of(kind, listening, path)
    faults = {}
    for row in ROWS:
        with Client(address) as client:
            client.send(row.raw + row.behind + NEXT)
            try:
                judge(client, row, next_sent=True, may_continue=False)
            except AssertionError as error:
                faults[row.name] = str(error)
    assert faults == {}


def test_a_unix_socket_has_no_remote_address(listening: Server, path: str) -> None:
    """Rules: REMOTE_ADDR is `""`; SERVER_NAME and SERVER_PORT "can never be empty strings" (PEP 3333)."""
    with Client(path) as client:
        client.send(get())
        facts = facts_of(client.response())
    environ = facts["environ"]
    assert environ["REMOTE_ADDR"] == ""
    assert environ.get("REMOTE_PORT", "") == ""
    assert environ["SERVER_NAME"] != ""
    assert environ["SERVER_PORT"] != ""
    assert facts["complaint"] is None


def test_an_ipv6_client_is_named_by_its_address(listening: Server, path: str) -> None:
    """Without brackets, as CGI has it."""
    with Client(address_of("ipv6", listening, path)) as client:
        client.send(get())
        environ = facts_of(client.response())["environ"]
        assert environ["REMOTE_ADDR"] == "::1"
        assert environ["REMOTE_PORT"] == str(client.socket.getsockname()[1])


def test_a_refusal_on_a_unix_socket_is_logged(listening: Server, path: str) -> None:
    """There is no address and port; there is still a line with the status and the rule."""
    seen = len(listening.log.lines())
    with Client(path) as client:
        client.send(get(b"X A: b"))
        assert client.response().status == 400
    listening.log.wait_for("refused .*: 400 [a-z0-9-]+: ", since=seen)


def test_a_refusal_of_an_ipv6_client_is_logged_with_brackets(listening: Server, path: str) -> None:
    """`refused [::1]:5432: …`: the port must be told from the address."""
    seen = len(listening.log.lines())
    with Client(address_of("ipv6", listening, path)) as client:
        client.send(get(b"X A: b"))
        assert client.response().status == 400
        listening.log.wait_for(f"refused {re.escape(client.local_address)}: 400 ", since=seen)
