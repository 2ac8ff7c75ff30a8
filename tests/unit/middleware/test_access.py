"""AccessRules: which list has the last word, what is answered, and attempts to get around the lists."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from potstill.middleware import AccessRules
from potstill.middleware.access import CLOSE_CONNECTION
from tests.unit.middleware.hosts import (
    HOSTS,
    Answered,
    Recorder,
    ask,
    call,
    environ_of,
    fetch,
    hosted,
    validated,
)
from tests.unit.middleware.test_access_conditions import ROUNDABOUT


def answered(environ: dict[str, str], **rules: Any) -> Answered:
    return ask(lambda app: AccessRules(app, **rules), **environ)


def code_for(address: str, **rules: Any) -> int:
    return answered({"REMOTE_ADDR": address}, **rules).code


LISTS = {"allow": ["10.0.0.0/8"], "deny": ["10.1.0.0/16", "11.0.0.0/8"]}
BOTH, ALLOWED, DENIED, NEITHER = "10.1.0.1", "10.0.0.1", "11.0.0.1", "12.0.0.1"


@pytest.mark.parametrize(
    ("rules", "passing"),
    [
        ({}, {BOTH, ALLOWED, DENIED, NEITHER}),
        ({"default": "deny"}, set()),
        ({"allow": LISTS["allow"]}, {BOTH, ALLOWED}),
        ({"allow": LISTS["allow"], "default": "allow"}, {BOTH, ALLOWED, DENIED, NEITHER}),
        ({"deny": LISTS["deny"]}, {ALLOWED, NEITHER}),
        ({"deny": LISTS["deny"], "default": "deny"}, set()),
        (LISTS, {ALLOWED}),
        (LISTS | {"default": "allow"}, {ALLOWED, NEITHER}),
        (LISTS | {"order": "allow-wins"}, {BOTH, ALLOWED}),
        (LISTS | {"order": "allow-wins", "default": "allow"}, {BOTH, ALLOWED, NEITHER}),
        ({"allow": ["10.0.0.0/8 !10.1.0.0/16"]}, {ALLOWED}),
    ],
)
def test_which_list_has_the_last_word(rules: dict[str, Any], passing: set[str]) -> None:
    """Every combination of lists, order and default, for a peer on both lists, on one, and on none."""
    found = {address for address in (BOTH, ALLOWED, DENIED, NEITHER) if code_for(address, **rules) == 200}
    assert found == passing


@pytest.mark.parametrize(
    ("order", "default", "address"),
    list(
        itertools.product(
            ("deny-wins", "allow-wins"), ("allow", "deny", None), ("unknown", "_x", "127.1", "10.0.0.1 ")
        )
    ),
)
def test_a_peer_nobody_can_place_is_on_the_deny_list_and_not_on_the_allow_list(
    order: str, default: str | None, address: str
) -> None:
    """Whoever hides his address gains nothing by it."""
    assert code_for(address, deny=["10.0.0.0/8"], order=order, default=default) == 403
    assert code_for(address, allow=["all"], order=order, default="deny") == 403


@pytest.mark.parametrize("path", ROUNDABOUT)
def test_no_way_around_a_denied_path(path: str) -> None:
    """Roundabout paths are denied by a deny list, and let in by no allow list."""
    assert answered({"PATH_INFO": path}, deny=["path:/admin"]).code == 403
    assert answered({"PATH_INFO": path}, deny=["path:/admin !10.0.0.0/8"]).code == 403
    assert answered({"PATH_INFO": path}, allow=["path:/admin"]).code == 403
    assert answered({"PATH_INFO": path}, allow=["!path:/admin"]).code == 403


@pytest.mark.parametrize(
    ("environ", "rules"),
    [
        ({"HTTP_X_FORWARDED_FOR": "10.0.0.1"}, {"allow": ["10.0.0.0/8"]}),
        ({"HTTP_X_REAL_IP": "10.0.0.1", "HTTP_FORWARDED": "for=10.0.0.1"}, {"allow": ["10.0.0.0/8"]}),
        ({"REMOTE_ADDR": "::ffff:11.0.0.1"}, {"deny": ["11.0.0.0/8"]}),
        ({"REMOTE_ADDR": "::ffff:b00:1"}, {"deny": ["11.0.0.0/8"]}),
        ({"REQUEST_METHOD": "HEAD"}, {"deny": ["method:GET"]}),
        ({"HTTP_HOST": "admin.example:8000"}, {"deny": ["host:admin.example"]}),
        ({"HTTP_HOST": "ADMIN.EXAMPLE."}, {"deny": ["host:admin.example"]}),
        ({"HTTP_HOST": "shop.example@admin.example"}, {"deny": ["host:admin.example"]}),
        ({"HTTP_HOST": "shop.example, admin.example"}, {"allow": ["host:shop.example"]}),
        ({"HTTP_HOST": "admin.example.evil.example"}, {"allow": ["host:admin.example"]}),
        ({"HTTP_X_TOKEN": "good, bad"}, {"allow": ["header:X-Token=good"]}),
        ({"HTTP_X_BOT": "no, yes"}, {"deny": ["header:X-Bot=yes"]}),
        ({"HTTP_X_TOKEN": "goodX"}, {"allow": ["header:X-Token=good"]}),
        ({"PATH_INFO": "", "SCRIPT_NAME": "/admin"}, {"deny": ["path:/"]}),
        ({"SCRIPT_NAME": "/public", "PATH_INFO": "/admin"}, {"deny": ["path:/admin"]}),
    ],
)
def test_no_way_around_the_other_rules(environ: dict[str, str], rules: dict[str, Any]) -> None:
    """What a client can set does not make it another client."""
    answer = answered(environ, **rules)
    assert answer.code == 403
    assert answer.environ is None


def test_what_passes_is_passed_on_as_it_is() -> None:
    """Nothing is added to environ or answer."""
    environ = {"REMOTE_ADDR": "10.0.0.1", "PATH_INFO": "/x"}
    through, bare = answered(environ, allow=["10.0.0.0/8"]), ask(lambda app: app, **environ)
    assert (through.status, through.fields, through.body) == (bare.status, bare.fields, bare.body)
    assert through.environ is not None
    assert bare.environ is not None
    assert through.environ.keys() == bare.environ.keys()


@pytest.mark.parametrize(
    ("status", "line"), [(403, "403 Forbidden"), (404, "404 Not Found"), (444, "403 Forbidden")]
)
def test_the_answer_for_those_outside(status: int, line: str) -> None:
    """A short one; 444 is a 403 where the server cannot close without an answer."""
    answer = answered({}, default="deny", status=status)
    assert (answer.status, answer.environ) == (line, None)
    assert answer.body == f"{line}\n".encode()
    assert answered({"REQUEST_METHOD": "HEAD"}, default="deny", status=status).body == b""


def test_444_asks_the_server_to_close() -> None:
    """The hook is called once, before the answer, and only for 444."""
    for status, expected in ((444, 1), (403, 0)):
        closed: list[bool] = []
        environ = environ_of() | {CLOSE_CONNECTION: lambda closed=closed: closed.append(True)}
        recorder = Recorder()
        app = AccessRules(validated(recorder), default="deny", status=status)
        assert call(app, recorder, environ).code == 403
        assert len(closed) == expected
        environ[CLOSE_CONNECTION] = None  # a server that has the key and cannot do it now
        assert call(app, recorder, environ | environ_of()).code == 403


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"order": "first"}, "deny-wins"),
        ({"default": "maybe"}, "'allow' or 'deny'"),
        ({"status": 418}, "403, 404 or 444"),
        ({"allow": "10.0.0.0/8"}, "lists of entries"),
        ({"deny": ["10.0.0.1/8"]}, "10.0.0.0/8"),
    ],
)
def test_wrong_options_are_said_when_the_rules_are_made(options: dict[str, Any], says: str) -> None:
    """Not at the first request."""
    with pytest.raises(ValueError, match=says):
        AccessRules(Recorder(), **options)


@pytest.mark.parametrize("host", HOSTS)
def test_under_real_servers(host: str, tmp_path: Path) -> None:
    """The peer is 127.0.0.1, whatever it says; a file decides, and a path on the wire is decoded once."""
    path = tmp_path / "office.txt"
    path.write_text("127.0.0.0/8\n")
    app = AccessRules(validated(Recorder()), allow=[f"file:{path}"], deny=["path:/admin"], default="deny")
    with hosted(host, app) as address:
        for target, expected in (
            ("/", 200),
            ("/admin", 403),
            ("/%61dmin", 403),
            ("/x/%2e%2e/admin", 403),
            ("/x/..%2fadmin", 403),
            ("/%2561dmin", 403),
            ("//admin", 403),
            ("/administration", 200),
        ):
            assert fetch(address, target).code == expected, target
