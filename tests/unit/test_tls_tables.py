"""The [[tls]] tables: what they hold, and everything that is wrong with them at once, with its place."""

from __future__ import annotations

import tomllib
from pathlib import Path

import jsonschema
import pytest

from potstill.assemble import SitesError
from potstill.assemble.tls_tables import certificates_schema, read_certificates
from potstill.net.certificates import Source
from tests.support.command import command


def place(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.pem", "a.key", "b.pem"):
        (tmp_path / name).touch()
    return tmp_path


def test_tables(here: Path) -> None:
    tables = tomllib.loads("""
        [[tls]]
        hosts = ["Shop.example", "*.shop.example"]
        certfile = "a.pem"
        keyfile = "a.key"
        keyfile-password = "file:/run/secret"
        [[tls]]
        certfile = "b.pem"
        default = true
    """)["tls"]
    jsonschema.validate(tables, certificates_schema())
    assert read_certificates(tables, place) == (
        Source(
            str(here / "a.pem"),
            str(here / "a.key"),
            password="file:/run/secret",
            hosts=("shop.example", "*.shop.example"),
        ),
        Source(str(here / "b.pem"), default=True),
    )


def test_all_that_is_wrong(here: Path) -> None:
    with pytest.raises(SitesError) as caught:
        read_certificates(
            [
                {"hosts": ["a.example", "a b"], "certfile": "c.pem", "key": "a.key"},
                {"hosts": "a.example", "certfile": "a.pem"},
                {"hosts": ["a.example"], "certfile": "b.pem"},
                {"certfile": "a.pem"},
                {"hosts": ["b.example"]},
            ],
            place,
        )
    told = "\n".join(caught.value.problems)
    for words in (
        "0.key: a [[tls]] has no key 'key'; did you mean 'keyfile'?",
        "0.hosts: hosts: ['a.example', 'a b'] is not 'a b' is no host",
        "0.certfile: certfile: 'c.pem' is not a file that exists",
        "2.hosts: a.example has a certificate in another [[tls]]",
        "3: a [[tls]] needs hosts, or default = true",
        "4: a [[tls]] needs a certfile",
    ):
        assert words in told
    with pytest.raises(SitesError, match=r"each headed \[\[tls\]\]"):
        read_certificates({"hosts": []}, place)


def test_in_the_file(here: Path) -> None:
    """By the command, with line and column."""
    (here / "potstill.toml").write_text('[[tls]]\nhosts = ["a.example"]\ncertfile = "none.pem"\n')
    result = command("check", "shop:app")
    assert result.exit_code == 2
    assert "potstill.toml:3:12: certfile: 'none.pem' is not a file that exists" in result.stderr
