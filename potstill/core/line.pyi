"""One line of the access log."""

from collections.abc import Iterable

class LineFormat:
    """A format of `potstill.settings.log_formats`, ready for use; `worker` is what %(worker)s says.

    Raises KeyError for a step that does not exist.
    """

    def __init__(self, steps: Iterable[tuple[str, str, int, str]], worker: int) -> None: ...
    @property
    def wants_fields(self) -> bool:
        """It names fields of the answer."""

def rendered(
    form: LineFormat,
    environ: dict[str, object],
    *,
    code: int = 200,
    queue_ns: int = 0,
    application_ns: int = 0,
    first_byte_ns: int = 0,
    received: int = 0,
    sent: int = 0,
    fields: list[tuple[str, str]] | None = None,
) -> bytes:
    """For tests: the line with its line feed, b"" where it is too long at any rate."""
