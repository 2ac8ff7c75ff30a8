"""What becomes of a correct application's answer: framing, bodiless statuses, fields, files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from tests.support.server import Server
from tests.support.wire import Client, Response
from tests.wire.answers import FILE, GOOD_STATUSES, LARGE
from tests.wire.judge import check_always
from tests.wire.rows import HOST, get, message

BODY = b"abcdef"


def ask(client: Client, path: str, *fields: bytes) -> Response:
    """The answer to a GET of HTTP/1.1."""
    client.send(get(*fields, target=path.encode()))
    return client.response()


def ask_head(client: Client, path: str) -> Response:
    """The answer to a HEAD."""
    client.send(message(f"HEAD {path} HTTP/1.1".encode(), HOST))
    return client.response(head=True)


def ask_old(client: Client, path: str, *fields: bytes) -> Response:
    """The answer to a GET of HTTP/1.0."""
    client.send(message(f"GET {path} HTTP/1.0".encode(), *fields))
    return client.response()


def still_works(client: Client) -> None:
    """The connection serves another request, so the answer before ended where it said."""
    assert ask(client, "/one").body == b"one"


# path, body, framing on HTTP/1.1. "any" where a server may know the length without having been told: a list,
# a file, an iterable that has ended before the head was sent.
FRAMED = [
    ("/one", b"one", "length"),
    ("/one/tuple", b"one", "length"),
    ("/one/empty", b"", "length"),
    ("/one/length", BODY, "length"),
    ("/none/length", b"", "length"),
    ("/list", BODY, "any"),
    ("/generator", BODY, "chunked"),
    ("/generator/empties", BODY, "chunked"),
    ("/generator/none", b"", "any"),
    ("/generator/length", BODY, "length"),
    ("/late", b"late", "chunked"),
    ("/write", BODY, "chunked"),
    ("/write/length", BODY, "length"),
    ("/write/iterate", BODY, "chunked"),
    ("/replaced", b"sorry", "length"),
    ("/replaced/generator", b"sorry", "chunked"),
    ("/large", LARGE, "length"),
    ("/large/generator", LARGE, "chunked"),
    ("/file", FILE, "any"),
    ("/file/length", FILE, "length"),
    ("/file/rest", FILE[1_000_000:], "any"),
    ("/file/part", FILE[8:808], "length"),
    ("/file/empty", b"", "any"),
    ("/file/empty/length", b"", "length"),
    ("/file/at-its-end", b"", "any"),
    ("/file/memory?framed", FILE, "any"),
    ("/file/memory/length?framed", FILE, "length"),
    ("/file/middleware", FILE, "chunked"),
]

framed = pytest.mark.parametrize(("path", "body", "framing"), FRAMED, ids=[row[0] for row in FRAMED])


@framed
def test_an_answer_is_framed_and_the_connection_kept(
    client: Client, path: str, body: bytes, framing: str
) -> None:
    """Content-Length as given, or made for one element; else chunked."""
    response = ask(client, path)
    assert response.body == body
    assert response.framing in ([framing] if framing != "any" else ["length", "chunked"])
    assert "close" not in response.connection
    still_works(client)


@framed
def test_an_answer_to_1_0_has_a_length_or_ends_with_the_connection(
    client: Client, path: str, body: bytes, framing: str
) -> None:
    """RFC 9112 §6.1: no Transfer-Encoding unless the request was HTTP/1.1."""
    response = ask_old(client, path)
    assert response.body == body
    assert (
        response.framing in {"length": ["length"], "chunked": ["close"], "any": ["length", "close"]}[framing]
    )
    client.expect_end()


@framed
def test_a_1_0_connection_is_kept_only_behind_a_length(
    client: Client, path: str, body: bytes, framing: str
) -> None:
    """And then the answer says so: `Connection: keep-alive`."""
    response = ask_old(client, path, b"Connection: keep-alive")
    assert response.body == body
    assert ("keep-alive" in response.connection) == (response.framing == "length")
    if response.framing == "length":
        still_works(client)
    else:
        client.expect_end()


@framed
def test_an_answer_to_head_has_no_body(client: Client, path: str, body: bytes, framing: str) -> None:
    """RFC 9110 §9.3.2, whatever the application yields; the next answer follows at once."""
    response = ask_head(client, path)
    assert response.body == b""
    assert response.get("content-length") in (None, str(len(body)))
    still_works(client)


@framed
def test_an_answer_with_close_is_the_last(client: Client, path: str, body: bytes, framing: str) -> None:
    """RFC 9112 §9.6: the option is answered, and kept."""
    response = ask(client, path, b"Connection: close")
    assert response.body == body
    assert "close" in response.connection
    client.expect_end()


@pytest.mark.parametrize("path", ["/204", "/204/generator", "/204/length", "/304", "/304/length"])
def test_a_bodiless_status_has_no_body(client: Client, path: str) -> None:
    """RFC 9110 §15.3.5, §15.4.5; the framing fields of 204 are checked by the client itself."""
    response = ask(client, path)
    assert response.status == int(path[1:4])
    still_works(client)


def test_a_304_keeps_the_length_that_the_application_gave(client: Client) -> None:
    """RFC 9110 §8.6: it is that of the 200 that was not sent."""
    response = ask(client, "/304/length")
    assert response.get("content-length") == "6"
    assert response.get("etag") == '"a"'


def test_an_answer_to_head_keeps_the_length_that_the_application_gave(client: Client) -> None:
    """Although the application yields nothing: for HEAD it need not."""
    assert ask_head(client, "/head/length").get("content-length") == "6"
    still_works(client)


def test_a_1xx_status_has_neither_body_nor_framing(client: Client) -> None:
    """RFC 9110 §15.2, §8.6: checked by the client."""
    client.send(get(b"Connection: close", target=b"/103"))
    assert client.interim().status == 103


@pytest.mark.parametrize("number", range(len(GOOD_STATUSES)), ids=GOOD_STATUSES)
def test_a_status_arrives_as_it_was_given(client: Client, number: int) -> None:
    """Any code from 200 to 999, and any reason."""
    response = ask(client, f"/status/{number}")
    assert f"{response.status} {response.reason}" == GOOD_STATUSES[number]
    still_works(client)


def test_date_is_the_present_time(client: Client) -> None:
    """RFC 9110 §6.6.1, in the preferred form (checked by `check_always`)."""
    response = ask(client, "/one")
    check_always(response)
    date = parsedate_to_datetime(response.get("date") or "")
    assert abs(datetime.now(UTC) - date) < timedelta(seconds=5)


def test_the_server_names_itself_without_its_version(client: Client) -> None:
    """Rules: `Server: potstill`."""
    assert ask(client, "/one").all("server") == ["potstill"]


def test_an_application_may_set_its_own_date_and_server(client: Client) -> None:
    """Then there is no other."""
    assert ask(client, "/own/date").all("date") == ["Thu, 01 Jan 1970 00:00:00 GMT"]
    assert ask(client, "/own/server").all("server") == ["teapot"]


@pytest.mark.parametrize("path", ["/own/close", "/own/close-in-capitals"])
def test_an_application_may_close_the_connection(client: Client, path: str) -> None:
    """The one hop-by-hop field it may use (rules: the answer); it is said once."""
    response = ask(client, path)
    assert [value.lower() for value in response.all("connection")] == ["close"]
    client.expect_end()


def test_fields_keep_their_order_and_repetition(client: Client) -> None:
    """Set-Cookie above all must not be joined (RFC 9110 §5.3)."""
    response = ask(client, "/cookies")
    names = [field for field in response.fields if field[0] in ("set-cookie", "x-a")]
    assert names == [("set-cookie", "a=1"), ("x-a", "1"), ("set-cookie", "b=2"), ("x-a", "2")]


def test_values_arrive_as_latin_1(client: Client) -> None:
    """Obs-text, tabs, nothing at all; names with any mark of a token."""
    response = ask(client, "/values")
    values = [response.get(name) for name in ("x-latin", "x-tab", "x-empty", "x_low.er")]
    assert values == ["caf\xe9", "a\tb", "", "a"]


def test_an_application_gets_no_framing_field_twice(client: Client) -> None:
    """Its Content-Length is the only one."""
    assert ask(client, "/one/length").all("content-length") == ["6"]


@pytest.mark.parametrize("path", ["/replaced", "/replaced/generator"])
def test_a_replaced_answer_leaves_nothing_of_the_first(client: Client, path: str) -> None:
    """PEP 3333: with exc_info and nothing sent, the headers are replaced."""
    response = ask(client, path)
    assert (response.status, response.reason) == (503, "Sorry")
    assert response.all("x-first") == []


def test_exc_info_in_the_first_call_is_no_fault(client: Client) -> None:
    """Error pages do it."""
    assert ask(client, "/first-exc-info").status == 503


def test_empty_strings_make_no_chunks(client: Client) -> None:
    """An empty chunk would end the body (RFC 9112 §7.1)."""
    assert ask(client, "/generator/empties").chunks == [b"a", b"bc", b"def"]


@pytest.mark.parametrize("path", ["/stepwise", "/stepwise/write"])
def test_a_part_is_sent_before_the_next_is_asked_for(server: Server, client: Client, path: str) -> None:
    """PEP 3333: servers "must not delay the transmission of any block"."""
    client.send(get(target=f"{path}?{path}".encode()))
    client.wait_for(b"first")
    with Client(server.address) as other:
        assert ask(other, f"/release?{path}").body == b"released"
    assert client.response().body == b"firstsecond"


def test_environ_may_be_emptied_by_the_application(client: Client) -> None:
    """The server does not rely on what it gave away."""
    assert ask(client, "/clear").body == b"cleared"
    still_works(client)


def test_a_large_body_reaches_a_client_that_reads_late(client: Client) -> None:
    """Several answers of 5 MB, pipelined and only then read: none is lost, none is mixed."""
    client.send(get(target=b"/large") + get(target=b"/large/generator") + get(target=b"/file"))
    assert client.response().body == LARGE
    assert client.response().body == LARGE
    assert client.response().body == FILE
