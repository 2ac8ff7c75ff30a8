"""The whole proxy: servers that die and come back, and lists that change."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from potstill.middleware import Proxy
from potstill.middleware.balance_checks import HealthCheck
from tests.support.engine import wait_until
from tests.support.upstream import Peer, Scripted, always, ask

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\n"


def named(name: bytes) -> Any:
    return always(ANSWER + name)


def test_one_address_or_several() -> None:
    with Scripted(named(b"a")) as a, Scripted(named(b"b")) as b:
        alone = Proxy(a.url)
        assert ask(alone).body == b"a"
        both = Proxy([a.url, f"{b.url} weight=3"])
        assert sorted(ask(both).body for _ in range(8)) == [b"a"] * 2 + [b"b"] * 6
        assert [(one.name, one.weight) for one in both.statistics()] == [(a.url, 1), (b.url, 3)]
        alone.close()
        both.close()


def test_a_server_that_dies_is_left_out_and_taken_back() -> None:
    """Every request is answered meanwhile."""
    with Scripted(named(b"b")) as b:
        with Scripted(named(b"a")) as a:
            proxy = Proxy([a.url, b.url], eject_s=0.01, eject_max_s=0.01)
            assert {ask(proxy).body for _ in range(4)} == {b"a", b"b"}
        assert {ask(proxy).body for _ in range(6)} == {b"b"}
        with Scripted(named(b"a"), port=int(a.url.rpartition(":")[2])):
            wait_until(lambda: ask(proxy).body == b"a")
            proxy.close()


def test_a_list_in_a_file(tmp_path: Path) -> None:
    with Scripted(named(b"a")) as a, Scripted(named(b"b")) as b:
        path = tmp_path / "upstreams"
        path.write_text(a.url)
        proxy = Proxy(f"file:{path}", refresh_s=0.01)
        assert {ask(proxy).body for _ in range(4)} == {b"a"}
        other = tmp_path / "new"
        other.write_text(b.url)
        os.replace(other, path)
        wait_until(lambda: ask(proxy).body == b"b")
        proxy.close()


def test_a_name_that_comes_up_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 until it is known, and it is looked for more often until then."""
    from potstill.middleware import upstream_sources
    from potstill.middleware.proxy import proxy as module

    found: list[Any] = []

    def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return found

    monkeypatch.setattr(module, "IMPATIENT_S", 0.01)
    with Scripted(named(b"a")) as a:
        port = int(a.url.rpartition(":")[2])
        with monkeypatch.context() as patched:
            patched.setattr(upstream_sources.socket, "getaddrinfo", getaddrinfo)
            proxy = Proxy(f"dns+http://app.test:{port}", refresh_s=60)
            assert proxy.statistics() == []
            assert ask(proxy).status == 503
            found.append((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)))
            wait_until(lambda: proxy.statistics())
        assert ask(proxy, HTTP_HOST=None).body == b"a"
        assert f"Host: app.test:{port}\r\n".encode() in a.requests[-1]
        proxy.close()


def test_active_checks_take_the_way_of_requests() -> None:
    sick = always(ANSWER.replace(b"200 OK", b"503 Sick") + b"x")
    with Scripted(sick) as a, Scripted(named(b"b")) as b:
        proxy = Proxy([a.url, b.url], check=HealthCheck("/health", interval_s=0.01, rise=1, fall=1))
        ask(proxy)
        wait_until(lambda: proxy.statistics()[0].down)
        assert {ask(proxy).body for _ in range(5)} == {b"b"}
        proxy.close()
        assert any(raw.startswith(b"GET /health HTTP/1.1\r\n") for raw in a.requests)


def test_after_a_fork_it_begins_anew() -> None:
    """Loaded before the workers are forked, it must neither share connections nor wait for a thread that the
    parent has."""
    with Scripted(named(b"a")) as a:
        proxy = Proxy(a.url, check=HealthCheck(interval_s=60))
        assert ask(proxy).body == b"a"
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if ask(proxy).body == b"a" else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert ask(proxy).body == b"a"
        proxy.close()


def test_one_try_may_take_all_the_time_there_is() -> None:
    """Whoever says only how long a request may take wants no slow request to be sent a second time."""

    def slow(peer: Peer) -> None:
        peer.request()
        peer.wait_closed()

    with Scripted(slow) as a, Scripted(slow) as b:
        proxy = Proxy([a.url, b.url], total_timeout_s=0.1)
        assert ask(proxy).status == 504
        assert len(a.requests) + len(b.requests) == 1
        both = Proxy([a.url, b.url], total_timeout_s=0.2, try_timeout_s=0.05)
        assert ask(both).status == 504
        assert len(a.requests) + len(b.requests) == 3
        proxy.close()
        both.close()


@pytest.mark.parametrize(
    ("upstreams", "options", "error", "said"),
    [
        ([], {}, ValueError, "no upstream"),
        (["gopher://a"], {}, ValueError, "no scheme 'gopher'"),
        (["http://a"], {"refresh_s": 0}, ValueError, "refresh_s"),
        (["http://a"], {"try_timeout_s": 0}, ValueError, "try_timeout_s"),
        (["http://a"], {"policy": "best"}, ValueError, "policy"),
        (["http://a"], {"timeout": 3}, TypeError, "unexpected keyword argument 'timeout'"),
    ],
)
def test_mistakes_are_told_when_it_is_made(
    upstreams: list[str], options: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        Proxy(upstreams, **options)
