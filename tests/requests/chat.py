"""Flask-Sock and python-socketio behind one server: `python -m potstill tests.requests.chat:app`.

/echo        WebSocket (Flask-Sock): every message comes back
/socket.io/  Socket.IO in threading mode: `taste` is acknowledged and answered with `tasted`
/events      server-sent events, until the client leaves; the request says that it is io_bound
/            hello
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import flask
import flask_sock
import socketio

from tests.support.engine import Environ, StartResponse

# How often the stream says something: often enough that one that has been left notices soon.
EVENT_EVERY_S = 0.05

shop = flask.Flask(__name__)
sock = flask_sock.Sock(shop)
club = socketio.Server(async_mode="threading")


@sock.route("/echo")  # type: ignore[untyped-decorator]
def echo(ws: Any) -> None:
    while True:
        ws.send(ws.receive())


@shop.get("/")
def hello() -> str:
    return "hello\n"


@club.event  # type: ignore[untyped-decorator]
def taste(sid: str, cask: int) -> dict[str, int]:
    club.emit("tasted", {"cask": cask}, to=sid)
    return {"tasting": cask}


with_club = socketio.WSGIApp(club, shop)


def events(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    """One event now and then. Without `io_bound` each stream would keep a runner's seat."""
    environ["potstill.io_bound"]()
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    pause = threading.Event()
    number = 0
    while True:
        yield f"data: {number}\n\n".encode()
        number += 1
        pause.wait(EVENT_EVERY_S)


def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/events":
        return events(environ, start_response)
    return with_club(environ, start_response)  # type: ignore[no-any-return]
