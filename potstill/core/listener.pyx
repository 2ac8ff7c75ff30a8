# cython: language_level=3, boundscheck=False, wraparound=False
"""A listening socket as the engine sees it: its environ, its slot, and how its clients are named."""

cimport cython
from libc.string cimport memcmp, memcpy

from potstill.core.environ cimport EnvironBuilder
from potstill.core.response cimport FileWrapper

import socket
import sys

from potstill.core.environ import build
from potstill.core.options import Entrance

cdef extern from "<sys/socket.h>" nogil:
    int AF_INET, AF_INET6
    ctypedef unsigned int socklen_t
    struct sockaddr_storage:
        unsigned short ss_family

cdef extern from "<arpa/inet.h>" nogil:
    const char *inet_ntop(int family, const void *source, char *into, socklen_t size)
    unsigned short ntohs(unsigned short number)

cdef extern from "<netinet/in.h>" nogil:
    struct in_addr:
        pass
    struct sockaddr_in:
        unsigned short sin_port
        in_addr sin_addr
    struct in6_addr:
        unsigned char[16] s6_addr
    struct sockaddr_in6:
        unsigned short sin6_port
        in6_addr sin6_addr


@cython.final
cdef class Listener:
    """A listening socket, how clients come in by it, and the environ that its requests have in common."""

    def __init__(self, sock, options, entrance=Entrance()):
        self.socket = sock
        self.tls = entrance.tls
        self.proxies = entrance.proxies
        self.application = entrance.application
        name, port = _server_name(sock, "80" if self.tls is None else "443")
        self.builder = EnvironBuilder(name, port, "http" if self.tls is None else "https", {
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": options.threads > 1,
            "wsgi.multiprocess": options.multiprocess,
            "wsgi.file_wrapper": FileWrapper,
            "SERVER_SOFTWARE": "potstill",
            **({} if self.tls is None else {"HTTPS": "on", "SSL_PROTOCOL": "", "SSL_CIPHER": ""}),
        })

    cdef tuple peer_of(self, void *address):
        """(REMOTE_ADDR, REMOTE_PORT); both empty for a unix socket. Connections that come one after the other from the
        same host, as from a proxy all do, share its name.
        """
        cdef int family = (<sockaddr_storage *>address).ss_family
        cdef void *octets
        cdef unsigned short port
        cdef size_t size
        if family == AF_INET:
            octets, size = &(<sockaddr_in *>address).sin_addr, sizeof(in_addr)
            port = (<sockaddr_in *>address).sin_port
        elif family == AF_INET6:
            octets, size = &(<sockaddr_in6 *>address).sin6_addr, sizeof(in6_addr)
            port = (<sockaddr_in6 *>address).sin6_port
        else:
            return "", ""
        if self._host is None or family != self._host_family or memcmp(self._host_octets, octets, size) != 0:
            self._host = _host_name(family, octets)
            self._host_family = family
            memcpy(self._host_octets, octets, size)
        return self._host, str(ntohs(port))


cdef str _host_name(int family, const void *octets):
    """An IPv4 client of an IPv6 socket is named by IPv4."""
    cdef char[64] text
    inet_ntop(family, octets, text, sizeof(text))
    host = (<bytes>text).decode("ascii")
    return host[7:] if host.startswith("::ffff:") and "." in host else host


def _server_name(sock, usual_port):
    """SERVER_NAME and SERVER_PORT of a listener: strings, never empty (PEP 3333)."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return "localhost", usual_port # a unix socket has neither; these are what a URL would mean by default
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname() or "localhost"
    return host, str(port)


def peer(Listener listener not None, sockaddr: bytes):
    """The Python face, for tests: how the client of a socket address is named; as long as a sockaddr_storage."""
    if len(sockaddr) != 128:
        raise ValueError(len(sockaddr))
    return listener.peer_of(<void *><char *>sockaddr)


def environ_of(Listener listener not None, bytes head not None):
    """For tests: the environ of a request that came by the listener."""
    return build(head, listener.builder)
