"""`potstill cgi` under real web servers, and programs of the distribution under Potstill."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from potstill.gateway import CGIDirectory
from tests.house.tree import ROOT
from tests.support.daemons import daemon, free_port, needed
from tests.support.engine import engine_on

WAIT_S = 20
SERVERS = ("lighttpd", "busybox")

APPLICATION = """
import hashlib, json, sys
from wsgiref.validate import validator

KEYS = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL", "HTTP_X_TOKEN")

@validator
def app(environ, start_response):
    if environ["PATH_INFO"] == "/broken":
        raise LookupError("a secret of the application")
    if environ["PATH_INFO"] == "/missing":
        start_response("404 Not Found", [("Content-Type", "text/plain"), ("X-Answer", "no")])
        return [b"nothing here"]
    digest = hashlib.sha256()
    while block := environ["wsgi.input"].read(65536):
        digest.update(block)
    told = {key: environ.get(key) for key in KEYS}
    told.update(digest=digest.hexdigest(), proxy="HTTP_PROXY" in environ, once=environ["wsgi.run_once"])
    cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    start_response("200 OK", [("Content-Type", "application/json"), *cookies])
    return [json.dumps(told).encode()]
"""

LIGHTTPD = """
server.document-root = "{root}"
server.bind = "127.0.0.1"
server.port = {port}
server.modules = ("mod_cgi")
server.stream-request-body = 0
cgi.assign = (".cgi" => "")
"""


@contextmanager
def web_server(name: str, root: Path) -> Iterator[int]:
    """The server with CGI for what is in root/cgi-bin; its port."""
    port = free_port()
    if name == "lighttpd":
        configuration = root.parent / "lighttpd.conf"
        configuration.write_text(LIGHTTPD.format(root=root, port=port))
        command = [needed("lighttpd", "lighttpd"), "-D", "-f", str(configuration)]
    else:
        command = [needed("busybox", "busybox"), "httpd", "-f", "-p", f"127.0.0.1:{port}", "-h", str(root)]
    with daemon(command, port, root.parent):
        yield port


@pytest.fixture(name="port", params=SERVERS, scope="module")
def serving(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    directory = tmp_path_factory.mktemp(request.param)
    programs = directory / "root" / "cgi-bin"
    programs.mkdir(parents=True)
    (programs / "shop.py").write_text(APPLICATION)
    program = programs / "shop.cgi"
    program.write_text(f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m potstill cgi shop:app\n")
    program.chmod(0o755)
    with web_server(request.param, directory / "root") as port:
        yield port


def fetch(port: int, method: str, path: str, body: bytes | None = None, **fields: str) -> tuple[Any, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
    client.request(method, path, body, {name.replace("_", "-"): value for name, value in fields.items()})
    response = client.getresponse()
    read = response.read()
    client.close()
    return response, read


def test_a_request(port: int) -> None:
    response, body = fetch(port, "GET", "/cgi-bin/shop.cgi/a/b?x=1&y=%20", X_Token="t", Proxy="http://evil")
    assert response.status == 200
    assert response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    told = json.loads(body)
    assert (told["REQUEST_METHOD"], told["SCRIPT_NAME"], told["PATH_INFO"]) == (
        "GET",
        "/cgi-bin/shop.cgi",
        "/a/b",
    )
    assert (told["QUERY_STRING"], told["HTTP_X_TOKEN"]) == ("x=1&y=%20", "t")
    assert (told["proxy"], told["once"]) == (False, True)


def test_a_body(port: int) -> None:
    octets = bytes(range(256)) * 4096
    _, body = fetch(port, "POST", "/cgi-bin/shop.cgi/up", octets)
    assert json.loads(body)["digest"] == hashlib.sha256(octets).hexdigest()


def test_another_status(port: int) -> None:
    response, body = fetch(port, "GET", "/cgi-bin/shop.cgi/missing")
    assert (response.status, response.getheader("X-Answer"), body) == (404, "no", b"nothing here")


def test_an_application_that_raises(port: int) -> None:
    response, body = fetch(port, "GET", "/cgi-bin/shop.cgi/broken")
    assert response.status == 500
    assert b"secret" not in body


# The other way: programs that other people wrote, as a route of Potstill.


@contextmanager
def programs(directory: Path, **scripts: str) -> Iterator[int]:
    for name, script in scripts.items():
        path = directory / f"{name}.cgi"
        path.write_text(script)
        path.chmod(0o755)
    with engine_on(CGIDirectory(directory)) as running:
        yield int(running.address[1])


def test_python_from_the_standard_library(tmp_path: Path) -> None:
    """wsgiref's own CGI handler, twice through WSGI."""
    script = f"""#!{sys.executable}
from wsgiref.handlers import CGIHandler
from wsgiref.simple_server import demo_app
CGIHandler().run(demo_app)
"""
    with programs(tmp_path, demo=script) as port:
        response, body = fetch(port, "GET", "/demo.cgi/x?y=z")
    assert (response.status, response.getheader("Content-Type")) == (200, "text/plain; charset=utf-8")
    assert body.startswith(b"Hello world!")
    assert b"PATH_INFO = '/x'" in body


def test_perl_and_the_shell(tmp_path: Path) -> None:
    """Programs as they have been written for thirty years."""
    perl = """#!/usr/bin/perl
print "Content-type: text/html\\n\\n";
read(STDIN, my $body, $ENV{CONTENT_LENGTH});
print "<p>$ENV{REQUEST_METHOD} $body</p>\\n";
"""
    shell = "#!/bin/sh\necho Content-Type: text/plain\necho\necho $QUERY_STRING $#\n"
    needed("perl", "perl-base")
    with programs(tmp_path, perl=perl, shell=shell) as port:
        assert fetch(port, "POST", "/perl.cgi", b"name=eve")[1] == b"<p>POST name=eve</p>\n"
        # The query is no command line, which RFC 3875 section 4.4 would allow.
        assert fetch(port, "GET", "/shell.cgi?-s+$(id)")[1] == b"-s+$(id) 0\n"
        head, nothing = fetch(port, "HEAD", "/shell.cgi")
        assert (head.status, nothing) == (200, b"")


def test_potstill_under_potstill(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(APPLICATION)
    script = f"#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m potstill cgi shop:app\n"
    os.chmod(tmp_path / "shop.py", 0o644)
    with programs(tmp_path, shop=script) as port:
        told = json.loads(fetch(port, "PUT", "/shop.cgi/p", b"abc")[1])
        assert (told["SCRIPT_NAME"], told["PATH_INFO"]) == ("/shop.cgi", "/p")
        assert told["digest"] == hashlib.sha256(b"abc").hexdigest()
        assert fetch(port, "GET", "/shop.py")[0].status == 403
