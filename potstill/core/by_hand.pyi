"""A schedule whose threads are driven by hand, for tests."""

class ScheduleFace:
    """A schedule for `seats` runners and one thread more, for tests, which drive its threads by hand.

    Threads are numbered from 0 to `seats`. Slots are named by their tokens; a token whose slot has ended is a
    KeyError. Notes, lists and what a thread is to do are the numbers of poll.pxd, slots.pxd and schedule.pxd.
    """

    def __init__(self, seats: int) -> None: ...
    def enter(self, notes: int, listener: bool = False) -> int:
        """Admit a new slot and put it on the ready line; its token."""

    def note(self, token: int, notes: int) -> None:
        """Leave a note for a slot, as the poller does."""

    def release(self, token: int) -> None: ...
    @property
    def held(self) -> int: ...
    def next(
        self, runner: int, then: int = 0, which: int = 7, relevant: int = 0, spent_ns: int = 0
    ) -> tuple[int, int] | int:
        """Settle the slot that the thread has in hand by `then` and the rest, and take another.

        (token, notes) of that, or what the thread has to do in `wait`. A slot that has cost more than 0 ns
        counts as slow.
        """

    def wait(self, runner: int) -> None:
        """Do what `next` said: block in the poller, or be parked."""

    def detach(self, runner: int) -> None:
        """The thread, which has a slot in hand, leaves its place: it ends with that slot."""

    def attach(self) -> None:
        """Another thread is about to take that place."""

    def give_back(self, runner: int) -> None:
        """No other came: the thread stays, without a seat. -1: nobody does."""

    def ask_inspection(self) -> None: ...
    def await_inspection(self) -> bool:
        """Block until an inspection was asked for; False when the schedule has ended."""

    def drain(self) -> int:
        """Send idle connections to their end; how many there were."""

    def end(self) -> None: ...
    def advance(self, seconds: float) -> None: ...
    def set_timeout(self, which: int, seconds: float) -> None: ...
    def set_target(self, target: int) -> None: ...
    def numbers(self) -> tuple[int, int, int, int, int, int]:
        """running, awake, target, ready, backlog, connections."""
