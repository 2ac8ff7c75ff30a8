"""The test's end of the telephone: how a view tells the test where it is, and waits to be let go.

A view that must block connects to the switchboard, says one word and waits for the line. The test so knows
that the view has begun, without asking the server that is being tested and without sleeping.
"""

import socket
from types import TracebackType

from tests.apps.clients import PATIENCE_S


class Call:
    """A view on the line."""

    def __init__(self, line: socket.socket) -> None:
        line.settimeout(PATIENCE_S)
        self._line = line
        self.word = line.makefile("r", encoding="ascii").readline().strip()

    def let_go(self) -> None:
        """The view goes on. A second time does nothing."""
        self._line.close()

    def wait_hung_up(self) -> None:
        """Return when the view has put the phone down itself."""
        assert self._line.recv(1) == b""


class Switchboard:
    """Owned by one test. Leaving it lets every view go."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.settimeout(PATIENCE_S)
        self.port: int = self._listener.getsockname()[1]
        self._calls: list[Call] = []

    def answer(self) -> Call:
        """The next view that calls; waits for it."""
        line, _ = self._listener.accept()
        self._calls.append(Call(line))
        return self._calls[-1]

    def __enter__(self) -> "Switchboard":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        for call in self._calls:
            call.let_go()
