"""close() reaches the application's iterable, if that has one."""

from __future__ import annotations

from potstill.dev.around import Around


def test_close_is_passed_on() -> None:
    closed: list[bool] = []

    class Blocks:
        def __iter__(self) -> None: ...

        def close(self) -> None:
            closed.append(True)

    Around(Blocks()).close()  # type: ignore[arg-type]
    assert closed == [True]


def test_what_has_no_close_needs_none() -> None:
    Around([b"a"]).close()
