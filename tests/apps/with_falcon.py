"""The shop through Falcon.

Falcon answers HEAD only where a resource says so, and keeps no session: the signed cookie is made here, as
its users do.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, NoReturn

import falcon
from falcon import Request, Response

from tests.apps.shop import LARGE, SECRET, SIGNING_KEY, OutOfStockError, Shop, describe, digest, iter_blocks
from tests.apps.validation import under_validator

shop = Shop()


class Sign:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = falcon.MEDIA_HTML
        resp.text = "<h1>The shop, by falcon</h1>"


class Cask:
    def on_get(self, req: Request, resp: Response, number: int) -> None:
        resp.media = {"cask": number}

    on_head = on_get

    def on_put(self, req: Request, resp: Response, number: int) -> None:
        resp.media = {"cask": number, "stored": req.get_media()}

    def on_delete(self, req: Request, resp: Response, number: int) -> None:
        resp.status = falcon.HTTP_204


class Casks:
    def on_post(self, req: Request, resp: Response) -> None:
        cask = req.get_media()
        resp.status = falcon.HTTP_201
        resp.location = f"/casks/{cask['cask']}"
        resp.media = cask


class Note:
    def on_get(self, req: Request, resp: Response, note: str) -> None:
        resp.media = {"note": note}


class Query:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.media = as_lists(req.params)


class Form:
    def on_post(self, req: Request, resp: Response) -> None:
        resp.media = as_lists(req.get_media())


class Upload:
    def on_post(self, req: Request, resp: Response) -> None:
        fields: dict[str, list[str]] = {}
        files = []
        for part in req.get_media():
            if part.filename is None:
                fields.setdefault(part.name, []).append(part.text)
            else:
                files.append(describe(part.name, part.filename, part.content_type, part.stream))
        resp.media = {"fields": fields, "files": files}


class Digest:
    def on_post(self, req: Request, resp: Response) -> None:
        blocks = iter_blocks(req.bounded_stream)  # type: ignore[arg-type]
        resp.media = {**digest(blocks), "announced": req.env.get("CONTENT_LENGTH")}

    on_put = on_post


class Empty:
    def on_post(self, req: Request, resp: Response) -> None:
        resp.status = falcon.HTTP_200


class Fields:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.media = {"value": req.get_header(req.get_param("name", required=True))}


class Named:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.set_header("X-Name", "Señor")
        resp.text = "named"


class WhereAmI:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.media = {"url": req.url, "script": req.root_path, "path": req.path}


class Large:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = "application/octet-stream"
        resp.data = LARGE


class Lines:
    def on_get(self, req: Request, resp: Response, count: int) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = shop.lines(count)

    on_head = on_get


class Broken:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = shop.broken_lines()


class Gate:
    def on_get(self, req: Request, resp: Response, name: str) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = shop.gated_lines(name)

    def on_post(self, req: Request, resp: Response, name: str) -> None:
        shop.open_gate(name)
        resp.text = "open"


class Endless:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = shop.endless_lines(req.get_param_as_int("phone", required=True))


class Hold:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.media = shop.hold(req.get_param_as_int("phone", required=True))


class Cookies:
    def on_get_set(self, req: Request, resp: Response) -> None:
        resp.set_cookie("cask", "seven", secure=False, http_only=False)
        resp.set_cookie("peat", "heavy", secure=False)
        resp.media = {"cookies": "set"}

    def on_get_read(self, req: Request, resp: Response) -> None:
        resp.media = dict(req.cookies)


class Visits:
    def on_get(self, req: Request, resp: Response) -> None:
        count, _, signature = req.cookies.get("visits", "0.").partition(".")
        visits = int(count) + 1 if hmac.compare_digest(signature, signed(count)) else 1
        resp.set_cookie("visits", f"{visits}.{signed(str(visits))}", secure=False)
        resp.media = {"visits": visits}


class Redirected:
    def on_get(self, req: Request, resp: Response, code: int) -> None:
        resp.status = code
        resp.location = req.get_param("to", required=True)

    on_post = on_get


class Errors:
    def on_get_raised(self, req: Request, resp: Response) -> None:
        raise RuntimeError(SECRET)

    def on_get_exit(self, req: Request, resp: Response) -> None:
        raise SystemExit(SECRET)

    def on_get_forbidden(self, req: Request, resp: Response) -> None:
        raise falcon.HTTPForbidden

    def on_post_handled(self, req: Request, resp: Response) -> None:
        raise OutOfStockError("cask 7")


def as_lists(fields: Mapping[str, str | list[str]]) -> dict[str, list[str]]:
    return {name: value if isinstance(value, list) else [value] for name, value in fields.items()}


def signed(text: str) -> str:
    return hmac.new(SIGNING_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def pass_on(req: Request, resp: Response, error: Exception, params: dict[str, Any]) -> NoReturn:
    """An exception nobody handles goes on to the server, whose answer is tested here."""
    raise error


def out_of_stock(req: Request, resp: Response, error: Exception, params: dict[str, Any]) -> None:
    resp.status = falcon.HTTP_409
    resp.media = {"error": "out of stock", "what": str(error)}


def assemble() -> falcon.App[Request, Response]:
    falcon_app = falcon.App()
    falcon_app.add_error_handler(Exception, pass_on)
    falcon_app.add_error_handler(OutOfStockError, out_of_stock)
    falcon_app.add_static_route("/files", shop.files)
    cookies, errors = Cookies(), Errors()
    falcon_app.add_route("/cookies/set", cookies, suffix="set")
    falcon_app.add_route("/cookies/read", cookies, suffix="read")
    for suffix in ("raised", "exit", "forbidden", "handled"):
        falcon_app.add_route(f"/errors/{suffix}", errors, suffix=suffix)
    for path, resource in {
        "/": Sign(),
        "/casks/{number:int}": Cask(),
        "/casks": Casks(),
        "/notes/{note}": Note(),
        "/query": Query(),
        "/form": Form(),
        "/upload": Upload(),
        "/digest": Digest(),
        "/empty": Empty(),
        "/fields": Fields(),
        "/named": Named(),
        "/whereami": WhereAmI(),
        "/large": Large(),
        "/lines/{count:int}": Lines(),
        "/broken": Broken(),
        "/gates/{name}": Gate(),
        "/endless": Endless(),
        "/hold": Hold(),
        "/visits": Visits(),
        "/redirects/{code:int}": Redirected(),
    }.items():
        falcon_app.add_route(path, resource)
    return falcon_app


app = under_validator(assemble())
