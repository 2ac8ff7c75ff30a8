"""A WSGI application as a CGI program, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from potstill.gateway.cgi_run import cgi_environ
from tests.house.tree import ROOT

PROGRAM = """
import sys
from wsgiref.validate import validator
from potstill.gateway import run_with_cgi

{application}

sys.exit(run_with_cgi({run}))
"""

VALIDATED = "validator(application)"


def run(application: str, body: bytes = b"", *, how: str = VALIDATED, **variables: str) -> Any:
    """The program's end, under variables as a web server sets them."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(application=application, run=how)],
        input=body,
        env={"PYTHONPATH": str(ROOT), "REQUEST_METHOD": "GET", "QUERY_STRING": "", **variables},
        capture_output=True,
        timeout=30,
        check=False,
    )


ECHO = """
def application(environ, start_response):
    print("this is no response")
    read = environ["wsgi.input"].read(1000) + environ["wsgi.input"].readline(10)
    start_response("201 Made", [("Content-Type", "text/plain"), ("X-Path", environ["PATH_INFO"])])
    return [read, b"|", environ["REQUEST_METHOD"].encode(), b"|", str(environ["wsgi.run_once"]).encode()]
"""


def test_a_request_and_its_response() -> None:
    """The body ends where CONTENT_LENGTH says, and prints do not get into the response."""
    done = run(ECHO, b"12345 and more", REQUEST_METHOD="POST", CONTENT_LENGTH="5", PATH_INFO="/a/ü")
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    assert head.splitlines() == [b"Status: 201 Made", b"Content-Type: text/plain", "X-Path: /a/ü".encode()]
    assert body == b"12345|POST|True"
    assert (done.returncode, done.stderr) == (0, b"this is no response\n")


def test_a_large_body_comes_through() -> None:
    body = bytes(range(256)) * 4096
    application = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return iter(lambda: environ["wsgi.input"].read(65536), b"")
"""
    done = run(application, body, how="application", REQUEST_METHOD="POST", CONTENT_LENGTH=str(len(body)))
    assert done.stdout.partition(b"\r\n\r\n")[2] == body


def test_write_and_close() -> None:
    application = """
class Body:
    def __iter__(self):
        yield b"two"
    def close(self):
        sys.stderr.write("closed")

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])(b"one ")
    return Body()
"""
    done = run(application)
    assert done.stdout.endswith(b"\r\n\r\none two")
    assert done.stderr == b"closed"


def test_head_has_no_body() -> None:
    """And keeps the length that the application gives, or none."""
    done = run(ECHO, REQUEST_METHOD="HEAD")
    assert done.stdout.startswith(b"Status: 201 Made\r\n")
    assert done.stdout.endswith(b"\r\n\r\n")


RAISES = """
def application(environ, start_response):
    raise LookupError("mine")
"""
EXITS = """
def application(environ, start_response):
    raise SystemExit("mine")
"""
SPLITS = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X", "a\\r\\nSet-Cookie: mine")])
    return []
"""
RAISES_LATER = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    raise LookupError("mine")
"""


@pytest.mark.parametrize("application", [RAISES, EXITS, SPLITS, RAISES_LATER])
def test_what_goes_wrong_is_500_and_on_standard_error(application: str) -> None:
    done = run(application, how="application")
    assert done.stdout.startswith(b"Status: 500 Internal Server Error\r\n")
    assert b"mine" not in done.stdout
    assert b"mine" in done.stderr
    assert done.returncode == 1


def test_a_body_that_breaks_off_is_an_error_for_the_application() -> None:
    done = run(ECHO, b"123", REQUEST_METHOD="POST", CONTENT_LENGTH="5")
    assert done.stdout.startswith(b"Status: 500 ")
    assert b"ended 2 bytes before its CONTENT_LENGTH" in done.stderr


@pytest.mark.parametrize(
    ("variables", "said"),
    [({"REQUEST_METHOD": ""}, b"there is no REQUEST_METHOD"), ({"CONTENT_LENGTH": "5x"}, b"not a length")],
)
def test_what_is_no_request(variables: dict[str, str], said: bytes) -> None:
    """Nothing is written on standard output."""
    done = run(ECHO, **variables)
    assert (done.stdout, done.returncode) == (b"", 1)
    assert said in done.stderr


def test_the_environ_holds_the_request_and_nothing_else() -> None:
    """Not the process's environment, not httpoxy's variable."""
    variables = {
        b"REQUEST_METHOD": b"GET",
        b"SERVER_NAME": b"",
        b"PATH_INFO": "/ü".encode(),
        b"HTTP_ACCEPT": b"*/*",
        b"SSL_CLIENT_S_DN": b"CN=eve",
        b"HTTP_PROXY": b"http://evil",
        b"HTTP_CONTENT_LENGTH": b"7",
        b"PATH": b"/bin",
        b"SECRET_KEY": b"s3cret",
        b"SSL_CERT_FILE": b"/etc/ssl",
    }
    assert cgi_environ(variables) == {
        "REQUEST_METHOD": "GET",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.0",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/\xc3\xbc",
        "QUERY_STRING": "",
        "HTTP_ACCEPT": "*/*",
        "SSL_CLIENT_S_DN": "CN=eve",
    }


def test_a_web_server_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    """The reader of the response has gone: there is nobody to tell."""
    application = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return iter(lambda: b"x" * 65536, 0)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(application=application, run="application")],
        env={"PYTHONPATH": str(ROOT), "REQUEST_METHOD": "GET"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(100)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(20) == 0
