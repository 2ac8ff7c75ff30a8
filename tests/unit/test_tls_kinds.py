"""Kinds of values that only TLS has: what they take, what they show, and what they say to the rest."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from potstill.settings.kinds import Kind
from potstill.settings.tls_kinds import File, Hsts, PasswordSource

GOOD: list[tuple[Kind, object, object]] = [
    (File(), "", ""),
    (File(), "none", ""),
    (PasswordSource(), "none", ""),
    (PasswordSource(), "file:/run/secret", "file:/run/secret"),
    (PasswordSource(), "command:pass show 'tls key'", "command:pass show 'tls key'"),
    (Hsts(), "none", ""),
    (Hsts(), " max-age=31536000 ", "max-age=31536000"),
    (Hsts(), "max-age=0; includeSubDomains; preload", "max-age=0; includeSubDomains; preload"),
]
BAD: list[tuple[Kind, object, str]] = [
    (File(), "/no/such/file", "a file that exists"),
    (File(directory=True), __file__, "a directory that exists"),
    (File(), 3, "a file that exists"),
    (PasswordSource(), "secret", "the password itself does not stand here"),
    (PasswordSource(), "file:", "file:/PATH or command:"),
    (PasswordSource(), "command: ", "file:/PATH or command:"),
    (PasswordSource(), "command:pass 'show", "file:/PATH or command:"),
    (Hsts(), "31536000", "max-age=SECONDS"),
    (Hsts(), "max-age=1; other", "max-age=SECONDS"),
    (Hsts(), "max-age=1\r\nX: y", "max-age=SECONDS"),
]


@pytest.mark.parametrize(("kind", "given", "value"), GOOD)
def test_good_values(kind: Kind, given: object, value: object) -> None:
    """They are read, shown, read again; and the schema lets them pass."""
    assert kind.read(given) == value
    assert kind.read(kind.show(value)) == value
    jsonschema.validate(given, kind.schema())


@pytest.mark.parametrize(("kind", "given", "words"), BAD)
def test_bad_values(kind: Kind, given: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        kind.read(given)


def test_files_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload may run in another directory."""
    (tmp_path / "cert.pem").touch()
    monkeypatch.chdir(tmp_path)
    assert File().read("cert.pem") == str(tmp_path / "cert.pem")
    assert File(directory=True).read(".") == str(tmp_path)
