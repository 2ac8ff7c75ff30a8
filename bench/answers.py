"""Is the answer right? Asked of each server before it is measured: speed with a wrong answer is not speed."""

from __future__ import annotations

import http.client
from pathlib import Path

from bench import apps
from bench.process import client_of
from bench.scenarios import Scenario

ANSWER_TIMEOUT_S = 10.0
# Where the connection is kept, the second answer shows whether the first was framed as it said.
ASKED_TIMES = 2


def fault(scenario: Scenario, port: int, seen: Path) -> str:
    """Empty when the server answers rightly, else what was wrong, in a few words.

    `seen` is the file by which a client tells the streaming application that it has its first block.
    """
    client = client_of(port, ANSWER_TIMEOUT_S, secure=scenario.secure)
    try:
        for turn in range(ASKED_TIMES):
            found = _ask(client, scenario)
            if found:
                return f"{found} (second request on a connection)" if turn else found
        return _ask_paused(client, seen) if scenario.streams else ""
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}".rstrip(": ")
    finally:
        client.close()


def _ask(client: http.client.HTTPConnection, scenario: Scenario) -> str:
    body = b"x" * scenario.body_bytes if scenario.body_bytes else None
    client.request(scenario.method, scenario.path, body, dict(scenario.headers))
    response = client.getresponse()
    answer = response.read()
    if response.status != http.client.OK:
        return f"status {response.status}"
    if answer != scenario.answer:
        return f"{len(answer)} bytes instead of {len(scenario.answer)}, or other ones"
    if ("Connection", "close") in scenario.headers and not response.will_close:
        # A "SHOULD" of RFC 9112 §9.6, but wrk believes the answer and takes the close for an error.
        return "closes the connection without saying so"
    return ""


def _ask_paused(client: http.client.HTTPConnection, seen: Path) -> str:
    """PEP 3333: a server "must not delay the transmission of any block".

    The application waits after its first block until the client has it. A server that collects blocks
    keeps both waiting, and the application says so.
    """
    seen.unlink(missing_ok=True)
    client.request("GET", "/paused")
    response = client.getresponse()
    answer = response.read(len(apps.PAUSED))
    seen.touch()
    answer += response.read()
    return "" if answer == apps.PAUSED + apps.IN_TIME else "blocks are held back until the next (PEP 3333)"
