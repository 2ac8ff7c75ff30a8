"""Request targets and authorities (RFC 9112 section 3.2, RFC 3986 section 3.2)."""

from __future__ import annotations

import pytest

from potstill.core.http1 import decode_path
from tests.unit.core.heads import HOST, accepted, get, message, refused

# target → path, query, authority, form, path_encoded
TARGETS = [
    (b"/", b"/", b"", b"", "origin", False),
    (b"/a/b?c=d", b"/a/b", b"c=d", b"", "origin", False),
    (b"/?", b"/", b"", b"", "origin", False),
    (b"/a??b?/", b"/a", b"?b?/", b"", "origin", False),
    (b"//a.test/b", b"//a.test/b", b"", b"", "origin", False),
    (b"/http://a/", b"/http://a/", b"", b"", "origin", False),
    (b'/"<>[]\\^`{|}', b'/"<>[]\\^`{|}', b"", b"", "origin", False),
    (b"/%41?%zz", b"/%41", b"%zz", b"", "origin", True),
    (b"/a?%41", b"/a", b"%41", b"", "origin", False),
    (b"http://a.test/b?c", b"/b", b"c", b"a.test", "absolute", False),
    (b"HTTPS://[::1]:80/%20", b"/%20", b"", b"[::1]:80", "absolute", True),
    (b"http://a.test", b"/", b"", b"a.test", "absolute", False),
    (b"http://a.test?b", b"/", b"b", b"a.test", "absolute", False),
]


@pytest.mark.parametrize(("target", "path", "query", "authority", "form", "path_encoded"), TARGETS)
def test_targets_are_cut_into_their_parts(
    target: bytes, path: bytes, query: bytes, authority: bytes, form: str, path_encoded: bool
) -> None:
    """RFC 9112 section 3.2.1 and 3.2.2; an empty path is "/" (RFC 9110 section 4.2.3)."""
    head = accepted(get(target=target))
    assert head.target == target
    assert (head.path, head.query, head.authority) == (path, query, authority)
    assert (head.form, head.path_encoded) == (form, path_encoded)


@pytest.mark.parametrize(("target", "authority"), [(b"*", b""), (b"http://a.test", b"a.test")])
def test_options_may_be_about_the_server_as_a_whole(target: bytes, authority: bytes) -> None:
    """RFC 9112 section 3.2.4: "*", or a URI with neither path nor query."""
    head = accepted(message(b"OPTIONS " + target + b" HTTP/1.1", HOST))
    assert (head.form, head.path, head.query, head.authority) == ("asterisk", b"", b"", authority)


@pytest.mark.parametrize("target", [b"/", b"http://a.test/", b"http://a.test?"])
def test_options_of_something_is_like_any_other_request(target: bytes) -> None:
    """Where there is a path or a query, it is about that."""
    assert accepted(message(b"OPTIONS " + target + b" HTTP/1.1", HOST)).path == b"/"


REFUSED = [
    (b"*", "asterisk"),
    (b"**", "target-form"),
    (b"a.test:80", "target-form"),
    (b"a", "target-form"),
    (b"?a", "target-form"),
    (b"\\a", "target-form"),
    (b"ftp://a.test/", "target-form"),
    (b"http:/a", "target-form"),
    (b"http:", "target-form"),
    (b"http://", "target-authority"),
    (b"http:///a", "target-authority"),
    (b"http://u@a.test/", "target-authority"),
    (b"http://a.test:80a/", "target-authority"),
    (b"http://a.test\\b/", "target-authority"),
    (b"http://a.test#b", "fragment"),
    (b"/#", "fragment"),
    (b"/a?b#c", "fragment"),
    (b"/\x00", "target-bytes"),
    (b"/\x1f?", "target-bytes"),
    (b"/?\x7f", "target-bytes"),
    (b"/\x80", "target-bytes"),
    (b"/caf\xc3\xa9", "target-bytes"),
    (b"\x80", "target-bytes"),
    (b"http://\xff/", "target-bytes"),
    (b"/\t", "request-line-spaces"),
    (b"/a\rb", "bare-cr"),
    (b"/%", "bad-percent"),
    (b"/%4", "bad-percent"),
    (b"/%4?1", "bad-percent"),
    (b"/%4g", "bad-percent"),
    (b"/%g4", "bad-percent"),
    (b"/%%41", "bad-percent"),
    (b"/%41%4", "bad-percent"),
    (b"http://a.test/%", "bad-percent"),
    (b"/a%00b", "percent-nul"),
]


@pytest.mark.parametrize(("target", "rule"), REFUSED)
def test_targets_that_are_refused(target: bytes, rule: str) -> None:
    """RFC 9112 section 3.2, RFC 3986 section 2.1; always 400."""
    assert refused(get(target=target)) == (400, rule)


AUTHORITIES = [
    b"a.test", b"a.test:80", b"a.test:", b"A-b_c~d.", b"127.0.0.1:65535", b"1", b"a!$&'()*+,;=b",
    b"%41%7e.test:1",
    b"[::]", b"[::1]", b"[1::]", b"[1:2:3:4:5:6:7:8]", b"[1:2:3:4:5:6:7::]", b"[::2:3:4:5:6:7:8]",
    b"[abcd:EF01::]:1",
    b"[::1.2.3.4]", b"[1:2:3:4:5:6:255.255.255.255]", b"[1::5:1.2.3.0]", b"[v1.fe80::a+en1]", b"[VF.a]:80",
]  # fmt: skip

NO_AUTHORITIES = [
    b":80", b":", b"u@a.test", b"u:p@a.test", b"a b", b"a.test:80:80", b"a.test:8a", b"a.test:+8",
    b"a.test:65536",
    b"a.test:000080", b"a/b", b"a?b", b"a#b", b"a\\b", b"a|b", b'"a"', b"<a>", b"a%", b"a%4", b"a%4g",
    b"caf\xe9",
    b"a\x7fb", b"[", b"[]", b"[::1", b"::1", b"::1]", b"[::1]a", b"[::1]80", b"a[::1]", b"[a.test]",
    b"[:]", b"[:::]",
    b"[1:2:3:4:5:6:7]", b"[1:2:3:4:5:6:7:8:9]", b"[1:2:3:4:5:6:7:8::]", b"[::1::]", b"[1:]", b"[:1]",
    b"[12345::]",
    b"[g::]", b"[::1.2.3]", b"[::1.2.3.4.5]", b"[::1.2.3.256]", b"[::01.2.3.4]", b"[::1.2.3.4:5]",
    b"[1.2.3.4]",
    b"[::1%25eth0]", b"[::1.]", b"[::.1.2.3]", b"[v.a]", b"[v1.]", b"[v1]", b"[vg.a]", b"[v1.a/b]", b"[v]",
    b"[1:2:3:4:5:6:7:1.2.3.4]",
]  # fmt: skip


@pytest.mark.parametrize("authority", AUTHORITIES)
def test_an_authority_is_host_and_perhaps_port(authority: bytes) -> None:
    """RFC 3986 section 3.2.2 and 3.2.3, in Host and in the target alike."""
    assert accepted(message(b"GET / HTTP/1.1", b"Host: " + authority)).host == authority
    assert accepted(get(target=b"http://" + authority + b"/")).authority == authority


@pytest.mark.parametrize("authority", NO_AUTHORITIES)
def test_what_is_not_an_authority_is_no_host(authority: bytes) -> None:
    """RFC 9112 section 3.2: a server MUST respond with 400 to a Host that is invalid."""
    status, rule = refused(message(b"GET / HTTP/1.1", b"Host: " + authority))
    assert (status, rule) == (400, "bad-field-value" if b"\x7f" in authority else "bad-host")


@pytest.mark.parametrize(
    ("path", "decoded"),
    [
        (b"", b""),
        (b"/a", b"/a"),
        (b"/%41", b"/A"),
        (b"%41%42c%2F%2f", b"ABc//"),
        (b"/%2541", b"/%41"),
        (b"/caf%C3%A9", b"/caf\xc3\xa9"),
        (b"%ff%00", b"\xff\x00"),
        (b"/%", None),
        (b"/%4", None),
        (b"/%4g", None),
        (b"/%g4", None),
    ],
)
def test_percent_encoding_is_undone_once(path: bytes, decoded: bytes | None) -> None:
    """RFC 3986 section 2.1 and 2.4."""
    assert decode_path(path) == decoded
