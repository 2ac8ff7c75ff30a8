"""`[[site]]` tables → sites, or everything that is wrong with them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from potstill.assemble import SitesError
from potstill.assemble.site_tables import (
    ROUTE_KEYS,
    SITE_KEYS,
    TARGETS,
    Route,
    Site,
    read_sites,
    sites_schema,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "sites.md"
DOCUMENTED = PAGE.read_text().partition("```toml\n")[2].partition("```")[0]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A current directory with the directories of the example."""
    for name in ("public", "cgi-bin"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)


def where(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path)) or "site"


def read(text: str) -> tuple[Site, ...]:
    return read_sites(tomllib.loads(text)["site"], where)


def problems(tables: Any) -> list[str]:
    with pytest.raises(SitesError) as caught:
        read_sites(tables, where)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


def test_the_example_of_the_documentation() -> None:
    """Every kind of route, and each value as what it means."""
    assert read(DOCUMENTED) == (
        Site(
            host=("shop.example", "*.shop.example"),
            allow=("10.0.0.0/8", "2001:db8::/32"),
            routes=(
                Route(path="/", app="shop.wsgi:app", threads=6, timeout=30.0),
                Route(
                    path="/admin", app="backoffice:create()", allow=("192.168.0.0/16",), rate="20/s burst 40"
                ),
                Route(path="/static", static="public/", cache="1y immutable"),
                Route(path="/legacy", upstream=("http://10.0.0.1:8080", "http://10.0.0.2:8080")),
                Route(path="/cgi-bin", cgi="cgi-bin/"),
                Route(path="/old", redirect="/new", status=308),
            ),
        ),
    )
    assert [route.target for route in read(DOCUMENTED)[0].routes] == [
        "app",
        "app",
        "static",
        "upstream",
        "cgi",
        "redirect",
    ]


def test_one_value_stands_for_a_list_of_one() -> None:
    """Where several make sense."""
    (site,) = read(
        '[[site]]\nhost = "a.example"\nallow = "unix"\nroutes = {"/x/" = {upstream = "http://b:80"}}'
    )
    assert site == Site(
        host=("a.example",), allow=("unix",), routes=(Route(path="/x", upstream=("http://b:80",)),)
    )


def test_every_key_has_its_field() -> None:
    """What can be written is what a site has."""
    fields = {key.replace("-", "_") for key in ROUTE_KEYS} | {"path"}
    assert fields == set(Route.__struct_fields__)
    assert {key.replace("-", "_") for key in SITE_KEYS} | {"routes"} == set(Site.__struct_fields__)
    assert set(TARGETS) < ROUTE_KEYS.keys()


def route(**keys: Any) -> Any:
    return [{"routes": {"/": {name.replace("_", "-"): value for name, value in keys.items()}}}]


APP = {"app": "a:b"}
WRONG: list[tuple[Any, str]] = [
    ({}, "site: sites are tables, each headed [[site]]"),
    (["x"], "site: sites are tables, each headed [[site]]"),
    ([{}], "0.routes: a site has routes, as [site.routes] with a line for each path"),
    ([{"routes": {}}], "0.routes: a site has routes, as [site.routes] with a line for each path"),
    ([{"routes": {"x": APP}}], "0.routes.x: 'x' is no path of a route: a path begins with a slash"),
    ([{"routes": {"/a//b": APP}}], "0.routes./a//b: '/a//b' is no path of a route: there are two slashes"),
    ([{"routes": {"/": "a:b"}}], '0.routes./: a route is a table such as { app = "shop:app" }, not'),
    ([{"routes": {"/": APP, "/a": APP, "/a/": APP}}], "0.routes: there are two routes for /a"),
    ([{"hosts": "a", "routes": {"/": APP}}], "0.hosts: there is no key 'hosts' here; did you mean 'host'?"),
    ([{"security_headers": True, "routes": {"/": APP}}], "did you mean 'security-headers'?"),
    ([{"host": "a b", "routes": {"/": APP}}], "0.host: host: 'a b' is no host and no wildcard"),
    ([{"host": "a:80", "routes": {"/": APP}}], "0.host: host: the port is not looked at; leave it out"),
    ([{"host": 5, "routes": {"/": APP}}], "0.host: host: 5 is not a host such as shop.example"),
    ([{"host": [], "routes": {"/": APP}}], "0.host: host: [] is not a host such as shop.example"),
    ([{"allow": ["10.0.0.0/33"], "routes": {"/": APP}}], "0.allow: allow: access rule '10.0.0.0/33'"),
    ([{"refuse": 500, "routes": {"/": APP}}], "0.refuse: refuse: 500 is not one of 403, 404, 444"),
    ([{"compress": "yes", "routes": {"/": APP}}], "0.compress: compress: 'yes' is not true or false"),
    ([{"headers": "X: y", "routes": {"/": APP}}], "0.headers: headers: 'X: y' is not a table of fields"),
    ([{"headers": {"X": 5}, "routes": {"/": APP}}], "0.headers: headers: {'X': 5} is not a table of fields"),
    (
        [{"headers": {"X": "a\n"}, "routes": {"/": APP}}],
        "0.headers: headers: headers: 'a\\n' is not the value",
    ),
    (route(), "0.routes./: a route has one of app, static, upstream, cgi, redirect; this one has none"),
    (route(app="a:b", redirect="/x"), "this one has app and redirect"),
    (route(app="a:b", thread=5), "0.routes./.thread: there is no key 'thread' here; did you mean 'threads'?"),
    (route(app="a:b", threads=0), "0.routes./.threads: threads: 0 is not a whole number from 1 to 4096"),
    (route(app="a:b", timeout="1 year"), "0.routes./.timeout: timeout: '1 year' is not a time from 1ms"),
    (route(app="a:b", body="1MB"), "0.routes./.body: body: '1MB' is not a size from 0"),
    (route(app="a:b", rate="often"), "0.routes./.rate: rate: rate 'often': write how many requests"),
    (
        route(app="a:b", cache="1h"),
        "0.routes./.cache: cache belongs to routes with static, not to one with app",
    ),
    (
        route(redirect="/x", threads=5),
        "threads belongs to routes with app and upstream and cgi, not to one with",
    ),
    (route(static="nothing"), "0.routes./.static: static: 'nothing' is not a directory, taken from /"),
    (route(static="public", cache="long"), "0.routes./.cache: cache: 'long' is not a cache rule"),
    (route(static="public", symlinks="yes"), "symlinks: 'yes' is not one of refuse, inside, follow"),
    (route(upstream="ftp://a"), "0.routes./.upstream: upstream: "),
    (route(app="a:b", sendfile="public"), "sendfile: send file: 'public' is no absolute path"),
    (route(app="a:b", sendfile="/nothing/here"), "there is no such directory to serve files from"),
    (route(redirect="new"), "0.routes./.redirect: redirect: redirect: 'new' is neither a path"),
    (
        route(redirect="/x", status=200),
        "0.routes./.status: status: 200 is not one of 301, 302, 303, 307, 308",
    ),
    (
        [{"host": "a.example", "routes": {"/": APP}}, {"host": "A.example.", "routes": {"/": APP}}],
        "1.host: site 1 is for the host a.example already",
    ),
    ([{"routes": {"/": APP}}, {"routes": {"/": APP}}], "1.host: site 1 is for all other hosts already"),
]


@pytest.mark.parametrize(("tables", "text"), WRONG)
def test_what_is_wrong_is_said_with_its_place(tables: Any, text: str) -> None:
    """The path of the key, the value, and what is allowed or perhaps meant."""
    (problem,) = problems(tables)
    assert text in problem


def test_all_problems_come_at_once() -> None:
    """Whoever mends one is not told of the next one then."""
    tables = [
        {"hosts": "a", "routes": {"/": {"app": "a:b", "threads": 0}, "x": {}}},
        {"routes": {"/y": {"static": "nothing", "cache": "long"}}},
    ]
    assert [problem.split(":")[0] for problem in problems(tables)] == [
        "0.hosts",
        "0.routes./.threads",
        "0.routes.x",
        "1.routes./y.static",
        "1.routes./y.cache",
        "1.host",
    ]


def test_the_schema_for_editors() -> None:
    """It takes the example, and none of what has a wrong key, type or number of targets."""
    check = Draft202012Validator(sites_schema())
    assert check.is_valid(tomllib.loads(DOCUMENTED)["site"])
    for tables in (
        [{}],
        [{"hosts": "a", "routes": {"/": APP}}],
        route(),
        route(app="a:b", redirect="/x"),
        [5],
    ):
        assert not check.is_valid(tables), tables
