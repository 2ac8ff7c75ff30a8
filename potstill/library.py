"""The library face: the same engine, in the program's own process.

    serve(app)                                       blocks until SIGTERM or SIGINT
    make_server(("", 8888), app).serve_forever()     the shape of the tutorials and of wsgiref

Differences from the command: the environment is not read, a signal handler that the program has installed
stays in force, the root logger is left alone (`serve` gives the logger `potstill` a handler when nobody else
did, WSGIServer does not even do that), and the process goes on when serving is over.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from potstill.assemble import application_of, engine_options, manner_of
from potstill.assemble.access_log import without_terminal
from potstill.assemble.tls import entrances_of, security_of, with_schemes
from potstill.config import Configuration, keyword_layer, resolve
from potstill.net.bind import Listener, open_at, open_listeners
from potstill.settings import BY_FIELD, Settings
from potstill.settings.about import HOOKS, PROCESS, WORKERS
from potstill.worker.console import set_up_logging, start_line, tell
from potstill.worker.process import Patience, Worker, make_worker

if TYPE_CHECKING:
    import ssl
    from typing import Self

    from _typeshed.wsgi import WSGIApplication

DEFAULTS = Settings()
# Options that a loop has to look after, or that are the program's own business.
COMMANDS = ("admin", "admin_token", "statsd", "statsd_prefix", "log_config")
NEEDS_DEV = ("dev", "reload_include", "reload_exclude", "reload_by", "debugger", "live_reload")
SAID_ELSEWHERE = {
    "app": "set_app()",
    "bind": "server_address",
    "backlog": "request_queue_size",
    "log_level": "logging.getLogger('potstill')",
    "redirect_http": "a second WSGIServer",
}


def serve(
    app: WSGIApplication,
    bind: str | Sequence[str] = DEFAULTS.bind,
    threads: int = DEFAULTS.threads,
    *,
    ssl_context: ssl.SSLContext | None = None,
    **settings: object,
) -> None:
    """Serve `app` until a signal ends it; every option of the command line may be given by its name.

    With an `ssl_context` that the program has made, every address speaks TLS by it.

    Returns when the last response has left, or the graceful timeout is over. Raises ValueError for settings
    that are wrong and OSError for an address that cannot be listened on. Outside the main thread there
    are no signals, and so no end: use `WSGIServer` there, which has `shutdown()`.
    """
    refuse_what_needs_the_command(settings)
    resolved = secured(resolve([keyword_layer({"bind": bind, "threads": threads, **settings})]), ssl_context)
    security = security_of(resolved)
    set_up_logging(resolved.log_level, form=resolved.log_format)
    addresses = (*resolved.bind, *resolved.redirect_http)
    listeners = with_schemes(resolved, open_listeners(addresses, manner_of(resolved)))
    try:
        urls = [listener.url for listener in listeners]
        application = application_of(resolved, given=app)
        options = engine_options(resolved)
        worker = make_worker(
            application,
            listeners,
            options,
            Patience(resolved.graceful_timeout),
            entrances=entrances_of(resolved, listeners, security),
            upkeep=security.look if security else None,
        )
        worker.start(keep_own_handlers=True)
        tell(start_line(name_of(app), urls, resolved.threads))
        worker.serve()
    finally:
        for listener in listeners:
            listener.close()


def make_server(
    server_address: Any,
    application: WSGIApplication,
    /,
    *,
    ssl_context: ssl.SSLContext | None = None,
    **settings: object,
) -> WSGIServer:
    """A `WSGIServer` that listens at the address, with its application set."""
    server = WSGIServer(server_address, ssl_context=ssl_context, **settings)
    server.set_app(application)
    return server


class WSGIServer:
    """A server that listens from the start and serves on `serve_forever`.

    The class attributes may be set by a subclass: AF_INET6 with its addresses, or AF_UNIX with a path. Other
    settings are given by their names: WSGIServer(("", 8888), threads=16).

    One thread calls `serve_forever`; any thread may call `shutdown` and `server_close`.
    """

    address_family: ClassVar[int] = socket.AF_INET
    socket_type: ClassVar[int] = socket.SOCK_STREAM
    request_queue_size: ClassVar[int] = DEFAULTS.backlog

    def __init__(
        self, server_address: Any, *, ssl_context: ssl.SSLContext | None = None, **settings: object
    ) -> None:
        """Listen at the address; OSError when that cannot be, ValueError for wrong settings."""
        if self.socket_type != socket.SOCK_STREAM:
            raise ValueError("socket_type: HTTP needs SOCK_STREAM")
        for name, where in SAID_ELSEWHERE.items():
            if name in settings:
                raise ValueError(f"{name}: with a WSGIServer, {where} says that")
        refuse_what_needs_the_command(settings)
        keywords = {"backlog": self.request_queue_size, **settings}
        self._settings = secured(resolve([keyword_layer(keywords)]), ssl_context)
        self._security = security_of(self._settings)
        opened = open_at(self.address_family, server_address, manner_of(self._settings))
        (self._listener,) = with_schemes(self._settings, [opened])
        self.listen_socket: socket.socket = self._listener.socket
        self.server_address: Any = self.listen_socket.getsockname()
        self.server_name, self.server_port = name_and_port(server_address, self._listener)
        self.application: WSGIApplication | None = None
        self._lock = threading.RLock()  # over what follows; re-entered when a signal handler calls shutdown
        self._worker: Worker | None = None
        self._serving_thread: threading.Thread | None = None
        self._served = False
        self._asked_early = False
        self._close_when_over = False
        self._over = threading.Event()

    def set_app(self, application: WSGIApplication) -> None:
        """The application of the next `serve_forever`."""
        self.application = application

    def get_app(self) -> WSGIApplication | None:
        """The application that was set."""
        return self.application

    def serve_forever(self) -> None:
        """Serve until `shutdown`, or a signal when this is the main thread; returns when all is over.

        It may be called again afterwards. A `shutdown` that came before the first call is not lost: that call
        then returns at once.
        """
        with self._lock:
            if self.application is None:
                raise RuntimeError("there is no application yet: call set_app() first")
            if self.listen_socket.fileno() < 0:
                raise RuntimeError("the server is closed")
            if self._worker is not None:
                raise RuntimeError("the server is serving already")
            self._served = True
            if self._asked_early:
                self._asked_early = False
                return
            worker = make_worker(
                application_of(self._settings, given=self.application),
                [self._listener],
                engine_options(without_terminal(self._settings)),
                Patience(self._settings.graceful_timeout),
                close_listeners=False,
                entrances=entrances_of(self._settings, [self._listener], self._security),
                upkeep=self._security.look if self._security else None,
            )
            # From here on a shutdown finds the worker, started or not.
            self._worker, self._serving_thread = worker, threading.current_thread()
            self._over.clear()
        try:
            worker.start(keep_own_handlers=True)
            worker.serve()
        finally:
            with self._lock:
                self._worker = self._serving_thread = None
                if self._close_when_over:
                    self._listener.close()
                self._over.set()

    def shutdown(self) -> None:
        """End `serve_forever`; returns when the last response has left or the graceful timeout is over.

        Where waiting would be for oneself, in a request or in a signal handler of the serving thread, it only
        asks, and returns at once.
        """
        with self._lock:
            worker = self._worker
            if worker is None:
                self._asked_early = not self._served
                return
            worker.ask_to_stop()
            caller = threading.current_thread()
            if caller is self._serving_thread:
                return
        if caller not in worker.threads:
            self._over.wait()

    def server_close(self) -> None:
        """Stop serving, if need be, and listening; the file of a unix socket is removed."""
        self.shutdown()
        with self._lock:
            self._close_when_over = self._worker is not None  # asked by the one who would have to wait
            if not self._close_when_over:
                self._listener.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.server_close()


def secured(configuration: Configuration, context: ssl.SSLContext | None) -> Settings:
    """The settings with a context of the program's own; ValueError where they name certificates as well."""
    if context is None:
        return configuration.settings
    if configuration.settings.secure:
        raise ValueError("ssl_context: has the certificate; leave out certfile and the like")
    return msgspec.structs.replace(configuration.settings, ssl_context=context)


def refuse_what_needs_the_command(settings: Iterable[str]) -> None:
    """ValueError for options about processes: this one is the program's, and it has no supervisor."""
    for name in settings:
        if (
            name in COMMANDS
            or name in NEEDS_DEV
            or (name in BY_FIELD and BY_FIELD[name].about.group in (WORKERS, PROCESS, HOOKS))
        ):
            raise ValueError(
                f"{name}: only the command `potstill` can do that; here the process is the program's"
            )


def name_and_port(address: Any, listener: Listener) -> tuple[str, int]:
    """What the server is called: the host that was asked for, or this machine's name; no look-up is made."""
    if listener.socket.family == socket.AF_UNIX:
        return socket.gethostname(), 0
    return address[0] or socket.gethostname(), listener.socket.getsockname()[1]


def name_of(app: object) -> str:
    """`shop:app` of a function, the class of another object."""
    named = app if hasattr(app, "__qualname__") else type(app)
    return f"{named.__module__}:{named.__qualname__}"
