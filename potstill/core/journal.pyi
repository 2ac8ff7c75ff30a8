"""The access log of one worker."""

import logging
import socket

from potstill.core.options import AccessLog

class Journal:
    """Lines on their way to a file, a pipe or a syslog; `worker` is the number that %(worker)s says.

    Raises OSError when there is no writing to where it should be written.
    """

    def __init__(self, access: AccessLog, worker: int, log: logging.Logger) -> None: ...
    @property
    def wants_fields(self) -> bool:
        """The format names fields of the answer."""

    def reopen(self) -> None:
        """Open the file anew by its name, as after it was renamed. Returns at once."""

    def run(self) -> None:
        """The life of the writer's thread, until `end`. Without the GIL."""

    def end(self) -> None:
        """Let the writer's thread end when it has written what there is; returns at once."""

def syslog_socket(address: str) -> socket.socket:
    """A connected socket to a syslog: a path, or udp://host:port. Raises OSError."""
