"""What is believed, against a model of the network: honest proxies in a row and a client that may send
anything."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import assume, given
from hypothesis import strategies as st

from potstill.middleware.forwarded_nodes import MalformedError
from potstill.middleware.forwarded_trust import Family, Told, Trust, items, judge, split_host
from potstill.middleware.networks import Networks

TRUSTED = Networks(["10.0.0.0/8", "2001:db8:1::/48"])
PROXIES = st.sampled_from(["10.0.0.1", "10.255.0.7", "2001:db8:1::9"])
STRANGERS = st.one_of(st.ip_addresses(), st.sampled_from(["11.0.0.1", "2001:db8:2::1", "9.255.255.255"])).map(
    str
)
SPOOFS = st.one_of(
    STRANGERS, PROXIES, st.sampled_from(["unknown", "_x", "", "garbage", "10.0.0.1:80", "'", "for=10.0.0.1"])
)
SCHEMES = st.sampled_from(["http", "https"])
FAMILIES: tuple[Family, ...] = ("x-forwarded", "forwarded")
EVERYTHING = frozenset({"for", "proto"})


@dataclass(frozen=True)
class Way:
    """A client, what it claims, and the proxies on the way, each with the scheme it was spoken to with."""

    client: str
    claimed: list[str]
    claimed_schemes: list[str]
    proxies: list[tuple[str, str]]

    @property
    def peer(self) -> str:
        return self.proxies[-1][0] if self.proxies else self.client

    def hops(self) -> list[tuple[str, str]]:
        """(who spoke to this proxy, by which scheme), from the client on."""
        speakers = [self.client, *(address for address, _ in self.proxies)]
        return [(speaker, scheme) for speaker, (_, scheme) in zip(speakers, self.proxies, strict=False)]

    def environ(self, family: Family) -> dict[str, str]:
        environ = {"REMOTE_ADDR": self.peer}
        if family == "forwarded":
            claimed = [f'for="{address}"' for address in self.claimed]
            added = [f'for="[{a}]";proto={s}' if ":" in a else f"for={a};proto={s}" for a, s in self.hops()]
            return environ | {"HTTP_FORWARDED": ", ".join(claimed + added)}
        environ["HTTP_X_FORWARDED_FOR"] = ", ".join([*self.claimed, *(address for address, _ in self.hops())])
        schemes = [*self.claimed_schemes, *(scheme for _, scheme in self.hops())]
        return environ | {"HTTP_X_FORWARDED_PROTO": ",".join(schemes)}


WAYS = st.builds(
    Way,
    STRANGERS.filter(lambda address: address not in TRUSTED),
    st.lists(SPOOFS, max_size=6),
    st.lists(st.sampled_from(["http", "https", "gopher", ""]), max_size=6),
    st.lists(st.tuples(PROXIES, SCHEMES), max_size=4),
)


def same(address: str, other: str) -> bool:
    return address in Networks([other])


@given(WAYS)
def test_by_trusted_networks_nobody_is_taken_for_somebody_else(way: Way) -> None:
    """Whatever a client claims, it is who spoke to the first proxy; without a proxy nothing is believed."""
    told = judge(way.environ("x-forwarded"), Trust(TRUSTED, 0, "x-forwarded", EVERYTHING))
    check(told, way)


@given(WAYS.filter(lambda way: bool(way.proxies)))
def test_by_hops_nobody_is_taken_for_somebody_else(way: Way) -> None:
    """When there are as many proxies as was said."""
    told = judge(way.environ("x-forwarded"), Trust(None, len(way.proxies), "x-forwarded", EVERYTHING))
    check(told, way)


@given(WAYS)
def test_by_forwarded_nobody_is_taken_for_somebody_else(way: Way) -> None:
    """A claim that cannot be parsed spoils the field, and the request is refused; nothing else can happen."""
    try:
        told = judge(way.environ("forwarded"), Trust(TRUSTED, 0, "forwarded", EVERYTHING))
    except MalformedError:
        assume(False)
    else:
        check(told, way)


def check(told: Told | None, way: Way) -> None:
    if not way.proxies:
        assert told is None
        return
    assert told is not None
    assert told.client is not None
    assert same(told.client.address, way.client)
    assert told.distance == len(way.proxies)
    assert told.values == {"proto": way.proxies[0][1]}


@given(
    st.dictionaries(
        st.sampled_from(["HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"]), st.text()
    )
)
def test_no_value_does_anything_but_be_believed_or_malformed(said: dict[str, str]) -> None:
    """No other exception, whatever comes."""
    for family in FAMILIES:
        environ = {"REMOTE_ADDR": "10.0.0.1", **said}
        assert complaint(environ, Trust(TRUSTED, 0, family, EVERYTHING)).isprintable()


def complaint(environ: dict[str, str], trust: Trust) -> str:
    try:
        judge(environ, trust)
    except MalformedError as error:
        return str(error)
    return ""


def test_fewer_elements_than_hops_were_all_written_by_proxies() -> None:
    """So the first is the best there is."""
    environ = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.7"}
    told = judge(environ, Trust(None, 3, "x-forwarded", EVERYTHING))
    assert told is not None
    assert told.client is not None
    assert told.client.address == "203.0.113.7"


def test_pieces() -> None:
    """List items, and hosts with and without ports."""
    assert items(" a,, b\t, ") == ["a", "b"]
    assert [split_host(host) for host in ("a", "a:80", "[::1]:8", "[::1]", "a b", "")] == [
        ("a", ""),
        ("a", "80"),
        ("[::1]", "8"),
        ("[::1]", ""),
        ("a b", ""),
        ("", ""),
    ]
