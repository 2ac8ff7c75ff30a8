"""One entry of an access list, read from text into something that judges requests.

An entry is a few words, and all of them must hold:

    10.0.0.0/8,unix                 the peer is in one of these networks, or on a unix socket
    file:/etc/shop/office.txt       … in one of the networks that stand in this file, one a line
    method:POST,PUT                 the method is one of these; GET stands for HEAD as well
    path:/admin                     the path is this one or below it
    path:*.php                      … matches as a whole: * is any text, slashes included, ? one character
    host:*.example.org              the host asked for, without its port
    header:X-Token=s?cret*          a field matches; without `=` it is there at all

A word behind `!` must not hold. Quotes keep spaces in a word, as in a shell.

A request may be readable in two ways: a peer whose address is not known, a path with `..` in it, a Host that
is no host. Whoever lets it pass on one reading is deceived when the application takes the other. So a
condition has three answers: True, False, and None for "that depends on who reads it". `!` leaves None as it
is, and access.py lets None match what denies and never what allows.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from hmac import compare_digest
from posixpath import normpath
from typing import Any
from urllib.parse import unquote

from potstill.middleware.networks import Networks, place_of, stretches_of
from potstill.middleware.reloaded import FileError, ReloadedFile, lines_of

Answer = bool | None
Condition = Callable[[dict[str, Any]], Answer]

# Methods and field names are tokens (RFC 9110 section 5.6.2).
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", re.ASCII)
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+)(?::[0-9]*)?", re.ASCII)
_WRITTEN_HOST = re.compile(r"(?:\*\.)?[0-9a-z._-]+|\[[0-9a-f:.]+\]", re.ASCII)


def conditions_of(entries: Iterable[str]) -> list[Condition]:
    """The conditions of a list; a request is on the list when one of them holds.

    Entries that are nothing but networks become one condition, so that thousands cost what one does.

    Raises ValueError naming the entry; FileError or OSError for a file of networks.
    """
    networks: list[str] = []
    conditions: list[Condition] = []
    for entry in entries:
        words = _words(entry)
        try:
            if len(words) == 1 and _names_networks(words[0]):
                _peer_in(words[0])  # so that what is wrong with it is told together with the entry
                networks.append(words[0])
            else:
                conditions.append(_all_of([_condition(word) for word in words]))
        except FileError:
            raise
        except ValueError as error:
            raise ValueError(f"access rule {entry!r}: {error}") from None
    return [_peer_in(",".join(networks)), *conditions] if networks else conditions


def _words(entry: str) -> list[str]:
    try:
        words = shlex.split(entry)
    except ValueError as error:
        raise ValueError(f"access rule {entry!r}: {error}") from None
    if not words:
        raise ValueError("an access rule is empty: write `all` for every request")
    return words


def _names_networks(word: str) -> bool:
    return not word.startswith("!") and word.partition(":")[0] not in _KINDS


def _condition(word: str) -> Condition:
    if word.startswith("!"):
        return _not(_condition(word[1:]))
    kind, _, value = word.partition(":")
    if kind not in _KINDS:
        return _peer_in(word)
    if not value:
        raise ValueError(f"behind {kind}: comes what to look for")
    return _KINDS[kind](value)


def _all_of(conditions: list[Condition]) -> Condition:
    if len(conditions) == 1:
        return conditions[0]

    def all_hold(environ: dict[str, Any]) -> Answer:
        answers = [condition(environ) for condition in conditions]
        return False if False in answers else None if None in answers else True

    return all_hold


def _not(condition: Condition) -> Condition:
    def does_not_hold(environ: dict[str, Any]) -> Answer:
        answer = condition(environ)
        return None if answer is None else not answer

    return does_not_hold


def _peer_in(value: str) -> Condition:
    """The peer is in one of the networks, or in one of the files of them."""
    items = value.split(",")
    networks = Networks(item for item in items if not item.startswith("file:"))
    files = [networks_file(item.removeprefix("file:")) for item in items if item.startswith("file:")]

    def is_in(environ: dict[str, Any]) -> Answer:
        place = place_of(environ.get("REMOTE_ADDR", "missing"))
        if place is None:
            return None
        return networks.has_place(place) or any(file.value().has_place(place) for file in files)

    return is_in


def networks_file(path: str) -> ReloadedFile[Networks]:
    """The networks in a file, one a line, with `#` for comments; read again when it changes.

    Raises FileError or OSError as ReloadedFile does.
    """
    return ReloadedFile(path, _parse_networks)


def _parse_networks(path: str, text: str) -> Networks:
    stretches = []
    for number, line in lines_of(text):
        try:
            stretches += stretches_of(line)
        except ValueError as error:
            raise FileError(path, number, str(error)) from None
    return Networks.of_stretches(stretches)


def _method(value: str) -> Condition:
    """Methods are case-sensitive (RFC 9110 section 9.1), but not every application takes them so."""
    methods = value.split(",")
    for method in methods:
        if not _TOKEN.fullmatch(method):
            raise ValueError(f"{method!r} is no method")
    # An application answers HEAD by what it does for GET, and the answer's fields tell as much.
    exact = frozenset([*methods, *(["HEAD"] if "GET" in methods else [])])
    folded = frozenset(method.upper() for method in exact)

    def is_one_of(environ: dict[str, Any]) -> Answer:
        method = environ["REQUEST_METHOD"]
        return True if method in exact else None if method.upper() in folded else False

    return is_one_of


def _path(value: str) -> Condition:
    """PATH_INFO: the path as the application behind these rules sees it, below a mount without the
    mount's."""
    if not value.startswith(("/", "*")):
        raise ValueError(f"{value!r}: a path begins with a slash or a star")
    # PEP 3333: text of the environ is octets as latin-1.
    pattern = value.encode("utf-8").decode("latin-1")
    matches = _glob(pattern) if "*" in pattern or "?" in pattern else _below(pattern.rstrip("/"))

    def is_below(environ: dict[str, Any]) -> Answer:
        path = environ.get("PATH_INFO") or "/"
        answers = {matches(reading) for reading in _readings(path)}
        return answers.pop() if len(answers) == 1 else None

    return is_below


def _below(top: str) -> Callable[[str], bool]:
    """`/admin` has `/admin` and `/admin/users` below it, not `/administration`."""
    return lambda path: (path + "/").startswith(top + "/")


def _readings(path: str) -> set[str]:
    """The path as it is, and as a file system, a careless router or a second decoding would take it.

    There backslashes are slashes, several slashes are one, and `.` and `..` are followed.
    """
    if "/." not in path and "//" not in path and "\\" not in path and "%" not in path:
        return {path}
    return {path, _plain_path(path), _plain_path(unquote(path, "latin-1"))}


def _plain_path(path: str) -> str:
    slashed = "/" + path.replace("\\", "/").lstrip("/")
    plain = normpath(slashed)
    return plain + "/" if slashed.endswith("/") and plain != "/" else plain


def _host(value: str) -> Condition:
    """The host that was asked for, exact or with `*.` in front, which stands for one or more labels."""
    hosts = value.lower().split(",")
    for host in hosts:
        if not _WRITTEN_HOST.fullmatch(host):
            raise ValueError(f"{host!r} is no host: write shop.example or *.shop.example, without a port")
    exact = frozenset(host.removesuffix(".") for host in hosts if not host.startswith("*."))
    suffixes = tuple(host[1:].removesuffix(".") for host in hosts if host.startswith("*."))

    def is_one_of(environ: dict[str, Any]) -> Answer:
        asked = _HOST.fullmatch(environ.get("HTTP_HOST") or environ["SERVER_NAME"])
        if asked is None:
            return None
        host = asked[1].lower().removesuffix(".")
        return host in exact or host.endswith(suffixes)

    return is_one_of


def _header(value: str) -> Condition:
    """A request field is there, or has a value that matches.

    A field that came several times is one list in the environ. Which of its items counts is for the
    application to say, so an item that matches alone is neither a yes nor a no.
    """
    name, equals, wanted = value.partition("=")
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a header field")
    key = name.upper().replace("-", "_")
    key = key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"
    if not equals:
        return lambda environ: bool(environ.get(key)) or key in environ
    matches = _value_matcher(wanted.encode("utf-8").decode("latin-1"))

    def has_value(environ: dict[str, Any]) -> Answer:
        value = environ.get(key)
        if value is None:
            return False
        if matches(value):
            return True
        return None if any(matches(item.strip(" \t")) for item in value.split(",")) else False

    return has_value


def _value_matcher(wanted: str) -> Callable[[str], bool]:
    """Glob where there are globs, else equality that takes the same time for every wrong value."""
    if "*" in wanted or "?" in wanted:
        return _glob(wanted)
    secret = wanted.encode("latin-1")
    return lambda value: compare_digest(value.encode("latin-1", "replace"), secret)


def _glob(pattern: str) -> Callable[[str], bool]:
    """Whether a whole text matches; in time linear in the text, for a client may choose that.

    What stands between two stars is looked for once, at its first place: an atomic group never goes back.
    """
    first, *others = (re.escape(part).replace(r"\?", ".") for part in re.split(r"\*+", pattern))
    between = "".join(f"(?>.*?{part})" for part in others[:-1])
    regex = re.compile(first + between + "".join(f".*{part}" for part in others[-1:]), re.DOTALL)
    return lambda text: regex.fullmatch(text) is not None


_KINDS: dict[str, Callable[[str], Condition]] = {
    "method": _method,
    "path": _path,
    "host": _host,
    "header": _header,
}
