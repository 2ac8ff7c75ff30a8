"""Field lines: names, values, Host, and what is known (RFC 9110 section 5, RFC 9112 section 5)."""

from __future__ import annotations

import string

import pytest

from potstill.core.fields import KNOWN_FIELDS
from tests.unit.core.heads import HOST, accepted, get, message, refused

TCHARS = set(b"!#$%&'*+-.^_`|~" + string.digits.encode() + string.ascii_letters.encode())
# What a value may hold: VCHAR, obs-text, SP and HTAB.
TEXT = {9, *range(0x20, 0x7F), *range(0x80, 0x100)}


@pytest.mark.parametrize("name", KNOWN_FIELDS)
def test_known_names_are_known_in_any_case(name: str) -> None:
    """RFC 9110 section 5.1: field names are case-insensitive."""
    for spelling in (name, name.upper(), name.title(), name[0].upper() + name[1:]):
        value = {"host": "a.test", "content-length": "0", "transfer-encoding": "chunked", "expect": ""}.get(
            name, "x"
        )
        line = f"{spelling}: {value}".encode()
        fields = accepted(message(b"GET / HTTP/1.1", *([] if name == "host" else [HOST]), line)).fields
        assert fields[-1] == (spelling.encode(), value.encode(), name)


@pytest.mark.parametrize("name", KNOWN_FIELDS)
def test_a_name_that_is_nearly_known_is_not(name: str) -> None:
    """Every letter counts, and so does every bit of it that is not its case."""
    octets = name.encode()
    near = {octets + b"x", octets[:-1], b"x" + octets, octets.replace(b"-", b"."), octets + b"-"} - {b""}
    for at, octet in enumerate(octets):
        near |= {octets[:at] + bytes([octet ^ 1 << bit]) + octets[at + 1 :] for bit in range(8)}
    for other in near:
        if other.lower().decode("latin-1") in KNOWN_FIELDS or not set(other) <= TCHARS or b"_" in other:
            continue
        assert accepted(get(other + b": x")).fields[-1] == (other, b"x", None)


def test_a_control_byte_in_place_of_a_dash_is_not_the_name() -> None:
    """0x0D is 0x2D without the bit that makes letters small: a comparison of whole words must not take it for
    "-".
    """
    assert refused(get(b"User\rAgent: x")) == (400, "bare-cr")
    assert refused(get(b"Content\rLength: 5")) == (400, "bare-cr")


@pytest.mark.parametrize("place", [b"%bX", b"X%b", b"X%bY", b"Content%bLengt"])
def test_a_name_is_a_token(place: bytes) -> None:
    """RFC 9110 section 5.6.2: any byte that is no tchar spoils it."""
    for octet in set(range(256)) - set(b"\n:_"):
        name = place % bytes([octet])
        if octet in TCHARS:
            assert accepted(get(name + b": x")).fields[-1][:2] == (name, b"x")
        else:
            assert refused(get(name + b": x"))[0] == 400


@pytest.mark.parametrize("around", [(0, 0), (1, 1), (3, 2), (7, 0), (0, 7), (8, 8), (15, 20), (40, 3)])
def test_a_value_holds_text_only(around: tuple[int, int]) -> None:
    """RFC 9110 section 5.5, wherever the byte stands among the words of eight that are checked at once."""
    for octet in set(range(256)) - set(b"\r\n"):
        for neighbour in (b"a", b"\xff"):
            value = neighbour * around[0] + bytes([octet]) + neighbour * around[1]
            if octet in TEXT:
                assert accepted(get(b"X: " + value)).fields[-1][1] == value.strip(b" \t")
            else:
                assert refused(get(b"X: " + value)) == (400, "bad-field-value")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"X:", b""),
        (b"X: \t ", b""),
        (b"X:a", b"a"),
        (b"X: \t a \t b \t ", b"a \t b"),
        (b"X::", b":"),
        (b"X: \xa0a\x85", b"\xa0a\x85"),
    ],
)
def test_white_space_around_a_value_is_not_part_of_it(line: bytes, value: bytes) -> None:
    """RFC 9112 section 5.1: OWS is SP and HTAB, nothing else."""
    assert accepted(get(line)).fields[-1][1] == value


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b"X", "no-colon"),
        (b"X a", "no-colon"),
        (b": a", "empty-name"),
        (b"X : a", "space-before-colon"),
        (b"X\t: a", "space-before-colon"),
        (b"Host : a", "space-before-colon"),
        (b" : a", "obs-fold"),
        (b" a", "obs-fold"),
        (b"\tX: a", "obs-fold"),
        (b"X Y: a", "bad-field-name"),
        (b"X\xa0: a", "bad-field-name"),
        (b"X\x00: a", "bad-field-name"),
        (b"X\r", "bare-cr"),
        (b"X\rY: a", "bare-cr"),
    ],
)
def test_lines_that_are_no_fields(line: bytes, rule: str) -> None:
    """RFC 9112 section 5, 5.1 and 5.2; always 400."""
    assert refused(get(line)) == (400, rule)


@pytest.mark.parametrize("line", [b" X: a", b"\tX: a", b" X", b" "])
def test_white_space_before_the_first_field_is_no_fold(line: bytes) -> None:
    """RFC 9112 section 2.2: reject it, or ignore the line."""
    assert refused(message(b"GET / HTTP/1.1", line, HOST)) == (400, "space-before-fields")


def test_names_with_an_underscore_are_dropped_refused_or_kept() -> None:
    """CGI and WSGI write "X_A" and "X-A" alike."""
    data = get(b"X_A: 1", b"X-A: 2")
    assert [name for name, _, _ in accepted(data).fields] == [b"Host", b"X-A"]
    assert accepted(data).dropped == 1
    assert refused(data, header_map="refuse") == (400, "underscore")
    kept = accepted(data, header_map="keep")
    assert [name for name, _, _ in kept.fields] == [b"Host", b"X_A", b"X-A"]
    assert kept.dropped == 0


@pytest.mark.parametrize("header_map", ["drop", "keep"])
def test_a_dropped_field_has_to_be_correct_all_the_same(header_map: str) -> None:
    """It could still split the head for somebody else."""
    assert refused(get(b"X_A: \x00"), header_map=header_map) == (400, "bad-field-value")
    assert refused(get(b"X_A : 1"), header_map=header_map) == (400, "space-before-colon")


@pytest.mark.parametrize(
    ("line", "fields", "rule"),
    [
        (b"GET / HTTP/1.1", [], "no-host"),
        (b"GET / HTTP/1.2", [b"X: Host"], "no-host"),
        (b"GET http://a.test/ HTTP/1.1", [], "no-host"),
        (b"GET / HTTP/1.1", [HOST, HOST], "two-hosts"),
        (b"GET / HTTP/1.0", [b"hOST:", HOST], "two-hosts"),
        (b"GET http://a.test/ HTTP/1.1", [b"Host:"], "bad-host"),
        (b"GET / HTTP/1.0", [b"Host: a/b"], "bad-host"),
    ],
)
def test_host_is_there_once(line: bytes, fields: list[bytes], rule: str) -> None:
    """RFC 9112 section 3.2; on HTTP/1.0 it may be missing."""
    assert refused(message(line, *fields)) == (400, rule)


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1", b"OPTIONS * HTTP/1.1", b"GET / HTTP/1.0"])
def test_host_may_be_empty_where_the_target_has_no_authority(line: bytes) -> None:
    """RFC 9112 section 3.2: that is what such a client has to send."""
    assert accepted(message(line, b"Host: ")).host == b""


def test_host_may_be_missing_on_1_0() -> None:
    """HTTP/1.0 had none."""
    assert accepted(message(b"GET / HTTP/1.0")).host is None
