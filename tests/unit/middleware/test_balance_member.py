"""A member's health, on a clock that the test moves."""

from __future__ import annotations

from typing import Any

from potstill.middleware.balance_member import Ejection, Member, MemberStatistics

EJECTION = Ejection(failures_max=3, first_s=1.0, longest_s=5.0)


def member() -> Member:
    def nobody(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        return []

    return Member("a", nobody, 4)


def fail(one: Member, now: float, *, nobody_there: bool = False) -> bool:
    one.taken()
    ejected = one.failed(now, EJECTION, nobody_there=nobody_there)
    one.returned()
    return ejected


def test_failures_in_a_row_eject() -> None:
    one = member()
    assert [fail(one, 0.0), fail(one, 0.0)] == [False, False]
    assert one.available(0.0)
    assert fail(one, 0.0)
    assert not one.available(0.9)
    assert one.available(1.0)


def test_a_success_between_them_starts_the_count_again() -> None:
    one = member()
    for _ in range(5):
        assert not fail(one, 0.0)
        assert not fail(one, 0.0)
        one.succeeded(0.0)


def test_nobody_there_ejects_at_once() -> None:
    assert fail(member(), 0.0, nobody_there=True)


def test_the_time_doubles_to_a_limit_until_a_success() -> None:
    one = member()
    now, times = 0.0, []
    for _ in range(5):
        fail(one, now, nobody_there=True)
        times.append(one.returns_at(now) - now)
        now = one.returns_at(now)
    assert times == [1.0, 2.0, 4.0, 5.0, 5.0]
    one.succeeded(now)
    fail(one, now, nobody_there=True)
    assert one.returns_at(now) - now == 1.0


def test_requests_from_before_do_not_make_it_longer() -> None:
    """A hundred requests were under way when the server died: that is one death."""
    one = member()
    fail(one, 0.0, nobody_there=True)
    for _ in range(100):
        assert not fail(one, 0.5, nobody_there=True)
    assert one.available(1.0)


def test_after_an_ejection_one_request_tries_it() -> None:
    one = member()
    fail(one, 0.0, nobody_there=True)
    assert one.available(1.0)
    one.taken()
    assert not one.available(1.0)
    one.succeeded(1.0)
    assert one.available(1.0)


def test_a_failed_trial_ejects_again_whatever_it_was() -> None:
    one = member()
    fail(one, 0.0, nobody_there=True)
    assert fail(one, 1.0)
    assert not one.available(2.9)
    assert one.available(3.0)


def test_slow_start() -> None:
    one = member()
    assert one.share(0.0, 10.0) == 4
    fail(one, 0.0, nobody_there=True)
    one.succeeded(2.0)
    assert [one.share(now, 10.0) for now in (2.0, 7.0, 12.0, 2.0)] == [0.4, 2.0, 4.0, 4]


def test_checks_take_it_out_and_put_it_back() -> None:
    one = member()
    verdicts = [one.checked(well, 0.0, 2, 3) for well in (False, False, True, False, False, False)]
    assert verdicts == [False, False, False, False, False, True]
    assert not one.available(0.0)
    assert one.returns_at(0.0) == float("inf")
    verdicts = [one.checked(well, 5.0, 2, 3) for well in (True, False, True, True)]
    assert verdicts == [False, False, False, True]
    assert one.available(5.0)
    assert one.share(5.0, 10.0) < 4


def test_statistics() -> None:
    one = member()
    fail(one, 0.0, nobody_there=True)
    one.taken()
    assert one.statistics(0.25) == MemberStatistics("a", 4, 1, 2, 1, False, False, 0.75)
