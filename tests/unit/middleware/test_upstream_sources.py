"""Lists of servers that change."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from potstill.middleware import upstream_sources
from potstill.middleware.upstream_sources import Sources


def targets(sources: Sources) -> list[str]:
    return [server.target for server in sources.read()]


def write(path: Path, text: str) -> None:
    """As an editor or a deployment does it: another file under the same name."""
    other = path.with_suffix(".new")
    other.write_text(text)
    os.replace(other, path)


def test_what_is_written_down_does_not_change() -> None:
    sources = Sources(["http://a:1", "http://b:2 weight=3", "http://a:1"])
    assert targets(sources) == ["http://a:1", "http://b:2"]
    assert not sources.change


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "upstreams"
    write(path, "# ours\nhttp://a:1\n\nhttp://b:2 weight=3  # the big one\n")
    sources = Sources([f"file:{path}"])
    assert sources.change
    assert [(server.target, server.weight) for server in sources.read()] == [
        ("http://a:1", 1),
        ("http://b:2", 3),
    ]
    write(path, "http://c:3\n")
    assert targets(sources) == ["http://c:3"]


def test_a_file_that_goes_wrong_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "upstreams"
    write(path, "http://a:1\n")
    sources = Sources([f"file:{path}"])
    write(path, "http://b:1\nftp://c\n")
    assert targets(sources) == ["http://a:1"]
    assert f"{path}:2: " in caplog.text
    caplog.clear()
    assert targets(sources) == ["http://a:1"]
    assert caplog.text == "", "a fault is reported once"
    path.unlink()
    assert targets(sources) == ["http://a:1"]
    assert "stays as it was" in caplog.text
    write(path, "http://d:1\n")
    assert targets(sources) == ["http://d:1"]


def test_a_file_that_is_wrong_from_the_start_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "upstreams"
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        Sources([f"file:{path}"])
    path.write_text("http://a\nnonsense\n")
    with pytest.raises(ValueError, match=":2: upstream 'nonsense'"):
        Sources([f"file:{path}"])
    path.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(ValueError, match="larger than"):
        Sources([f"file:{path}"])
    with pytest.raises(ValueError, match="no upstream"):
        Sources([])


class Names:
    """A name server: name → addresses; one that is not there cannot be asked."""

    def __init__(self, **addresses: list[str]) -> None:
        self.addresses = addresses

    def getaddrinfo(self, host: str, port: int, **_: Any) -> list[Any]:
        if host not in self.addresses:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in self.addresses[host]]


@pytest.fixture(name="names")
def name_server(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names(app=["10.0.0.2", "10.0.0.1"])
    monkeypatch.setattr(upstream_sources.socket, "getaddrinfo", names.getaddrinfo)
    return names


def test_a_name_is_looked_up_again_and_again(names: Names) -> None:
    sources = Sources(["dns+http://app:8080 weight=2", "http://b:1"])
    assert sources.change
    assert targets(sources) == ["http://10.0.0.1:8080", "http://10.0.0.2:8080", "http://b:1"]
    assert {server.weight for server in sources.read()[:2]} == {2}
    names.addresses["app"] = ["10.0.0.3"]
    assert targets(sources) == ["http://10.0.0.3:8080", "http://b:1"]


def test_a_name_server_that_fails_takes_no_servers_away(
    names: Names, caplog: pytest.LogCaptureFixture
) -> None:
    sources = Sources(["dns+http://app:8080"])
    sources.read()
    del names.addresses["app"]
    assert targets(sources) == ["http://10.0.0.1:8080", "http://10.0.0.2:8080"]
    assert "app cannot be looked up" in caplog.text


def test_a_name_that_never_was_has_no_servers(names: Names) -> None:
    assert targets(Sources(["dns+http://other:8080"])) == []


def test_names_in_a_file(names: Names, tmp_path: Path) -> None:
    path = tmp_path / "upstreams"
    path.write_text("dns+https://app\n")
    assert [(s.target, s.authority) for s in Sources([f"file:{path}"]).read()] == [
        ("https://10.0.0.1:443", "app"),
        ("https://10.0.0.2:443", "app"),
    ]
