"""The rows about TLS: what contradicts what, and when TLS is spoken."""

from __future__ import annotations

import pytest

from potstill.config import ConfigurationError, keyword_layer, resolve
from potstill.settings import Settings


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"keyfile": __file__}, "keyfile belongs to a certificate"),
        ({"keyfile_password": "file:/x"}, "keyfile-password belongs to a certificate"),
        ({"chainfile": __file__}, "chainfile belongs to a certificate"),
        ({"dev_cert": True, "certfile": __file__}, "exclude each other"),
        ({"cert_reqs": "required"}, "cert-reqs needs the roots"),
        ({"ca_certs": __file__}, "ca-certs has no effect"),
        ({"redirect_http": "localhost"}, "redirect_http|port"),
        ({"proxy_allow_from": "some where"}, "a network such as"),
        ({"proxy_allow_from": "10.0.0.1/8"}, "has host bits set"),
    ],
)
def test_contradictions(keywords: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        resolve([keyword_layer(keywords)])


def test_when_tls_is_spoken() -> None:
    assert not Settings().secure
    assert Settings(certfile="a").secure
    assert Settings(dev_cert=True).secure
    assert Settings(cert_dir="a").secure
    assert Settings(tls=(object(),)).secure


def test_networks_in_one_text() -> None:
    """As an environment variable has them."""
    resolved = resolve([keyword_layer({"proxy_allow_from": "10.0.0.0/8, ::1,unix"})]).settings
    assert resolved.proxy_allow_from == ("10.0.0.0/8", "::1", "unix")
