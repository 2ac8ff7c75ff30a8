"""The reverse proxy: several upstream servers behind one WSGI application, from a list that may change.

    application = Proxy(["http://10.0.0.1:8080", "http://10.0.0.2:8080 weight=3"], policy="least-connections")
    application = Proxy("dns+http://app.internal:8080", check=HealthCheck("/health"))
    application = Proxy("file:/etc/shop/upstreams")

It is a `Balance` of `RemoteApp`s and keeps that up to date with its sources.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from typing import Any

from potstill.middleware.balance import Balance
from potstill.middleware.balance_member import MemberStatistics
from potstill.middleware.proxy.options import RemoteOptions
from potstill.middleware.proxy.remote import RemoteApp
from potstill.middleware.upstream import Upstream
from potstill.middleware.upstream_sources import Sources

# While nothing is known a name is looked up sooner: in a new network names come up one after the other.
IMPATIENT_S = 1.0

_OF_REMOTE = frozenset(field.name for field in fields(RemoteOptions))


class Proxy:
    """Upstream servers as one WSGI application (PEP 3333). Any number of threads may call it."""

    def __init__(self, upstreams: str | Sequence[str], *, refresh_s: float = 5.0, **options: Any) -> None:
        """`upstreams`: addresses as `parse_upstream` reads them, `file:` and `dns+` as in `upstream_sources`.
        Files and names are read again every `refresh_s` seconds. The options are those of `BalanceOptions`
        and of `RemoteOptions`; who gives a `total_timeout_s` and no `try_timeout_s` lets one try take all of
        that.

        Reads files, opens no connection and looks up no name yet. Raises ValueError for an address or a value
        that is wrong, TypeError for an option that does not exist.
        """
        if not refresh_s > 0:
            raise ValueError(f"refresh_s must be a number of seconds above 0, not {refresh_s!r}")
        entries = [upstreams] if isinstance(upstreams, str) else list(upstreams)
        self._sources = Sources(entries)
        self._refresh_s = refresh_s
        self._remote = {name: options.pop(name) for name in _OF_REMOTE & options.keys()}
        if "total_timeout_s" in options:
            self._remote.setdefault("try_timeout_s", options["total_timeout_s"])
        RemoteOptions(**self._remote)  # says now what is wrong, not when a server is found
        self._applications: dict[str, RemoteApp] = {}
        self._lock = threading.Lock()
        self._process = 0
        self.balance = Balance([], jobs=[self._refresh] if self._sources.change else [], **options)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if self._process != os.getpid():
            self._begin()
        return self.balance(environ, start_response)

    def statistics(self) -> list[MemberStatistics]:
        """How each upstream server is doing; empty before the first request of this process."""
        return self.balance.statistics()

    def close(self) -> None:
        """Stop the checks and close the connections that nobody uses."""
        self.balance.close()

    def _begin(self) -> None:
        """Read the sources before the first request; those that come at the same time wait for it."""
        with self._lock:
            if self._process != os.getpid():
                self._read()
                self._process = os.getpid()

    def _refresh(self) -> float:
        with self._lock:
            self._read()
            return self._refresh_s if self._applications else min(self._refresh_s, IMPATIENT_S)

    def _read(self) -> None:
        upstreams = self._sources.read()
        self._applications = {one.target: self._application(one) for one in upstreams}
        self.balance.replace([*self._applications.values()], [one.weight for one in upstreams])

    def _application(self, upstream: Upstream) -> RemoteApp:
        known = self._applications.get(upstream.target)
        # The same address for another name, after a change of the list, is another server.
        if known is not None and known.upstream.name == upstream.name:
            return known
        return RemoteApp(upstream, **self._remote)
