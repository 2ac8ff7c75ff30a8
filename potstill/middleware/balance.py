"""Load balancing: one WSGI application in front of several that are alike.

    Balance([RemoteApp("http://10.0.0.1:8080"), RemoteApp("http://10.0.0.2:8080")],
    policy="least-connections")

Each request goes to one member, chosen by the policy among those that are well. If it turns out that the
member could not be reached, or did not answer a request that may be sent twice, the next one is asked: a
dead member costs a failed try, not a failed request. When nobody is well, those that may be well soonest are
asked all the same, for an attempt costs nothing that an error would save.

Members that can be asked again have `forward`, as `RemoteApp`. Any other WSGI application may be a member
too; it gets its share of the requests, and what it raises passes through.

Any number of threads may call. One lock guards the choice and the figures of the members, and is never held
while a member works.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal

from potstill.middleware.balance_checks import HealthCheck, Job, Keeper, complaint
from potstill.middleware.balance_member import Application, Ejection, Member, MemberStatistics
from potstill.middleware.balance_policy import POLICIES, key_function
from potstill.middleware.upstream import RequestRefused, Upstream, UpstreamError
from potstill.middleware.upstream_answer import own_answer
from potstill.middleware.upstream_body import Attempt

log = logging.getLogger("potstill.proxy")

# What clients are told to wait when nobody is there; the exact time is nobody's to know.
RETRY_AFTER_MAX_S = 30


@dataclass(frozen=True)
class BalanceOptions:
    """How requests are shared out. Times are seconds.

    policy: "round-robin", "least-connections" or "hash".
    key: for "hash", what tells requests apart: "address", "path", "header:NAME" or "cookie:NAME".
    tries: how many members a request is sent to at most.
    total_timeout_s: for all tries together, until the head of an answer has come.
    failures_max: so many failures in a row eject a member. One that nobody answers at is ejected at once.
    eject_s, eject_max_s: for how long; twice as long each time, up to the second.
    slow_start_s: in how many seconds a member that comes back grows to its full share; 0 at once.
    check: an active health check, or None.
    """

    policy: Literal["round-robin", "least-connections", "hash"] = "round-robin"
    key: str = "address"
    tries: int = 3
    total_timeout_s: float = 60.0
    failures_max: int = 3
    eject_s: float = 1.0
    eject_max_s: float = 60.0
    slow_start_s: float = 0.0
    check: HealthCheck | None = None

    def __post_init__(self) -> None:
        """Raises ValueError that names the option."""
        if self.policy not in POLICIES:
            raise ValueError(f"policy must be one of {', '.join(POLICIES)}, not {self.policy!r}")
        key_function(self.key)
        for name in ("tries", "total_timeout_s", "failures_max", "eject_s", "eject_max_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)!r}")
        if not self.slow_start_s >= 0:
            raise ValueError(f"slow_start_s must not be below 0, as {self.slow_start_s!r} is")


class Balance:
    """Several WSGI applications as one."""

    def __init__(
        self,
        applications: Sequence[Application],
        weights: Sequence[int] | None = None,
        *,
        jobs: Iterable[Job] = (),
        **options: Any,
    ) -> None:
        """`weights` are whole numbers from 1 on, one for each application; the options are those of
        `BalanceOptions`. `jobs` are bound methods that do something now and then and say in how many seconds
        again; a daemon thread, started by the first request, calls them beside the health checks.

        Raises ValueError for a wrong value, TypeError for an option that does not exist.
        """
        weights = [1] * len(applications) if weights is None else weights
        if len(weights) != len(applications) or not all(weight >= 1 for weight in weights):
            raise ValueError("weights must be numbers from 1 on, one for each application")
        self.options = BalanceOptions(**options)
        self._ejection = Ejection(self.options.failures_max, self.options.eject_s, self.options.eject_max_s)
        self._choose = POLICIES[self.options.policy]
        self._key = key_function(self.options.key)
        self._lock = threading.Lock()
        self._members = [
            Member(name_of(application, number), application, weight)
            for number, (application, weight) in enumerate(zip(applications, weights, strict=True), start=1)
        ]
        self._keeper = Keeper([*([self._check_all] if self.options.check else []), *jobs])

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answers 502, 503 or 504 itself when no member did (RFC 9110 section 15.6)."""
        self._keeper.ensure_running()
        attempt = Attempt(environ, monotonic() + self.options.total_timeout_s)
        tried: list[Member] = []
        error = UpstreamError(503, "there is no upstream server")
        while len(tried) < self.options.tries:
            member = self._take(environ, tried)
            if member is None:
                break
            tried.append(member)
            try:
                return self._ask(member, environ, start_response, attempt)
            except RequestRefused as refused:
                log.info("refused to hand on a request: %s", refused)
                return own_answer(environ, start_response, refused.status)
            except UpstreamError as failure:
                error = failure
                if not attempt.may_repeat(failure) or monotonic() >= attempt.deadline:
                    break
        retry_after_s = self._retry_after_s() if error.status == 503 else 0
        return own_answer(environ, start_response, error.status, retry_after_s)

    def replace(self, applications: Sequence[Application], weights: Sequence[int]) -> None:
        """Take these members from now on. One that was there before keeps its state; the others are
        closed when they have a `close`, and finish what they have begun.
        """
        with self._lock:
            before = {id(member.application): member for member in self._members}
            self._members = []
            for number, (application, weight) in enumerate(zip(applications, weights, strict=True), start=1):
                member = before.pop(id(application), None)
                if member is None:
                    member = Member(name_of(application, number), application, weight)
                member.weight = weight
                self._members.append(member)
        for gone in before.values():
            close(gone.application)

    def statistics(self) -> list[MemberStatistics]:
        """How each member is doing, in their order."""
        now = monotonic()
        with self._lock:
            return [member.statistics(now) for member in self._members]

    def close(self) -> None:
        """Stop the checks and close the members that have a `close`."""
        self._keeper.stop()
        with self._lock:
            members = list(self._members)
        for member in members:
            close(member.application)

    def _take(self, environ: dict[str, Any], tried: Sequence[Member]) -> Member | None:
        """The member to ask next; None when all have been tried."""
        key = self._key(environ)
        now = monotonic()
        with self._lock:
            left = [member for member in self._members if member not in tried]
            well = [member for member in left if member.available(now)]
            if well:
                shares = [(member, member.share(now, self.options.slow_start_s)) for member in well]
                chosen = self._choose(shares, key)
            elif left:
                chosen = min(left, key=lambda member: (member.returns_at(now), member.in_flight))
            else:
                return None
            chosen.taken()
            return chosen

    def _ask(
        self, member: Member, environ: dict[str, Any], start_response: Callable[..., Any], attempt: Attempt
    ) -> Iterable[bytes]:
        forward = getattr(member.application, "forward", None)
        try:
            if forward is None:
                answer = member.application(environ, start_response)
            else:
                answer = forward(environ, start_response, attempt)
        except UpstreamError as error:
            log.warning("%s: %s", member.name, error)
            self._returned(member, error)
            raise
        except BaseException:  # a mistake in an application is none of a server
            self._returned(member)
            raise
        with self._lock:
            member.succeeded(monotonic())
        if isinstance(answer, list):  # all of it is here
            self._returned(member)
            return answer
        return Lent(answer, lambda error: self._returned(member, error))

    def _returned(self, member: Member, error: UpstreamError | None = None) -> None:
        """The member has finished a request; with an error that is its fault it has failed."""
        now = monotonic()
        with self._lock:
            member.returned()
            blamed = error is not None and error.blamed
            ejected = blamed and member.failed(now, self._ejection, nobody_there=bool(error and error.unsent))
            time_s = member.returns_at(now) - now
        if ejected:
            log.warning("%s is ejected for %g s", member.name, time_s)

    def _retry_after_s(self) -> int:
        now = monotonic()
        with self._lock:
            soonest = min((member.returns_at(now) for member in self._members), default=math.inf)
        return math.ceil(min(max(soonest - now, 1), RETRY_AFTER_MAX_S))

    def _check_all(self) -> float:
        """Check every member, all at once so that a slow one does not hold up the others."""
        check = self.options.check
        assert check is not None
        with self._lock:
            members = list(self._members)
        threads = [
            threading.Thread(target=self._check, args=(member, check), name="potstill-check", daemon=True)
            for member in members
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return check.interval_s

    def _check(self, member: Member, check: HealthCheck) -> None:
        wrong = complaint(member.application, check)
        with self._lock:
            changed = member.checked(not wrong, monotonic(), check.rise, check.fall)
        if changed and wrong:
            log.warning("%s is down: %s", member.name, wrong)
        elif changed:
            log.warning("%s is up again", member.name)


class Lent:
    """A member's answer while it is being sent: `done` is called once, at its end or when it is closed."""

    def __init__(self, answer: Iterable[bytes], done: Callable[[UpstreamError | None], None]) -> None:
        self._answer = answer
        self._done: Callable[[UpstreamError | None], None] | None = done

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._answer
        except UpstreamError as error:
            self._end(error)
            raise

    def close(self) -> None:
        """Of PEP 3333: hands on the call."""
        try:
            close(self._answer)
        finally:
            self._end()

    def _end(self, error: UpstreamError | None = None) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(error)


def close(thing: object) -> None:
    closing = getattr(thing, "close", None)
    if closing is not None:
        closing()


def name_of(application: Application, number: int) -> str:
    """How logs and statistics call a member: by its address, if it has one."""
    upstream = getattr(application, "upstream", None)
    if isinstance(upstream, Upstream):
        return upstream.target
    return f"{number} {getattr(application, '__name__', type(application).__name__)}"
