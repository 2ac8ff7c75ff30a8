"""epoll, eventfd and the clocks, as tests see them; the server uses the C-level face (poll.pxd)."""

class Poller:
    """An epoll instance. Everything that can fail answers a negative errno, as the kernel does; nothing
    raises.
    """

    # What is said of a descriptor, as bits of the notes that `wait` gives.
    READABLE: int
    WRITABLE: int
    PEER_CLOSED: int
    """The peer has shut its sending side down; what it sent before may still be unread."""
    BROKEN: int
    """Nothing more can be sent: the connection was reset, or is closed in both directions."""

    EVENTS_AT_ONCE: int
    """The most events that one `wait` takes."""

    def add(self, fd: int, token: int, listener: bool = False) -> int:
        """Watch a descriptor, edge-triggered: a connection for both directions, a listener for clients. 0 or
        -errno.
        """

    def remove(self, fd: int) -> int:
        """Watch it no longer. 0 or -errno."""

    def wait(self, timeout_ms: int) -> list[tuple[int, int]]:
        """(token, notes) of what has happened since it was last said; empty when the time is up. -1 waits for
        ever.
        """

    def ready(self) -> bool:
        """Whether `wait` would find something; it still will."""

    def close(self) -> None: ...
    @staticmethod
    def open_wake() -> int:
        """A descriptor that becomes readable when it is rung; the caller closes it."""

    @staticmethod
    def ring(wake: int) -> None: ...
    @staticmethod
    def hush(wake: int) -> None:
        """Take back every ring so far."""

    @staticmethod
    def wait_writable(fd: int, timeout_ms: int) -> bool:
        """Wait until the socket takes bytes, or is broken; False when the time is up."""

    @staticmethod
    def clocks() -> tuple[int, int]:
        """Nanoseconds: of the monotonic clock, and of processor time that this process has used."""
