"""From sites and flags to the one application that serves them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from potstill.assemble import ApplicationNameError, SitesError, application_of
from potstill.assemble.site_tables import Site, read_sites
from potstill.assemble.sites import assemble, assemble_sites, with_flags
from potstill.settings import Settings
from tests.unit.middleware.hosts import Answered, Recorder, call, environ_of


class Loader:
    """Applications by name, which count how often they are loaded."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def __call__(self, name: str) -> WSGIApplication:
        self.loaded.append(name)
        return named(name)


def named(name: str) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{name} {environ['SCRIPT_NAME']}|{environ['PATH_INFO']}".encode()]

    return app


def sites_of(*tables: dict[str, Any]) -> tuple[Site, ...]:
    return read_sites(list(tables), lambda path: "site")


def ask(app: WSGIApplication, path: str = "/", method: str = "GET", **changes: str) -> Answered:
    return call(app, Recorder(), environ_of(PATH_INFO=path, REQUEST_METHOD=method, **changes))


@pytest.fixture
def public(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "a.css").write_text("css")
    return tmp_path / "public"


def test_the_host_chooses_the_site_and_the_path_the_route(public: Path) -> None:
    """A site that has no route for a path does not leave it to another."""
    load = Loader()
    app = assemble_sites(
        sites_of(
            {
                "host": ["shop.example", "*.shop.example"],
                "routes": {"/": {"app": "shop:app"}, "/s": {"static": "public"}},
            },
            {"host": "admin.example", "routes": {"/x": {"app": "shop:app"}, "/r": {"redirect": "/x"}}},
            {"routes": {"/": {"app": "other:app"}}},
        ),
        load,
    )
    assert load.loaded == ["shop:app", "other:app"]  # each once
    assert ask(app, "/a", HTTP_HOST="x.shop.example").body == b"shop:app |/a"
    assert ask(app, "/s/a.css", HTTP_HOST="shop.example").body == b"css"
    assert ask(app, "/x/y", HTTP_HOST="admin.example").body == b"shop:app /x|/y"
    assert ask(app, "/r/y", HTTP_HOST="admin.example").all("Location") == ["/x/y"]
    assert ask(app, "/z", HTTP_HOST="admin.example").code == 404
    assert ask(app, "/z", HTTP_HOST="nowhere").body == b"other:app |/z"


def test_access_of_the_site_and_of_the_route() -> None:
    """Both have to agree; the site's holds for paths that do not exist as well."""
    site = {
        "allow": ["192.0.2.0/24"],
        "refuse": 404,
        "routes": {"/": {"app": "a"}, "/in": {"app": "a", "allow": ["unix"]}},
    }
    app = assemble_sites(sites_of(site), Loader())
    assert ask(app).code == 200
    assert ask(app, "/in").code == 403
    assert ask(app, REMOTE_ADDR="198.51.100.1").code == 404
    closed = assemble_sites(sites_of({"default": "deny", "routes": {"/a": {"app": "a"}}}), Loader())
    assert ask(closed, "/nothing").code == 403


def test_limits_of_a_route() -> None:
    """Body and rate; the time goes to the server."""
    route = {"app": "a", "body": "10", "rate": "1/h", "timeout": "5s", "threads": 1}
    app = assemble_sites(sites_of({"routes": {"/": route, "/free": {"app": "a"}}}), Loader())
    assert ask(app, "/", "POST", CONTENT_LENGTH="11").code == 413
    assert ask(app, "/").code == 429
    assert ask(app, "/free", "POST", CONTENT_LENGTH="11").code == 200


def test_files_that_an_application_names(public: Path) -> None:
    """Below the route's directories only."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        start_response(
            "200 OK", [("Content-Type", "text/css"), ("X-Sendfile", f"{public}{environ['PATH_INFO']}")]
        )
        return []

    site = {"routes": {"/": {"app": "a", "sendfile": str(public)}}}
    sending = assemble_sites(sites_of(site), lambda name: app)
    assert ask(sending, "/a.css").body == b"css"
    assert ask(sending, "/../a.css").code == 404


def test_headers_and_request_ids() -> None:
    """Set, taken away, and made, for all routes of a site."""
    headers = {"X-Site": "one", "Content-Language": ""}
    site = {"headers": headers, "request-id": True, "routes": {"/": {"app": "a"}}}
    answer = ask(assemble_sites(sites_of(site), Loader()))
    assert answer.all("X-Site") == ["one"]
    assert len(answer.all("X-Request-ID")[0]) == 32


def test_compression_and_security_headers(public: Path) -> None:
    """For all routes of a site."""
    (public / "b.css").write_text("css " * 1000)
    site = {"compress": True, "security-headers": True, "routes": {"/": {"static": "public", "cache": "1h"}}}
    answer = ask(assemble_sites(sites_of(site), Loader()), "/b.css", HTTP_ACCEPT_ENCODING="gzip")
    assert answer.all("Content-Encoding") == ["gzip"]
    assert answer.all("X-Content-Type-Options") == ["nosniff"]
    assert answer.all("Cache-Control") == ["max-age=3600"]


def test_upstreams_and_programs(public: Path) -> None:
    """Only what is asked for is loaded; both answer for themselves."""
    (public / "hello").write_text(
        "#!/bin/sh\necho Content-Type: text/plain\necho\necho hello from $SCRIPT_NAME\n"
    )
    (public / "hello").chmod(0o755)
    site = {
        "routes": {
            "/cgi": {"cgi": "public", "timeout": 5},
            "/up": {"upstream": "http://127.0.0.1:9", "timeout": 1},
        }
    }
    app = assemble_sites(sites_of(site), Loader())
    assert ask(app, "/cgi/hello").body == b"hello from /cgi/hello\n"
    assert ask(app, "/up/x").code in (502, 503)


# Flags


def test_flags_make_routes_beside_the_application(public: Path) -> None:
    """APP is the root; several upstreams of one path are one route."""
    settings = Settings(
        app="shop:app",
        mount=("/admin=backoffice:app",),
        static=("/static=public",),
        upstream=("/api=http://a:80", "/api=http://b:80"),
        redirect=("/old=/new",),
    )
    (site,) = with_flags(settings, root=settings.app)
    assert {route.path: route.target for route in site.routes} == {
        "/admin": "app",
        "/static": "static",
        "/api": "upstream",
        "/old": "redirect",
        "/": "app",
    }
    (api,) = [route for route in site.routes if route.path == "/api"]
    assert api.upstream == ("http://a:80", "http://b:80")


def test_flags_and_a_file() -> None:
    """They meet in the site for all other hosts, whose rules stay; where both have a path, the flags win."""
    file = sites_of(
        {"host": "a.example", "routes": {"/": {"app": "a:app"}}},
        {
            "deny": ["unix"],
            "routes": {"/": {"app": "file:app"}, "/x": {"app": "file:x"}, "/y": {"app": "file:y"}},
        },
    )
    first, second = with_flags(Settings(mount=("/x=flag:x",)), file)
    assert first == file[0]
    assert second.deny == ("unix",)
    assert {route.path: route.app for route in second.routes} == {
        "/": "file:app",
        "/x": "flag:x",
        "/y": "file:y",
    }
    assert with_flags(Settings(), file) == file


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (Settings(static=("/x=nothing",)), "--static /x=nothing: static: 'nothing' is not a directory"),
        (Settings(redirect=("/x=y",)), "--redirect /x=y: redirect: redirect: 'y' is neither"),
        (
            Settings(mount=("/x=a:b", "/x=c:d")),
            "--mount /x=a:b and --mount /x=c:d: there are two routes for /x",
        ),
        (Settings(mount=("/x=a:b",), redirect=("/x=/y",)), "a route has one of app, static, upstream"),
        (Settings(mount=("/x//y=a:b",)), "--mount /x//y=a:b: '/x//y' is no path of a route"),
        (Settings(app="a:b", allow=("10.0.0.0/99",)), "--allow: access rule '10.0.0.0/99'"),
        (Settings(app="a:b", deny=("nobody",)), "--deny: access rule 'nobody'"),
    ],
)
def test_wrong_flags_are_named(settings: Settings, problem: str, public: Path) -> None:
    """As they were written."""
    with pytest.raises(SitesError) as caught:
        application_of(settings, given=named("given"))
    assert problem in str(caught.value)


def test_an_application_that_a_program_gives(public: Path) -> None:
    """It is the root, and is not loaded by any name; without flags it is all there is."""
    app = named("given")
    assert application_of(Settings(), given=app) is app
    routed = application_of(Settings(static=("/s=public",), deny=("192.0.2.9",)), given=app)
    assert ask(routed, "/s/a.css").body == b"css"
    assert ask(routed, "/x").body == b"given |/x"
    assert ask(routed, REMOTE_ADDR="192.0.2.9").code == 403


def test_routes_without_an_application(public: Path) -> None:
    """What is nowhere is not found."""
    app = application_of(Settings(static=("/s=public",)))
    assert ask(app, "/s/a.css").body == b"css"
    assert ask(app, "/").code == 404


def test_a_wrong_name_is_the_error_of_loading() -> None:
    """As it is for APP."""
    with pytest.raises(ApplicationNameError, match="there is no module"):
        application_of(Settings(mount=("/x=no_such_module_here:app",)))


def test_sites_and_settings_together(public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the command does once it has read a file."""
    load: Callable[[str], WSGIApplication] = Loader()
    monkeypatch.setattr("potstill.assemble.sites.load", load)
    sites = sites_of({"host": "static.example", "routes": {"/": {"static": "public"}}})
    app = assemble(Settings(app="shop:app", allow=("192.0.2.0/24",), sites=sites))
    assert ask(app, "/a.css", HTTP_HOST="static.example").body == b"css"
    assert ask(app, "/a.css").body == b"shop:app |/a.css"
    assert ask(app, "/a.css", REMOTE_ADDR="198.51.100.1").code == 403


def test_proxies_that_are_trusted() -> None:
    """Before any rule is asked, and for routes as well as for one application."""
    app = named("a")
    settings = Settings(forwarded_trust=("10.0.0.0/8",), allow=("203.0.113.0/24",))
    trusting = assemble(settings, app)
    through = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.7"}
    assert ask(trusting, **through).code == 200
    assert ask(trusting, **{**through, "REMOTE_ADDR": "192.0.2.1"}).code == 403
    assert application_of(Settings(forwarded_hops=1), app) is not app
    with pytest.raises(SitesError, match="either the networks of the trusted proxies or the number"):
        assemble(Settings(forwarded_trust=("unix",), forwarded_hops=1), app)
    with pytest.raises(SitesError, match="forwarded has no port"):
        assemble(
            Settings(forwarded_hops=1, forwarded_family="forwarded", forwarded_believe=("for", "port")), app
        )


def test_users_of_a_site_and_of_a_route(tmp_path: Path) -> None:
    """With the realm that is named."""
    file = tmp_path / "htpasswd"
    file.write_text("alice:$2y$05$9mCXTSKKzq7YR6UUxMYEQO2z0rW0bJRjs2Qk4i1IyZ9oGlQ5uLWbq\n")
    table = {
        "host": "a.example",
        "basic-auth": str(file),
        "realm": "Shop",
        "routes": {"/": {"app": "a"}},
    }
    other = {"routes": {"/": {"app": "a"}, "/in": {"app": "a", "basic-auth": str(file)}}}
    app = assemble_sites(sites_of(table, other), Loader())
    answer = ask(app, HTTP_HOST="a.example")
    assert (answer.code, answer.all("WWW-Authenticate")) == (401, ['Basic realm="Shop", charset="UTF-8"'])
    assert ask(app, HTTP_HOST="b.example").code == 200
    assert ask(app, "/in", HTTP_HOST="b.example").code == 401


def test_wrong_users(tmp_path: Path) -> None:
    with pytest.raises(SitesError) as raised:
        sites_of(
            {
                "basic-auth": str(tmp_path / "absent"),
                "realm": "caf\N{LATIN SMALL LETTER E WITH ACUTE}",
                "routes": {"/": {"app": "a"}},
            }
        )
    problems = raised.value.problems
    assert "absent" in problems[0]
    assert "printable ASCII" in problems[1]
