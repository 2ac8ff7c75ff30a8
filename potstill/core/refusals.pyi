"""Every way in which a request is refused."""

from typing import NamedTuple

class Refusal(NamedTuple):
    """Why a request is refused; `text` is one plain sentence fit for the client and for the log."""

    status: int
    rule: str
    text: str

# REFUSALS[code] for the codes of refusals.pxd; 0 and 1 are not refusals and have None.
REFUSALS: list[Refusal | None]

def reason_phrase(code: int) -> str:
    """The reason of a status code (RFC 9110 section 15), "Unknown" for one that is not registered."""

def refusal_answer(refusal: Refusal) -> tuple[bytes, bytes]:
    """The head of the answer, without Server, Date and its end; and the body."""
