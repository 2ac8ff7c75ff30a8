"""environ, key by key (PEP 3333, "environ Variables")."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.server import Server
from tests.support.wire import Client
from tests.wire.conftest import SECRET
from tests.wire.judge import facts_of
from tests.wire.rows import HOST, chunked, get, message, post

# Keys of a plain GET with a Host field, and nothing that the request did not bring.
REQUEST_KEYS = {"HTTP_HOST"}
CGI_KEYS = {
    "GATEWAY_INTERFACE",
    "PATH_INFO",
    "QUERY_STRING",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "REQUEST_METHOD",
    "REQUEST_URI",
    "SCRIPT_NAME",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "SERVER_SOFTWARE",
}
# CGI lets these two be missing or empty where there is nothing to say.
MAYBE_KEYS = {"CONTENT_TYPE", "CONTENT_LENGTH"}


@pytest.fixture
def facts(client: Client) -> dict[str, Any]:
    """What the application sees of a plain GET."""
    client.send(get(target=b"/a%20b?c=%20d"))
    return facts_of(client.response())


def test_every_cgi_key_is_there(facts: dict[str, Any]) -> None:
    """And no HTTP_ key that the request did not bring."""
    keys = {key for key in facts["environ"] if "." not in key}
    assert keys - MAYBE_KEYS == CGI_KEYS | REQUEST_KEYS


def test_every_cgi_value_is_of_the_type_str_exactly(facts: dict[str, Any]) -> None:
    """PEP 3333: "Note: … these must be native strings", not of a subclass."""
    types = {key: kind for key, kind in facts["types"].items() if "." not in key}
    assert {key: kind for key, kind in types.items() if kind != "str"} == {}


def test_the_request_is_told_as_it_came(facts: dict[str, Any]) -> None:
    """Path decoded, query and REQUEST_URI raw."""
    environ = facts["environ"]
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["SCRIPT_NAME"] == ""
    assert environ["PATH_INFO"] == "/a b"
    assert environ["QUERY_STRING"] == "c=%20d"
    assert environ["REQUEST_URI"] == "/a%20b?c=%20d"
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert environ["HTTP_HOST"] == "a.test"


def test_the_server_is_told(server: Server, facts: dict[str, Any]) -> None:
    """PEP 3333: SERVER_NAME and SERVER_PORT "can never be empty strings"."""
    environ = facts["environ"]
    assert environ["SERVER_NAME"] != ""
    assert environ["SERVER_PORT"] == str(server.address[1])
    assert environ["SERVER_SOFTWARE"].lower().startswith("potstill")
    assert environ["GATEWAY_INTERFACE"] == "CGI/1.1"


def test_the_client_is_told(client: Client) -> None:
    """Its own address and port, as this end of the socket has them."""
    client.send(get())
    environ = facts_of(client.response())["environ"]
    assert f"{environ['REMOTE_ADDR']}:{environ['REMOTE_PORT']}" == client.local_address


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("wsgi.version", [1, 0]),
        ("wsgi.url_scheme", "http"),
        ("wsgi.multithread", True),
        ("wsgi.multiprocess", False),
        ("wsgi.run_once", False),
        ("wsgi.input_terminated", True),
    ],
)
def test_a_wsgi_key_has_its_value(facts: dict[str, Any], key: str, value: object) -> None:
    """PEP 3333; `wsgi.input_terminated` is the common extension for bodies without a length."""
    assert facts["wsgi"][key] == value
    assert type(facts["wsgi"][key]) is type(value)


@pytest.mark.parametrize("key", ["wsgi.input", "wsgi.errors", "wsgi.file_wrapper"])
def test_a_wsgi_object_is_there(facts: dict[str, Any], key: str) -> None:
    """What they do has tests of its own."""
    assert key in facts["types"]


def test_wsgi_version_is_a_tuple(facts: dict[str, Any]) -> None:
    """JSON would have hidden it."""
    assert facts["types"]["wsgi.version"] == "tuple"


def test_the_process_environment_is_not_in_environ(facts: dict[str, Any]) -> None:
    """PEP 3333 allows it; Potstill does not do it: it holds secrets."""
    assert SECRET not in facts["environ"]
    assert "PATH" not in facts["environ"]


def test_the_validator_has_no_complaint(facts: dict[str, Any]) -> None:
    """That of wsgiref.validate, in the server's process. Every accepted row of the tables passes it too."""
    assert facts["complaint"] is None


@pytest.mark.parametrize("key", sorted(MAYBE_KEYS))
def test_without_a_body_its_keys_are_missing_or_empty(facts: dict[str, Any], key: str) -> None:
    """PEP 3333: "May be empty or missing"; "0" would be a body of no length."""
    assert facts["environ"].get(key, "") == ""


def test_content_keys_have_no_twins(client: Client) -> None:
    """CONTENT_TYPE and CONTENT_LENGTH alone, as CGI has them."""
    client.send(post(b"Content-Type: text/plain", b"Content-Length: 5", body=b"hello"))
    environ = facts_of(client.response())["environ"]
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("text/plain", "5")
    assert "HTTP_CONTENT_TYPE" not in environ
    assert "HTTP_CONTENT_LENGTH" not in environ


@pytest.mark.parametrize(("payload", "size"), [(b"5\r\nhello\r\n0\r\n\r\n", "5"), (b"0\r\n\r\n", "0")])
def test_a_chunked_body_has_its_real_length(client: Client, payload: bytes, size: str) -> None:
    """Applications that read CONTENT_LENGTH bytes read all of it."""
    client.send(chunked(payload))
    environ = facts_of(client.response())["environ"]
    assert environ["CONTENT_LENGTH"] == size
    assert "HTTP_TRANSFER_ENCODING" not in environ


def test_each_request_has_an_environ_of_its_own(client: Client) -> None:
    """PEP 3333: "a builtin Python dictionary" that the application may modify in any way it desires."""
    client.send(get(b"X-A: 1", target=b"/clear") + get())
    assert client.response().body == b"cleared"
    facts = facts_of(client.response())
    assert "HTTP_X_LEFT_BEHIND" not in facts["environ"]
    assert "HTTP_X_A" not in facts["environ"]
    assert {key for key in facts["environ"] if "." not in key} - MAYBE_KEYS == CGI_KEYS | REQUEST_KEYS


def test_a_field_of_one_request_is_not_seen_by_the_next(client: Client) -> None:
    """Neither fields, nor query, nor type, nor length, nor body."""
    client.send(
        message(
            b"POST /?q HTTP/1.1", HOST, b"X-A: 1", b"Content-Type: a/b", b"Content-Length: 5", body=b"hello"
        )
    )
    client.response()
    client.send(get())
    facts = facts_of(client.response())
    assert facts["body"] == ""
    assert "HTTP_X_A" not in facts["environ"]
    assert [facts["environ"].get(key, "") for key in ("QUERY_STRING", *sorted(MAYBE_KEYS))] == ["", "", ""]


def test_wsgi_errors_takes_text_and_the_log_has_it(server: Server, client: Client) -> None:
    """write, writelines, flush; text of any language."""
    client.send(get(target=b"/errors"))
    assert client.response().status == 200
    server.log.wait_for("written é")
    server.log.wait_for("lines written")


@pytest.mark.parametrize("byte", range(0x21, 0x7F))
def test_every_visible_byte_in_the_path_arrives(client: Client, byte: int) -> None:
    """Encoded, each byte of a path decodes to itself."""
    client.send(get(target=b"/a%%%02xb" % byte))
    assert facts_of(client.response())["environ"]["PATH_INFO"] == f"/a{chr(byte)}b"
