"""Who holds a port, from a /proc of our own making and from the real one."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from potstill.net.holder import Holder, holder_of_port

HEADING = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = "   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  0  0 {inode} 1 0 100 0\n"


def proc(root: Path, lines: str, lines6: str = "", **files: str) -> Path:
    """A /proc with sockets, and processes as p7="socket:[12]"."""
    (root / "net").mkdir()
    (root / "net" / "tcp").write_text(HEADING + lines, encoding="utf-8")
    (root / "net" / "tcp6").write_text(HEADING + lines6, encoding="utf-8")
    for name, target in files.items():
        process = root / name.removeprefix("p")
        (process / "fd").mkdir(parents=True)
        (process / "comm").write_text("nginx\n", encoding="utf-8")
        (process / "fd" / "5").symlink_to(target)
    return root


def test_the_process_with_the_listening_socket_is_named(tmp_path: Path) -> None:
    """Port 8000 is 1F40; the lowest process is the one that passed the socket on."""
    here = proc(
        tmp_path, LINE.format(local="0100007F:1F40", state="0A", inode=12), p8="socket:[12]", p7="socket:[12]"
    )
    assert holder_of_port(8000, here) == Holder("nginx", 7)
    assert holder_of_port(8001, here) is None


def test_a_listener_on_ipv6_is_found(tmp_path: Path) -> None:
    """Its table is another file."""
    local = "00000000000000000000000000000000:1F40"
    here = proc(tmp_path, "", LINE.format(local=local, state="0A", inode=12), p7="socket:[12]")
    assert holder_of_port(8000, here) == Holder("nginx", 7)


def test_a_connected_socket_is_no_listener(tmp_path: Path) -> None:
    """A client may use the number for its own end."""
    here = proc(tmp_path, LINE.format(local="0100007F:1F40", state="01", inode=12), p7="socket:[12]")
    assert holder_of_port(8000, here) is None


def test_what_cannot_be_seen_is_nobody(tmp_path: Path) -> None:
    """A process of somebody else, a broken line, no /proc at all."""
    here = proc(tmp_path, "short line\n" + LINE.format(local="0100007F:1F40", state="0A", inode=12))
    (here / "7").mkdir()
    assert holder_of_port(8000, here) is None
    assert holder_of_port(8000, tmp_path / "absent") is None


def test_a_real_port_is_ours() -> None:
    """The table of this very kernel has the form that is read here."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        holder = holder_of_port(held.getsockname()[1])
        assert holder is not None
        assert holder.pid == os.getpid()
        assert holder.name
