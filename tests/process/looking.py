"""A server with an admin listener on a unix socket, and what it answers there."""

from __future__ import annotations

import http.client
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from potstill.observe.asking import ask, ask_json, connection
from tests.process.running import Running
from tests.process.shop import serving
from tests.support.engine import wait_until

TOKEN = "s3cret"
REQUESTS = 'potstill_requests_total{route="/x",status="2xx"}'

# /door waits until the fifo beside the shop is opened for writing; every answer says which process gave it.
SHOP = """
import os

def app(environ, start_response):
    environ["potstill.route"] = environ["PATH_INFO"]
    if environ["PATH_INFO"] == "/door":
        open("door").read()
    if environ["PATH_INFO"] == "/raise":
        raise ValueError("by request")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


class Watched:
    """A server, and what its admin listener says."""

    def __init__(self, server: Running, admin: str) -> None:
        self.server = server
        self.admin = admin

    def json(self, path: str) -> dict[str, Any]:
        return ask_json(self.admin, path)

    def status(self) -> dict[str, Any]:
        return self.json("/status")

    def metric(self, line: str) -> float:
        """The value of a sample, by all that stands before it."""
        text = ask(self.admin, "/metrics").decode()
        found = re.search(rf"^{re.escape(line)} (\S+)$", text, re.M)
        return float(found[1]) if found else 0.0

    def order(self, path: str) -> int:
        client = connection(self.admin)
        client.request("POST", path, headers={"Authorization": f"Bearer {TOKEN}"})
        status = client.getresponse().status
        client.close()
        return status

    def wait(self, fact: Callable[[dict[str, Any]], object]) -> None:
        """Until /status says so."""
        wait_until(lambda: fact(self.status()), "what /status was to say")

    def pids(self) -> list[int]:
        return [each["pid"] for each in self.status()["workers"] if each["state"] == "ready"]

    def load(self, times: int, path: str = "/x") -> None:
        """So many requests, all of which are answered 200, by whoever takes them."""
        done = 0
        client = self.server.client()
        while done < times:
            try:
                client.request("GET", path)
                answer = client.getresponse()
                answer.read()
                assert answer.status == 200
                done += 1
            except (ConnectionError, http.client.HTTPException):
                client.close()  # its worker has gone; what it had answered by then is counted
        client.close()


@contextmanager
def watched(
    here: Path, *options: str, workers: int = 2, source: str = SHOP, **environment: str
) -> Iterator[Watched]:
    (here / "shop.py").write_text(source, encoding="utf-8")
    if not (here / "door").exists():
        os.mkfifo(here / "door")
    admin = f"unix:{here / 'admin.sock'}"
    every = ("--admin", admin, "--admin-token", TOKEN, *options)
    with serving(here, *every, workers=workers, **environment) as server:
        yield Watched(server, admin)
