"""All of it in the order that docs/access.md gives, under real servers: what one finds out, the next relies
on."""

from __future__ import annotations

from pathlib import Path

import pytest

from potstill.middleware import AccessRules, BasicAuth, Forwarded, RateLimit
from tests.unit.middleware.hosts import HOSTS, Recorder, fetch, hosted, validated
from tests.unit.middleware.test_basic_auth import basic
from tests.unit.middleware.test_htpasswd import BCRYPT

INSIDE, OUTSIDE = "10.0.0.1", "203.0.113.7"
ALICE = basic("alice", "secret")


@pytest.mark.parametrize("host", HOSTS)
def test_rules_limits_and_passwords_hold_for_the_client_behind_the_proxy(host: str, tmp_path: Path) -> None:
    """The peer is the trusted proxy; nobody gains its rights, another's address, or another's share."""
    users = tmp_path / "htpasswd"
    users.write_text(f"alice:{BCRYPT}\n")
    recorder = Recorder()
    rules = AccessRules(
        BasicAuth(validated(recorder), str(users)), allow=["10.0.0.0/8"], deny=["path:/admin"]
    )
    app = Forwarded(RateLimit(rules, "3/d"), trusted=["127.0.0.0/8"])
    steps = [
        ("/", {"X_Forwarded_For": INSIDE}, 401),
        ("/", {"X_Forwarded_For": INSIDE, "Authorization": ALICE}, 200),
        ("/x/../admin", {"X_Forwarded_For": INSIDE, "Authorization": ALICE}, 403),
        ("/", {"X_Forwarded_For": INSIDE, "Authorization": ALICE}, 429),
        ("/", {"X_Forwarded_For": f"10.9.9.9, {INSIDE}", "Authorization": ALICE}, 429),
        ("/", {"X_Forwarded_For": f"{INSIDE}, {OUTSIDE}", "Authorization": ALICE}, 403),
        ("/", {"X_Forwarded_For": "_a", "Authorization": ALICE}, 403),
        ("/", {"X_Forwarded_For": "nonsense", "Authorization": ALICE}, 400),
        ("/", {"Forwarded": f"for={INSIDE}", "Authorization": ALICE}, 403),
    ]
    with hosted(host, app) as address:
        assert [fetch(address, target, **fields).code for target, fields, _ in steps] == [
            code for _, _, code in steps
        ]
    (environ,) = recorder.seen
    assert (environ["REMOTE_ADDR"], environ["REMOTE_USER"]) == (INSIDE, "alice")
