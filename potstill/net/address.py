"""What may stand behind --bind, as values.

    HOST:PORT     example.com:80, 127.0.0.1:8000, localhost:8000
    :PORT         every address of this machine, of both families
    [IPV6]:PORT   [::1]:8000
    unix:/PATH    a unix socket
    fd://NUMBER   a listening socket that the parent process left open
    systemd:NAME  the sockets that systemd passes under that name; without a name, all of them

Only the text is judged here. Whether a name resolves or a port is free is found out by `potstill.net.bind`.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

PORT_MAX = 65535
# sockaddr_un.sun_path of Linux, without its closing NUL.
UNIX_PATH_BYTES_MAX = 107


@dataclass(frozen=True)
class TcpAddress:
    """A host, which may be a name, and a port; 0 lets the kernel choose one. No host: all addresses."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class UnixAddress:
    """The path of a unix socket."""

    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


@dataclass(frozen=True)
class InheritedAddress:
    """The number of a descriptor that is a listening socket already."""

    descriptor: int

    def __str__(self) -> str:
        return f"fd://{self.descriptor}"


@dataclass(frozen=True)
class ActivatedAddress:
    """The name of sockets that the init system passes; no name: of all."""

    name: str

    def __str__(self) -> str:
        return f"systemd:{self.name}"


Address = TcpAddress | UnixAddress | InheritedAddress | ActivatedAddress


def parse_address(text: str) -> Address:
    """The address that `text` names; ValueError with a whole sentence when it names none."""
    if text.startswith("unix:"):
        return parse_unix(text.removeprefix("unix:"))
    if text.startswith("fd:"):
        number = re.fullmatch(r"fd://([0-9]{1,9})", text)
        if number is None:
            raise ValueError(f"{text!r}: an inherited socket is written fd://NUMBER, like fd://3")
        return InheritedAddress(int(number[1]))
    if text == "systemd" or text.startswith("systemd:"):
        return ActivatedAddress(text.removeprefix("systemd").removeprefix(":"))
    if "/" in text:
        raise ValueError(f"{text!r}: a path is written unix:/PATH, and host and port without http://")
    return parse_tcp(text)


def parse_unix(path: str) -> UnixAddress:
    if not path or "\0" in path:
        raise ValueError("a unix socket needs a path, like unix:/run/shop.sock")
    size = len(path.encode())
    if size > UNIX_PATH_BYTES_MAX:
        raise ValueError(f"unix:{path} is {size} bytes long; a unix socket has at most {UNIX_PATH_BYTES_MAX}")
    return UnixAddress(path)


def parse_tcp(text: str) -> TcpAddress:
    host, colon, port = text.rpartition(":")
    if not colon:
        hint = f":{text} or 127.0.0.1:{text}" if text.isdigit() else f"{text}:8000"
        raise ValueError(f"{text!r} lacks a {'host' if text.isdigit() else 'port'}: write {hint}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError(f"{text!r}: {host!r} is not an IPv6 address") from None
    elif ":" in host or text.startswith(("[", "::")):
        raise ValueError(f"{text!r}: an IPv6 address stands in brackets, like [::1]:8000")
    elif not re.fullmatch(r"[A-Za-z0-9._-]{0,253}", host):
        raise ValueError(f"{text!r}: {host!r} is not the name or the address of a host")
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > PORT_MAX:
        raise ValueError(f"{text!r}: the port is a number from 0 to {PORT_MAX}, not {port!r}")
    return TcpAddress(host, int(port))
