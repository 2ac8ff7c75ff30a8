"""The shop through Flask."""

from typing import Any, NoReturn

from flask import Flask, Response, abort, jsonify, redirect, request, send_from_directory, session

from tests.apps.shop import LARGE, SECRET, SIGNING_KEY, OutOfStockError, Shop, describe, digest, iter_blocks
from tests.apps.validation import under_validator

shop = Shop()
flask = Flask(__name__, static_folder=None)
flask.secret_key = SIGNING_KEY
# An exception nobody handles goes on to the server, whose answer is tested here.
flask.config["PROPAGATE_EXCEPTIONS"] = True
# Werkzeug then reads `wsgi.input` with sizes; without a limit it calls read() bare, which PEP 3333 allows and
# the validator does not.
flask.config["MAX_CONTENT_LENGTH"] = 64 << 20


@flask.get("/")
def sign() -> str:
    return "<h1>The shop, by flask</h1>"


@flask.get("/casks/<int:number>")
def cask(number: int) -> Response:
    return jsonify(cask=number)


@flask.put("/casks/<int:number>")
def store_cask(number: int) -> Response:
    return jsonify(cask=number, stored=request.get_json())


@flask.delete("/casks/<int:number>")
def drop_cask(number: int) -> Response:
    answer = Response(status=204)
    del answer.headers["Content-Type"]
    return answer


@flask.post("/casks")
def add_cask() -> tuple[Response, int, dict[str, str]]:
    cask = request.get_json()
    return jsonify(cask), 201, {"Location": f"/casks/{cask['cask']}"}


@flask.get("/notes/<note>")
def note(note: str) -> Response:
    return jsonify(note=note)


@flask.get("/query")
def query() -> Response:
    return jsonify(request.args.to_dict(flat=False))


@flask.post("/form")
def form() -> Response:
    return jsonify(request.form.to_dict(flat=False))


@flask.post("/upload")
def upload() -> Response:
    files = [
        describe(name, file.filename or "", file.mimetype, file.stream)  # type: ignore[arg-type]
        for name, file in request.files.items()
    ]
    return jsonify(fields=request.form.to_dict(flat=False), files=files)


@flask.route("/digest", methods=["POST", "PUT"])
def body_digest() -> Response:
    return jsonify(**digest(iter_blocks(request.stream)), announced=request.environ.get("CONTENT_LENGTH"))  # type: ignore[arg-type]


@flask.post("/empty")
def empty() -> str:
    return ""


@flask.get("/fields")
def fields() -> Response:
    return jsonify(value=request.headers.get(request.args["name"]))


@flask.get("/named")
def named() -> tuple[str, dict[str, str]]:
    return "named", {"X-Name": "Señor"}


@flask.get("/whereami")
def whereami() -> Response:
    return jsonify(url=request.url, script=request.script_root, path=request.path)


@flask.get("/large")
def large() -> Response:
    return Response(LARGE, mimetype="application/octet-stream")


@flask.get("/lines/<int:count>")
def lines(count: int) -> Response:
    return Response(shop.lines(count), mimetype="text/plain")


@flask.get("/broken")
def broken() -> Response:
    return Response(shop.broken_lines(), mimetype="text/plain")


@flask.get("/gates/<name>")
def gate(name: str) -> Response:
    return Response(shop.gated_lines(name), mimetype="text/plain")


@flask.post("/gates/<name>")
def open_gate(name: str) -> str:
    shop.open_gate(name)
    return "open"


@flask.get("/endless")
def endless() -> Response:
    return Response(shop.endless_lines(int(request.args["phone"])), mimetype="text/plain")


@flask.get("/hold")
def hold() -> Response:
    return jsonify(shop.hold(int(request.args["phone"])))


@flask.get("/cookies/set")
def set_cookies() -> Response:
    answer = jsonify(cookies="set")
    answer.set_cookie("cask", "seven")
    answer.set_cookie("peat", "heavy", httponly=True)
    return answer


@flask.get("/cookies/read")
def read_cookies() -> Response:
    return jsonify(request.cookies)


@flask.get("/visits")
def visits() -> Response:
    session["visits"] = session.get("visits", 0) + 1
    return jsonify(visits=session["visits"])


@flask.route("/redirects/<int:code>", methods=["GET", "POST"])
def redirected(code: int) -> Any:
    return redirect(request.args["to"], code)


@flask.get("/errors/raised")
def raised() -> str:
    raise RuntimeError(SECRET)


@flask.get("/errors/exit")
def leave() -> str:
    raise SystemExit(SECRET)


@flask.get("/errors/forbidden")
def forbidden() -> NoReturn:
    abort(403)


@flask.post("/errors/handled")
def handled() -> str:
    raise OutOfStockError("cask 7")


@flask.errorhandler(OutOfStockError)
def out_of_stock(error: OutOfStockError) -> tuple[Response, int]:
    return jsonify(error="out of stock", what=str(error)), 409


@flask.get("/files/<name>")
def files(name: str) -> Response:
    return send_from_directory(shop.files, name)


app = under_validator(flask)
