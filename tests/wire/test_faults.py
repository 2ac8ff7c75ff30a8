"""Applications at fault: 500 before the first byte, a cut after it, a log line always, and the server stays.

A cut is what a client cannot take for whole: no last chunk, less than the length, or, where nothing but the
close delimits the body, a reset. `test_the_server_has_outlived_it_all` asks again at the end.
"""

from __future__ import annotations

import re
from itertools import count

import pytest

from tests.support.server import Server
from tests.support.wire import Client, CutError, Response
from tests.wire import faults
from tests.wire.judge import check_always
from tests.wire.rows import HOST, get, message

NUMBERS = count()
BEFORE = [
    *(f"/fault/before/{name}" for name in faults.BEFORE_THE_FIRST_BYTE),
    "/fault/no-start",
    "/fault/start-too-late",
    "/fault/start-twice",
    "/fault/write-str",
    "/fault/raise-before-start",
]
AFTER = [
    *(f"/fault/after/{name}" for name in faults.AFTER_THE_FIRST_BYTE),
    "/fault/start-again-after-the-body",
    "/fault/write-then-raise",
]
SHORT = [*(f"/fault/short/{name}" for name in faults.TOO_SHORT), "/fault/write-too-little"]
LONG = [*(f"/fault/long/{name}" for name in faults.TOO_LONG), "/fault/write-too-much"]


def request(path: str, *fields: bytes) -> tuple[bytes, str]:
    """A GET of the path with a query of its own, and the pattern that finds that in the log."""
    target = f"{path}?{next(NUMBERS)}"
    return get(*fields, target=target.encode()), re.escape(target) + r"(?!\d)"


def ask(client: Client, path: str, *fields: bytes) -> Response:
    """The answer to a GET."""
    client.send(request(path, *fields)[0])
    return client.response()


def check_500(response: Response) -> None:
    """An answer of the server's own, without details."""
    assert response.status == 500
    assert response.reason == "Internal Server Error"
    assert response.framing == "length"
    assert (response.get("content-type") or "").startswith("text/plain")
    assert "X-Bad" not in str(response.fields)
    assert b"Traceback" not in response.body
    check_always(response)


def check_afterwards(client: Client, response: Response) -> None:
    """The connection does what the answer said: it ends, or works."""
    if "close" in response.connection:
        client.expect_end()
    else:
        assert ask(client, "/one").body == b"one"


@pytest.mark.parametrize("path", BEFORE)
def test_a_fault_before_the_first_byte_is_a_500(client: Client, path: str) -> None:
    """SystemExit and its like too (waitress 3.0.2 left the client hanging, cheroot stopped)."""
    response = ask(client, path)
    check_500(response)
    check_afterwards(client, response)


@pytest.mark.parametrize("path", BEFORE)
def test_a_fault_before_the_first_byte_is_a_500_of_head_too(client: Client, path: str) -> None:
    """RFC 9110 §9.3.2: the same status, and no body."""
    client.send(message(f"HEAD {path} HTTP/1.1".encode(), HOST))
    response = client.response(head=True)
    # An iterable that nobody has to read is not at fault: it may answer 200 as well.
    assert response.status in (200, 500)
    check_afterwards(client, response)


@pytest.mark.parametrize("path", [*BEFORE, *AFTER])
def test_a_fault_is_logged_once_with_method_target_and_peer(
    server: Server, client: Client, path: str
) -> None:
    """`GET /x from 127.0.0.1:5432` is what an operator looks for."""
    raw, pattern = request(path)
    seen = len(server.log.lines())
    client.send(raw)
    client.wait_for(b"\r\n\r\n")
    server.log.wait_for(rf"GET {pattern}.* from {re.escape(client.local_address)}", since=seen)
    assert len(server.log.lines(pattern, since=seen)) == 1


def test_an_exception_is_logged_with_its_traceback(server: Server, client: Client) -> None:
    """Its text is for the log, not for the client."""
    response = ask(client, "/fault/raise-before-start")
    assert b"swordfish" not in response.body
    server.log.wait_for("exception in GET /fault/raise-before-start")
    server.log.wait_for("Traceback")
    server.log.wait_for("LookupError: the password is swordfish")


def test_a_path_cannot_write_a_line_into_the_log(server: Server, client: Client) -> None:
    """uvicorn CVE-2020-7694: the path decodes to line ends and escapes, the log does not."""
    response = ask(client, "/fault/line%0D%0Aforged:%20yes%1B%5B31m")
    check_500(response)
    server.log.wait_for("exception in GET /fault/line")
    assert server.log.lines("^forged") == []
    assert server.log.lines("\x1b") == []


@pytest.mark.parametrize("path", AFTER)
def test_a_fault_after_the_first_byte_cuts_the_answer(client: Client, path: str) -> None:
    """No last chunk: nobody can take it for whole."""
    client.send(request(path)[0])
    with pytest.raises(CutError) as cut:
        client.response()
    assert cut.value.partial is not None
    assert (cut.value.partial.status, cut.value.partial.body) == (200, b"first")


@pytest.mark.parametrize("path", AFTER)
def test_a_fault_after_the_first_byte_resets_a_1_0_connection(client: Client, path: str) -> None:
    """There a clean end would be the sign of a whole body."""
    client.send(message(f"GET {path} HTTP/1.0".encode()))
    with pytest.raises(CutError) as cut:
        client.response()
    assert cut.value.reset


@pytest.mark.parametrize("path", SHORT)
def test_a_body_shorter_than_its_length_is_cut_and_logged(server: Server, client: Client, path: str) -> None:
    """Never padded: the client sees that bytes are missing (rules: the answer)."""
    raw, pattern = request(path)
    client.send(raw + get())
    with pytest.raises(CutError) as cut:
        client.response()
    assert cut.value.partial is None or b"first".startswith(cut.value.partial.body)
    server.log.wait_for(pattern)


@pytest.mark.parametrize("path", LONG)
def test_a_body_longer_than_its_length_is_cut_at_it_and_logged(
    server: Server, client: Client, path: str
) -> None:
    """Never run over: what is too much would be read as the next answer. The connection closes."""
    raw, pattern = request(path)
    client.send(raw)
    assert client.response().body == b"abcdef"
    client.expect_end()
    server.log.wait_for(pattern)


@pytest.mark.parametrize("path", LONG)
def test_what_is_too_much_is_no_answer_to_the_next_request(client: Client, path: str) -> None:
    """Pipelined, the next request gets its own answer or none."""
    client.send(request(path)[0] + get(target=b"/one"))
    assert client.response().body == b"abcdef"
    assert client.remainder() == b"" or client.response().body == b"one"


@pytest.mark.parametrize("name", faults.BAD_STATUSES)
def test_a_bad_status_is_a_500_and_logged(server: Server, client: Client, name: str) -> None:
    """Rules: `NNN reason`, 100 ≤ NNN ≤ 999 (granian: an odd status stopped the whole server)."""
    raw, pattern = request(f"/fault/status/{name}")
    client.send(raw)
    response = client.response()
    check_500(response)
    check_afterwards(client, response)
    server.log.wait_for(pattern)


@pytest.mark.parametrize("name", faults.BAD_HEADERS)
def test_a_bad_header_is_a_500_and_the_log_names_it(server: Server, client: Client, name: str) -> None:
    """gunicorn CVE-2018-1000164, puma CVE-2020-5247, uvicorn CVE-2020-7695, uwsgi CVE-2023-27522."""
    raw, pattern = request(f"/fault/header/{name}")
    seen = len(server.log.lines())
    client.send(raw)
    response = client.response()
    check_500(response)
    check_afterwards(client, response)
    server.log.wait_for(pattern, since=seen)
    server.log.wait_for(faults.BAD_HEADERS[name][1], since=seen)


def test_a_fault_in_close_does_not_harm_the_answer(server: Server, client: Client) -> None:
    """It is whole by then; the fault is logged."""
    raw, _ = request("/fault/raise-in-close")
    client.send(raw)
    assert client.response().body == b"whole"
    server.log.wait_for("LookupError: cannot close")


@pytest.mark.parametrize("path", ["/file/short", "/count/short?file"])
def test_a_file_shorter_than_its_length_is_cut(client: Client, path: str) -> None:
    """Also when the kernel sends it."""
    client.send(request(path)[0])
    with pytest.raises(CutError):
        client.response()


def test_the_server_has_outlived_it_all(server: Server, client: Client) -> None:
    """The same process, still answering."""
    assert server.process.poll() is None
    assert ask(client, "/one").body == b"one"
