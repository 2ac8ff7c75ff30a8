"""The table of scenarios, through five frameworks under `wsgiref.validate`, and through four clients each.

Then the few that take more than one exchange: cookies, a session, redirects, conditional requests.
"""

import http.client
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin

import pytest

from tests.apps.clients import (
    PATIENCE_S,
    Address,
    Answer,
    Client,
    Request,
    StrictClient,
    http_client_exchange,
    url,
)
from tests.apps.scenarios import SCENARIOS, Scenario, digested, get, send
from tests.apps.shop import LABEL
from tests.support.server import Server


def skip_unless_it_has_the_feature(framework: str, row: Scenario) -> None:
    if row.only and framework not in row.only:
        pytest.skip(f"{framework} has no such feature")


@pytest.mark.parametrize("row", SCENARIOS, ids=lambda row: row.sentence)
def test_the_shop_answers_alike_behind_every_framework_and_to_every_client(
    framework: str, address: Address, client: Client, row: Scenario
) -> None:
    skip_unless_it_has_the_feature(framework, row)
    answer = client(address, row.request)
    row.expected.check(answer)
    assert parsedate_to_datetime(answer.field("Date") or "").tzinfo


def rows_for_one_connection(framework: str) -> list[Scenario]:
    """All the framework can do, but for the exceptions: the server may part from a client after those."""
    rows = [row for row in SCENARIOS if not row.only or framework in row.only]
    return [row for row in rows if row.expected.status != 500]


def stays_open(answer: Answer) -> bool:
    return "close" not in (answer.field("Connection") or "").lower()


@pytest.mark.slow
def test_http_client_gets_every_answer_through_one_connection(framework: str, address: Address) -> None:
    """An answer that is framed a byte too long or too short would spoil the next."""
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    connection.connect()
    first_socket = connection.sock
    try:
        for row in rows_for_one_connection(framework):
            answer = http_client_exchange(connection, row.request)
            row.expected.check(answer)
            assert connection.sock is first_socket, f"the connection was given up at: {row.sentence}"
    finally:
        connection.close()


@pytest.mark.slow
def test_h11_gets_every_answer_through_one_connection(framework: str, address: Address) -> None:
    with StrictClient(address) as client:
        for row in rows_for_one_connection(framework):
            answer = client.exchange(row.request)
            row.expected.check(answer)
            assert stays_open(answer), row.sentence
            client.protocol.start_next_cycle()


def test_the_framework_that_answers_is_the_one_that_was_asked_for(
    framework: str, address: Address, client: Client
) -> None:
    assert f"by {framework}".encode() in client(address, get("/")).body


def test_the_framework_rebuilds_the_url_that_the_client_asked_for(address: Address, client: Client) -> None:
    seen = client(address, get("/whereami?a=1&b=%20")).json()
    assert seen == {"url": url(address, "/whereami?a=1&b=%20"), "script": "", "path": "/whereami"}


@pytest.mark.parametrize("target", ["/casks/7", "/files/label.txt", "/files/large.bin"])
def test_head_says_what_get_would(address: Address, client: Client, target: str) -> None:
    got, headed = (client(address, Request(method, target)) for method in ("GET", "HEAD"))
    assert headed.status == got.status
    assert headed.body == b""
    for name in ("Content-Type", "Content-Length", "Last-Modified", "ETag"):
        assert headed.field(name) == got.field(name)


@pytest.mark.parametrize("target", ["/casks/7", "/large", "/files/label.txt"])
def test_an_answer_of_known_length_says_so(address: Address, client: Client, target: str) -> None:
    answer = client(address, get(target))
    assert answer.field("Content-Length") == str(len(answer.body))
    assert answer.field("Transfer-Encoding") is None


def test_an_answer_of_unknown_length_is_chunked(address: Address, client: Client) -> None:
    answer = client(address, get("/lines/3"))
    assert answer.field("Transfer-Encoding") == "chunked"
    assert answer.field("Content-Length") is None


def test_every_answer_names_the_server_once(address: Address, client: Client) -> None:
    assert client(address, get("/casks/7")).field("Server") == "potstill"


def cookies_of(answer: Answer) -> dict[str, str]:
    """What a browser would keep; each cookie comes in a Set-Cookie of its own."""
    pairs = [value.partition(";")[0].partition("=") for value in answer.all("Set-Cookie")]
    return {name: value for name, _, value in pairs}


def with_cookies(cookies: dict[str, str]) -> tuple[str, str]:
    return "Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())


def test_cookies_are_set_apart_and_come_back_together(address: Address, client: Client) -> None:
    cookies = cookies_of(client(address, get("/cookies/set")))
    assert cookies == {"cask": "seven", "peat": "heavy"}
    assert client(address, get("/cookies/read", with_cookies(cookies))).json() == cookies


def test_cookies_in_two_fields_are_read_as_one(address: Address, client: Client) -> None:
    """RFC 9113 §8.2.3 lets a proxy split them; joined with a comma they would be one wrong cookie."""
    answer = client(address, get("/cookies/read", ("Cookie", "cask=seven"), ("Cookie", "peat=heavy")))
    assert answer.json() == {"cask": "seven", "peat": "heavy"}


def test_a_session_counts_in_a_signed_cookie(address: Address, client: Client) -> None:
    cookies: dict[str, str] = {}
    for visit in (1, 2, 3):
        answer = client(address, get("/visits", *([with_cookies(cookies)] if cookies else [])))
        assert answer.json() == {"visits": visit}
        cookies |= cookies_of(answer)


def test_a_forged_session_starts_anew(address: Address, client: Client) -> None:
    cookies = cookies_of(client(address, get("/visits")))
    forged = {name: f"X{value[1:-1]}X" for name, value in cookies.items()}
    assert client(address, get("/visits", with_cookies(forged))).json() == {"visits": 1}


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_leads_where_it_says(address: Address, client: Client, code: int) -> None:
    """The location may be relative or absolute (RFC 9110 §10.2.2): frameworks do either."""
    asked = f"/redirects/{code}?to=/casks/7"
    answer = client(address, get(asked))
    assert answer.status == code
    assert urljoin(url(address, asked), answer.field("Location")) == url(address, "/casks/7")


def test_a_created_thing_says_where_it_is(address: Address, client: Client) -> None:
    answer = client(address, send("POST", "/casks", b'{"cask": 12}', "application/json"))
    assert urljoin(url(address, "/casks"), answer.field("Location")) == url(address, "/casks/12")


@pytest.mark.parametrize("beside", [(), (("Without-Validator", "1"),)], ids=["validated", "bare"])
def test_a_file_that_has_not_changed_is_not_sent_again(
    address: Address, client: Client, beside: tuple[tuple[str, str], ...]
) -> None:
    first = client(address, get("/files/label.txt", *beside))
    assert first.body == LABEL
    since = ("If-Modified-Since", first.field("Last-Modified") or "")
    again = client(address, get("/files/label.txt", since, *beside))
    assert (again.status, again.body) == (304, b"")


def test_a_file_can_be_fetched_in_pieces(framework: str, address: Address, client: Client) -> None:
    if framework == "django":
        pytest.skip("django has no such feature")
    pieces = [
        client(address, get("/files/label.txt", ("Range", f"bytes={at}-{at + 9}"))).body
        for at in range(0, len(LABEL), 10)
    ]
    assert b"".join(pieces) == LABEL


def test_an_exception_is_logged_once_with_its_traceback(server: Server, client: Client) -> None:
    """The answer keeps the details, the log has them: the request, and what was raised."""
    target = f"/errors/raised?by={client.__name__}"
    assert client(server.address, get(target)).status == 500
    server.log.wait_for(r"exception in GET /errors/raised\?by=" + client.__name__)
    server.log.wait_for(r"RuntimeError: the vault opens")
    assert len(server.log.lines(rf"exception in .*\?by={client.__name__}\b")) == 1


def test_the_server_serves_on_after_exceptions(address: Address, client: Client) -> None:
    for target in ("/errors/raised", "/errors/exit") * 8:
        assert client(address, get(target)).status == 500
    body = b"still here"
    assert client(address, send("POST", "/digest", body)).json() == digested(body)
