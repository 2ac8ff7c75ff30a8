"""What environ says of a TLS connection and of its client's certificate, under the names that mod_ssl made
usual.

SSL_PROTOCOL            TLSv1.3
SSL_CIPHER              TLS_AES_256_GCM_SHA384
SSL_CLIENT_VERIFY       SUCCESS or NONE; whoever fails does not come in
SSL_CLIENT_CERT         in PEM
SSL_CLIENT_S_DN         CN=alice,O=Example (RFC 4514: the most specific part first)
SSL_CLIENT_I_DN         the issuer, likewise
SSL_CLIENT_M_SERIAL     its serial number, hexadecimal
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Any

# RFC 4514 section 3, and what OpenSSL prints for others that are in use. Those without a short name keep
# theirs.
SHORT_NAMES = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "street",
    "domainComponent": "DC",
    "userId": "UID",
    "surname": "SN",
    "givenName": "GN",
}
_SPECIAL = frozenset('"+,;<>\\')

Name = Sequence[Sequence[tuple[str, str]]]


def facts_of(session: ssl.SSLObject, *, asked: bool) -> dict[str, str]:
    """The variables, for a handshake that is over. `asked`: whether clients are asked for a certificate."""
    cipher = session.cipher()
    facts = {"SSL_PROTOCOL": session.version() or "", "SSL_CIPHER": cipher[0] if cipher else ""}
    if not asked:
        return facts
    der, told = session.getpeercert(binary_form=True), session.getpeercert()
    if der is None or not told:
        return facts | {"SSL_CLIENT_VERIFY": "NONE"}
    names: dict[str, Any] = dict(told)
    return facts | {
        "SSL_CLIENT_VERIFY": "SUCCESS",
        "SSL_CLIENT_CERT": ssl.DER_cert_to_PEM_cert(der),
        "SSL_CLIENT_S_DN": distinguished_name(names.get("subject", ())),
        "SSL_CLIENT_I_DN": distinguished_name(names.get("issuer", ())),
        "SSL_CLIENT_M_SERIAL": names.get("serialNumber", ""),
    }


def distinguished_name(name: Name) -> str:
    """A name of `SSLSocket.getpeercert` as RFC 4514 writes it, in ASCII."""
    return ",".join(
        "+".join(f"{SHORT_NAMES.get(key, key)}={_escaped(value)}" for key, value in part)
        for part in reversed(name)
    )


def _escaped(value: str) -> str:
    """RFC 4514 section 2.4. What is not printable ASCII becomes hexadecimal pairs of its UTF-8."""
    text = "".join(
        f"\\{each}"
        if each in _SPECIAL
        else each
        if " " <= each <= "~"
        else "".join(f"\\{octet:02X}" for octet in each.encode("utf-8", "surrogateescape"))
        for each in value
    )
    if text.startswith((" ", "#")):
        text = "\\" + text
    if text.endswith(" ") and not text.endswith("\\ "):
        text = text[:-1] + "\\ "
    return text
