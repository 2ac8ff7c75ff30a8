"""What a row of the request tables is, and the words to write one with.

A row is a message, byte for byte, and the facts that must follow from it: for each answer due, either
*accepted* (with what the application must have seen) or *refused* (with the status). The rule that decides
stands beside it: a section of an RFC, PEP 3333, or `rules: …` for the line of Potstill's own rules where the
RFCs leave a choice.

A row is complete in itself: after its bytes the server knows everything it needs to answer. It has one fault
at most, so that no row depends on the order in which a server looks for faults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

CRLF = b"\r\n"
HOST = b"Host: a.test"


@dataclass(frozen=True)
class Accepted:
    """The application was called, and saw this.

    `environ` holds the values that must be there, `absent` the keys that must not. `keep` says whether the
    connection serves another request afterwards. `body` is what wsgi.input yields.
    """

    environ: Mapping[str, str] = field(default_factory=dict)
    absent: Sequence[str] = ()
    body: bytes = b""
    keep: bool = True

    @property
    def is_head(self) -> bool:
        """Whether the answer comes without its body."""
        return self.environ.get("REQUEST_METHOD") == "HEAD"


@dataclass(frozen=True)
class Refused:
    """The server itself answered with one of these statuses, and closed.

    More than one only where the sources name more than one and do not choose.
    """

    statuses: tuple[int, ...]


Answer = Accepted | Refused


@dataclass(frozen=True)
class Row:
    """A message, the answers to it in order, and the rule behind them."""

    name: str
    raw: bytes
    answers: tuple[Answer, ...]
    rule: str
    # With `Expect: 100-continue`, a server that has seen only the head asks for the rest: fed byte by byte,
    # it may.
    may_continue: bool = False
    # What the client sends on after the request that it said was its last. Sent at once with the rest it is
    # there when the server closes; sent later, it may find the connection gone.
    behind: bytes = b""

    @property
    def keeps(self) -> bool:
        """Whether the next request on the connection is answered."""
        last = self.answers[-1]
        return isinstance(last, Accepted) and last.keep


def accept(
    name: str,
    raw: bytes,
    rule: str,
    *,
    body: bytes = b"",
    keep: bool = True,
    absent: Sequence[str] = (),
    more: Mapping[str, str] | None = None,
    may_continue: bool = False,
    **environ: str,
) -> Row:
    """A row with one accepted request. `more` is for environ keys that are no Python names."""
    answer = Accepted({**environ, **(more or {})}, absent, body, keep)
    return Row(name, raw, (answer,), rule, may_continue)


def refuse(name: str, raw: bytes, rule: str, *statuses: int) -> Row:
    """A row with one refused request: 400 unless told otherwise."""
    return Row(name, raw, (Refused(statuses or (400,)),), rule)


def series(name: str, raw: bytes, rule: str, *answers: Answer, behind: bytes = b"") -> Row:
    """A row with several requests, and the answers due to them, in order."""
    return Row(name, raw, answers, rule, behind=behind)


def message(line: bytes, *fields: bytes, body: bytes = b"") -> bytes:
    """A request of which every byte between the CRLFs is given."""
    return CRLF.join((line, *fields, b"", body))


def get(*fields: bytes, target: bytes = b"/") -> bytes:
    """A correct GET with a Host, and these fields after it."""
    return message(b"GET " + target + b" HTTP/1.1", HOST, *fields)


def post(*fields: bytes, body: bytes = b"") -> bytes:
    """A correct POST line with a Host; the framing is in `fields`."""
    return message(b"POST / HTTP/1.1", HOST, *fields, body=body)


def chunked(payload: bytes) -> bytes:
    """A POST whose chunked body is `payload`, as given."""
    return post(b"Transfer-Encoding: chunked", body=payload)
