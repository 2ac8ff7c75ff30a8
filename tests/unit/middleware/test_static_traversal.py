"""Attempts to get at a file outside the root, by the hundred, over a real server's socket.

Around the root lie files that hold a secret: beside it, above it, in it under a dot, behind symbolic links.
Each attempt is one raw request target. Whatever the answer is, the secret is not in it, and it is never a
success: no attempt names a file that may be served.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from potstill.middleware import Mount, Static
from tests.support.engine import Running, engine_on

SECRET = b"do-not-tell"

# Ways to write `..` and `/`: plain, encoded, encoded twice, overlong UTF-8 of two and more octets, full-width
# and other look-alikes, with NUL, with backslashes, with what Windows or old servers drop.
DOTS = (
    "..",
    "%2e%2e",
    ".%2e",
    "%2E.",
    "%252e%252e",
    "%25%32%65%25%32%65",
    "%c0%ae%c0%ae",
    "%e0%80%ae%e0%80%ae",
    "%f0%80%80%ae%f0%80%80%ae",
    "%uff0e%uff0e",
    "%ef%bc%8e%ef%bc%8e",
    "%e2%80%a5",
    "..%00",
    "..%0a",
    "...",
    "....",
    "..;",
    "..%20",
    "..%09",
    "%2e%2e%2e",
)
SLASHES = (
    "/",
    "%2f",
    "%252f",
    "%c0%af",
    "%e0%80%af",
    "%ef%bc%8f",
    "%e2%88%95",
    "\\",
    "%5c",
    "%255c",
    "//",
    "/./",
    "/%2e/",
    "/%00/",
)
TARGETS = ("secret.txt", "etc/passwd")
OTHERS = (
    "/.secret",
    "/%2esecret",
    "/.git/config",
    "/sub/.secret",
    "/sub/%2e%73ecret",
    "/.secret%00.txt",
    "/.%2fsecret",
    "/link",
    "/link/",
    "/link_up/secret.txt",
    "/link_up/root/../secret.txt",
    "/sub/link_deep/secret.txt",
    "/link%00",
    "/link_etc/passwd",
    "/proc_self/environ",
    "//etc/passwd",
    "///etc/passwd",
    "/%2fetc%2fpasswd",
    "/%2f%2fetc/passwd",
    "/file:///etc/passwd",
    "/sub/..%2f..%2fsecret.txt/.",
    "/sub/../../secret.txt",
    "/sub/../../secret.txt%00.css",
    "/sub/../../secret.txt%20",
    "/C:%5csecret.txt",
    "/%5c%5clocalhost%5csecret.txt",
    "/~root/secret.txt",
    "/secret.txt::$DATA",
    "/" + "../" * 2000 + "etc/passwd",
    "/" + "sub/../" * 1000 + "../secret.txt",
    "/" + "a/" * 3000 + "b",
    "/" + "a" * 5000,
    "/pipe",
    "/open.txt/../../secret.txt",
    "/open.txt/..%2f..%2fsecret.txt",
    "/sub%2f..%2f..%2fsecret.txt",
    "/SECRET.TXT",
)


def attempts() -> list[str]:
    """Every way to write the two, once and several times in a row, from the root and from a directory."""
    found = []
    for dots, slash, target in product(DOTS, SLASHES, TARGETS):
        up = dots + slash
        found += [f"/{up}{target}", f"/sub/{up * 2}{target}", f"/{up * 6}{target}"]
    return [*found, *OTHERS]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("traversal")
    root = base / "root"
    for directory in (root / "sub", root / ".git", base / "etc"):
        directory.mkdir(parents=True)
    for secret in ("secret.txt", "etc/passwd", "root/.secret", "root/.git/config", "root/sub/.secret"):
        (base / secret).write_bytes(SECRET)
    (root / "open.txt").write_bytes(b"open")
    (root / "link").symlink_to("../secret.txt")
    (root / "link_up").symlink_to("..")
    (root / "link_etc").symlink_to("/etc")
    (root / "proc_self").symlink_to("/proc/self")
    (root / "sub" / "link_deep").symlink_to("../../")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture(scope="module", params=["refuse", "inside"])
def server(root: Path, request: pytest.FixtureRequest) -> Iterator[Running]:
    app = Static(root, symlinks=request.param, listing=True)
    with engine_on(Mount({"/": app, "/static": app}), threads=2) as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "/static"])
def test_nothing_outside_the_root_is_served(server: Running, prefix: str) -> None:
    """Over a thousand targets, raw as they stand here."""
    targets = attempts()
    assert len(targets) > 1000
    refused_by_the_parser = 0
    client = server.client()
    for target in targets:
        client.send(f"GET {prefix}{target} HTTP/1.1\r\nHost: x\r\n\r\n".encode("latin-1"))
        answer = client.response()
        assert SECRET not in answer.body, target
        assert b"root:" not in answer.body, target
        assert 300 <= answer.status < 500, (target, answer)
        if ("connection", "close") in answer.fields:
            refused_by_the_parser += 1
            client.close()
            client = server.client()
    client.close()
    assert refused_by_the_parser < len(targets) / 2  # most of it must come as far as the middleware


def test_what_may_be_served_is(server: Running) -> None:
    """The test above would pass with a server that answers nothing."""
    for path in ("/open.txt", "/static/open.txt", "/%6fpen.txt"):
        assert server.ask(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()) == b"open"
