"""What was configured where → Settings, and for each value where it came from.

A *layer* is a list of values that one place gives, each with the words by which an error names that place.
`resolve` lays the layers over each other, the weakest first, converts every value by its option's kind, and
collects all that is wrong before it complains. So a further place is a further function that returns a layer;
nothing here needs to know about it.

    environment   POTSTILL_THREADS=16, and PORT=8000 for 0.0.0.0:8000, which is weaker than POTSTILL_BIND
    command line  --threads 16, stronger than the environment
    keywords      serve(app, threads=16); a program gets what it wrote, the environment has no say
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from potstill.net.address import parse_address
from potstill.settings import BY_FIELD, OPTIONS, Option, Settings, max_connections_auto
from potstill.settings.about import HOOKS, WORKERS
from potstill.settings.kinds import Text

DEFAULT, COMMAND_LINE = "default", "command line"
# How alike two names must be (difflib's ratio) to suggest one for the other.
LIKENESS = 0.6
# Variables that no option has are ignored, for Kubernetes and image builders set POTSTILL_… of their own
# (POTSTILL_SERVICE_HOST, POTSTILL_VERSION). One that is nearly an option is a mistake, though.
LIKENESS_OF_VARIABLE = 0.85


@dataclass(frozen=True)
class Given:
    """A value as it was written at one place."""

    field: str
    value: object
    origin: str  # "environment POTSTILL_THREADS": what --print-config shows
    place: str  # "--threads": how an error begins


Layer = Sequence[Given]


@dataclass(frozen=True)
class Configuration:
    """Settings, and the origin of each by its field."""

    settings: Settings
    origins: Mapping[str, str]


class ConfigurationError(ValueError):
    """All that is wrong with a configuration, a sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


# Layers


def environment_layer(environ: Mapping[str, str], *, port: bool = True) -> Layer:
    """The POTSTILL_* variables, and PORT unless they say where to bind or `port` is false.

    PORT may be somebody else's variable: where something stronger says where to bind it is not even read. An
    empty variable is one that is not set, but for options of plain text.
    """
    layer: list[Given] = []
    for option in OPTIONS:
        value = environ.get(option.variable)
        if value or (value is not None and isinstance(option.about.kind, Text)):
            origin = f"environment {option.variable}"
            layer.append(Given(option.field, value, origin, origin))
    number = environ.get("PORT")
    if number and port and not environ.get(BY_FIELD["bind"].variable):
        layer.append(Given("bind", f"0.0.0.0:{number}", "environment PORT", "environment PORT"))
    return layer


def command_line_layer(given: Mapping[str, object]) -> Layer:
    """What stands on the command line, by field."""
    return [
        Given(field, value, COMMAND_LINE, "APP" if BY_FIELD[field].positional else BY_FIELD[field].flag)
        for field, value in given.items()
    ]


def keyword_layer(keywords: Mapping[str, object]) -> Layer:
    """The keywords of a call."""
    return [Given(name, value, f"keyword {name}", name) for name, value in keywords.items()]


# Resolving


def resolve(layers: Iterable[Layer]) -> Configuration:
    """What the layers amount to, the last being the strongest; ConfigurationError with all problems.

    A value that is overridden must be right all the same: it would fail on the day the stronger one goes.
    """
    values: dict[str, Any] = {}
    origins = {option.field: DEFAULT for option in OPTIONS}
    problems: list[str] = []
    for given in (given for layer in layers for given in layer):
        try:
            values[given.field] = read(given)
            origins[given.field] = given.origin
        except ValueError as error:
            problems.append(str(error))
    if not problems:
        settings = Settings(**values)
        problems = contradictions(settings)
    if problems:
        raise ConfigurationError(problems)
    return Configuration(settings, origins)


def read(given: Given) -> Any:
    """The value of an option; ValueError with the place, what stood there, and what is allowed."""
    option = BY_FIELD.get(given.field)
    if option is None:
        raise ValueError(f"{given.place}: there is no such option{did_you_mean(given.field, BY_FIELD)}")
    try:
        value = option.about.kind.read(given.value)
    except ValueError as error:
        raise ValueError(f"{given.place}: {given.value!r} is not {error}") from None
    if option.field == "bind":
        for address in value:
            try:
                parse_address(address)
            except ValueError as error:
                raise ValueError(f"{given.place}: {error}") from None
    return value


def contradictions(settings: Settings) -> list[str]:
    """Values that are right alone and wrong together."""
    head = BY_FIELD["limit_request_head"]
    return [
        *without_supervisor(settings),
        *(
            f"{part.name} {part.show(getattr(settings, part.field))} is more than {head.name} "
            f"{head.show(settings.limit_request_head)}, which a request would meet first; raise that too"
            for part in (BY_FIELD["limit_request_line"], BY_FIELD["limit_request_field_size"])
            if getattr(settings, part.field) > settings.limit_request_head
        ),
    ]


def without_supervisor(settings: Settings) -> list[str]:
    """Options that only a supervisor can fulfil, where there is none."""
    if settings.workers != 0:
        return []
    return [
        f"{option.name} {option.show(getattr(settings, option.field))} needs a supervisor; "
        "give --workers 1 or more"
        for option in OPTIONS
        if option.about.group in (WORKERS, HOOKS) and getattr(settings, option.field) != option.default
    ]


def did_you_mean(name: str, known: Iterable[str], likeness: float = LIKENESS) -> str:
    """`; did you mean 'threads'?`, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=likeness)
    return f"; did you mean {near[0]!r}?" if near else ""


def doubtful_variables(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that is nearly the name of an option."""
    known = [option.variable for option in OPTIONS]
    doubts = []
    for name in sorted(environ):
        if name.startswith("POTSTILL_") and name not in known:
            hint = did_you_mean(name, known, LIKENESS_OF_VARIABLE)
            if hint:
                doubts.append(f"environment {name} is not known and was ignored{hint}")
    return doubts


# Showing


def report(configuration: Configuration) -> str:
    """Every option with its value and where that came from, in columns."""
    rows = []
    for option in OPTIONS:
        value = getattr(configuration.settings, option.field)
        rows.append((option.name, shown(option, value), configuration.origins[option.field]))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "\n".join(f"{name:{widths[0]}}  {value:{widths[1]}}  {origin}" for name, value, origin in rows)


def shown(option: Option, value: Any) -> str:
    if option.field == "max_connections" and value is None:
        return f"auto ({max_connections_auto()})"
    return option.show(value)


def renamed(name: str) -> str | None:
    """What a peer's option is called here, as a sentence: `gunicorn's keep-alive is --keepalive here`."""
    plain = re.sub(r"_", "-", name.lstrip("-")).lower()
    for option in OPTIONS:
        for peer in option.about.peers:
            server, _, theirs = peer.partition(": ")
            if theirs == plain and theirs != option.name:
                return f"{server}'s {theirs} is {option.flag} here"
    return None
