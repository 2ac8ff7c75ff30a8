"""Listening: addresses → sockets that are bound, listening, non-blocking and closed on exec.

    listeners = open_listeners(["127.0.0.1:8000", "unix:/run/shop.sock"], Manner(backlog=2048))

Rules:
- A host name is bound on every address it resolves to. So `localhost:8000` listens on 127.0.0.1 and on ::1,
  because a browser may try either first, and `:8000` on 0.0.0.0 and on ::. An address that this machine lacks
  (no IPv6 in a container) is skipped as long as another one works. The port is the same on all of them, also
  when it was 0.
- IPv6 sockets take IPv6 alone (IPV6_V6ONLY): `0.0.0.0:8000` and `[::]:8000` can stand side by side, and an
  application never meets an address like ::ffff:192.0.2.1.
- TCP_NODELAY is set on the listening socket; on Linux an accepted one inherits it, which saves a system call
  for each connection.
- A unix socket that is in the way is replaced when nobody answers on it, and removed by `close()` when the
  file is still the one made here, by the process that made it.
- Every failure is a BindError whose text says what to do.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from potstill.net.address import ActivatedAddress, InheritedAddress, TcpAddress, UnixAddress, parse_address
from potstill.net.holder import holder_of_port

# Port 0 on several addresses: the port that was free on the first may be taken on the next.
FREE_PORT_ATTEMPTS = 8
UNPRIVILEGED_PORT = 1024
# The address exists, though not on this machine, or its whole family is switched off.
NOT_OF_THIS_MACHINE = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

Sockaddr = tuple[Any, ...]  # (host, port) of IPv4, (host, port, flow, scope) of IPv6


class BindError(OSError):
    """The address cannot be listened on. The text is for the operator; `__cause__` is the system's word."""


@dataclass(frozen=True)
class SocketFile:
    """A path in the file system and what makes it the one that this process made."""

    path: str
    device: int
    inode: int
    pid: int

    @classmethod
    def made_here(cls, path: str) -> SocketFile:
        found = os.lstat(path)
        return cls(os.path.abspath(path), found.st_dev, found.st_ino, os.getpid())

    def remove_if_ours(self) -> None:
        """Somebody else may have put their socket at the path, and a forked child is not the owner."""
        if self.pid != os.getpid():
            return
        try:
            found = os.lstat(self.path)
            if (found.st_dev, found.st_ino) == (self.device, self.inode):
                os.unlink(self.path)
        except OSError:
            return


@dataclass(frozen=True)
class Listener:
    """A listening socket, what people call its address, and the file to remove in the end."""

    socket: socket.socket
    file: SocketFile | None = None
    # The text that asked for it; several may come of one.
    address: str = ""
    # What is spoken on it, and whether all that it says is to ask elsewhere.
    scheme: str = "http"
    redirects: bool = False

    @property
    def url(self) -> str:
        """`https://127.0.0.1:8000` or `unix:/run/shop.sock`, with the real port. For an open socket only."""
        name = self.socket.getsockname()
        if self.socket.family == socket.AF_UNIX:
            text = os.fsdecode(name)
            return f"unix:{text.replace(chr(0), '@', 1)}"  # the kernel's abstract names begin with a NUL
        return f"{self.scheme}://{TcpAddress(name[0], name[1])}"

    def close(self) -> None:
        """Close the socket and remove its file, once."""
        if self.socket.fileno() < 0:
            return
        self.remove_file()
        self.socket.close()

    def remove_file(self) -> None:
        """Remove the file of a unix socket, if it is the one made here; the socket stays open."""
        if self.file is not None:
            self.file.remove_if_ours()


@dataclass(frozen=True)
class Manner:
    """How sockets are opened."""

    backlog: int
    reuse_port: bool = False
    # Permission bits of unix sockets; None: what the umask leaves.
    mode: int | None = None


def open_listeners(
    addresses: Sequence[str], manner: Manner, inherited: Mapping[str, Sequence[int]] | None = None
) -> list[Listener]:
    """All of them, or BindError and none.

    `inherited` has the descriptors of sockets that are open already, by the text that once asked for them.
    """
    listeners: list[Listener] = []
    try:
        for text in addresses:
            descriptors = (inherited or {}).get(text)
            opened = adopt_again(descriptors) if descriptors else open_one(text, manner)
            listeners += [replace(listener, address=text) for listener in opened]
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def open_one(text: str, manner: Manner) -> list[Listener]:
    try:
        address = parse_address(text)
    except ValueError as error:
        raise BindError(str(error)) from None
    match address:
        case TcpAddress():
            return open_tcp(address, manner)
        case UnixAddress(path):
            return [open_unix(path, manner)]
        case InheritedAddress(descriptor):
            return [adopt(descriptor)]
        case ActivatedAddress(name):
            what = f"no socket named {name!r}" if name else "no sockets"
            raise BindError(
                f"{text}: the init system has passed {what}; that takes a .socket unit, with "
                f"FileDescriptorName={name or 'NAME'} to give it a name"
            )


# TCP


def open_tcp(address: TcpAddress, manner: Manner) -> list[Listener]:
    """A listener on every address that the host stands for."""
    candidates = resolve(address)
    for attempt in range(1, FREE_PORT_ATTEMPTS + 1):
        try:
            return open_candidates(address, candidates, manner)
        except OSError as error:
            unlucky = error.errno == errno.EADDRINUSE and address.port == 0 and len(candidates) > 1
            if not unlucky or attempt == FREE_PORT_ATTEMPTS:
                raise BindError(explain(address, error)) from error
    raise AssertionError("the last attempt returns or raises")


def open_at(family: int, address: Any, manner: Manner) -> Listener:
    """One listener at an address as `socket.bind` takes it: (host, port), or a path for AF_UNIX."""
    if family == socket.AF_UNIX:
        return open_unix(os.fspath(address), manner)
    try:
        return Listener(listen_tcp(family, address, manner))
    except OSError as error:
        raise BindError(explain(TcpAddress(address[0], address[1]), error)) from error


def resolve(address: TcpAddress) -> list[tuple[socket.AddressFamily, Sockaddr]]:
    """What the host stands for, IPv4 first: that is the address people expect to see in the start line."""
    try:
        found = socket.getaddrinfo(
            address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (socket.gaierror, UnicodeError) as error:
        raise BindError(
            f"{address}: the host name {address.host!r} does not resolve ({error}); "
            f"bind to an address of this machine, or to :{address.port} for all of them"
        ) from error
    internet = {
        (family, sockaddr)
        for family, _, _, _, sockaddr in found
        if family in (socket.AF_INET, socket.AF_INET6)
    }
    return sorted(internet, key=lambda candidate: (candidate[0] != socket.AF_INET, candidate[1]))


def open_candidates(
    address: TcpAddress, candidates: list[tuple[socket.AddressFamily, Sockaddr]], manner: Manner
) -> list[Listener]:
    listeners: list[Listener] = []
    missing: OSError | None = None
    port = address.port
    try:
        for family, (host, _, *scope) in candidates:
            try:
                opened = listen_tcp(family, (host, port, *scope), manner)
            except OSError as error:
                if error.errno not in NOT_OF_THIS_MACHINE:
                    raise
                missing = error
                continue
            listeners.append(Listener(opened))
            port = opened.getsockname()[1]
        if missing is not None and not listeners:
            raise missing
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def listen_tcp(family: int, sockaddr: Sockaddr, manner: Manner) -> socket.socket:
    """One listening socket; OSError as the system gives it."""
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if manner.reuse_port:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.bind(sockaddr)
        opened.listen(manner.backlog)
        opened.setblocking(False)
    except BaseException:
        opened.close()
        raise
    return opened


def explain(address: TcpAddress, error: OSError) -> str:
    """What is wrong with a TCP address, and what to do about it."""
    if error.errno == errno.EADDRINUSE:
        holder = holder_of_port(address.port)
        if holder is None:
            who = f"another process, which `ss -ltnp 'sport = :{address.port}'` names when root asks"
        elif holder.pid == os.getpid():
            return f"{address} is bound already by this process: is it given twice?"
        else:
            who = f"{holder.name} (pid {holder.pid})"
        return f"{address} is taken by {who}; stop it, or choose another address"
    if error.errno == errno.EACCES and 0 < address.port < UNPRIVILEGED_PORT:
        return (
            f"{address}: ports below {UNPRIVILEGED_PORT} need a privilege; give the process "
            "CAP_NET_BIND_SERVICE (AmbientCapabilities= in a systemd unit), inherit the socket with "
            "fd://NUMBER, or choose a higher port"
        )
    if error.errno in NOT_OF_THIS_MACHINE:
        return (
            f"{address}: {address.host!r} is no address of this machine (`ip addr` lists them); "
            f":{address.port} listens on all of them"
        )
    return f"cannot listen on {address}: {error.strerror or error}"


# Unix sockets


def open_unix(path: str, manner: Manner) -> Listener:
    """A listener at the path, in the place of one that nobody answers on."""
    try:
        remove_stale(path)
        return listen_unix(path, manner)
    except BindError:
        raise
    except OSError as error:
        hint = "; its directory must exist already" if error.errno == errno.ENOENT else ""
        raise BindError(f"cannot listen on unix:{path}: {error.strerror or error}{hint}") from error


def listen_unix(path: str, manner: Manner) -> Listener:
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.bind(path)
        file = SocketFile.made_here(path)
        if manner.mode is not None:
            os.chmod(path, manner.mode)  # before it listens: nobody gets in by a mode that is not meant
        opened.listen(manner.backlog)
        opened.setblocking(False)
    except BaseException:
        opened.close()
        raise
    return Listener(opened, file)


def remove_stale(path: str) -> None:
    """Unlink a socket that nobody listens on; BindError when the path is not free to take."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise BindError(f"unix:{path}: something that is not a socket is there already")
    if is_answered(path):
        raise BindError(
            f"unix:{path} is taken: a process listens on it, which `ss -lxp src {path}` names when root asks"
        )
    os.unlink(path)


def is_answered(path: str) -> bool:
    """Whether a process listens there. Anything but a clear refusal counts as yes: when in doubt, keep it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a full backlog is EAGAIN at once, and an answer
        return probe.connect_ex(path) != errno.ECONNREFUSED


# Inherited sockets


def adopt(descriptor: int) -> Listener:
    """The listening stream socket that the parent process left open under this number."""
    try:
        adopted = socket.socket(fileno=descriptor)
    except OSError as error:
        raise BindError(f"fd://{descriptor}: {not_adoptable(error)}") from error
    try:
        if adopted.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
            raise BindError(f"fd://{descriptor} is a socket of another family than IPv4, IPv6 and unix")
        if adopted.type != socket.SOCK_STREAM:
            raise BindError(f"fd://{descriptor} is not a stream socket")
        if not adopted.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise BindError(
                f"fd://{descriptor} is a socket that does not listen; its owner calls listen() first"
            )
        if adopted.family != socket.AF_UNIX:
            adopted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        adopted.set_inheritable(False)
        adopted.setblocking(False)
    except BaseException:
        adopted.detach()  # it is not ours: leave it as it was
        raise
    return Listener(adopted)


def adopt_again(descriptors: Sequence[int]) -> list[Listener]:
    """The sockets that the server before this one has handed over, with the care for their files."""
    listeners = []
    for descriptor in descriptors:
        listener = adopt(descriptor)
        path = listener.socket.getsockname() if listener.socket.family == socket.AF_UNIX else ""
        if isinstance(path, str) and path and os.path.exists(path):
            listener = replace(listener, file=SocketFile.made_here(path))
        listeners.append(listener)
    return listeners


def not_adoptable(error: OSError) -> str:
    if error.errno == errno.EBADF:
        return (
            "no such descriptor is open; the parent process has to pass it on (pass_fds, systemd's sockets)"
        )
    if error.errno == errno.ENOTSOCK:
        return "that descriptor is not a socket"
    return error.strerror or str(error)
