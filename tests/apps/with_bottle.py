"""The shop through Bottle."""

import json
from collections.abc import Iterator
from typing import Any

import bottle
from bottle import HTTPError, HTTPResponse, abort, request, response, static_file

from tests.apps.shop import LARGE, SECRET, SIGNING_KEY, Shop, describe, digest, iter_blocks
from tests.apps.validation import under_validator

shop = Shop()
shelf = bottle.Bottle()
# An exception nobody handles goes on to the server, whose answer is tested here.
shelf.config["catchall"] = False


def plain(body: Any) -> Any:
    response.content_type = "text/plain"
    return body


@shelf.get("/")
def sign() -> str:
    return "<h1>The shop, by bottle</h1>"


@shelf.get("/casks/<number:int>")
def cask(number: int) -> dict[str, Any]:
    return {"cask": number}


@shelf.put("/casks/<number:int>")
def store_cask(number: int) -> dict[str, Any]:
    return {"cask": number, "stored": request.json}


@shelf.delete("/casks/<number:int>")
def drop_cask(number: int) -> HTTPResponse:
    return HTTPResponse(status=204)


@shelf.route("/casks/<number:int>", method="OPTIONS")
def cask_options(number: int) -> str:
    response.set_header("Allow", "DELETE, GET, HEAD, OPTIONS, PUT")
    return ""


@shelf.post("/casks")
def add_cask() -> dict[str, Any]:
    cask: dict[str, Any] = request.json
    response.status = 201
    response.set_header("Location", f"/casks/{cask['cask']}")
    return cask


@shelf.get("/notes/<note>")
def note(note: str) -> dict[str, Any]:
    return {"note": note}


@shelf.get("/query")
def query() -> dict[str, Any]:
    return dict(request.query.decode().dict)


@shelf.post("/form")
def form() -> dict[str, Any]:
    return dict(request.forms.decode().dict)


@shelf.post("/upload")
def upload() -> dict[str, Any]:
    files = [
        describe(name, file.raw_filename, file.content_type, file.file)
        for name, file in request.files.items()
    ]
    return {"fields": dict(request.forms.decode().dict), "files": files}


@shelf.route("/digest", method=["POST", "PUT"])
def body_digest() -> dict[str, Any]:
    return {**digest(iter_blocks(request.body)), "announced": request.environ.get("CONTENT_LENGTH")}


@shelf.post("/empty")
def empty() -> str:
    return ""


@shelf.get("/fields")
def fields() -> dict[str, Any]:
    # What is not asked for raw, Bottle takes for UTF-8.
    return {"value": request.headers.raw(request.query.name)}


@shelf.get("/whereami")
def whereami() -> dict[str, Any]:
    return {"url": request.url, "script": request.environ["SCRIPT_NAME"], "path": request.path}


@shelf.get("/large")
def large() -> bytes:
    response.content_type = "application/octet-stream"
    return LARGE


@shelf.get("/lines/<count:int>")
def lines(count: int) -> Iterator[bytes]:
    return plain(shop.lines(count))


@shelf.get("/broken")
def broken() -> Iterator[bytes]:
    return plain(shop.broken_lines())


@shelf.get("/gates/<name>")
def gate(name: str) -> Iterator[bytes]:
    return plain(shop.gated_lines(name))


@shelf.post("/gates/<name>")
def open_gate(name: str) -> str:
    shop.open_gate(name)
    return "open"


@shelf.get("/endless")
def endless() -> Iterator[bytes]:
    return plain(shop.endless_lines(int(request.query.phone)))


@shelf.get("/hold")
def hold() -> dict[str, int]:
    return shop.hold(int(request.query.phone))


@shelf.get("/cookies/set")
def set_cookies() -> dict[str, str]:
    response.set_cookie("cask", "seven")
    response.set_cookie("peat", "heavy", httponly=True)
    return {"cookies": "set"}


@shelf.get("/cookies/read")
def read_cookies() -> dict[str, str]:
    return dict(request.cookies)


@shelf.get("/visits")
def visits() -> dict[str, int]:
    count = int(request.get_cookie("visits", "0", secret=SIGNING_KEY)) + 1
    response.set_cookie("visits", str(count), secret=SIGNING_KEY)
    return {"visits": count}


@shelf.route("/redirects/<code:int>", method=["GET", "POST"])
def redirected(code: int) -> None:
    bottle.redirect(request.query.to, code)


@shelf.get("/errors/raised")
def raised() -> str:
    raise RuntimeError(SECRET)


@shelf.get("/errors/exit")
def leave() -> str:
    raise SystemExit(SECRET)


@shelf.get("/errors/forbidden")
def forbidden() -> None:
    abort(403)


@shelf.post("/errors/handled")
def handled() -> None:
    raise HTTPError(409, "cask 7")


@shelf.error(409)
def out_of_stock(error: HTTPError) -> str:
    response.content_type = "application/json"
    return json.dumps({"error": "out of stock", "what": error.body})


@shelf.get("/files/<name>")
def files(name: str) -> HTTPResponse:
    return static_file(name, root=shop.files)


app = under_validator(shelf)
