"""Every way in which a request is refused."""

from typing import NamedTuple

class Refusal(NamedTuple):
    """Why a request is refused; `text` is one plain sentence fit for the client and for the log."""

    status: int
    rule: str
    text: str

# REFUSALS[code] for the codes of refusals.pxd; 0 and 1 are not refusals and have None.
REFUSALS: list[Refusal | None]
