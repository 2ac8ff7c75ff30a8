"""The proxy's own answers."""

from __future__ import annotations

from typing import Any

import pytest

from potstill.middleware.upstream_answer import own_answer
from tests.support.upstream import ask


@pytest.mark.parametrize("status", [400, 411, 501, 502, 503, 504, 508])
def test_an_own_answer_is_whole_and_not_cached(status: int) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        return own_answer(environ, start_response, status)

    answer = ask(application)
    assert (answer.status, answer.get("Cache-Control")) == (status, "no-store")
    assert answer.get("Content-Length") == str(len(answer.body))
    assert answer.get("Retry-After") is None
    head = ask(application, "HEAD")
    assert (head.body, head.get("Content-Length")) == (b"", answer.get("Content-Length"))


def test_when_to_come_again() -> None:
    answer = ask(lambda environ, start_response: own_answer(environ, start_response, 503, 7))
    assert answer.get("Retry-After") == "7"
