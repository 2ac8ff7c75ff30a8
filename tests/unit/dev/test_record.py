"""Requests as lines of a file."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest

from potstill.core.body import Body
from potstill.dev import record
from potstill.dev.record import Record
from tests.unit.dev.raising import environ


def app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_request_is_a_line_and_its_body_is_still_there(tmp_path: Path) -> None:
    path = tmp_path / "requests"
    recording = Record(app, str(path))
    asked = environ(REQUEST_METHOD="POST", HTTP_X_SHOP="a", CONTENT_TYPE="text/plain", CONTENT_LENGTH="5")
    for _ in range(2):
        stream = Body.from_bytes(b"hello")
        assert recording({**asked, "wsgi.input": stream}, lambda *given: None) == [b"hello"]
    first, second = lines(path)
    assert (first["method"], first["target"]) == ("POST", "/cart?a=1")
    assert ["X-Shop", "a"] in first["fields"]
    assert ["Content-Type", "text/plain"] in first["fields"]
    assert base64.b64decode(second["body"]) == b"hello"
    assert second["cut"] is False


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """It has cookies and passwords in it."""
    Record(app, str(tmp_path / "requests"))
    assert (tmp_path / "requests").stat().st_mode & 0o777 == 0o600


def test_it_is_written_before_the_application_is_called(tmp_path: Path) -> None:
    def fails(environ: Any, start_response: Any) -> list[bytes]:
        raise SystemExit

    recording = Record(fails, str(tmp_path / "requests"))
    with pytest.raises(SystemExit):
        recording({**environ(), "wsgi.input": Body.from_bytes(b"")}, lambda *given: None)
    assert len(lines(tmp_path / "requests")) == 1


def test_a_long_body_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "BODY_BYTES_MAX", 3)
    recording = Record(app, str(tmp_path / "requests"))
    assert recording({**environ(), "wsgi.input": io.BytesIO(b"hello")}, lambda *given: None) == [b"hello"]
    (line,) = lines(tmp_path / "requests")
    assert (base64.b64decode(line["body"]), line["cut"]) == (b"hel", True)


def test_a_body_that_is_still_coming_is_not_read(tmp_path: Path) -> None:
    class Live:
        def read(self, size: int = -1) -> bytes:
            return b"live"

    recording = Record(app, str(tmp_path / "requests"))
    assert recording({**environ(), "wsgi.input": Live()}, lambda *given: None) == [b"live"]
    assert lines(tmp_path / "requests")[0]["cut"] is True


def test_a_file_that_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        Record(app, str(tmp_path / "no" / "requests"))


def test_there_is_an_end_to_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line in the log, and the requests are served as before."""
    monkeypatch.setattr(record, "FILE_BYTES_MAX", 1)
    recording = Record(app, str(tmp_path / "requests"))
    for _ in range(3):
        stream = Body.from_bytes(b"hello")
        assert recording({**environ(), "wsgi.input": stream}, lambda *given: None) == [b"hello"]
    assert len(lines(tmp_path / "requests")) == 1
    assert len(caplog.messages) == 1
