"""A certificate and its key: from PEM files to an `ssl.SSLContext` that can present it.

What is read is read once and handed to OpenSSL from memory, so that a context never mixes two generations
of files, and a chain may stand in a file of its own. A key may be PKCS#1, SEC 1 or PKCS#8, and encrypted;
its password comes from a file or from a command. OpenSSL would ask for it on the terminal: it is never
given the opportunity.

Every failure is a CertificateError whose text names the file and what to do.
"""

from __future__ import annotations

import binascii
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from potstill.net.der import DerError, valid_until

if TYPE_CHECKING:
    import ssl

# A command that is to print a password, and waits for a terminal instead.
PASSWORD_COMMAND_S = 10.0
# Half a megabyte of certificates is no certificate.
FILE_BYTES_MAX = 1 << 19

_CERTIFICATE = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----(.+?)-----END (?:TRUSTED |X509 )?CERTIFICATE-----",
    re.DOTALL,
)
_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")

Identity = tuple[tuple[int, ...] | None, ...]


class CertificateError(ValueError):
    """A certificate, or its key, cannot be used; the text is for the operator."""


@dataclass(frozen=True)
class Source:
    """Where a certificate comes from, and for whom it is.

    `hosts` are names in lower case, perhaps with `*` for their first label. `pem`, where there is one, is
    certificate and key together, and nothing is read.
    """

    certfile: str = ""
    keyfile: str = ""
    chainfile: str = ""
    password: str = ""
    hosts: tuple[str, ...] = ()
    default: bool = False
    pem: bytes = b""

    def __str__(self) -> str:
        return self.certfile or "the certificate made in memory"


@dataclass(frozen=True)
class Certificate:
    """A chain of certificates and a key, read and not yet tried."""

    source: Source
    chain: bytes
    key: bytes
    valid_until_s: float  # seconds of the epoch


def identity_of(paths: Iterable[str]) -> Identity:
    """What is another when a file has been written to or replaced; None stands for one that is not there."""
    return tuple(_identity(path) for path in paths if path)


def _identity(path: str) -> tuple[int, ...] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev


def read(source: Source) -> Certificate:
    """What the files hold. Raises CertificateError."""
    chain = source.pem or _content(source.certfile)
    key = chain if not source.keyfile else _content(source.keyfile)
    found = _CERTIFICATE.search(chain)
    if found is None:
        raise CertificateError(f"{source}: there is no certificate in PEM in it")
    if _KEY.search(key) is None:
        where = source.keyfile or source
        hint = "" if source.keyfile else "; name the file with the key (--keyfile)"
        raise CertificateError(f"{where}: there is no private key in PEM in it{hint}")
    if source.chainfile:
        chain += b"\n" + _content(source.chainfile)
    try:
        der = binascii.a2b_base64(found[1])
        until_s = valid_until(der)
    except (DerError, ValueError) as error:
        raise CertificateError(f"{source}: the certificate is damaged ({error})") from None
    return Certificate(source, chain, key, until_s)


def load(certificate: Certificate, context: ssl.SSLContext) -> None:
    """Let the context present the certificate. Raises CertificateError; the context is then of no use."""
    source = certificate.source

    def password() -> str:
        if not source.password:
            raise CertificateError(
                f"{source.keyfile or source}: the key is encrypted; say where its password comes from "
                "(--keyfile-password)"
            )
        return password_of(source.password)

    with in_memory(certificate.chain) as chain, in_memory(certificate.key) as key:
        try:
            context.load_cert_chain(chain, key, password)
        except OSError as error:  # an ssl.SSLError: `ssl` itself is loaded by who has certificates
            raise CertificateError(_explained(certificate, error)) from error


def password_of(where: str) -> str:
    """The first line of a file (`file:PATH`) or of what a command prints (`command:WORDS`)."""
    kind, _, rest = where.partition(":")
    if kind == "file":
        text = _content(rest)
    else:
        import subprocess  # here, because nearly nobody comes by

        try:
            done = subprocess.run(
                shlex.split(rest),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PASSWORD_COMMAND_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CertificateError(f"the command for the key's password failed: {error}") from None
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise CertificateError(f"the command for the key's password ended with {done.returncode}: {said}")
        text = done.stdout
    return text.decode("utf-8", "surrogateescape").partition("\n")[0].rstrip("\r")


@contextmanager
def in_memory(content: bytes) -> Iterator[str]:
    """A path by which OpenSSL, which takes nothing but paths, reads what is here."""
    descriptor = os.memfd_create("potstill-pem", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except PermissionError as error:
        raise CertificateError(
            f"{path}: {error.strerror}; the user that Potstill runs as must be able to read it"
        ) from None
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror or error}") from None
    if len(content) > FILE_BYTES_MAX:
        raise CertificateError(f"{path}: is larger than {FILE_BYTES_MAX} bytes")
    return content


def _explained(certificate: Certificate, error: OSError) -> str:
    source, reason = certificate.source, getattr(error, "reason", None) or str(error)
    if "MISMATCH" in reason:
        return f"{source.keyfile or source}: the key is not that of the certificate in {source}"
    if b"ENCRYPTED" in certificate.key and source.password:
        return f"{source.keyfile or source}: the password does not fit the key, or the key is damaged"
    if reason in ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"):
        return f"{source}: OpenSSL finds the certificate too weak ({reason})"
    return f"{source}: OpenSSL cannot use the certificate or its key ({reason})"
