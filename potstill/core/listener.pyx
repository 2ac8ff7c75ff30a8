# cython: language_level=3, boundscheck=False, wraparound=False
"""A listening socket as the engine sees it: its environ, its slot, and how its clients are named."""

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


cdef tuple peer_of(void *address):
    """(REMOTE_ADDR, REMOTE_PORT); both empty for a unix socket. An IPv4 client of an IPv6 socket is named by IPv4."""
    cdef char[64] text
    cdef int family = (<sockaddr_storage *>address).ss_family
    if family == AF_INET:
        inet_ntop(AF_INET, &(<sockaddr_in *>address).sin_addr, text, sizeof(text))
        return (<bytes>text).decode("ascii"), str(ntohs((<sockaddr_in *>address).sin_port))
    if family == AF_INET6:
        inet_ntop(AF_INET6, &(<sockaddr_in6 *>address).sin6_addr, text, sizeof(text))
        host = (<bytes>text).decode("ascii")
        if host.startswith("::ffff:") and "." in host:
            host = host[7:]
        return host, str(ntohs((<sockaddr_in6 *>address).sin6_port))
    return "", ""


def _server_name(sock, usual_port):
    """SERVER_NAME and SERVER_PORT of a listener: strings, never empty (PEP 3333)."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return "localhost", usual_port # a unix socket has neither; these are what a URL would mean by default
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname() or "localhost"
    return host, str(port)


def peer(sockaddr: bytes):
    """The Python face, for tests: how the client of a socket address is named; as long as a sockaddr_storage."""
    if len(sockaddr) != 128:
        raise ValueError(len(sockaddr))
    return peer_of(<void *><char *>sockaddr)


def environ_of(Listener listener not None, bytes head not None):
    """For tests: the environ of a request that came by the listener."""
    return build(head, listener.builder)
