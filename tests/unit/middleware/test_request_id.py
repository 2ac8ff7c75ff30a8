"""One id for a request, in the application and for the client."""

from __future__ import annotations

import re
from typing import Any

import pytest

from potstill.middleware import RequestId
from tests.unit.middleware.calling import WAYS, Speaker, through
from tests.unit.middleware.hosts import Answered, ask


def asked(given: str | None = None, address: str = "192.0.2.1", **arguments: Any) -> Answered:
    changes = {} if given is None else {"HTTP_X_REQUEST_ID": given}
    return ask(lambda app: RequestId(app, **arguments), REMOTE_ADDR=address, **changes)


def id_of(answer: Answered) -> str:
    """The id, which must be the same in all three places."""
    assert answer.environ is not None
    (name,) = answer.all("X-Request-ID")
    assert answer.environ["potstill.request_id"] == answer.environ["HTTP_X_REQUEST_ID"] == name
    return name


def test_each_request_gets_an_id_of_its_own() -> None:
    """32 hexadecimal digits."""
    names = {id_of(asked()) for _ in range(50)}
    assert len(names) == 50
    assert all(re.fullmatch(r"[0-9a-f]{32}", name) for name in names)


def test_only_trusted_proxies_may_say_one() -> None:
    """Anybody else's is replaced, in the environ too."""
    trusted = {"trusted": ["10.0.0.0/8", "unix"]}
    assert id_of(asked("from-proxy", "10.1.2.3", **trusted)) == "from-proxy"
    assert id_of(asked("from-proxy", "", **trusted)) == "from-proxy"
    assert id_of(asked("forged", "192.0.2.1", **trusted)) != "forged"
    assert id_of(asked("forged", "10.1.2.3")) != "forged"


@pytest.mark.parametrize("given", ["", "a b", "a\tb", "x" * 129, "é", "<script>", "a,b", 'a"b', "a%0a"])
def test_what_would_spoil_a_log_is_no_id(given: str) -> None:
    """Even from a trusted proxy, which may pass on what its client said."""
    assert id_of(asked(given, "10.1.2.3", trusted=["10.0.0.0/8"])) != given


@pytest.mark.parametrize("given", ["4bf92f35-77b3-4da6", "root:1-67891233=abc+/", "x" * 128, "~a@b._-"])
def test_ids_that_are_in_use_are_kept(given: str) -> None:
    """UUIDs, base64, those of load balancers."""
    assert id_of(asked(given, "10.1.2.3", trusted=["10.0.0.0/8"])) == given


@pytest.mark.parametrize("way", WAYS)
def test_it_is_said_once_in_every_way_to_answer(way: str) -> None:
    """In place of what the application says under that name."""
    own = [("Content-Type", "text/plain"), ("x-trace", "mine")]
    heard = through(lambda app: RequestId(app, header="X-Trace"), Speaker(way, [b"a", b"b"], own))
    assert heard.body == b"ab"
    assert len(heard.all("X-Trace")) == 1
    assert heard.all("X-Trace") != ["mine"]


def test_wrong_arguments_are_refused() -> None:
    """A field's name, and networks."""
    with pytest.raises(ValueError, match="not the name of a field"):
        RequestId(Speaker("whole", []), header="X Id")
    with pytest.raises(ValueError, match="is no network"):
        RequestId(Speaker("whole", []), trusted=["everybody"])
