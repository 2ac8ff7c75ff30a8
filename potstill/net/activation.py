"""Sockets that the init system has opened: systemd's socket activation, as sd_listen_fds(3) describes it.

    LISTEN_PID=4711 LISTEN_FDS=2 LISTEN_FDNAMES=web:admin     descriptors 3 and 4, with a name each

`--bind systemd:web` takes those of one name, `--bind systemd:` all of them. Without any --bind all are taken
too: who has opened sockets for a program means it to listen on them.
"""

from __future__ import annotations

from collections.abc import Mapping

FIRST_DESCRIPTOR = 3
# Far more than any unit file has; a number that is not one must not make us look at a million descriptors.
DESCRIPTORS_MAX = 1024
SCHEME = "systemd:"


def activated(environ: Mapping[str, str], pid: int) -> dict[str, list[int]]:
    """The descriptors that were passed to this process, by the addresses that stand for them; {} for none.

    Variables that are meant for another process, or that make no sense, pass none.
    """
    if environ.get("LISTEN_PID") != str(pid):
        return {}
    number = environ.get("LISTEN_FDS", "")
    if not number.isdecimal() or not 1 <= int(number) <= DESCRIPTORS_MAX:
        return {}
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, list[int]] = {SCHEME: []}
    for index in range(int(number)):
        name = names[index] if index < len(names) else ""
        found[SCHEME].append(FIRST_DESCRIPTOR + index)
        if name:
            found.setdefault(f"{SCHEME}{name}", []).append(FIRST_DESCRIPTOR + index)
    return found
