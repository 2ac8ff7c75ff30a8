"""What the tests of TLS share: an authority, and an engine behind one of its certificates."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from potstill.core.options import Entrance
from potstill.net.certificates import Source
from potstill.net.tls import Keyring, Policy
from tests.support.certificates import Authority, Pair
from tests.support.engine import Environ, Running, StartResponse, engine_on

LARGE = b"0123456789abcdef" * (1 << 16)  # one MiB


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def pair(authority: Authority) -> Pair:
    """The certificate of localhost."""
    return authority.issue("localhost", "127.0.0.1", file="localhost")


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "large"
    path.write_bytes(LARGE * 8)
    return path


def keyring(pair: Pair, **policy: object) -> Keyring:
    source = Source(str(pair.certfile), str(pair.keyfile), default=True)
    return Keyring([source], Policy(**policy))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def running(pair: Pair, large_file: Path) -> Iterator[Running]:
    """An engine that answers over TLS by what is asked for."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path, body = environ["PATH_INFO"], environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/plain")])
        if path == "/large":
            return [LARGE * 4]
        if path == "/stream":
            return iter([LARGE] * 8)
        if path == "/file":
            return environ["wsgi.file_wrapper"](large_file.open("rb"))  # type: ignore[no-any-return]
        if path == "/digest":
            return [hashlib.sha256(body).hexdigest().encode()]
        names = ("wsgi.url_scheme", "HTTPS", "SSL_PROTOCOL", "SSL_CIPHER", "SERVER_PORT", "REMOTE_ADDR")
        return ["\n".join(f"{name}={environ.get(name)}" for name in names).encode()]

    with engine_on(app, entrance=Entrance(tls=keyring(pair)), handshake_timeout_s=20.0) as engine:
        yield engine
