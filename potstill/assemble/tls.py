"""Settings → what ends TLS, and how clients come in by each listener."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from potstill.core.options import Entrance, Security
from potstill.middleware.https import HTTPS_PORT, HttpsRedirect
from potstill.middleware.networks import Networks
from potstill.net.bind import Listener
from potstill.net.certificates import CertificateError, Source
from potstill.settings import Settings


class Expiring(Protocol):
    """Until when a certificate is valid."""

    @property
    def name(self) -> str: ...

    @property
    def hosts(self) -> tuple[str, ...]: ...

    @property
    def valid_until_s(self) -> float: ...


class LookedAfter(Security, Protocol):
    """A Security whose files may change."""

    def look(self, now_s: float, *, quiet: bool = False) -> None: ...

    def expiries(self) -> Sequence[Expiring]: ...


class Securities:
    """What ends TLS by each configuration that is in use: a reload that changes nothing about TLS keeps it,
    and with it the keys that this process may perhaps read no more.

    Owned by the supervisor's loop; a worker is given one of them.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], LookedAfter | None] = {}

    def prepare(self, *in_use: Settings) -> None:
        """Make what these settings need and is not there, let go of the rest. Raises CertificateError."""
        self._made = {
            key: self._made[key] if key in self._made else security_of(settings)
            for key, settings in ((_tls_of(each), each) for each in in_use)
        }

    def of(self, settings: Settings) -> LookedAfter | None:
        """What ends TLS; None where none is spoken."""
        return self._made.get(_tls_of(settings))

    def expiries(self) -> list[Expiring]:
        """Until when each certificate in use is valid, the first to end first: for metrics."""
        made = [security for security in self._made.values() if security is not None]
        found = [expiry for security in made for expiry in security.expiries()]
        return sorted(found, key=lambda each: each.valid_until_s)

    def look(self, now_s: float) -> None:
        """See whether files have changed."""
        for security in self._made.values():
            if security is not None:
                security.look(now_s)


def valid_until(expiries: Iterable[Expiring]) -> dict[str, float]:
    """Name → Unix time; of two certificates of one name, the one that ends first."""
    return {each.name: each.valid_until_s for each in sorted(expiries, key=lambda each: -each.valid_until_s)}


def security_of(settings: Settings) -> LookedAfter | None:
    """What ends TLS; None where none is spoken. Raises CertificateError."""
    if not settings.secure:
        return None
    # Here, because a server without TLS has no use for OpenSSL.
    from potstill.net.tls import Given, Keyring, Policy

    if settings.ssl_context is not None:
        return Given(settings.ssl_context)
    policy = Policy(
        min_version=settings.ssl_min_version,
        ciphers=settings.ciphers,
        ca_certs=settings.ca_certs,
        cert_reqs=settings.cert_reqs,
        strict=settings.sni_strict,
    )
    return Keyring(sources_of(settings), policy, settings.cert_dir)


def sources_of(settings: Settings) -> list[Source]:
    """The certificates that are named one by one, the default first. Raises CertificateError."""
    sources = list(settings.tls)
    if settings.dev_cert:
        from potstill.net.dev_certificate import dev_certificate

        sources.insert(0, Source(pem=dev_certificate(), default=True))
    elif settings.certfile:
        sources.insert(
            0,
            Source(
                settings.certfile,
                settings.keyfile,
                settings.chainfile,
                settings.keyfile_password,
                default=True,
            ),
        )
    elif sources and not any(source.default for source in sources) and not settings.cert_dir:
        sources[0] = replace(sources[0], default=True)  # as with sites: the first is for all others
    if sum(source.default for source in sources) > 1:
        raise CertificateError("more than one certificate is the default")
    return sources


def _tls_of(settings: Settings) -> tuple[object, ...]:
    """All that a Security is made of."""
    return (
        settings.tls,
        settings.ssl_context,
        settings.certfile,
        settings.keyfile,
        settings.chainfile,
        settings.keyfile_password,
        settings.cert_dir,
        settings.sni_strict,
        settings.ssl_min_version,
        settings.ciphers,
        settings.ca_certs,
        settings.cert_reqs,
        settings.dev_cert,
    )


def with_schemes(settings: Settings, listeners: Iterable[Listener]) -> list[Listener]:
    """The listeners, each told what is spoken on it."""
    plain = set(settings.redirect_http) - set(settings.bind)
    return [
        replace(listener, redirects=listener.address in plain)
        if not settings.secure or listener.address in plain
        else replace(listener, scheme="https")
        for listener in listeners
    ]


def entrances_of(
    settings: Settings, listeners: Sequence[Listener], security: Security | None
) -> list[Entrance]:
    """How clients come in by each of the listeners."""
    proxies = Networks(settings.proxy_allow_from) if settings.proxy_protocol else None
    return [
        Entrance(proxies=proxies, application=HttpsRedirect(port_of(listeners)))
        if listener.redirects
        else Entrance(tls=security, proxies=proxies)
        for listener in listeners
    ]


def port_of(listeners: Sequence[Listener]) -> int:
    """Where clients find TLS."""
    for listener in listeners:
        if listener.scheme == "https" and listener.socket.family != socket.AF_UNIX:
            return int(listener.socket.getsockname()[1])
    return HTTPS_PORT
