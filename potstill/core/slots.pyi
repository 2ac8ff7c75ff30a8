"""Where the engine keeps its connections. The server uses the C-level face (slots.pxd)."""

class SlotsFace:
    """A slab of slots, its deadline lists and one queue, for tests; slots are named by their tokens.

    Everything but `found` and `take` raises KeyError for a token whose use is over.
    """

    def take(self) -> int:
        """The token of a free slot. Raises MemoryError when there are no more."""

    def give(self, token: int) -> None:
        """End this use of the slot: the token will never be valid again."""

    def found(self, token: int) -> bool:
        """Whether the token's slot is still in the use that the token was made for."""

    def arm(self, which: int, token: int, deadline_ns: int) -> None:
        """Move the slot to the end of that deadline list."""

    def disarm(self, token: int) -> None:
        """Take it out of the list that it is in, if any."""

    def armed(self, which: int) -> list[int]:
        """Tokens of a deadline list, first to expire first."""

    def push(self, token: int) -> None: ...
    def pop(self) -> int | None:
        """The token that was pushed first, None when the queue is empty."""

    @property
    def queued(self) -> int: ...
