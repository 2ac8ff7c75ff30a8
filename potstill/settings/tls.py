"""The rows of the table about TLS, and about what a proxy says before it."""

from __future__ import annotations

from typing import Annotated, Any

from potstill.settings.about import TIMEOUTS, TLS, About
from potstill.settings.kinds import Addresses, Choice, Duration, Switch, Text
from potstill.settings.processes import ProcessSettings
from potstill.settings.tls_kinds import File, Hsts, Networks, PasswordSource


class TlsSettings(ProcessSettings, frozen=True, kw_only=True):
    """Rows of `potstill.settings.Settings`. It continues another part: structs have one base."""

    # The [[tls]] tables of the file, as `potstill.assemble.tls_tables` has read them; no option.
    tls: tuple[Any, ...] = ()
    # An ssl.SSLContext that a program has made by itself, in place of files; no option.
    ssl_context: Any = None

    certfile: Annotated[
        str,
        About(
            TLS,
            File(),
            "The certificate, with those between it and its root, in PEM; makes --bind speak TLS.",
            peers=("gunicorn: certfile", "granian: ssl-certificate"),
        ),
    ] = ""
    keyfile: Annotated[
        str,
        About(
            TLS,
            File(),
            "The certificate's key, in PEM; by default it stands in --certfile too.",
            peers=("gunicorn: keyfile", "granian: ssl-keyfile"),
        ),
    ] = ""
    chainfile: Annotated[
        str,
        About(
            TLS, File(), "The certificates between --certfile and its root, if they stand in another file."
        ),
    ] = ""
    keyfile_password: Annotated[
        str,
        About(
            TLS,
            PasswordSource(),
            "Where the key's password comes from: the first line of a file, or of what a command prints.",
        ),
    ] = ""
    cert_dir: Annotated[
        str,
        About(TLS, File("DIR", directory=True), "Certificates by name: HOST.pem with its key, _.HOST.pem."),
    ] = ""
    sni_strict: Annotated[
        bool,
        About(TLS, Switch(), "Refuse clients that ask for a host without a certificate of its own."),
    ] = False
    ssl_min_version: Annotated[
        str,
        About(TLS, Choice(("1.2", "1.3"), "VERSION"), "The oldest version of TLS that is spoken."),
    ] = "1.2"
    ciphers: Annotated[
        str,
        About(
            TLS,
            Text("LIST"),
            "Ciphers of TLS 1.2, as OpenSSL writes them; by default those with forward secrecy and AEAD.",
            peers=("gunicorn: ciphers",),
        ),
    ] = ""
    ca_certs: Annotated[
        str,
        About(
            TLS,
            File(),
            "The roots by which clients' certificates are judged, in PEM.",
            peers=("gunicorn: ca-certs", "granian: ssl-ca"),
        ),
    ] = ""
    cert_reqs: Annotated[
        str,
        About(
            TLS,
            Choice(("none", "optional", "required"), "WORD"),
            "Whether clients are asked for a certificate, and must have one.",
            peers=("gunicorn: cert-reqs",),
        ),
    ] = "none"
    redirect_http: Annotated[
        tuple[str, ...],
        About(
            TLS,
            Addresses(optional=True),
            "Where to listen for plain HTTP, to send its clients to https (308); may be repeated.",
            reload=False,
        ),
    ] = ()
    hsts: Annotated[
        str,
        About(
            TLS,
            Hsts(),
            "Strict-Transport-Security in answers over TLS, as 'max-age=31536000; includeSubDomains'.",
        ),
    ] = ""
    dev_cert: Annotated[
        bool,
        About(TLS, Switch(), "A self-signed certificate for localhost, made in memory; needs potstill[dev]."),
    ] = False
    proxy_protocol: Annotated[
        bool,
        About(
            TLS,
            Switch(),
            "Whether --proxy-allow-from begin with a header of the PROXY protocol, version 1 or 2.",
            peers=("gunicorn: proxy-protocol",),
        ),
    ] = False
    proxy_allow_from: Annotated[
        tuple[str, ...],
        About(
            TLS,
            Networks(),
            "Who has to begin with a PROXY header; all others speak for themselves. May be repeated.",
            peers=("gunicorn: proxy-allow-ips",),
        ),
    ] = ("127.0.0.1", "::1", "unix")
    handshake_timeout: Annotated[
        float,
        About(
            TIMEOUTS,
            Duration(0.001),
            "From the connection to the end of the TLS handshake, a PROXY header included.",
        ),
    ] = 10.0

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken."""
        return bool(self.certfile or self.cert_dir or self.dev_cert or self.tls or self.ssl_context)
