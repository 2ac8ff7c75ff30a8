"""Their values → ours."""

from __future__ import annotations

import pytest

from potstill.moving_in.converters import (
    Converter,
    as_list,
    gunicorn_addresses,
    gunicorn_mask,
    head_limit,
    mebibytes,
    networks,
    octal,
    requirement,
    socket_mode,
    truth,
    unless_zero,
    uwsgi_addresses,
    when_true,
    whole,
)
from potstill.moving_in.mapping import Instead
from potstill.net.address import parse_address

LIMIT, SWITCH = unless_zero("no limit"), when_true("off")

CONVERTED: list[tuple[Converter, object, object]] = [
    (whole, "8", 8),
    (whole, 8, 8),
    (requirement, 2, "required"),
    (requirement, "VerifyMode.CERT_OPTIONAL", "optional"),
    (requirement, "none", "none"),
    (networks, "127.0.0.1, ::1", ["127.0.0.1", "::1"]),
    (networks, ["*"], ["all"]),
    (LIMIT, "5", 5),
    (SWITCH, "true", True),
    (SWITCH, True, True),
    (SWITCH, "1", True),
    (octal, "022", "022"),
    (octal, "7", "007"),
    (octal, "0o027", "027"),
    (gunicorn_mask, 0o22, "022"),
    (gunicorn_mask, "18", "022"),
    (gunicorn_mask, "0022", "022"),
    (gunicorn_mask, 0, "000"),
    (socket_mode, "660", "660"),
    (socket_mode, "true", "666"),
    (as_list, "/static=/srv", ["/static=/srv"]),
    (mebibytes, "512", "512MiB"),
    (head_limit, "131072", 131072),
    (gunicorn_addresses, "127.0.0.1:80", ["127.0.0.1:80"]),
    (gunicorn_addresses, ["a", ":80"], ["a:8000", ":80"]),
    (gunicorn_addresses, "", [":8000"]),
    (gunicorn_addresses, "[::1]", ["[::1]:8000"]),
    (gunicorn_addresses, "[::]:80", [":80"]),
    (gunicorn_addresses, "unix:///run/x.sock", ["unix:/run/x.sock"]),
    (gunicorn_addresses, "unix:/run/x.sock", ["unix:/run/x.sock"]),
    (gunicorn_addresses, "tcp://0.0.0.0:80", ["0.0.0.0:80"]),
    (gunicorn_addresses, "fd://3", ["fd://3"]),
    (uwsgi_addresses, ":80", [":80"]),
    (uwsgi_addresses, "*:80", [":80"]),
    (uwsgi_addresses, "3031", [":3031"]),
    (uwsgi_addresses, "/run/x.sock", ["unix:/run/x.sock"]),
    (uwsgi_addresses, "x.sock", ["unix:x.sock"]),
    (uwsgi_addresses, "0.0.0.0:443,a.crt,a.key", ["0.0.0.0:443"]),
    (uwsgi_addresses, "fd://3", ["fd://3"]),
]
ADVICE: list[tuple[Converter, object, str]] = [
    (whole, "many", "not a whole number"),
    (whole, True, "not a whole number"),
    (whole, "-1", "not a whole number"),
    (LIMIT, 0, "no limit"),
    (SWITCH, "false", "off"),
    (SWITCH, False, "off"),
    (SWITCH, None, "off"),
    (octal, "9", "not an octal number"),
    (octal, "0x1f", "not an octal number"),
    (mebibytes, "0", "no limit"),
    (head_limit, "4096", "64 KiB anyway"),
    (uwsgi_addresses, "=0", "fd://NUMBER"),
    (uwsgi_addresses, "@name", "below /run"),
]


@pytest.mark.parametrize(("convert", "theirs", "ours"), CONVERTED)
def test_values_that_have_an_equivalent(convert: Converter, theirs: object, ours: object) -> None:
    """Also those that both servers write in the same way; every address is one that can be read here."""
    assert convert(theirs) == ours
    if convert in {gunicorn_addresses, uwsgi_addresses}:
        assert isinstance(ours, list)
        assert all(parse_address(address) for address in ours)


@pytest.mark.parametrize(("convert", "theirs", "words"), ADVICE)
def test_values_that_have_none(convert: Converter, theirs: object, words: str) -> None:
    """Advice in a sentence."""
    with pytest.raises(Instead, match=words):
        convert(theirs)


def test_what_they_take_for_true() -> None:
    """Anything that is not a word for no."""
    assert [truth(value) for value in ("yes", "1", 2, "false", "off", 0, None)] == [
        *(True, True, True, False, False, False, False)
    ]
