"""The shop through Pyramid.

Pyramid treats the method as one more predicate of a view, so that a wrong one is "not found" unless a view
says 405; it does here, as its users do.
"""

from typing import Any

from pyramid.config import Configurator
from pyramid.httpexceptions import (
    HTTPForbidden,
    HTTPMethodNotAllowed,
    HTTPNoContent,
    status_map,
)
from pyramid.request import Request
from pyramid.response import Response
from pyramid.session import SignedCookieSessionFactory

from tests.apps.shop import LARGE, SECRET, SIGNING_KEY, OutOfStockError, Shop, describe, digest, iter_blocks
from tests.apps.validation import under_validator

shop = Shop()


def sign(request: Request) -> Response:
    return Response("<h1>The shop, by pyramid</h1>")


def cask(request: Request) -> dict[str, Any]:
    return {"cask": int(request.matchdict["number"])}


def store_cask(request: Request) -> dict[str, Any]:
    return {"cask": int(request.matchdict["number"]), "stored": request.json_body}


def drop_cask(request: Request) -> Response:
    return HTTPNoContent()


def cask_options(request: Request) -> Response:
    return Response(headerlist=[("Content-Type", "text/plain"), ("Allow", "DELETE, GET, HEAD, OPTIONS, PUT")])


def add_cask(request: Request) -> Any:
    request.response.status_int = 201
    request.response.location = f"/casks/{request.json_body['cask']}"
    return request.json_body


def only_post(request: Request) -> Response:
    raise HTTPMethodNotAllowed(headers={"Allow": "POST"})


def note(request: Request) -> dict[str, Any]:
    return {"note": request.matchdict["note"]}


def query(request: Request) -> dict[str, Any]:
    return dict(request.GET.dict_of_lists())


def form(request: Request) -> dict[str, Any]:
    return dict(request.POST.dict_of_lists())


def upload(request: Request) -> dict[str, Any]:
    fields: dict[str, list[str]] = {}
    files = []
    for name, value in request.POST.items():
        if isinstance(value, str):
            fields.setdefault(name, []).append(value)
        else:
            files.append(describe(name, value.filename, value.type, value.file))
    return {"fields": fields, "files": files}


def body_digest(request: Request) -> dict[str, Any]:
    return {**digest(iter_blocks(request.body_file)), "announced": request.environ.get("CONTENT_LENGTH")}


def empty(request: Request) -> Response:
    return Response(b"")


def fields(request: Request) -> dict[str, Any]:
    return {"value": request.headers.get(request.GET["name"])}


def named(request: Request) -> Response:
    return Response("named", headers={"X-Name": "Señor", "Content-Type": "text/plain"})


def whereami(request: Request) -> dict[str, Any]:
    return {"url": request.url, "script": request.script_name, "path": request.path_info}


def large(request: Request) -> Response:
    return Response(LARGE, content_type="application/octet-stream")


def lines(request: Request) -> Response:
    return Response(app_iter=shop.lines(int(request.matchdict["count"])), content_type="text/plain")


def broken(request: Request) -> Response:
    return Response(app_iter=shop.broken_lines(), content_type="text/plain")


def gate(request: Request) -> Response:
    return Response(app_iter=shop.gated_lines(request.matchdict["name"]), content_type="text/plain")


def open_gate(request: Request) -> Response:
    shop.open_gate(request.matchdict["name"])
    return Response("open")


def endless(request: Request) -> Response:
    return Response(app_iter=shop.endless_lines(int(request.GET["phone"])), content_type="text/plain")


def hold(request: Request) -> dict[str, int]:
    return shop.hold(int(request.GET["phone"]))


def set_cookies(request: Request) -> dict[str, str]:
    request.response.set_cookie("cask", "seven")
    request.response.set_cookie("peat", "heavy", httponly=True)
    return {"cookies": "set"}


def read_cookies(request: Request) -> dict[str, str]:
    return dict(request.cookies)


def visits(request: Request) -> dict[str, int]:
    request.session["visits"] = request.session.get("visits", 0) + 1
    return {"visits": request.session["visits"]}


def redirected(request: Request) -> Response:
    return status_map[int(request.matchdict["code"])](location=request.GET["to"])


def raised(request: Request) -> Response:
    raise RuntimeError(SECRET)


def leave(request: Request) -> Response:
    raise SystemExit(SECRET)


def forbidden(request: Request) -> Response:
    raise HTTPForbidden


def handled(request: Request) -> Response:
    raise OutOfStockError("cask 7")


def out_of_stock(error: Exception, request: Request) -> dict[str, str]:
    request.response.status_int = 409
    return {"error": "out of stock", "what": str(error)}


def assemble() -> Any:
    config = Configurator(session_factory=SignedCookieSessionFactory(SIGNING_KEY))
    config.add_static_view("files", shop.files)
    config.add_exception_view(out_of_stock, context=OutOfStockError, renderer="json")
    for path, methods in {
        "/": {"GET": sign},
        r"/casks/{number:\d+}": {
            "GET": cask,
            "PUT": store_cask,
            "DELETE": drop_cask,
            "OPTIONS": cask_options,
        },
        "/casks": {"POST": add_cask, None: only_post},
        "/notes/{note}": {"GET": note},
        "/query": {"GET": query},
        "/form": {"POST": form},
        "/upload": {"POST": upload},
        "/digest": {("POST", "PUT"): body_digest},
        "/empty": {"POST": empty},
        "/fields": {"GET": fields},
        "/named": {"GET": named},
        "/whereami": {"GET": whereami},
        "/large": {"GET": large},
        r"/lines/{count:\d+}": {"GET": lines},
        "/broken": {"GET": broken},
        "/gates/{name}": {"GET": gate, "POST": open_gate},
        "/endless": {"GET": endless},
        "/hold": {"GET": hold},
        "/cookies/set": {"GET": set_cookies},
        "/cookies/read": {"GET": read_cookies},
        "/visits": {"GET": visits},
        r"/redirects/{code:\d+}": {("GET", "POST"): redirected},
        "/errors/raised": {"GET": raised},
        "/errors/exit": {"GET": leave},
        "/errors/forbidden": {"GET": forbidden},
        "/errors/handled": {"POST": handled},
    }.items():
        config.add_route(path, path)
        for method, view in methods.items():
            # The JSON renderer leaves a Response alone.
            config.add_view(view, route_name=path, request_method=method, renderer="json")
    return config.make_wsgi_app()


app = under_validator(assemble())
