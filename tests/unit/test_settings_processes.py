"""Kinds of values that only options about processes have."""

from __future__ import annotations

import pytest

from potstill.settings.kinds import Kind, Mode, Paths, Reference, Share


@pytest.mark.parametrize(
    ("kind", "given", "value", "shown"),
    [
        (Mode("inherited"), "660", 0o660, "0660"),
        (Mode("inherited"), "0o27", 0o27, "0027"),
        (Mode("inherited"), 0o600, 0o600, "0600"),
        (Mode("inherited"), None, None, "inherited"),
        (Share(), "40%", "40%", "40%"),
        (Share(), "300MiB", 300 << 20, "300MiB"),
        (Share(), 0, 0, "0"),
        (Paths(), "/a, /b?c=1", ("/a", "/b?c=1"), "/a,/b?c=1"),
        (Paths(), ["/a"], ("/a",), "/a"),
        (Paths(), "none", (), "none"),
        (Reference(), "shop.hooks:open_pool", "shop.hooks:open_pool", "shop.hooks:open_pool"),
        (Reference(), "", "", "none"),
    ],
)
def test_values_about_processes(kind: Kind, given: object, value: object, shown: str) -> None:
    assert kind.read(given) == value
    assert kind.show(value) == shown


@pytest.mark.parametrize(
    ("kind", "given", "allowed"),
    [
        (Mode("inherited"), "888", "an octal number of permission bits"),
        (Mode("inherited"), -1, "an octal number"),
        (Mode("inherited"), True, "an octal number"),
        (Share(), "0%", "a share from 1% to 100%"),
        (Share(), "101%", "a share from 1% to 100%"),
        (Share(), "much", "a share like 40%, or a size"),
        (Paths(), "health", "each beginning with a slash"),
        (Paths(), "/a b", "each beginning with a slash"),
        (Paths(), "/a,", "each beginning with a slash"),
        (Reference(), "shop", "module:function"),
        (Reference(), "shop:open()", "module:function"),
        (Reference(), "a:b:c", "module:function"),
    ],
)
def test_wrong_values_about_processes(kind: Kind, given: object, allowed: str) -> None:
    with pytest.raises(ValueError, match=allowed):
        kind.read(given)
