"""The short answers of middleware."""

from __future__ import annotations

from potstill.middleware.answers import plain_answer
from tests.unit.middleware.hosts import Recorder, call, environ_of


def test_a_plain_answer_has_its_length_and_the_given_fields() -> None:
    """PEP 3333's validator reads it too."""
    answer = call(
        lambda environ, start: plain_answer(environ, start, "403 Forbidden", [("X-A", "1")], "Why? Ω"),
        Recorder(),
        environ_of(),
    )
    assert answer.status == "403 Forbidden"
    assert answer.body == "403 Forbidden\nWhy? Ω\n".encode()
    assert answer.all("Content-Length") == [str(len(answer.body))]
    assert answer.all("X-A") == ["1"]


def test_the_answer_to_head_has_no_body_and_the_same_fields() -> None:
    """RFC 9110 section 9.3.2."""
    answers = [
        call(lambda e, s: plain_answer(e, s, "404 Not Found"), Recorder(), environ_of(REQUEST_METHOD=method))
        for method in ("GET", "HEAD")
    ]
    assert answers[0].fields == answers[1].fields
    assert [answer.body for answer in answers] == [b"404 Not Found\n", b""]
