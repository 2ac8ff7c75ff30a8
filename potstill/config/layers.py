"""Layers → Settings, and for each value where it came from.

A *layer* is a list of values that one place gives, each with the words by which an error names that place.
`resolve` lays the layers over each other, the weakest first, converts every value by its option's kind, and
collects all that is wrong before it complains. So a further place is a further function that returns a layer;
nothing here needs to know about it.

    file          threads = 16; its layer is made in `potstill.config.files`
    environment   POTSTILL_THREADS=16, and PORT=8000 for 0.0.0.0:8000, which is weaker than any other bind
    command line  --threads 16, stronger than all others
    keywords      serve(app, threads=16); a program gets what it wrote, the environment has no say
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from potstill.net.address import parse_address
from potstill.settings import BY_FIELD, OPTIONS, Option, Settings
from potstill.settings.about import HOOKS, WORKERS
from potstill.settings.desk import MEANT_BY_DEV
from potstill.settings.kinds import Addresses, Text

# Names the configuration file, and is no option.
FILE_VARIABLE = "POTSTILL_CONFIG"
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
    origin: str  # "environment POTSTILL_THREADS": what `potstill config` shows
    place: str  # "--threads": how an error begins
    written: str = ""  # how the value looks at its place; by default as Python writes it
    parts: tuple[str, ...] = ()  # of a list, how an error about each of its elements begins


Layer = Sequence[Given]


@dataclass(frozen=True)
class Configuration:
    """Settings, and the origin of each by its field.

    `file` is the file that was read, `tables` what the readers of its tables returned, by name; `doubts` are
    sentences about what is allowed and probably a mistake.
    """

    settings: Settings
    origins: Mapping[str, str]
    file: str | None = None
    tables: Mapping[str, Any] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


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


def resolve(layers: Iterable[Layer], problems_before: Sequence[str] = ()) -> Configuration:
    """What the layers amount to, the last being the strongest; ConfigurationError with all problems.

    `problems_before` are those that were found while the layers were made; they are told first. A value that
    is overridden must be right all the same: it would fail on the day the stronger one goes.
    """
    values: dict[str, Any] = {}
    origins = {option.field: DEFAULT for option in OPTIONS}
    problems = list(problems_before)
    for given in (given for layer in with_dev(list(layers)) for given in layer):
        try:
            values[given.field] = read(given)
            origins[given.field] = given.origin
        except ConfigurationError as error:
            problems += error.problems
    if not problems:
        settings = Settings(**values)
        problems = contradictions(settings)
    if problems:
        raise ConfigurationError(problems)
    return Configuration(settings, origins)


def with_dev(layers: list[Layer]) -> list[Layer]:
    """The layers, with what --dev means just below the one that says it.

    So `potstill --dev` does in a directory whose file is for production, and what is said beside --dev wins.
    """
    dev = BY_FIELD["dev"]
    for place in range(len(layers) - 1, -1, -1):
        said = [given.value for given in layers[place] if given.field == dev.field]
        if said:
            try:
                on = dev.about.kind.read(said[-1])
            except ValueError:  # that is told by whoever reads it
                on = False
            meant = [Given(field, value, dev.flag, dev.flag) for field, value in MEANT_BY_DEV.items()]
            return [*layers[:place], meant, *layers[place:]] if on else layers
    return layers


def read(given: Given) -> Any:
    """The value of an option; ConfigurationError with the place, what stood there, and what is allowed."""
    option = BY_FIELD.get(given.field)
    if option is None:
        hint = did_you_mean(given.field, BY_FIELD)
        raise ConfigurationError([f"{given.place}: there is no such option{hint}"])
    try:
        value = option.about.kind.read(given.value)
    except ValueError as error:
        written = given.written or repr(given.value)
        raise ConfigurationError([f"{given.place}: {written} is not {error}"]) from None
    wrong = wrong_addresses(given, value) if isinstance(option.about.kind, Addresses) else []
    if wrong:
        raise ConfigurationError(wrong)
    return value


def wrong_addresses(given: Given, addresses: Sequence[str]) -> list[str]:
    """A sentence for each that is none."""
    places = given.parts if len(given.parts) == len(addresses) else [given.place] * len(addresses)
    wrong = []
    for place, address in zip(places, addresses, strict=True):
        try:
            parse_address(address)
        except ValueError as error:
            wrong.append(f"{place}: {error}")
    return wrong


def contradictions(settings: Settings) -> list[str]:
    """Values that are right alone and wrong together."""
    head = BY_FIELD["limit_request_head"]
    return [
        *without_supervisor(settings),
        *tls_contradictions(settings),
        *against_dev(settings),
        *(
            f"{part.name} {part.show(getattr(settings, part.field))} is more than {head.name} "
            f"{head.show(settings.limit_request_head)}, which a request would meet first; raise that too"
            for part in (BY_FIELD["limit_request_line"], BY_FIELD["limit_request_field_size"])
            if getattr(settings, part.field) > settings.limit_request_head
        ),
    ]


def tls_contradictions(settings: Settings) -> list[str]:
    """Options about TLS that need another one; what the tables of the file add is not known here."""
    wrong = []
    for part in (BY_FIELD["keyfile"], BY_FIELD["chainfile"], BY_FIELD["keyfile_password"]):
        if getattr(settings, part.field) and not settings.certfile:
            wrong.append(f"{part.name} belongs to a certificate; name that too (certfile)")
    if settings.dev_cert and settings.certfile:
        wrong.append("dev-cert and certfile exclude each other")
    if settings.cert_reqs != "none" and not settings.ca_certs:
        wrong.append("cert-reqs needs the roots that clients' certificates are judged by (ca-certs)")
    if settings.ca_certs and settings.cert_reqs == "none":
        wrong.append("ca-certs has no effect while cert-reqs is none; make it optional or required")
    return wrong


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


def against_dev(settings: Settings) -> list[str]:
    """What --dev cannot do, and what cannot be without it."""
    if not settings.dev:
        return [
            f"{option.name} {option.show(getattr(settings, option.field))} is for developing; give --dev too"
            for option in (BY_FIELD[field] for field in ("live_reload", "reload_include", "reload_exclude"))
            if getattr(settings, option.field) != option.default
        ]
    wrong = []
    if settings.workers != 1:
        number = BY_FIELD["workers"].show(settings.workers)
        wrong.append(f"workers {number}: --dev is one worker that is replaced when its code changes")
    if settings.preload:
        wrong.append("preload yes: with --dev the application is loaded anew after each change")
    return wrong


def did_you_mean(name: str, known: Iterable[str], likeness: float = LIKENESS) -> str:
    """`; did you mean 'threads'?`, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=likeness)
    return f"; did you mean {near[0]!r}?" if near else ""


def doubtful_variables(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that is nearly the name of an option."""
    known = [option.variable for option in OPTIONS]
    doubts: list[str] = []
    for name in sorted(environ):
        if name.startswith("POTSTILL_") and name not in known and name != FILE_VARIABLE:
            hint = did_you_mean(name, known, LIKENESS_OF_VARIABLE)
            if hint:
                doubts.append(f"environment {name} is not known and was ignored{hint}")
    return doubts


def peer_of(name: str) -> tuple[str, Option] | None:
    """The server that calls an option so, and the option; None when it has that name here as well."""
    plain = name.lstrip("-").replace("_", "-").lower()
    for option in OPTIONS:
        for peer in option.about.peers:
            server, _, theirs = peer.partition(": ")
            if theirs == plain and theirs != option.name:
                return server, option
    return None


def renamed(name: str) -> str | None:
    """What a peer's option is called here, as a sentence: `gunicorn's keep-alive is --keepalive here`."""
    peer = peer_of(name)
    return (
        f"{peer[0]}'s {name.lstrip('-').replace('_', '-').lower()} is {peer[1].flag} here" if peer else None
    )
