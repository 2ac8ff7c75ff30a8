"""`potstill explain-proxy`: what would be believed of a request that came through proxies, and why.

Nothing is served. The request is made from --peer and the -H fields and goes through the same middleware
that serves, `potstill.middleware.Forwarded`; what is printed besides is read from the verdict that this one
reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from potstill.cli.options import VERBS
from potstill.middleware.forwarded import ORIGINALS, REMOVED, REMOVED_PREFIX, Forwarded
from potstill.middleware.forwarded_nodes import MalformedError, parse_forwarded
from potstill.middleware.forwarded_trust import FIELDS, Told, Trust, items, judge
from potstill.middleware.networks import Networks, place_of

# Where the answers of the two columns begin.
COLUMN = 28
PLAIN_REQUEST = {
    "wsgi.url_scheme": "http",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "8000",
    "HTTP_HOST": "localhost:8000",
    "SCRIPT_NAME": "",
    "REQUEST_METHOD": "GET",
}
SHOWN = (
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "wsgi.url_scheme",
    "HTTP_HOST",
    "SERVER_NAME",
    "SERVER_PORT",
    "SCRIPT_NAME",
)


@click.command("explain-proxy", short_help=VERBS["explain-proxy"])
@click.option("--trust", multiple=True, metavar="NETWORK", help="A network of trusted proxies, or unix.")
@click.option("--hops", type=int, default=0, metavar="N", help="The number of proxies, instead of --trust.")
@click.option(
    "--family",
    type=click.Choice(["x-forwarded", "forwarded"]),
    default="x-forwarded",
    show_default=True,
    help="What the proxies set: X-Forwarded-… or Forwarded (RFC 7239).",
)
@click.option(
    "--believe",
    default="for,proto",
    show_default=True,
    metavar="NAMES",
    help="What is taken over, of for, proto, host, port and prefix.",
)
@click.option("--peer", required=True, metavar="ADDRESS", help="Who connected: an address, or unix.")
@click.option(
    "-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="A field of the request."
)
@click.help_option("--help", "-h")
def explain_proxy(
    trust: tuple[str, ...], hops: int, family: str, believe: str, peer: str, headers: tuple[str, ...]
) -> None:
    """Say what would be believed of a request that came through proxies, and why.

    \b
    potstill explain-proxy --trust 10.0.0.0/8 --peer 10.0.0.1 \\
        -H 'X-Forwarded-For: 203.0.113.7' -H 'X-Forwarded-Proto: https'
    """
    options: dict[str, Any] = {"trusted": trust, "hops": hops, "family": family}
    try:
        forwarded = Forwarded(_nothing, believe=[name.strip() for name in believe.split(",")], **options)
        environ = {**PLAIN_REQUEST, **_fields(headers), "REMOTE_ADDR": _address(peer)}
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    for line in explanation(environ, forwarded, trust):
        click.echo(line)


def explanation(environ: dict[str, Any], forwarded: Forwarded, networks: Sequence[str]) -> Iterator[str]:
    """The lines, top to bottom: the peer, the hops, the other fields, and what the application sees."""
    trust = forwarded.trust
    yield from _about_the_peer(environ["REMOTE_ADDR"], trust, networks)
    try:
        told = judge(environ, trust)
    except MalformedError as error:
        yield f"The request is answered 400: what must be believed cannot be read. {error}"
        return
    if told is not None:
        yield from _about_the_hops(environ, told, trust, networks)
        yield from _about_values(environ, told, trust)
    yield ""
    yield from _about_the_environ(environ, forwarded)


def _address(peer: str) -> str:
    """REMOTE_ADDR of this peer: empty for one on a unix socket."""
    if place_of(peer) is None and peer != "unix":
        raise ValueError(f"--peer {peer!r} is no address: write 10.0.0.1, 2001:db8::1 or unix")
    return "" if peer == "unix" else peer


def _fields(headers: Sequence[str]) -> dict[str, str]:
    """The fields as they come into the environ; several of one name are a list (RFC 9110 section 5.3)."""
    fields: dict[str, str] = {}
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon or not name.strip():
            raise ValueError(f"-H {header!r}: write 'Name: value'")
        if "_" in name:
            raise ValueError(f"-H {header!r}: names with _ are dropped, for X_A could not be told from X-A")
        key = f"HTTP_{name.strip().upper().replace('-', '_')}"
        fields[key] = f"{fields[key]}, {value.strip()}" if key in fields else value.strip()
    return fields


def _about_the_peer(peer: str, trust: Trust, networks: Sequence[str]) -> Iterator[str]:
    name = peer or "on a unix socket"
    if trust.networks is None:
        yield f"The peer {name} is believed, as everybody is where hops are counted ({trust.hops})."
    elif peer in trust.networks:
        yield f"The peer {name} is in {_network_of(peer, networks)}: it is believed."
    else:
        yield f"The peer {name} is in no trusted network: nothing it says is believed."


def _about_the_hops(
    environ: Mapping[str, str], told: Told, trust: Trust, networks: Sequence[str]
) -> Iterator[str]:
    if trust.family == "forwarded":
        title, value = "Forwarded", environ.get("HTTP_FORWARDED", "")
        nodes = [element.get("for", "(no for)") for element in parse_forwarded(value)]
    else:
        title, value = "X-Forwarded-For", environ.get("HTTP_X_FORWARDED_FOR", "")
        nodes = items(value)
    yield ""
    yield f"{title}, from its end:" if nodes else f"{title}: there is none, so the peer is the client."
    for index, text in enumerate(reversed(nodes)):
        if index >= len(told.walked):
            why = "not looked at: anybody can have written it"
        elif index == len(told.walked) - 1:
            why = f"the client: {_why_client(told, trust)}"
        elif trust.networks is None:
            why = f"proxy {index + 2} of {trust.hops}, counted from here"
        else:
            why = f"a trusted proxy, in {_network_of(told.walked[index][0].address, networks)}"
        yield _row(text, why)
    if told.client is not None and "for" not in trust.believe:
        yield _row("", "the address is not taken over: --believe does not name for")


def _why_client(told: Told, trust: Trust) -> str:
    node, passed = told.walked[-1]
    if trust.networks is None:
        return f"{told.distance} from the end" + (" (fewer than hops)" if passed else "")
    if passed:
        return "trusted itself, and nobody stands before it"
    return "in no trusted network" if node.place is not None else "its proxy does not tell the address"


def _about_values(environ: Mapping[str, str], told: Told, trust: Trust) -> Iterator[str]:
    for name, title in FIELDS.items():
        title = title if trust.family == "x-forwarded" else name
        said = environ.get(f"HTTP_X_FORWARDED_{name.upper()}")
        if name in told.values:
            yield _row(title, f"believed: {told.values[name] or '/'}")
        elif trust.family == "x-forwarded" and said is not None:
            yield _row(title, "not believed: --believe does not name " + name)


def _about_the_environ(environ: dict[str, Any], forwarded: Forwarded) -> Iterator[str]:
    said = [key for key in environ if key in REMOVED or key.startswith(REMOVED_PREFIX)]
    list(forwarded(environ, _start_nothing))
    originals = environ.get(ORIGINALS, {})
    yield "The application sees:"
    for key in SHOWN:
        if key in environ:
            changed = f"   (was {originals[key]!r})" if key in originals else ""
            yield _row(key, f"{environ[key]!r}{changed}")
    if said:
        yield _row("removed", ", ".join(sorted(said)))


def _network_of(address: str, networks: Sequence[str]) -> str:
    return next((network for network in networks if address in Networks([network])), "no network")


def _row(name: str, text: str) -> str:
    return f"  {name:<{COLUMN}}{text}" if len(name) < COLUMN else f"  {name}  {text}"


def _nothing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    return []


def _start_nothing(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
    return None
