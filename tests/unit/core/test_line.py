"""Lines of the access log, read back by parsers that know nothing of how they were written."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from potstill.core.line import LineFormat, rendered
from potstill.settings.log_formats import NAMED, parse
from tests.support.properties import PATIENTLY

LINE_MAX = 4096
# Every octet that a field can hold, as PEP 3333 has it in an environ; an application can put any text there.
OCTETS = st.text(st.characters(max_codepoint=255), max_size=80)
TEXTS = st.one_of(OCTETS, st.text(max_size=80))
TARGETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=200)

ENVIRON: dict[str, Any] = {
    "REMOTE_ADDR": "192.0.2.7",
    "REQUEST_METHOD": "GET",
    "REQUEST_URI": "/cart?id=7",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "HTTP_REFERER": "http://shop.example/",
    "HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux)",
    "CONTENT_TYPE": "text/html",
    "wsgi.url_scheme": "http",
}
TIMES = {"queue_ns": 1_500_000, "application_ns": 2_250_000_000, "first_byte_ns": 3_000_000}


def line(form: str, environ: dict[str, Any] | None = None, **facts: Any) -> str:
    """Without its line feed, which must be the only one."""
    written = rendered(LineFormat(parse(form), 3), {**ENVIRON, **(environ or {})}, **facts)
    assert written.endswith(b"\n")
    assert written.count(b"\n") == 1
    assert len(written) <= LINE_MAX
    return written[:-1].decode("ascii")


def combined(text: str) -> list[str]:
    """The fields of the Combined Log Format: a parser as log analysers have it, by quotes and brackets
    alone.
    """
    found = re.fullmatch(r'(\S+) (\S+) (\S+) \[([^\]"]+)\] "([^"]*)" (\d+) (\d+|-) "([^"]*)" "([^"]*)"', text)
    assert found is not None, text
    return list(found.groups())


def plain(text: str) -> str:
    """What an escaped value was, and "-" for nothing."""
    octets = re.sub(
        rb"\\x([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), text.encode("ascii")
    )
    return "" if octets == b"-" else octets.decode("latin-1")


def as_octets(value: str) -> str:
    """A text that holds more than octets is written in UTF-8."""
    if value.isascii() or max(value) <= "\xff":
        return value
    return value.encode("utf-8", "backslashreplace").decode("latin-1")


def logfmt(text: str) -> dict[str, str]:
    """key=value and key="value" with the escapes of JSON."""
    found = {}
    decoder = json.JSONDecoder()
    while text:
        key, text = text.split("=", 1)
        if text.startswith('"'):
            value, end = decoder.raw_decode(text)
        else:
            value, end = text.split(" ", 1)[0], len(text.split(" ", 1)[0])
        assert re.fullmatch(r"[a-z_]+", key)
        found[key], text = value, text[end:].removeprefix(" ")
    return found


# Forging


@PATIENTLY
@given(target=TARGETS, referer=OCTETS, agent=OCTETS, user=OCTETS)
def test_nobody_can_forge_a_field_of_a_combined_line(
    target: str, referer: str, agent: str, user: str
) -> None:
    """Every octet in every place that a client has a say in."""
    environ = {"REQUEST_URI": target, "HTTP_REFERER": referer, "HTTP_USER_AGENT": agent, "REMOTE_USER": user}
    fields = combined(line("combined", environ, sent=42))
    assert plain(fields[2]) == ("" if user == "-" else user)
    method, wanted, protocol = fields[4].split(" ")
    assert (method, plain(wanted), protocol) == ("GET", "" if target == "-" else target, "HTTP/1.1")
    assert fields[5:7] == ["200", "42"]
    assert plain(fields[7]) == ("" if referer == "-" else referer)
    assert plain(fields[8]) == ("" if agent == "-" else agent)


@pytest.mark.parametrize(
    ("form", "special"),
    [('"%(a)s"', '"\\'), ("%(a)s|", ' |"\\'), ("[%(a)s]", ' ]"\\'), ("%(a)s", ' "\\')],
    ids=["quoted", "fenced", "in brackets", "bare"],
)
def test_each_octet_at_each_place_of_values_of_all_lengths(form: str, special: str) -> None:
    """Only what is printable, and has no meaning where the value stands, stands for itself."""
    written = LineFormat(parse(form), 3)
    for size in range(1, 20):
        for place in range(size):
            for octet in map(chr, range(256)):
                safe = "\x20" <= octet <= "\x7e" and octet not in special
                expected = octet if safe else f"\\x{ord(octet):02x}"
                before, behind = "f" * place, "z" * (size - place - 1)
                found = rendered(written, {"HTTP_USER_AGENT": before + octet + behind})
                assert found.decode("ascii") == form.replace("%(a)s", before + expected + behind) + "\n"


@pytest.mark.parametrize("named", sorted(NAMED))
@pytest.mark.parametrize("key", ["HTTP_REFERER", "HTTP_USER_AGENT", "REMOTE_USER", "REQUEST_URI"])
def test_a_line_is_cut_wherever_it_comes_to_its_limit(named: str, key: str) -> None:
    """In a value, in the text behind it, in a number: each has its turn."""
    written = LineFormat(parse(named), 3)
    for size in [*range(430, 530), *range(3600, 4110)]:
        found = rendered(written, {**ENVIRON, key: "v" * size}, **TIMES, sent=size)
        assert found.endswith(b"\n")
        assert found.count(b"\n") == 1
        assert len(found) <= LINE_MAX


def test_a_key_is_found_wherever_the_application_has_put_it() -> None:
    """Most have a place of their own in every environ as the server makes it; these stand elsewhere."""
    written = LineFormat(parse("%(h)s %(u)s %(tls)s"), 3)
    first = {"REMOTE_ADDR": "192.0.2.1", "REMOTE_USER": "ann", "SSL_PROTOCOL": "TLSv1.3"}
    assert rendered(written, first) == b"192.0.2.1 ann TLSv1.3\n"
    turned = {"SSL_PROTOCOL": "TLSv1.2", "REMOTE_ADDR": "192.0.2.2", "REMOTE_USER": "bob"}
    assert rendered(written, turned) == b"192.0.2.2 bob TLSv1.2\n"
    without = {**first, "REMOTE_ADDR": "192.0.2.3"}
    del without["REMOTE_ADDR"]
    assert rendered(written, without) == b"- ann TLSv1.3\n"
    without["REMOTE_ADDR"] = "192.0.2.4"
    assert rendered(written, without) == b"192.0.2.4 ann TLSv1.3\n"
    other_keys = {"".join(["REMOTE", "_ADDR"]): "192.0.2.5", "REMOTE_USE": "no", "SSL_PROTOCOL": None}
    assert rendered(written, other_keys) == b"192.0.2.5 - -\n"
    assert rendered(written, {}) == b"- - -\n"
    assert rendered(written, {f"x{i}": "no" for i in range(300)} | first) == b"192.0.2.1 ann TLSv1.3\n"


@PATIENTLY
@given(target=TARGETS, referer=TEXTS, agent=TEXTS, named=TEXTS)
def test_nobody_can_forge_a_field_of_a_line_of_json(
    target: str, referer: str, agent: str, named: str
) -> None:
    environ = {
        "REQUEST_URI": target,
        "HTTP_REFERER": referer,
        "HTTP_USER_AGENT": agent,
        "potstill.request_id": named,
        "potstill.route": named,
    }
    found = json.loads(line("json", environ))
    path, _, query = target.partition("?")
    assert (found["path"], found["query"]) == (path, query)
    assert (found["referer"], found["user_agent"]) == (referer, agent)
    assert (found["id"], found["route"]) == (named, named)


@PATIENTLY
@given(target=TARGETS, referer=TEXTS, agent=TEXTS)
def test_nobody_can_forge_a_field_of_logfmt(target: str, referer: str, agent: str) -> None:
    environ = {"REQUEST_URI": target, "HTTP_REFERER": referer, "HTTP_USER_AGENT": agent}
    found = logfmt(line("logfmt", environ))
    assert list(found) == list(logfmt(line("logfmt")))
    assert (found["referer"], found["user_agent"]) == (referer, agent)
    assert found["path"] == target.partition("?")[0]


@PATIENTLY
@given(value=OCTETS, fence=st.sampled_from("|;,/:#'"))
def test_a_value_without_quotes_is_one_word(value: str, fence: str) -> None:
    """It holds neither a space nor the character by which the format goes on."""
    text = line(f"%({{x-a}}i)s{fence}%(s)s %({{x-a}}i)s", {"HTTP_X_A": value})
    first, rest = text.split(fence, 1)
    status, second = rest.split(" ")
    assert status == "200"
    assert plain(first) == plain(second) == ("" if value == "-" else value)


@PATIENTLY
@given(value=OCTETS, fences=st.permutations("|;,/:#'!$&*+=?@^`{}~"))
def test_a_format_may_have_any_number_of_fences(value: str, fences: list[str]) -> None:
    """More than the core tells apart: then some are escaped where they need not be."""
    text = line("".join(f"%({{x-a}}i)s{fence}" for fence in fences), {"HTTP_X_A": value})
    for fence in fences:
        word, text = text.split(fence, 1)
        assert plain(word) == ("" if value == "-" else value)
    assert text == ""


@PATIENTLY
@given(value=st.text(max_size=60))
def test_a_text_of_the_application_does_not_break_a_line_either(value: str) -> None:
    text = line('"%({shop.user}e)s"', {"shop.user": value})
    assert plain(text[1:-1]) == ("" if value == "-" else as_octets(value))
    assert text[1:-1].count('"') == 0


def test_a_format_that_begins_with_a_brace_is_one_of_json() -> None:
    form = '{"path": "%(U)s", "ms": %(M)s, "trace": "%({traceparent}i)s", "kind": "%({content-type}o)s"}'
    environ = {"HTTP_TRACEPARENT": 'a"b\\c'}
    found = json.loads(line(form, environ, fields=[("Content-Type", "text/plain")], **TIMES))
    assert found == {"path": "/cart", "ms": 2251, "trace": 'a"b\\c', "kind": "text/plain"}


@pytest.mark.parametrize("form", [*NAMED, '"%({x}i)s"', "%({x}i)s %({x}i)s %({x}i)s"])
@pytest.mark.parametrize("octet", ['"', "\n", "x", "\xe9"])
def test_a_line_has_a_limit_and_stays_a_line(form: str, octet: str) -> None:
    """However long what the client sends; the longest values are cut."""
    long = octet * 20_000
    environ = {
        "REQUEST_URI": "/" + "y" * 8000,
        "HTTP_REFERER": long,
        "HTTP_USER_AGENT": long,
        "HTTP_X": long,
        "REMOTE_USER": long,
        "HTTP_X_REQUEST_ID": long,
    }
    text = line(form, environ)
    if form == "json":
        assert json.loads(text)["path"].startswith("/yyyyyyyy")
    if form == "combined":
        assert len(combined(text)) == 9


# What is said


def test_the_common_format_is_what_everybody_knows() -> None:
    text = line("common", sent=13)
    assert re.fullmatch(
        r"192\.0\.2\.7 - - \[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "
        r'"GET /cart\?id=7 HTTP/1\.1" 200 13',
        text,
    )


def test_the_format_of_a_terminal_is_recognisable() -> None:
    """As the development servers of the frameworks have it, with a colour for the status."""
    text = line("terminal", sent=13, **TIMES)
    assert re.fullmatch(
        r'192\.0\.2\.7 - - \[\d\d/[A-Z][a-z]{2}/\d{4} \d\d:\d\d:\d\d\] "GET /cart\?id=7 HTTP/1\.1" '
        "\x1b\\[32m200\x1b\\[0m 13 2251ms",
        text,
    )


@pytest.mark.parametrize(("code", "colour"), [(200, 32), (304, 36), (404, 33), (500, 31)])
def test_the_colour_tells_the_class(code: int, colour: int) -> None:
    assert f"\x1b[{colour}m{code}\x1b[0m" in line("terminal", code=code)


@pytest.mark.parametrize(
    ("atom", "value"),
    [
        ("%(h)s", "192.0.2.7"),
        ("%(l)s", "-"),
        ("%(u)s", "-"),
        ("%(r)s", "GET /cart?id=7 HTTP/1.1"),
        ("%(m)s", "GET"),
        ("%(U)s", "/cart"),
        ("%(q)s", "id=7"),
        ("%(H)s", "HTTP/1.1"),
        ("%(s)s", "404"),
        ("%(B)s", "0"),
        ("%(b)s", "-"),
        ("%(f)s", r"http://shop.example/"),
        ("%(a)s", r"Mozilla/5.0\x20(X11;\x20Linux)"),
        ("%(T)s", "2"),
        ("%(M)s", "2251"),
        ("%(D)s", "2251500"),
        ("%(L)s", "2.251500"),
        ("%(queue_time)s", "0.001500"),
        ("%(app_time)s", "2.250000"),
        ("%(first_byte_time)s", "0.003000"),
        ("%(received)s", "12"),
        ("%(worker)s", "3"),
        ("%(scheme)s", "http"),
        ("%(tls)s", "-"),
        ("%(route)s", "-"),
        ("%(id)s", "-"),
        ("%(M)d", "2251"),
        ("%({content-type}i)s", "text/html"),
        ("%({user-agent}i)s", r"Mozilla/5.0\x20(X11;\x20Linux)"),
        ("%({Location}o)s", "/there"),
        ("%({wsgi.url_scheme}e)s", "http"),
        ("100%% %(s)s", "100% 404"),
    ],
)
def test_every_atom_says_what_it_promises(atom: str, value: str) -> None:
    fields = [("Content-Type", "text/plain"), ("location", "/there")]
    assert line(atom, code=404, received=12, fields=fields, **TIMES) == value


def test_the_id_is_the_middlewares_or_else_the_clients() -> None:
    assert line("%(id)s", {"HTTP_X_REQUEST_ID": "theirs"}) == "theirs"
    assert line("%(id)s", {"HTTP_X_REQUEST_ID": "theirs", "potstill.request_id": "ours"}) == "ours"


def test_what_the_application_puts_into_its_environ_is_no_danger() -> None:
    class Nasty:
        def __str__(self) -> str:
            raise RuntimeError("by request")

    assert line('"%(route)s"', {"potstill.route": Nasty()}) == '"<Nasty>"'
    assert line('"%(route)s"', {"potstill.route": 7}) == '"7"'
    assert line("%(r)s", {"REQUEST_URI": None, "REQUEST_METHOD": 7}) == "7 - HTTP/1.1"


def test_the_time_is_now_in_each_of_its_forms() -> None:
    before = datetime.now().astimezone().replace(microsecond=0)
    stamp, iso = line("%(t)s|%(time)s").split("|")
    after = datetime.now().astimezone()
    assert before <= datetime.strptime(stamp, "[%d/%b/%Y:%H:%M:%S %z]") <= after
    assert before <= datetime.fromisoformat(iso.replace("Z", "+00:00")) <= after


ZONES = """
from datetime import datetime
from potstill.core.line import LineFormat, rendered
from potstill.settings.log_formats import parse
stamp = rendered(LineFormat(parse("%(t)s"), 1), {}).decode().strip()
now = datetime.now().astimezone()
then = datetime.strptime(stamp, "[%d/%b/%Y:%H:%M:%S %z]")
print(then.utcoffset() == now.utcoffset(), 0 <= (now - then).total_seconds() < 5)
"""


@pytest.mark.parametrize("zone", ["UTC", "XXX-05:30", "XXX+09:30", "XXX+12", "XXX-14"])
def test_the_zone_is_the_machines(zone: str) -> None:
    """With the sign turned round, as POSIX has it; where it is another day elsewhere too."""
    run = subprocess.run(
        [sys.executable, "-c", ZONES],
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert run.stdout == "True True\n"


class Vanishing:
    """An application's object that takes itself out of the environ while it is asked for its text."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ

    def __str__(self) -> str:
        environ = self.environ
        del self
        environ.clear()
        raise ValueError


def test_an_object_may_leave_the_environ_while_it_is_asked() -> None:
    environ: dict[str, Any] = {}
    environ["REMOTE_USER"] = Vanishing(environ)
    assert rendered(LineFormat(parse("%(u)s"), 1), environ) == b"<Vanishing>\n"


class Odd(str):
    """A text of the application's that would be encoded to something else than bytes."""

    def encode(self, *_: object) -> Any:
        return 5


def test_a_text_of_another_class_is_its_characters() -> None:
    class Value:
        def __str__(self) -> str:
            return Odd("odd")

    assert rendered(LineFormat(parse("%(u)s"), 1), {"REMOTE_USER": Value()}) == b"odd\n"


def test_an_id_that_is_none_is_the_clients() -> None:
    environ = {"potstill.request_id": None, "HTTP_X_REQUEST_ID": "abc"}
    assert rendered(LineFormat(parse("%(id)s"), 1), environ) == b"abc\n"


def test_the_request_line_does_not_end_before_its_time() -> None:
    """What follows it in the format is escaped in it, and so is a space that would make another word."""
    assert line("[%(r)s] %(s)s", {"REQUEST_URI": "/x] y"}) == r"[GET /x\x5d\x20y HTTP/1.1] 200"


def test_fields_of_the_answer_are_looked_at_without_a_call() -> None:
    """The classes of their names and pairs are the application's; what such a method made would be gone."""

    class Pair(tuple[str, str]):
        __slots__ = ()

        def __iter__(self) -> Any:
            raise AssertionError

    class Name(str):
        __slots__ = ()

        def lower(self) -> str:
            raise AssertionError

    odd: list[Any] = [5, (None, "x"), ("x-a",), Pair(("X-B", "b")), (Name("X-A"), "found")]
    assert line("%({x-a}o)s %({x-b}o)s %({x-c}o)s", fields=odd) == "found b -"


def test_many_long_values_are_cut_until_they_fit() -> None:
    """Each octet of them takes six."""
    names = [f"x-{number}" for number in range(40)]
    environ = {f"HTTP_X_{number}": "\xff" * 100 for number in range(40)}
    found = json.loads(line("{" + ",".join(f'"{name}":"%({{{name}}}i)s"' for name in names) + "}", environ))
    assert found == dict.fromkeys(names, "ÿ" * 8)
