"""A headless Chromium that a test drives by the DevTools protocol."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.support.server import Log

# A browser that starts on a machine of two processors which are busy.
START_S = 40.0
STEP_S = 20.0
NAMES = ("chromium", "chromium-browser", "google-chrome")


class Tab:
    """One page. `wait_for_text` waits for loads, not for time."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self._session = ""
        self.loads = 0
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Say something to the browser; its answer."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._socket.send(json.dumps(message))
        while True:
            told = self._next(STEP_S)
            if told.get("id") == self._number:
                assert "error" not in told, told
                result: dict[str, Any] = told["result"]
                return result

    def open(self, url: str) -> None:
        before = self.loads
        self.call("Page.navigate", url=url)
        self.wait_for_load(before)

    def wait_for_load(self, before: int) -> None:
        """Until a page has been loaded since there were `before` of them."""
        until = monotonic() + STEP_S
        while self.loads <= before:
            assert monotonic() < until, "no page was loaded"
            self._next(until - monotonic())

    def text(self) -> str:
        found = self.call("Runtime.evaluate", expression="document.body.innerText")
        return str(found["result"].get("value", ""))

    def answer(self, expression: str) -> str:
        """What a promise in the page has come to."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True)
        return str(found["result"].get("value", found))

    def wait_for_text(self, words: str) -> str:
        """Until a page with these words has been loaded, now or later; its whole text."""
        until = monotonic() + STEP_S
        while True:
            before = self.loads
            text = self.text()
            if words in text:
                return text
            assert monotonic() < until, text
            self.wait_for_load(before)

    def _next(self, timeout_s: float) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._socket.recv(timeout=max(0.0, timeout_s)))
        if told.get("method") == "Page.loadEventFired":
            self.loads += 1
        return told


@contextmanager
def chromium(here: Path) -> Iterator[Tab]:
    """A tab of a browser of its own, whose profile is below the directory."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    assert program, "no chromium here: apt-get install chromium"
    command = [
        program,
        "--headless",
        "--no-sandbox",  # which root may not use
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--no-proxy-server",
        "--disable-extensions",
        "--disable-background-networking",
        "--disable-component-update",
        f"--user-data-dir={here / 'profile'}",
        "--remote-debugging-port=0",
    ]
    process = subprocess.Popen(
        command,
        env={**os.environ, "HOME": str(here)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    with process.stderr:
        log = Log(process.stderr)
        try:
            url = log.wait_for("DevTools listening on ws", START_S).rpartition(" ")[2]
            with connect(url, max_size=None, proxy=None, open_timeout=START_S) as socket:
                yield Tab(socket)
                process.terminate()
        finally:
            process.terminate()
            process.wait(STEP_S)
            log.join()
