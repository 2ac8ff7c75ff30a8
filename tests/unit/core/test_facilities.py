"""What environ offers beyond PEP 3333: when it works, when it refuses, and what it costs."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.support.engine import GET, WAIT_S, Environ, StartResponse, engine_on, hello, request
from tests.unit.core.stage import Stage

METHODS = [
    "potstill.client_disconnected",
    "potstill.on_disconnect",
    "potstill.io_bound",
    "potstill.trailers",
    "potstill.send_trailers",
    "wsgi.early_hints",
]
# What each is given when it is called too late.
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "potstill.on_disconnect": (print,),
    "potstill.send_trailers": ([],),
    "wsgi.early_hints": ([],),
}

View = Callable[[Environ], object]


def ask_with(on: Stage, view: View, raw: bytes = GET) -> list[Any]:
    """What `view` gives, or raises, for one request that is then answered."""
    found: list[Any] = []

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            found.append(view(environ))
        except Exception as error:
            found.append(error)
        return hello(environ, start_response)

    on.play(application)
    on.ask(raw)
    return found


# One object for many requests


def kept(seen: set[int], keep: Callable[[Environ], object] = lambda _: None) -> Any:
    """An application that notes which object its callables belong to, and keeps what `keep` takes."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        seen.add(id(environ["potstill.io_bound"].__self__))
        keep(environ)
        return hello(environ, start_response)

    return application


def test_the_callables_are_used_again() -> None:
    """An application that keeps none of them sees the same for every request, one after the other."""
    seen: set[int] = set()
    with engine_on(kept(seen), threads=1) as running, running.client() as client:
        for _ in range(20):
            client.send(GET)
            client.response()
        running.ask()
    assert len(seen) == 1


def test_calling_them_keeps_nothing() -> None:
    """Nor does a callback, or an answer with hints and trailers."""
    seen: set[int] = set()

    def use(environ: Environ) -> None:
        for name in METHODS:
            if name != "potstill.io_bound":
                environ[name](*ARGUMENTS.get(name, ()))

    with engine_on(kept(seen, use), threads=1) as running, running.client() as client:
        for _ in range(5):
            client.send(GET)
            client.response()
    assert len(seen) == 1


@pytest.mark.parametrize("name", [*METHODS, "gunicorn.socket", "waitress.client_disconnected", "all of it"])
def test_what_was_kept_is_not_used_again(name: str) -> None:
    """It is left to whoever keeps it; the next request has others."""
    keeper: list[object] = []
    seen: set[int] = set()

    def keep(environ: Environ) -> None:
        keeper.append(environ if name == "all of it" else environ[name])

    with engine_on(kept(seen, keep), threads=1) as running, running.client() as client:
        for _ in range(5):
            client.send(GET)
            client.response()
        running.wait_idle(1)
        assert len(seen) == 5
        assert len({id(each) for each in keeper}) == 5
        # Given back one by one, they are nobody's: no other request gets hold of them either.
        keeper.clear()
        gc.collect()
        client.send(GET + GET)
        client.response()
        client.response()


@pytest.mark.parametrize("name", METHODS)
def test_a_kept_one_does_not_work_any_more(on: Stage, name: str) -> None:
    """After its request has ended: RuntimeError that says so, whatever the connection does now."""
    keeper: list[Any] = []
    on.play(kept(set(), lambda environ: keeper.append(environ[name])))
    with on.client() as client:
        client.send(GET)
        client.response()
        on.play(hello)
        client.send(GET)
        client.response()
        on.running.wait(lambda now: now.in_application == 0)
        if name == "potstill.client_disconnected":
            assert keeper[0]() is True  # nobody is there any more, for that request
        else:
            with pytest.raises(RuntimeError, match="was called after its request had ended"):
                keeper[0](*ARGUMENTS.get(name, ()))


def test_a_kept_socket_does_not_work_any_more(on: Stage) -> None:
    """The connection has gone on to other requests."""
    keeper: list[Any] = []
    on.play(kept(set(), lambda environ: keeper.append(environ["gunicorn.socket"])))
    on.ask()
    on.running.wait(lambda now: now.in_application == 0)
    with pytest.raises(RuntimeError, match="request had ended"):
        keeper[0].recv(10)
    keeper[0].close()


def test_waitress_is_potstill(on: Stage) -> None:
    """Applications look for that name already."""

    def same(environ: Environ) -> object:
        return environ["waitress.client_disconnected"] == environ["potstill.client_disconnected"]

    assert ask_with(on, same) == [True]


# Clients that leave


@pytest.mark.parametrize("callback", [None, 1, "call me", [print]])
def test_what_cannot_be_called_is_refused(on: Stage, callback: object) -> None:
    """At once, where the mistake is, and not when a client leaves."""
    (error,) = ask_with(on, lambda environ: environ["potstill.on_disconnect"](callback))
    assert isinstance(error, TypeError)
    assert type(callback).__name__ in str(error)


def test_a_client_that_has_left_already_is_told_of() -> None:
    """It left before the application asked to hear of it."""
    came, go_on, heard = threading.Event(), threading.Event(), threading.Event()

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        came.set()
        assert go_on.wait(WAIT_S)
        environ["potstill.on_disconnect"](heard.set)
        assert heard.wait(WAIT_S)
        return hello(environ, start_response)

    with engine_on(application, threads=1) as running:
        with running.client() as client:
            client.send(GET)
            assert came.wait(WAIT_S)
        go_on.set()
        running.wait_idle()
        assert running.now.failures == 0


@pytest.mark.parametrize(("behind", "gone"), [(b"", True), (GET, False)], ids=["nothing", "request"])
def test_a_half_close_is_a_farewell_unless_more_came_before(behind: bytes, gone: bool) -> None:
    """A client that has sent another request and then shut its sending side down waits for both answers."""
    told: list[bool] = []
    half_closed = threading.Event()

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/first":
            assert half_closed.wait(WAIT_S)
            told.append(environ["potstill.client_disconnected"]())
        return hello(environ, start_response)

    with engine_on(application, threads=1) as running, running.client() as client:
        client.send(request("/first") + behind)
        running.wait(lambda now: now.in_application == 1)
        client.half_close()
        half_closed.set()
        assert client.response().body == b"hello\n"
        if behind:
            assert client.response().body == b"hello\n"
        client.expect_end()
    assert told == [gone]


def test_a_reset_is_a_farewell() -> None:
    told: list[bool] = []
    reset = threading.Event()

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        assert reset.wait(WAIT_S)
        told.append(environ["potstill.client_disconnected"]())
        return hello(environ, start_response)

    with engine_on(application, threads=1) as running, running.client() as client:
        client.send(GET + b"GET")
        running.wait(lambda now: now.in_application == 1)
        client.reset()
        reset.set()
        running.wait_idle()
    assert told in ([True], [False])  # bytes that came behind it may hide it
    assert len(told) == 1
