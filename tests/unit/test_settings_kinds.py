"""Kinds of values: what may be written, what it means, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.settings.kinds import Addresses, Choice, Directory, Duration, Kind, Several, Size, Text, Whole
from tests.support.properties import PATIENTLY

ROUTES = Several(r"/[^=]*=[^\x00-\x1f]+", "PATH=APP", "PATH=APP", r",(?=\s*/)")
WHOLE = Whole(1, 4096)
AUTO = Whole(1, 4096, {"auto": None})
SIZE = Size(1, 1 << 40)
TIME = Duration(0.001)
LEVEL = Choice(("info", "error"), "LEVEL")

READ: list[tuple[Kind, object, object]] = [
    (WHOLE, "1", 1),
    (WHOLE, " 4096 ", 4096),
    (WHOLE, 8, 8),
    (AUTO, "auto", None),
    (AUTO, "AUTO", None),
    (AUTO, None, None),
    (SIZE, "8190", 8190),
    (SIZE, "16KiB", 16384),
    (SIZE, "16 kib", 16384),
    (SIZE, "1MiB", 1 << 20),
    (SIZE, "1GiB", 1 << 30),
    (SIZE, "12B", 12),
    (SIZE, 8190, 8190),
    (TIME, "30", 30.0),
    (TIME, "30s", 30.0),
    (TIME, "250ms", 0.25),
    (TIME, "5m", 300.0),
    (TIME, "1h", 3600.0),
    (TIME, "1.5s", 1.5),
    (TIME, 30, 30.0),
    (TIME, 0.25, 0.25),
    (LEVEL, "INFO", "info"),
    (Text(), "", ""),
    (Text(), " two words ", "two words"),
    (ROUTES, "/a=b", ("/a=b",)),
    (ROUTES, "/a=f(1, 2),/b=c", ("/a=f(1, 2)", "/b=c")),
    (ROUTES, ["/a=b", "/b=/c,/d"], ("/a=b", "/b=/c,/d")),
    (ROUTES, "", ()),
    (ROUTES, "none", ()),
    (ROUTES, (), ()),
    (Addresses(), "127.0.0.1:80", ("127.0.0.1:80",)),
    (Addresses(), ":80, unix:/run/x", (":80", "unix:/run/x")),
    (Addresses(), ["unix:/a,b"], ("unix:/a,b",)),
    (Directory(), None, None),
]
REFUSED: list[tuple[Kind, object, str]] = [
    (WHOLE, "0", "a whole number from 1 to 4096"),
    (WHOLE, "4097", "a whole number from 1 to 4096"),
    (WHOLE, "-1", "whole number"),
    (WHOLE, "+1", "whole number"),
    (WHOLE, "1_000", "whole number"),
    (WHOLE, "٣", "whole number"),
    (WHOLE, "1.0", "whole number"),
    (WHOLE, "", "whole number"),
    (WHOLE, True, "whole number"),
    (WHOLE, 1.0, "whole number"),
    (WHOLE, None, "whole number"),
    (AUTO, "0", "from 1 to 4096 or 'auto'"),
    (SIZE, "16K", "KiB, MiB or GiB"),
    (SIZE, "16MB", "KiB, MiB or GiB"),
    (SIZE, "1.5GiB", "KiB, MiB or GiB"),
    (SIZE, "0", "from 1 to 1024GiB"),
    (SIZE, True, "a size"),
    (SIZE, "2048GiB", "from 1 to 1024GiB"),
    (TIME, "0", "from 1ms to 24h"),
    (TIME, "25h", "from 1ms to 24h"),
    (TIME, "soon", "s, m or h"),
    (TIME, "1h30m", "s, m or h"),
    (TIME, "-5", "s, m or h"),
    (TIME, "nan", "s, m or h"),
    (TIME, float("nan"), "a time"),
    (TIME, float("inf"), "a time"),
    (TIME, True, "a time"),
    (LEVEL, "loud", "one of info, error"),
    (LEVEL, 3, "one of info, error"),
    (Text(), "two\r\nlines", "on one line"),
    (Text(), "naïve", "ASCII"),
    (Text(), 3, "text"),
    (ROUTES, "a=b", "PATH=APP"),
    (ROUTES, "/a", "PATH=APP"),
    (ROUTES, "/a=", "PATH=APP"),
    (ROUTES, ["/a=b", 5], "PATH=APP"),
    (ROUTES, "/a=b\n", "PATH=APP"),
    (Addresses(), "", "one or more addresses"),
    (Addresses(), [], "one or more addresses"),
    (Addresses(), [":80", 80], "one or more addresses"),
    (Addresses(), ":80,,:81", "one or more addresses"),
    (Directory(), "/nowhere/at/all", "a directory"),
    (Directory(), "/dev/null", "a directory"),
    (Directory(), 3, "a directory"),
    (Directory(), "", "a directory"),
]
SHOWN: list[tuple[Kind, object, str]] = [
    (WHOLE, 8, "8"),
    (AUTO, None, "auto"),
    (Whole(0, 9, {"unlimited": 0}), 0, "unlimited"),
    (SIZE, 8190, "8190"),
    (SIZE, 16384, "16KiB"),
    (SIZE, 1 << 30, "1GiB"),
    (Size(0, 9), 0, "0"),
    (TIME, 0.25, "250ms"),
    (TIME, 1.5, "1500ms"),
    (TIME, 90.0, "90s"),
    (TIME, 300.0, "5m"),
    (TIME, 86400.0, "24h"),
    (Duration(0.0), 0.0, "0s"),
    (Text(), "", "none"),
    (ROUTES, ("/a=b", "/c=d"), "/a=b,/c=d"),
    (ROUTES, (), "none"),
    (Addresses(), (":80", ":81"), ":80,:81"),
    (Directory(), None, "the system's"),
]


@pytest.mark.parametrize(("kind", "given", "value"), READ)
def test_what_may_be_written(kind: Kind, given: object, value: object) -> None:
    """Text as people write it, and the plain values of programs and files."""
    assert kind.read(given) == value


@pytest.mark.parametrize(("kind", "given", "allowed"), REFUSED)
def test_what_is_refused(kind: Kind, given: object, allowed: str) -> None:
    """The error says what is allowed."""
    with pytest.raises(ValueError, match=allowed):
        kind.read(given)


@pytest.mark.parametrize(("kind", "value", "text"), SHOWN)
def test_how_values_are_shown(kind: Kind, value: object, text: str) -> None:
    """In the largest unit that is exact."""
    assert kind.show(value) == text


def test_a_directory_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The application may change the current directory later."""
    (tmp_path / "spool").mkdir()
    monkeypatch.chdir(tmp_path)
    assert Directory().read("spool") == str(tmp_path / "spool")
    assert Directory().read(tmp_path / "spool") == str(tmp_path / "spool")


def outcome(kind: Kind, written: object) -> object:
    """The value, or the words of the error."""
    try:
        return kind.read(written)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("kind", [WHOLE, AUTO, SIZE, TIME], ids=lambda kind: type(kind).__name__)
@PATIENTLY
@given(number=st.integers(0, 10**12))
def test_a_number_means_the_same_as_its_text(kind: Kind, number: int) -> None:
    """Files have both, the command line only text; a truth value is no number in any of them."""
    assert outcome(kind, number) == outcome(kind, str(number))
    assert outcome(kind, number == 1) == outcome(kind, "yes")


@PATIENTLY
@given(st.decimals("0.001", 86400, places=3).map(float))
def test_every_time_can_be_read_from_what_is_shown(seconds: float) -> None:
    """To the millisecond."""
    assert TIME.read(TIME.show(seconds)) == pytest.approx(seconds, abs=1e-6)
