"""What --dev means for other options, and what it does not go together with."""

from __future__ import annotations

from typing import Any

import pytest

from potstill.config import ConfigurationError, configure
from potstill.settings.desk import MEANT_BY_DEV


def settled(environ: dict[str, str] | None = None, **given: Any) -> dict[str, Any]:
    found = configure(environ or {}, given)
    return {field: (getattr(found.settings, field), found.origins[field]) for field in MEANT_BY_DEV}


def test_dev_is_one_worker_without_kept_connections() -> None:
    """And `potstill config` says where that comes from."""
    assert settled(dev="yes") == {field: (value, "--dev") for field, value in MEANT_BY_DEV.items()}
    assert settled({"POTSTILL_DEV": "1"}) == settled(dev="yes")


def test_what_was_said_wins_over_what_dev_means() -> None:
    assert settled(dev="yes", keepalive="5")["keepalive"] == (5.0, "command line")
    assert settled({"POTSTILL_DEV": "1"}, dev="no")["workers"] == (0, "default")
    assert settled({"POTSTILL_DEV": "1", "POTSTILL_KEEPALIVE": "5"})["keepalive"][0] == 5.0


def test_what_a_weaker_place_says_is_for_production() -> None:
    """The file with the workers, and the PORT of a platform: --dev on the command line is stronger."""
    production = {"POTSTILL_WORKERS": "4", "POTSTILL_PRELOAD": "yes", "POTSTILL_WARMUP": "/", "PORT": "80"}
    assert settled(production, dev="yes") == {
        field: (value, "--dev") for field, value in MEANT_BY_DEV.items()
    }
    assert settled(production, dev="yes", bind="127.0.0.1:9000")["bind"][0] == ("127.0.0.1:9000",)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"dev": "yes", "workers": "2"}, "workers 2: --dev is one worker"),
        ({"dev": "yes", "workers": "none"}, "workers none: --dev is one worker"),
        ({"dev": "yes", "workers": "auto"}, "workers auto: --dev is one worker"),
        ({"dev": "yes", "preload": "yes"}, "preload yes: with --dev"),
        ({"live_reload": "yes"}, "live-reload yes is for developing; give --dev too"),
        ({"reload_include": ("*.yaml",)}, "reload-include *.yaml is for developing"),
        ({"dev": "perhaps"}, "'perhaps' is not yes or no"),
    ],
)
def test_contradictions(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        configure({}, given)
    assert words in str(caught.value)
