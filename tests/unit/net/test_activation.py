"""Socket activation, as sd_listen_fds(3) describes it."""

from __future__ import annotations

import pytest

from potstill.net.activation import activated


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"LISTEN_FDS": "2"}, {"systemd:": [3, 4]}),
        (
            {"LISTEN_FDS": "3", "LISTEN_FDNAMES": "web:admin:web"},
            {"systemd:": [3, 4, 5], "systemd:web": [3, 5], "systemd:admin": [4]},
        ),
        ({"LISTEN_FDS": "2", "LISTEN_FDNAMES": "web"}, {"systemd:": [3, 4], "systemd:web": [3]}),
        ({"LISTEN_FDS": "1", "LISTEN_FDNAMES": ""}, {"systemd:": [3]}),
        ({"LISTEN_FDS": "0"}, {}),
        ({"LISTEN_FDS": "-1"}, {}),
        ({"LISTEN_FDS": "1000000"}, {}),
        ({"LISTEN_FDS": "some"}, {}),
        ({}, {}),
    ],
)
def test_the_sockets_by_their_names(environ: dict[str, str], found: dict[str, list[int]]) -> None:
    assert activated({"LISTEN_PID": "42", **environ}, 42) == found


@pytest.mark.parametrize("pid", ["41", "", "x"])
def test_what_is_meant_for_another_process_is_left_alone(pid: str) -> None:
    """A child inherits the variables, and must not take what stands at these numbers with it."""
    assert activated({"LISTEN_PID": pid, "LISTEN_FDS": "1"}, 42) == {}
