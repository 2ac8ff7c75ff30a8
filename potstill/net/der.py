"""Until when a certificate is valid: the one thing of X.509 that `ssl` does not tell of one's own
certificate.

A certificate is a tree of tag, length and content (X.690); its validity is the second of the fields that
every certificate has behind its issuer (RFC 5280 section 4.1). Nothing else is looked at.
"""

from __future__ import annotations

from datetime import UTC, datetime

_SEQUENCE, _INTEGER, _UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x30, 0x02, 0x17, 0x18, 0xA0
# Two-digit years from 50 on are those of the last century (RFC 5280 section 4.1.2.5.1).
_CENTURY_TURN = 50
_LENGTH_OCTETS_MAX = 4


class DerError(ValueError):
    """This is not a certificate."""


def valid_until(der: bytes) -> float:
    """Seconds of the epoch at which the certificate ends. Raises DerError."""
    certificate, _ = _content(der, _SEQUENCE)
    fields, _ = _content(certificate, _SEQUENCE)
    if fields[:1] == bytes([_VERSION]):
        _, fields = _content(fields, _VERSION)
    for tag in (_INTEGER, _SEQUENCE, _SEQUENCE):  # serial number, signature, issuer
        _, fields = _content(fields, tag)
    validity, _ = _content(fields, _SEQUENCE)
    _, _, rest = _next(validity)
    tag, text, _ = _next(rest)
    return _time(tag, text).timestamp()


def _time(tag: int, text: bytes) -> datetime:
    digits = text.decode("ascii", "replace")
    if tag == _UTC_TIME:
        digits = ("19" if digits[:2] >= str(_CENTURY_TURN) else "20") + digits
    elif tag != _GENERALIZED_TIME:
        raise DerError("its end is no time")
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise DerError("its end is no time") from None


def _content(data: bytes, expected: int) -> tuple[bytes, bytes]:
    """(the content of the first element, what stands behind it)."""
    tag, content, rest = _next(data)
    if tag != expected:
        raise DerError(f"tag {tag:#x} stands where {expected:#x} should")
    return content, rest


def _next(data: bytes) -> tuple[int, bytes, bytes]:
    if len(data) < 2:
        raise DerError("it ends too early")
    tag, length, start = data[0], data[1], 2
    if length & 0x80:
        octets = length & 0x7F
        if not 1 <= octets <= _LENGTH_OCTETS_MAX:
            raise DerError("a length is malformed")
        start += octets
        length = int.from_bytes(data[2:start])
    if len(data) < start + length:
        raise DerError("it ends too early")
    return tag, data[start : start + length], data[start + length :]
