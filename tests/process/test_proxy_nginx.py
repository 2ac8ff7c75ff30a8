"""nginx behind the proxy, and in front of it."""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from potstill.middleware import Proxy
from tests.support.daemons import nginx
from tests.support.engine import engine_on, hello

UPSTREAM = """
        root {root};
        client_max_body_size 1m;
        location /told {{
            default_type text/plain;
            return 200 "$request_method $request_uri $server_protocol host=$http_host via=$http_via
for=$http_x_forwarded_for proto=$http_x_forwarded_proto connection=$http_connection te=$http_te
requests=$connection_requests";
        }}
        location /gone {{ return 444; }}
        location /moved {{ return 301 /told; }}
        location /empty {{ return 204; }}
        location /packed {{
            # nginx compresses nothing for requests with a Via field unless it is told to.
            gzip on;
            gzip_proxied any;
            gzip_types *;
            gzip_min_length 1;
            default_type text/plain;
            alias {root}/;
        }}
        location /limited {{ limit_rate 20m; alias {root}/; }}
        location /upload {{
            dav_methods PUT;
            create_full_put_path on;
            client_max_body_size 64m;
        }}
"""
BIG = bytes(range(256)) * 16384


@contextmanager
def through_proxy(directory: Path) -> Iterator[tuple[str, int]]:
    """Where to ask for what nginx has, by way of Potstill."""
    root = directory / "root"
    root.mkdir()
    (root / "big").write_bytes(BIG)
    (root / "text").write_bytes(b"text " * 1000)
    with nginx(directory / "up", UPSTREAM.format(root=root)) as port:
        with closing(Proxy(f"http://127.0.0.1:{port}")) as proxy, engine_on(proxy) as running:
            assert isinstance(running.address, tuple)
            yield running.address


@pytest.fixture(name="address", scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with through_proxy(tmp_path_factory.mktemp("nginx")) as address:
        yield address


def fetch(
    address: tuple[str, int], method: str, path: str, body: Any = None, **fields: str
) -> tuple[http.client.HTTPResponse, bytes]:
    client = http.client.HTTPConnection(*address, timeout=20)
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    client.request(method, path, body, headers)
    response = client.getresponse()
    read = response.read()
    client.close()
    return response, read


def test_what_nginx_is_told(address: tuple[str, int]) -> None:
    response, told = fetch(address, "GET", "/told/a%2Fb?x=%20y", Host="shop.example", TE="trailers")
    assert response.status == 200
    assert told.decode().split() == [
        *("GET", "/told/a%2Fb?x=%20y", "HTTP/1.1", "host=shop.example", "via=1.1", "potstill"),
        *("for=127.0.0.1", "proto=http", "connection=", "te=", told.decode().split()[-1]),
    ]
    assert response.getheader("Server", "").startswith("nginx")
    assert response.getheader("Via") == "1.1 potstill"


def test_its_connections_are_kept(address: tuple[str, int]) -> None:
    counts = [int(fetch(address, "GET", "/told")[1].rpartition(b"=")[2]) for _ in range(5)]
    assert counts == list(range(counts[0], counts[0] + 5))


@pytest.mark.parametrize("path", ["/big", "/limited/big"])
def test_a_large_file(address: tuple[str, int], path: str) -> None:
    response, body = fetch(address, "GET", path)
    assert response.getheader("Content-Length") == str(len(BIG))
    assert hashlib.sha256(body).digest() == hashlib.sha256(BIG).digest()


def test_conditions_and_ranges_are_the_upstreams(address: tuple[str, int]) -> None:
    response, _ = fetch(address, "GET", "/big")
    etag = response.getheader("ETag", "")
    assert fetch(address, "GET", "/big", If_None_Match=etag)[0].status == 304
    response, part = fetch(address, "GET", "/big", Range="bytes=10-19")
    assert (response.status, part) == (206, BIG[10:20])
    head, nothing = fetch(address, "HEAD", "/big")
    assert (head.status, head.getheader("Content-Length"), nothing) == (200, str(len(BIG)), b"")


def test_compressed_and_chunked(address: tuple[str, int]) -> None:
    response, body = fetch(address, "GET", "/packed/text", Accept_Encoding="gzip")
    assert response.getheader("Content-Encoding") == "gzip"
    assert body.startswith(b"\x1f\x8b")


def test_statuses(address: tuple[str, int]) -> None:
    """444 is nginx's word for closing the connection without an answer."""
    assert [fetch(address, "GET", path)[0].status for path in ("/moved", "/empty", "/none", "/gone")] == [
        301,
        204,
        404,
        502,
    ]


def test_an_upload_that_nginx_takes(address: tuple[str, int]) -> None:
    assert fetch(address, "PUT", "/upload/file", BIG)[0].status == 201
    assert fetch(address, "GET", "/upload/file")[1] == BIG


def test_an_upload_that_nginx_refuses(address: tuple[str, int]) -> None:
    """It answers before it has read it."""
    assert fetch(address, "PUT", "/told", b"x" * 8_000_000)[0].status == 413
    assert fetch(address, "GET", "/told")[0].status == 200


def test_nginx_in_front(tmp_path: Path) -> None:
    """client → nginx → Potstill with a proxy → Potstill with an application."""
    seen: list[dict[str, Any]] = []

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        seen.append({**environ, "body": environ["wsgi.input"].read()})
        return hello(environ, start_response)

    with (
        engine_on(application) as inner,
        closing(Proxy(inner_url(inner))) as proxy,
        engine_on(proxy) as outer,
    ):
        front = f"""
        location / {{
            proxy_pass {inner_url(outer)};
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_set_header Host $http_host;
        }}"""
        with nginx(tmp_path, front) as port:
            address = ("127.0.0.1", port)
            assert fetch(address, "GET", "/a", Host="shop.example")[1] == b"hello\n"
            parts = iter([b"x" * 10_000] * 20)
            assert fetch(address, "POST", "/b", parts)[1] == b"hello\n"
    assert (seen[0]["HTTP_HOST"], seen[0]["PATH_INFO"]) == ("shop.example", "/a")
    assert seen[1]["body"] == b"x" * 200_000


def inner_url(running: Any) -> str:
    return f"http://127.0.0.1:{running.address[1]}"
