"""The table of options: names and defaults as promised, and every face of it in step."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from potstill import settings
from potstill.settings import GROUPS, OPTIONS, Option, Settings, max_connections_auto
from potstill.settings.kinds import Text

ROOT = Path(__file__).resolve().parents[2]

# The promise to users, written a second time on purpose: who changes a default has to mean it.
PROMISED = {
    "--bind": "127.0.0.1:8000",
    "--backlog": "2048",
    "--max-connections": "auto",
    "--threads": "8",
    "--workers": "none",
    "--worker-timeout": "30s",
    "--boot-timeout": "2m",
    "--max-requests": "unlimited",
    "--max-requests-jitter": "0",
    "--max-worker-lifetime": "0s",
    "--max-worker-rss": "0",
    "--warmup": "none",
    "--drain-delay": "0s",
    "--preload": "no",
    "--reuse-port": "no",
    "--socket-mode": "by the umask",
    "--user": "none",
    "--group": "none",
    "--umask": "inherited",
    "--proc-name": "none",
    "--on-starting": "none",
    "--when-ready": "none",
    "--pre-fork": "none",
    "--post-fork": "none",
    "--worker-ready": "none",
    "--worker-exit": "none",
    "--on-reload": "none",
    "--on-exit": "none",
    "--graceful-timeout": "30s",
    "--log-level": "info",
    "--certfile": "none",
    "--keyfile": "none",
    "--chainfile": "none",
    "--keyfile-password": "none",
    "--cert-dir": "none",
    "--sni-strict": "no",
    "--ssl-min-version": "1.2",
    "--ciphers": "none",
    "--ca-certs": "none",
    "--cert-reqs": "none",
    "--redirect-http": "none",
    "--hsts": "none",
    "--dev-cert": "no",
    "--proxy-protocol": "no",
    "--proxy-allow-from": "127.0.0.1,::1,unix",
    "--handshake-timeout": "10s",
    "--mount": "none",
    "--static": "none",
    "--upstream": "none",
    "--cgi": "none",
    "--redirect": "none",
    "--allow": "none",
    "--deny": "none",
    "--forwarded-trust": "none",
    "--forwarded-hops": "0",
    "--forwarded-family": "x-forwarded",
    "--forwarded-believe": "for,proto",
    "--header-timeout": "20s",
    "--body-timeout": "30s",
    "--write-timeout": "30s",
    "--min-rate": "240",
    "--keepalive": "75s",
    "--keepalive-requests": "unlimited",
    "--limit-request-line": "8190",
    "--limit-request-fields": "100",
    "--limit-request-field-size": "16KiB",
    "--limit-request-head": "64KiB",
    "--limit-request-body": "1GiB",
    "--header-map": "drop",
    "--server-header": "potstill",
    "--body-memory": "1MiB",
    "--response-memory": "1MiB",
    "--spool-dir": "the system's",
    "--request-buffering": "on",
    "--response-spool": "1GiB",
    "--request-timeout": "0s",
    "--interrupt-grace": "5s",
    "--slow-request": "10s",
    "--cancel-on-disconnect": "no",
    "--queue-timeout": "0s",
    "--backlog-limit": "unlimited",
    "--trust-request-start": "no",
    "--health-path": "none",
    "--ready-path": "none",
    "--handover-limit": "512",
    "--access-log": "auto",
    "--access-log-format": "common",
    "--access-log-skip": "none",
    "--access-log-sample": "100%",
    "--access-log-slower": "0s",
    "--log-format": "text",
    "--log-config": "none",
    "--admin": "none",
    "--admin-token": "none",
    "--statsd": "none",
    "--statsd-prefix": "potstill",
    "--server-timing": "no",
    "--otel": "no",
    "--dev": "no",
    "--reload-include": "none",
    "--reload-exclude": "none",
    "--reload-by": "auto",
    "--debugger": "yes",
    "--live-reload": "no",
    "--lint": "no",
    "--profile": "none",
    "--profile-over": "100ms",
    "--record": "none",
}


def test_names_and_defaults_are_those_promised() -> None:
    """Names and defaults as the table of limits and timeouts has them."""
    shown = {option.flag: option.show(option.default) for option in OPTIONS if not option.positional}
    assert shown == PROMISED


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_can_be_read_from_what_is_shown(option: Option) -> None:
    """The default is a value of its own kind, and its text means the same value."""
    kind = option.about.kind
    assert kind.read(option.default) == option.default
    if option.default not in (None, "") and not isinstance(kind, Text):
        assert kind.read(option.show(option.default)) == option.default


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_says_what_it_does(option: Option) -> None:
    """A sentence, a group that is shown, a word for the value, and the server behind each foreign name."""
    assert option.help[0].isupper()
    assert option.help.endswith(".")
    assert option.about.group in GROUPS
    assert option.about.kind.metavar.isupper()
    assert all(": " in peer for peer in option.about.peers)


def test_settings_are_frozen() -> None:
    """Nobody owns them, so nobody changes them."""
    with pytest.raises(AttributeError):
        Settings().threads = 3  # type: ignore[misc]
    assert msgspec.structs.replace(Settings(), threads=3).threads == 3


@pytest.mark.parametrize(
    ("soft", "expected"),
    [(1000, 800), (1, 1), (resource.RLIM_INFINITY, 838860), (1 << 30, 838860)],
)
def test_max_connections_follow_the_limit_on_open_files(
    soft: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """80 % of the soft limit, at least one, and not absurdly many where there is no limit."""
    monkeypatch.setattr(settings.resource, "getrlimit", lambda which: (soft, soft))
    assert max_connections_auto() == expected


@pytest.mark.slow
def test_the_page_about_settings_is_fresh() -> None:
    """docs/settings.md holds what docs/generate.py writes; run that after a change of the table."""
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=30,
        check=False,
    )
    assert done.returncode == 0
