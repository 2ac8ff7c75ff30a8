"""Layers → Settings: which place wins, where each value came from, and all that is wrong at once."""

from __future__ import annotations

import pytest

from potstill.config.layers import (
    Configuration,
    ConfigurationError,
    command_line_layer,
    doubtful_variables,
    environment_layer,
    keyword_layer,
    renamed,
    resolve,
)
from potstill.settings import OPTIONS, Option, Settings


def configure(environ: dict[str, str] | None = None, **given: object) -> Configuration:
    """As the command does it."""
    environment = environment_layer(environ or {}, port="bind" not in given)
    return resolve([environment, command_line_layer(given)])


def problems(environ: dict[str, str] | None = None, **given: object) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        configure(environ, **given)
    return caught.value.problems


def test_nothing_given_is_the_defaults() -> None:
    """Every value is the table's, and says so."""
    configuration = configure()
    assert configuration.settings == Settings()
    assert set(configuration.origins.values()) == {"default"}


def test_the_command_line_wins_over_the_environment_over_the_default() -> None:
    """And each value knows where it came from."""
    configuration = configure(
        {"POTSTILL_THREADS": "3", "POTSTILL_KEEPALIVE": "2m"}, threads="16", app="shop:app"
    )
    assert configuration.settings.threads == 16
    assert configuration.settings.keepalive == 120.0
    assert configuration.settings.backlog == 2048
    assert configuration.origins["threads"] == "command line"
    assert configuration.origins["app"] == "command line"
    assert configuration.origins["keepalive"] == "environment POTSTILL_KEEPALIVE"
    assert configuration.origins["backlog"] == "default"


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_option_has_its_variable(option: Option) -> None:
    """A bad value in it is an error that names the variable."""
    (problem,) = problems({option.variable: "\x01"})
    assert problem.startswith(f"environment {option.variable}: ")


@pytest.mark.parametrize(
    ("environ", "given", "bind", "origin"),
    [
        ({"PORT": "5000"}, {}, ("0.0.0.0:5000",), "environment PORT"),
        ({"PORT": "5000", "POTSTILL_BIND": ":80,:81"}, {}, (":80", ":81"), "environment POTSTILL_BIND"),
        ({"PORT": "5000"}, {"bind": (":1", ":2")}, (":1", ":2"), "command line"),
        ({"PORT": ""}, {}, ("127.0.0.1:8000",), "default"),
        ({"PORT": "tcp://10.0.0.1:80"}, {"bind": (":1",)}, (":1",), "command line"),
    ],
)
def test_where_to_bind(
    environ: dict[str, str], given: dict[str, object], bind: tuple[str, ...], origin: str
) -> None:
    """PORT is the weakest word about it, and not even read where there is a stronger one."""
    configuration = configure(environ, **given)
    assert configuration.settings.bind == bind
    assert configuration.origins["bind"] == origin


def test_a_wrong_port_is_named_by_its_variable() -> None:
    """Not by --bind, which nobody wrote."""
    (problem,) = problems({"PORT": "http"})
    assert problem.startswith("environment PORT: ")
    assert "from 0 to 65535, not 'http'" in problem


def test_empty_variables_are_not_set_but_for_text() -> None:
    """Compose files pass empty variables on; only for text is emptiness a value."""
    configuration = configure({"POTSTILL_THREADS": "", "POTSTILL_SERVER_HEADER": ""})
    assert configuration.settings.threads == 8
    assert configuration.settings.server_header == ""
    assert configuration.origins["server_header"] == "environment POTSTILL_SERVER_HEADER"


def test_all_problems_come_at_once() -> None:
    """Each names the place, the value and what is allowed; also one that something stronger overrides."""
    found = problems({"POTSTILL_THREADS": "many"}, threads="4", keepalive="soon", bind=("8000", ":1"))
    assert len(found) == 3
    assert found[0] == "environment POTSTILL_THREADS: 'many' is not a whole number from 1 to 4096"
    assert found[1].startswith("--keepalive: 'soon' is not a time from 0s to 24h")
    assert found[2] == "--bind: '8000' lacks a host: write :8000 or 127.0.0.1:8000"


@pytest.mark.parametrize("field", ["limit_request_line", "limit_request_field_size"])
def test_a_part_that_is_longer_than_the_whole_is_an_error(field: str) -> None:
    """It would have no effect, and nobody would notice."""
    (problem,) = problems({}, **{field: "128KiB"})
    assert problem.startswith(f"{field.replace('_', '-')} 128KiB is more than limit-request-head 64KiB")
    assert configure({}, **{field: "128KiB"}, limit_request_head="128KiB").settings


def test_keywords_of_a_program() -> None:
    """Values of Python, names with underscores, and a near name for a wrong one."""
    settings = resolve([keyword_layer({"bind": [":1"], "keepalive": 3, "body_memory": "2MiB"})]).settings
    assert (settings.bind, settings.keepalive, settings.body_memory) == ((":1",), 3.0, 2 << 20)
    with pytest.raises(ValueError, match="thread: there is no such option; did you mean 'threads'"):
        resolve([keyword_layer({"thread": 3})])


def test_variables_that_are_nearly_an_option_are_doubtful() -> None:
    """Not those that Kubernetes and image builders set."""
    environ = {
        "POTSTILL_THREAD": "4",
        "POTSTILL_SERVICE_HOST": "10.0.0.1",
        "POTSTILL_PORT": "tcp://10.0.0.1:80",
        "POTSTILL_PORT_80_TCP_ADDR": "10.0.0.1",
        "POTSTILL_VERSION": "0.1.0",
        "POTSTILL_THREADS": "4",
    }
    assert doubtful_variables(environ) == [
        "environment POTSTILL_THREAD is not known and was ignored; did you mean 'POTSTILL_THREADS'?"
    ]


def test_names_that_other_servers_use() -> None:
    """Somebody who comes from there is told the name here."""
    assert renamed("--keep-alive") == "gunicorn's keep-alive is --keepalive here"
    assert renamed("--http1-header-read-timeout") == (
        "granian's http1-header-read-timeout is --header-timeout here"
    )
    assert renamed("--threads") is None
    assert renamed("--reload") is None


def test_problems_that_were_found_before_come_first() -> None:
    """Who reads a file hands over what is wrong in it; nothing is told twice or left out."""
    with pytest.raises(ConfigurationError) as caught:
        resolve([command_line_layer({"threads": "0"})], ["potstill.toml:1:1: is wrong"])
    assert caught.value.problems[0] == "potstill.toml:1:1: is wrong"
    assert len(caught.value.problems) == 2


def test_every_address_that_is_wrong_is_told() -> None:
    """Also those of one variable."""
    assert problems({"POTSTILL_BIND": "80,:81,nope"}) == (
        "environment POTSTILL_BIND: '80' lacks a host: write :80 or 127.0.0.1:80",
        "environment POTSTILL_BIND: 'nope' lacks a port: write nope:8000",
    )
