"""What is raised inside a running view: by what it can be caught, and by what it cannot."""

from __future__ import annotations

import pytest

from potstill.core.interrupts import ClientDisconnected, RequestTimeout

INTERRUPTS = [RequestTimeout, ClientDisconnected]


@pytest.mark.parametrize("interrupt", INTERRUPTS)
def test_except_exception_lets_it_through(interrupt: type[BaseException]) -> None:
    """Views and frameworks are full of it; `finally` and `with` run all the same."""
    ended = []

    def view() -> None:
        try:
            try:
                raise interrupt
            except Exception:
                ended.append("swallowed")
        finally:
            ended.append("finally")

    with pytest.raises(interrupt):
        view()
    assert ended == ["finally"]


@pytest.mark.parametrize("interrupt", INTERRUPTS)
def test_it_can_be_raised_as_a_class(interrupt: type[BaseException]) -> None:
    """So it is raised from another thread (PyThreadState_SetAsyncExc), without arguments."""
    assert isinstance(interrupt(), BaseException)
    assert not issubclass(interrupt, (KeyboardInterrupt, SystemExit, GeneratorExit, Exception))
    assert not any(issubclass(interrupt, other) for other in INTERRUPTS if other is not interrupt)
