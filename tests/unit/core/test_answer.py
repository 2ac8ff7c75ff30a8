"""Status and fields of an answer, octet by octet: what is sent as it stands, what is refused, what is noted.

That a refusal becomes a 500, and what the log says, is in test_response_errors.py.
"""

from __future__ import annotations

import pytest

from potstill.core.answer import render

TOKEN = set("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
OK = b"HTTP/1.1 200 OK\r\n"


def test_the_whole_of_it() -> None:
    octets, facts = render("200 OK", [("Content-Type", "text/plain"), ("X-Empty", ""), ("x-A", "a\tb \xe9")])
    assert octets == OK + b"Content-Type: text/plain\r\nX-Empty: \r\nx-A: a\tb \xe9\r\n"
    assert facts == {"code": 200, "declared": -1, "has_date": False, "has_server": False, "close": False}


@pytest.mark.parametrize("octet", range(256))
def test_every_octet_in_a_name(octet: int) -> None:
    """RFC 9110 section 5.6.2: a token, and nothing else."""
    name = f"X{chr(octet)}Y"
    if chr(octet) in TOKEN:
        assert render("200 OK", [(name, "v")])[0] == OK + f"{name}: v\r\n".encode("ascii")
    else:
        with pytest.raises(ValueError, match="not a field name"):
            render("200 OK", [(name, "v")])


@pytest.mark.parametrize("octet", range(256))
def test_every_octet_in_a_value(octet: int) -> None:
    """RFC 9110 section 5.5: visible ones, SP, HTAB, and those beyond ASCII."""
    value = f"a{chr(octet)}b"
    if octet == 9 or (octet >= 32 and octet != 127):
        assert render("200 OK", [("X", value)])[0] == OK + f"X: {value}\r\n".encode("latin-1")
    else:
        with pytest.raises(ValueError, match="control character"):
            render("200 OK", [("X", value)])


@pytest.mark.parametrize("octet", range(256))
def test_every_octet_in_a_reason(octet: int) -> None:
    """RFC 9112 section 4: the same ones."""
    status = f"200 O{chr(octet)}K"
    if octet == 9 or (octet >= 32 and octet != 127):
        assert render(status, [])[0] == f"HTTP/1.1 {status}\r\n".encode("latin-1")
    else:
        with pytest.raises(ValueError, match="must not be sent"):
            render(status, [])


@pytest.mark.parametrize("name", ["X\u20ac", "\U0001f600", "", "X\u0130"])
def test_a_name_beyond_octets(name: str) -> None:
    with pytest.raises(ValueError, match="not a field name"):
        render("200 OK", [(name, "v")])


@pytest.mark.parametrize("value", ["\u20ac", "a\U0001f600", "\u010d\u010a"])
def test_a_value_beyond_octets(value: str) -> None:
    """Also one whose code points would become CR and LF if only their lower bytes were sent."""
    with pytest.raises(ValueError, match="not latin-1"):
        render("200 OK", [("X", value)])


@pytest.mark.parametrize("code", [100, 101, 199, 200, 204, 304, 599, 999])
def test_codes(code: int) -> None:
    octets, facts = render(f"{code} X", [])
    assert octets == f"HTTP/1.1 {code} X\r\n".encode()
    assert facts["code"] == code


@pytest.mark.parametrize(
    "status",
    ["099 X", "000 X", "1000 X", "20 X", "2 00 X", "-20 X", "+20 X", "2\u00b20 X", "\uff12\uff10\uff10 X"],
)
def test_what_is_no_code(status: str) -> None:
    with pytest.raises(ValueError, match="must look like"):
        render(status, [])


@pytest.mark.parametrize("name", ["Content-Length", "content-length", "CONTENT-LENGTH", "cOnTeNt-LeNgTh"])
@pytest.mark.parametrize(
    ("value", "declared"), [("0", 0), ("5", 5), (" 5\t", 5), ("007", 7), ("9" * 18, 10**18 - 1)]
)
def test_a_length_is_noted(name: str, value: str, declared: int) -> None:
    octets, facts = render("200 OK", [(name, value)])
    assert facts["declared"] == declared
    assert octets == OK + f"{name}: {value}\r\n".encode()


@pytest.mark.parametrize(
    ("status", "kept"), [("200 OK", True), ("304 X", True), ("204 X", False), ("103 X", False)]
)
def test_a_length_where_none_may_be(status: str, kept: bool) -> None:
    """RFC 9110 section 8.6."""
    octets, facts = render(status, [("Content-Length", "5")])
    assert (b"Content-Length" in octets, facts["declared"]) == (kept, 5 if kept else -1)


@pytest.mark.parametrize(
    ("name", "fact"),
    [("Date", "has_date"), ("dATE", "has_date"), ("Server", "has_server"), ("SERVER", "has_server")],
)
def test_what_the_server_would_have_added(name: str, fact: str) -> None:
    _, facts = render("200 OK", [(name, "mine")])
    assert [key for key in ("has_date", "has_server", "close") if facts[key]] == [fact]


@pytest.mark.parametrize(
    "name", ["Data", "Dat\xe5", "D-te", "Servers", "Content-Lengt\x08", "Content_Length", "Connectio"]
)
def test_names_that_only_look_alike(name: str) -> None:
    """A case-blind comparison must not take one octet for another."""
    try:
        _, facts = render("200 OK", [(name, "5")])
    except ValueError:
        return
    assert facts == {"code": 200, "declared": -1, "has_date": False, "has_server": False, "close": False}


@pytest.mark.parametrize("name", ["\x43onnection"])
@pytest.mark.parametrize("value", ["close", "CLOSE", " close\t"])
def test_close_is_noted_and_not_written(name: str, value: str) -> None:
    """It is written once, when it is known how the connection goes on."""
    octets, facts = render("200 OK", [(name, value)])
    assert (octets, facts["close"]) == (OK, True)


HOP_BY_HOP = [
    *("TE", "Upgrade", "Trailer", "Trailers", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding"),
    *("Proxy-Authenticate", "Proxy-Authorization"),
]


@pytest.mark.parametrize(
    "name", [spelling for name in HOP_BY_HOP for spelling in (name, name.lower(), name.upper())]
)
def test_hop_by_hop_fields_are_the_servers(name: str) -> None:
    """PEP 3333, "Other HTTP Features"."""
    with pytest.raises(ValueError, match=f"'{name}' is hop-by-hop"):
        render("200 OK", [(name, "x")])


@pytest.mark.parametrize(
    "name",
    [name + "s" for name in HOP_BY_HOP if name != "Trailer"]
    + [name[:-1] for name in HOP_BY_HOP if name != "Trailers"],
)
def test_names_beside_them_are_anybodys(name: str) -> None:
    assert render("200 OK", [(name, "x")])[0] == OK + f"{name}: x\r\n".encode()


def test_a_subclass_of_str_is_a_str() -> None:
    class Text(str):
        pass

    assert render(Text("200 OK"), [(Text("X"), Text("v"))])[0] == OK + b"X: v\r\n"


def test_more_than_the_buffer_holds() -> None:
    fields = [(f"X-{number}", "v" * 1000) for number in range(1000)]
    octets, _ = render("200 OK", fields)
    assert octets == OK + b"".join(f"{name}: {value}\r\n".encode() for name, value in fields)
