"""TLS for listeners: one context for all connections, certificates by name, new ones as soon as they are
there.

    keyring = Keyring([Source("cert.pem", "key.pem", default=True)], Policy())
    keyring.context        # an ssl.SSLContext; what handshakes begin by
    keyring.look(now)      # have files changed? Asked by whoever has a clock, now and then

A handshake begins by the context of the default certificate, which also makes and reads session tickets;
when the client names a host with a certificate of its own, OpenSSL is given that one's context (SNI, RFC
6066 section 3).

A certificate whose files have changed gets a new context; connections that are open keep theirs. What
cannot be read or used is told once, and the old one stays.

Owner: whoever calls `look`, one thread. `context`, `facts` and the choice by name may be asked by any
thread: each is one look at an attribute that is replaced as a whole.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from potstill.net.certificates import Certificate, CertificateError, Identity, Source, identity_of, load, read
from potstill.net.client_certificates import facts_of

logger = logging.getLogger("potstill")

# Forward secrecy and AEAD, which RFC 7540's appendix A and RFC 9325 section 4.2 leave of TLS 1.2. TLS 1.3
# has its own.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
REQUIREMENTS = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
# HTTP/2 (RFC 9113) will stand before it.
PROTOCOLS = ("http/1.1",)

DAY_S = 24 * 3600.0
# Time enough to renew by hand. Who renews by itself does so a month before.
EXPIRES_SOON_S = 14 * DAY_S
WILDCARD, WILDCARD_FILE, SUFFIX = "*.", "_.", ".pem"


@dataclass(frozen=True)
class Policy:
    """What holds for all certificates."""

    min_version: str = "1.2"
    ciphers: str = ""
    ca_certs: str = ""
    cert_reqs: str = "none"
    strict: bool = False  # a client that names no host, or one without a certificate of its own, is refused


@dataclass(frozen=True)
class Expiry:
    """Until when a certificate is valid, for logs and metrics."""

    name: str  # its file
    hosts: tuple[str, ...]
    valid_until_s: float  # seconds of the epoch


@dataclass
class Entry:
    """A certificate in use."""

    source: Source
    identity: Identity  # of its files when they were last looked at
    certificate: Certificate
    context: ssl.SSLContext


class Given:
    """A context that the program has made by itself: nothing is read, nothing is looked after."""

    def __init__(self, context: ssl.SSLContext) -> None:
        if not isinstance(context, ssl.SSLContext):
            raise CertificateError(f"ssl_context is an ssl.SSLContext, not {type(context).__name__}")
        self.context = context

    def facts(self, session: ssl.SSLObject) -> dict[str, str]:
        """What environ says of the connection."""
        return facts_of(session, asked=self.context.verify_mode != ssl.CERT_NONE)

    def look(self, now_s: float, *, quiet: bool = False) -> None:
        """There is nothing to look at."""

    def expiries(self) -> Sequence[Expiry]:
        """Nothing is known of its certificates."""
        return ()


class Keyring:
    """The certificates of a server; see above. Raises CertificateError where one of them cannot be used.

    Args:
        sources: the certificates; at most one is the default.
        policy: what holds for all of them.
        directory: another place of certificates: HOST.pem, with its key; _.HOST.pem for *.HOST.
    """

    def __init__(self, sources: Sequence[Source], policy: Policy, directory: str = "") -> None:
        self._sources = tuple(sources)
        self._policy = policy
        self._directory = directory
        self._entries: dict[str, Entry] = {}
        self._failed: dict[str, Identity] = {}
        self._by_host: dict[str, ssl.SSLContext] = {}
        self._warned_s = 0.0
        self._quiet = False
        for source in self._all_sources():
            self._entries[source.certfile] = self._made(source)
        if not self._entries:
            raise CertificateError(f"{directory}: there is no certificate in it, that is, no HOST{SUFFIX}")
        self._arrange()

    @property
    def context(self) -> ssl.SSLContext:
        """What the next handshake begins by."""
        return self._context

    def facts(self, session: ssl.SSLObject) -> dict[str, str]:
        """What environ says of a connection whose handshake is over."""
        return facts_of(session, asked=self._policy.cert_reqs != "none")

    def expiries(self) -> Sequence[Expiry]:
        """Until when each certificate is valid, the first to end first."""
        found = [
            Expiry(str(entry.source), entry.source.hosts, entry.certificate.valid_until_s)
            for entry in list(self._entries.values())
        ]
        return sorted(found, key=lambda each: each.valid_until_s)

    # Changes

    def look(self, now_s: float, *, quiet: bool = False) -> None:
        """Take over files that have changed, and once a day tell which certificates end soon.

        `now_s` is the time of the epoch. Never raises for what it finds: that is logged, or only noted for
        those who debug, when it is to be `quiet`.
        """
        self._quiet = quiet
        try:
            sources = {source.certfile: source for source in self._all_sources()}
        except CertificateError as error:  # the directory cannot be read now: what is known stays
            self._tell_once(self._directory, (None,), error)
            sources = {path: entry.source for path, entry in self._entries.items()}
        renewed = [path for path, source in sources.items() if self._renewed(path, source)]
        gone = [path for path in self._entries if path not in sources][: len(self._entries) - 1]
        for path in gone:
            del self._entries[path]
        if renewed or gone:
            self._arrange()
        # Only now: whoever reads of it finds it so.
        for path in renewed:
            until = _day(self._entries[path].certificate.valid_until_s)
            self._tell(logging.INFO, "tls: loaded %s, which is valid until %s", path, until)
        for path in gone:
            self._tell(logging.INFO, "tls: %s is gone, and is presented no more", path)
        if now_s - self._warned_s >= DAY_S:
            self._warned_s = now_s
            self._warn(now_s)

    def _renewed(self, path: str, source: Source) -> bool:
        """Whether a certificate is another one now."""
        entry = self._entries.get(path)
        identity = self._identity(source)
        if entry is not None and (source.pem or identity == entry.identity):
            self._failed.pop(path, None)
            return False
        if self._failed.get(path) == identity:
            return False
        try:
            self._entries[path] = self._made(source)
        except CertificateError as error:
            stays = "; the one that was loaded before stays in use" if entry is not None else ""
            self._tell_once(path, identity, f"{error}{stays}")
            return False
        self._failed.pop(path, None)
        return True

    def _tell_once(self, path: str, identity: Identity, error: object) -> None:
        if self._failed.get(path) != identity:
            self._failed[path] = identity
            self._tell(logging.ERROR, "tls: %s", error)

    def _tell(self, level: int, text: str, *details: object) -> None:
        logger.log(logging.DEBUG if self._quiet else level, text, *details)

    def _warn(self, now_s: float) -> None:
        for expiry in self.expiries():
            left_s = expiry.valid_until_s - now_s
            if left_s <= 0:
                self._tell(
                    logging.ERROR, "tls: %s has expired on %s", expiry.name, _day(expiry.valid_until_s)
                )
            elif left_s < EXPIRES_SOON_S:
                days, until = int(left_s // DAY_S), _day(expiry.valid_until_s)
                self._tell(logging.WARNING, "tls: %s expires in %d days, on %s", expiry.name, days, until)

    # Making

    def _all_sources(self) -> Iterator[Source]:
        yield from self._sources
        if self._directory:
            yield from sources_in(self._directory)

    def _identity(self, source: Source) -> Identity:
        return identity_of((source.certfile, source.keyfile, source.chainfile, self._policy.ca_certs))

    def _made(self, source: Source) -> Entry:
        identity = self._identity(source)  # before they are read: a later change is seen later
        certificate = read(source)
        context = context_by(self._policy)
        load(certificate, context)
        return Entry(source, identity, certificate, context)

    def _arrange(self) -> None:
        """Let the choice by name be that of the entries."""
        entries = list(self._entries.values())
        self._by_host = {host: entry.context for entry in entries for host in entry.source.hosts}
        default = next((entry for entry in entries if entry.source.default), None)
        self._refuses = self._policy.strict or default is None
        context = (default or entries[0]).context
        context.sni_callback = self._choose
        self._context = context

    def _choose(self, session: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        """Present the certificate for the host; an alert's number where there is none."""
        host = (name or "").lower().rstrip(".")
        chosen = self._by_host.get(host) or self._by_host.get(WILDCARD + host.partition(".")[2])
        if chosen is not None:
            session.context = chosen
        elif self._refuses:
            return int(ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME)
        return None


def context_by(policy: Policy) -> ssl.SSLContext:
    """A context without a certificate. Raises CertificateError for ciphers or roots that are none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[policy.min_version]
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # One for each connection, since a client is to use none twice (RFC 8446 appendix C.4); each costs 13 µs.
    context.num_tickets = 1
    # A stream that ends without close_notify may have been cut by anybody: it is not taken for a whole one.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    context.set_alpn_protocols(PROTOCOLS)
    try:
        context.set_ciphers(policy.ciphers or CIPHERS)
    except ssl.SSLError:
        raise CertificateError(f"--ciphers: OpenSSL knows none of {policy.ciphers!r}") from None
    context.verify_mode = REQUIREMENTS[policy.cert_reqs]
    if policy.cert_reqs != "none":
        try:
            context.load_verify_locations(policy.ca_certs)
        except OSError as error:
            raise CertificateError(f"{policy.ca_certs}: the roots cannot be used ({error})") from None
    return context


def sources_in(directory: str) -> Iterator[Source]:
    """The certificates of a directory, by name. Raises CertificateError when it cannot be read."""
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        raise CertificateError(f"{directory}: {error.strerror or error}") from None
    for name in names:
        host = name.removesuffix(SUFFIX).lower()
        if host == name.lower() or name.startswith("."):
            continue  # something else, or a file that is being written
        if host.startswith(WILDCARD_FILE):
            host = WILDCARD + host.removeprefix(WILDCARD_FILE)
        source = Source(os.path.join(directory, name), hosts=(host,))
        yield replace(source, hosts=(), default=True) if host == "default" else source


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
