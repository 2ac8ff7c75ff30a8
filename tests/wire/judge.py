"""Holds what a server answered against what a row says must follow."""

from __future__ import annotations

import json
from email.utils import parsedate_to_datetime
from typing import Any

from tests.support.wire import Client, Response
from tests.wire.rows import Accepted, Answer, Row, get

# The request that shows that a connection still works, or, behind a refusal, that nothing behind it is read.
NEXT = get(b"Connection: close", target=b"/next?behind")
OF_NEXT = Accepted({"REQUEST_URI": "/next?behind"}, keep=False)


def judge(client: Client, row: Row, *, next_sent: bool, may_continue: bool) -> None:
    """Read every answer due to the row, then one more or the end of the connection.

    `next_sent` says that NEXT stands behind the row already; otherwise it is sent here if the row keeps the
    connection.
    """
    for answer in row.answers:
        check(client.response(head=is_head(answer)), answer, may_continue=may_continue)
    if row.keeps:
        if not next_sent:
            client.send(NEXT)
        check(client.response(), OF_NEXT, may_continue=False)
    client.expect_end()


def is_head(answer: Answer) -> bool:
    """Whether the answer has no body because the request was HEAD."""
    return isinstance(answer, Accepted) and answer.is_head


def check(response: Response, answer: Answer, *, may_continue: bool = False) -> None:
    """All facts of one answer."""
    asked = [interim.status for interim in response.interim]
    assert asked in ([], [100]) if may_continue else asked == [], f"interim responses {asked}"
    if isinstance(answer, Accepted):
        check_accepted(response, answer)
    else:
        assert response.status in answer.statuses, f"expected {answer.statuses}, got {response}"
        check_refusal(response)


def check_accepted(response: Response, answer: Accepted) -> None:
    """The application was called and saw what the row says; the connection does what the answer announces."""
    assert response.status == 200, f"refused: {response}"
    facts = facts_of(response)
    environ = facts["environ"]
    assert {key: environ.get(key) for key in answer.environ} == answer.environ
    assert [key for key in answer.absent if key in environ] == []
    assert facts["body"].encode("latin-1") == answer.body
    assert facts["complaint"] is None
    check_always(response)
    assert response.all("server") == ["potstill"]
    check_persistence(response, answer.keep, environ["SERVER_PROTOCOL"])


def facts_of(response: Response) -> dict[str, Any]:
    """What the probe application said about the request."""
    facts: dict[str, Any] = json.loads(response.get("x-facts") or response.body)
    return facts


def check_persistence(response: Response, keep: bool, protocol: str) -> None:
    """RFC 9112 §9.3, §9.6: what the Connection field of the response says is what the server does."""
    if protocol == "HTTP/1.0":
        assert ("keep-alive" in response.connection) == keep
    else:
        assert ("close" in response.connection) == (not keep)


def check_refusal(response: Response) -> None:
    """Rules: "answers once, with `Connection: close`", a short text/plain body."""
    check_always(response)
    assert "close" in response.connection
    assert (response.get("content-type") or "").split(";")[0] == "text/plain"
    assert response.get("content-length") is not None
    assert 0 < len(response.body) <= 500
    assert response.body.decode("ascii").replace("\n", "").isprintable()


def check_always(response: Response) -> None:
    """RFC 9110 §6.6.1: an origin server with a clock sends Date, here in the preferred form."""
    date = response.get("date")
    assert date is not None
    assert date.endswith(" GMT")
    parsedate_to_datetime(date)
