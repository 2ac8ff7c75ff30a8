"""No more than so many requests a second from each client.

    RateLimit(app, "20/s burst 40", by="address", shared="shop")

ratelimit_rate.py has the rule, ratelimit_table.py the memory that the workers share. Here is who counts as
one client, and what one is told: 429 with Retry-After (RFC 6585 section 4), and with every response the
fields RateLimit-Policy and RateLimit of draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from potstill.middleware.afresh import AGAIN
from potstill.middleware.answers import plain_answer
from potstill.middleware.networks import IPV6_ORIGIN, UNIX_PLACE, place_of
from potstill.middleware.ratelimit_rate import Rate, Verdict, seconds
from potstill.middleware.ratelimit_table import SharedTable

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

KEYS = 65536
# A network that a provider gives to one customer; its addresses are his to change (RFC 6177 section 2).
IPV6_PREFIX = 64
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_POLICY_NAME = re.compile(r"[ !#-\[\]-~]{1,64}", re.ASCII)


@dataclass(frozen=True)
class RateLimitStatistics:
    """Counts of this process: requests answered 429, clients forgotten for want of room, updates without a
    lock."""

    refused: int
    evicted: int
    unlocked: int


class RateLimit:
    """Middleware that answers 429 where one client asks too often.

    Args:
        app: the application behind.
        rate: as `20/s`, `100/15min`, `20/s burst 40`; see ratelimit_rate.py.
        by: what makes a client: "address", "header:X-Api-Key" or "cookie:session". A request without that
        header
            or cookie counts for its address. A client may send what it likes in them, so a limit by address
            belongs around one by anything else.
        ipv6_prefix: how many bits of an IPv6 address are one client.
        shared: a name under which all processes of this user share the count, or the table itself. Without
            one, those share it that are forked from where this was made, and workers that each load the
            application do not.
        keys: for how many clients there is room; a table that is given knows it already.
        name: of the policy, in the response fields.
        fields: whether responses that pass carry the RateLimit fields.
        clock: nanoseconds of one clock that all processes read alike.

    Raises ValueError for options that are not understood, OSError when there is no shared memory.
    """

    def __init__(
        self,
        app: WSGIApplication,
        rate: str,
        *,
        by: str = "address",
        ipv6_prefix: int = IPV6_PREFIX,
        shared: str | SharedTable | None = None,
        keys: int = KEYS,
        name: str = "default",
        fields: bool = True,
        clock: Callable[[], int] = monotonic_ns,
    ) -> None:
        if not 1 <= ipv6_prefix <= 128:
            raise ValueError(f"ipv6_prefix is 1 to 128 bits, not {ipv6_prefix}")
        if not _POLICY_NAME.fullmatch(name):
            raise ValueError(f"name {name!r}: plain ASCII without quotes and backslashes, 64 at most")
        self._app = app
        self._rate = Rate.parse(rate)
        self._ipv6_shift = 128 - ipv6_prefix
        self._named = _reader(by)
        self._table = shared if isinstance(shared, SharedTable) else SharedTable(keys, shared)
        # Limits that share a table must not share a client: their numbers mean different things.
        self._purpose = f"{name} {self._rate} {by}".encode()
        self._name = name
        self._fields = fields
        self._clock = clock
        quota, window_s = self._rate.policy()
        self._policy = f'"{name}";q={quota};w={window_s}'
        self._refused = 0
        self._counting = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        again = environ.get(AGAIN, {})
        verdict = again.get(self)  # one that was postponed has been counted
        if verdict is None:
            verdict = again[self] = self._table.update(
                self.key_of(environ), lambda arrival_ns: self._rate.judge(arrival_ns, self._clock())
            )
        if not verdict.passes:
            return self._refuse(verdict, environ, start_response)
        if not self._fields:
            return self._app(environ, start_response)
        return self._app(environ, _adding(self._fields_for(verdict), start_response))

    def key_of(self, environ: WSGIEnvironment) -> bytes:
        """What this request is counted for."""
        named = self._named(environ) if self._named else None
        key = f"named {named}" if named else f"address {self._address(environ.get('REMOTE_ADDR', 'missing'))}"
        return self._purpose + key.encode("utf-8", "surrogatepass")

    def statistics(self) -> RateLimitStatistics:
        """What this process has counted so far."""
        return RateLimitStatistics(self._refused, self._table.evicted, self._table.unlocked)

    def _address(self, address: str) -> str:
        """The network that counts as one client.

        Whoever has no address that can be read counts as one together with the others: a proxy may make up
        another name for each request (RFC 7239 section 6.3).
        """
        place = place_of(address)
        if place is None:
            return "unknown"
        if place == UNIX_PLACE:
            return "unix"
        if place < IPV6_ORIGIN:
            return f"4 {place}"
        return f"6 {(place - IPV6_ORIGIN) >> self._ipv6_shift}"

    def _refuse(
        self, verdict: Verdict, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        with self._counting:
            self._refused += 1
        fields = [("Retry-After", str(seconds(verdict.retry_ns)))]
        if self._fields:
            fields += self._fields_for(verdict)
        return plain_answer(environ, start_response, "429 Too Many Requests", fields)

    def _fields_for(self, verdict: Verdict) -> list[tuple[str, str]]:
        left = f'"{self._name}";r={verdict.remaining};t={seconds(verdict.reset_ns)}'
        return [("RateLimit-Policy", self._policy), ("RateLimit", left)]


def _adding(fields: list[tuple[str, str]], start_response: StartResponse) -> StartResponse:
    """The same start_response, with these fields behind the application's."""

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
        if exc_info is None:
            return start_response(status, [*headers, *fields])
        try:
            return start_response(status, [*headers, *fields], exc_info)
        finally:
            exc_info = None  # PEP 3333: the traceback would hold this frame, and this frame the traceback

    return start


def _reader(by: str) -> Callable[[WSGIEnvironment], str | None] | None:
    """What reads a client's name out of a request; None where it is the address alone."""
    if by == "address":
        return None
    kind, _, name = by.partition(":")
    if kind not in ("header", "cookie") or not _TOKEN.fullmatch(name):
        raise ValueError(f"by {by!r}: write 'address', 'header:X-Api-Key' or 'cookie:session'")
    if kind == "header":
        key = f"HTTP_{name.upper().replace('-', '_')}"
        return lambda environ: environ.get(key)
    return lambda environ: cookie(environ.get("HTTP_COOKIE", ""), name)


def cookie(value: str, name: str) -> str | None:
    """The first cookie of this name in a Cookie field (RFC 6265 section 5.4); None without one."""
    for pair in value.split(";"):
        key, equals, content = pair.strip(" \t").partition("=")
        if equals and key == name:
            return content
    return None
