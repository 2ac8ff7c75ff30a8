"""A URL shortener, after the tutorial of Werkzeug's documentation, served by Potstill.

    pip install "potstill[dev]" jinja2 redis
    python examples/shortly/shortly.py            # and redis-server on its usual port

The last line of the tutorial, `from werkzeug.serving import run_simple`, has become `from potstill import
run_simple`; nothing else of the program knows which server it runs under. REDIS_PORT and PORT say otherwise
where Redis listens and where to serve.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import redis
from jinja2 import Environment, FileSystemLoader
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.middleware.shared_data import SharedDataMiddleware
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

HERE = Path(__file__).resolve().parent
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class Shortly:
    """Short names and the addresses behind them live in Redis, and so do the numbers of visits."""

    def __init__(self, redis_host: str, redis_port: int) -> None:
        self.redis = redis.Redis(redis_host, redis_port, decode_responses=True)
        self.templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)
        self.urls = Map(
            [
                Rule("/", endpoint="new"),
                Rule("/<short>", endpoint="follow"),
                Rule("/<short>+", endpoint="details"),
            ]
        )

    def on_new(self, request: Request) -> Response:
        error, url = "", ""
        if request.method == "POST":
            url = request.form["url"]
            if is_valid(url):
                return redirect(f"/{self.insert(url)}+")
            error = "Please enter a valid URL"
        return self.page("new.html", error=error, url=url)

    def on_follow(self, request: Request, short: str) -> Response:
        self.redis.incr(f"clicks:{short}")
        return redirect(self.target(short))

    def on_details(self, request: Request, short: str) -> Response:
        clicks = int(self.redis.get(f"clicks:{short}") or 0)
        return self.page("details.html", url=self.target(short), short=short, clicks=clicks)

    def insert(self, url: str) -> str:
        """The short name of an address: the one that it has, or the next number."""
        known = self.redis.get(f"reverse:{url}")
        if known is not None:
            return known
        short = base36(self.redis.incr("last-id"))
        self.redis.set(f"url:{short}", url)
        self.redis.set(f"reverse:{url}", short)
        return short

    def target(self, short: str) -> str:
        url = self.redis.get(f"url:{short}")
        if url is None:
            raise NotFound
        return url

    def page(self, name: str, **values: object) -> Response:
        return Response(self.templates.get_template(name).render(values), mimetype="text/html")

    def __call__(self, environ, start_response):
        request = Request(environ)
        urls = self.urls.bind_to_environ(environ)
        try:
            endpoint, values = urls.match()
            response = getattr(self, f"on_{endpoint}")(request, **values)
        except NotFound:
            response = self.page("missing.html")
            response.status_code = 404
        except HTTPException as error:
            response = error.get_response(environ)
        return response(environ, start_response)


def is_valid(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https")


def base36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
        if not number:
            return digits


def create_app(redis_host: str = "127.0.0.1", redis_port: int = 6379, with_static: bool = True):
    app = Shortly(redis_host, redis_port)
    if with_static:
        return SharedDataMiddleware(app, {"/static": str(HERE / "static")})
    return app


if __name__ == "__main__":
    from potstill import run_simple

    app = create_app(redis_port=int(os.environ.get("REDIS_PORT", "6379")))
    run_simple("127.0.0.1", int(os.environ.get("PORT", "5000")), app, use_debugger=True, use_reloader=True)
