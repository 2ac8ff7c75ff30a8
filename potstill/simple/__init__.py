"""`run_simple`: a program serves the application that it has made, as Werkzeug's function of that name does.

    from potstill import run_simple
    run_simple("127.0.0.1", 5000, app, use_debugger=True, use_reloader=True)

Three ways lead from there:

- With the reloader, the process becomes `python -m potstill.simple`, a supervisor without any code of the
  program, whose worker runs the program again (`potstill.supervisor.program`). It is the reload of `--dev`.
- With several processes, this one becomes a supervisor and the application is what its workers were forked
  with.
- Otherwise it is served from this process.

What Werkzeug's parameters cannot mean here is refused with a ValueError that says why.
"""

from __future__ import annotations

import os
import signal
import ssl
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from potstill.assemble import engine_options, manner_of
from potstill.assemble.tls import Securities, entrances_of, security_of, with_schemes
from potstill.config import keyword_layer, resolve
from potstill.dev.pages import Pages
from potstill.dev.wrapping import with_pages
from potstill.net.bind import Listener, open_listeners
from potstill.settings import Settings
from potstill.simple.statics import with_static_files
from potstill.supervisor.child import Assignment, work
from potstill.supervisor.desk import refuse_elsewhere
from potstill.supervisor.haste import DeskError
from potstill.supervisor.loop import Supervisor
from potstill.supervisor.parts import Parts
from potstill.supervisor.program import SERVE, Program
from potstill.worker.console import set_up_logging, start_line, tell
from potstill.worker.leave import Leaving
from potstill.worker.process import Patience, make_worker

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 8
RELOADERS = {"auto": "auto", "stat": "stat", "watchdog": "watchfiles", "watchfiles": "watchfiles"}


@dataclass(frozen=True)
class Wish:
    """The parameters that say how to serve, judged."""

    hostname: str
    port: int
    threads: int
    processes: int
    reloader: str  # empty: none
    debugger: bool
    console: bool
    extra_files: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    passthrough: bool = False
    fd: int | None = None
    tls: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.reloader and "ssl_context" in self.tls:
            raise ValueError(
                'ssl_context: with the reloader give files, ("cert.pem", "key.pem"), or "adhoc": the program '
                "is started again, and a context cannot be handed on"
            )
        if self.threads > 1 and self.processes > 1:
            raise ValueError("processes: give several threads or several processes, as Werkzeug has it")
        if self.processes > 1 and (self.reloader or self.debugger):
            raise ValueError("processes: the reloader and the debugger are for one process")

    @property
    def address(self) -> str:
        """As --bind has it."""
        if self.fd is not None:
            return f"fd://{self.fd}"
        if self.hostname.startswith("unix://"):
            return f"unix:{self.hostname.removeprefix('unix://')}"
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return f"{host}:{self.port}"


def run_simple(
    hostname: str,
    port: int,
    application: WSGIApplication,
    use_reloader: bool = False,
    use_debugger: bool = False,
    use_evalex: bool = True,
    extra_files: Iterable[str] | None = None,
    exclude_patterns: Iterable[str] | None = None,
    reloader_interval: float = 1,
    reloader_type: str = "auto",
    threaded: bool = False,
    processes: int = 1,
    request_handler: object = None,
    static_files: Mapping[str, str | tuple[str, str]] | None = None,
    passthrough_errors: bool = False,
    ssl_context: object = None,
    fd: int | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl+C. The parameters are those of `werkzeug.serving.run_simple`.

    Args:
        hostname: where to listen: a name, an address, or "unix:///path/of/a/socket".
        port: the port; 0 takes a free one.
        use_reloader: start the program again when its files have changed. Only in the main thread, of a
            program that was started from a file or by `python -m`.
        use_debugger: error pages with values; on loopback addresses only.
        use_evalex: and a console in each frame, where Werkzeug is installed.
        extra_files: further files whose change reloads.
        exclude_patterns: patterns, as of fnmatch, of files whose change does not.
        reloader_interval: not needed: changes are noticed at once, or in turns that cost next to nothing.
        reloader_type: "auto", "stat", or "watchdog", which here is watchfiles.
        threaded: whether more than one request is served at a time.
        processes: how many processes serve.
        request_handler: refused, for there is no such class here; wrap the application instead.
        static_files: directories, or (package, path), by the path below which they are served.
        passthrough_errors: no error pages, whatever `use_debugger` says.
        ssl_context: what ends TLS: an ssl.SSLContext, (certificate, key) as files, or "adhoc" for a
            certificate that is made now (potstill[dev]). With the reloader, no SSLContext.
        fd: the number of a listening socket to use.

    Raises ValueError for what cannot be, OSError for an address that cannot be listened on.
    """
    refuse_what_cannot_be(request_handler, reloader_type)
    wish = Wish(
        hostname,
        port,
        threads=THREADS if threaded else 1,
        processes=processes,
        reloader=RELOADERS[reloader_type] if use_reloader else "",
        debugger=use_debugger and not passthrough_errors,
        console=use_evalex,
        extra_files=tuple(map(os.path.abspath, map(os.fspath, extra_files or ()))),
        exclude=tuple(f"/{pattern.lstrip('/').replace('*', '**')}" for pattern in exclude_patterns or ()),
        fd=fd,
        tls=tls_settings(ssl_context),
    )
    serve_as_wished(wish, with_static_files(application, static_files or {}))


def serve_as_wished(wish: Wish, application: WSGIApplication) -> None:
    """The three ways, and the fourth: this is the worker of the program's own first call."""
    serve = SERVE.get()
    if serve is not None:
        serve(application, pages=wish.debugger, console=wish.console)
    elif wish.reloader:
        become_supervisor(wish, program_of())
    elif wish.processes > 1:
        serve_from_processes(wish, application)
    else:
        serve_here(wish, application)


def tls_settings(ssl_context: Any) -> dict[str, object]:
    """Werkzeug's ways to say it, as settings; ValueError for another."""
    match ssl_context:
        case None:
            return {}
        case "adhoc":
            return {"dev_cert": True}
        case (certificate, None) | (certificate,):
            return {"certfile": os.fspath(certificate)}
        case (certificate, key):
            return {"certfile": os.fspath(certificate), "keyfile": os.fspath(key)}
        case ssl.SSLContext():
            return {"ssl_context": ssl_context}
    raise ValueError('ssl_context: give an ssl.SSLContext, ("cert.pem", "key.pem") or "adhoc"')


def refuse_what_cannot_be(request_handler: object, reloader_type: str) -> None:
    """ValueError for what a program asks of Werkzeug's server and this one has not."""
    if request_handler is not None:
        raise ValueError(
            "request_handler: requests are not read by a class of http.server here; wrap the application in "
            "middleware for what the handler did"
        )
    if reloader_type not in RELOADERS:
        raise ValueError(f"reloader_type: {reloader_type!r} is not one of {', '.join(RELOADERS)}")


def settings_of(wish: Wish, **more: object) -> Settings:
    """Raises ValueError for what is wrong."""
    tls = dict(wish.tls)
    context = tls.pop("ssl_context", None)
    layer = {"bind": wish.address, "threads": wish.threads, "debugger": wish.debugger, **tls, **more}
    return msgspec.structs.replace(resolve([keyword_layer(layer)]).settings, ssl_context=context)


def listening(wish: Wish, settings: Settings) -> list[Listener]:
    """The sockets; ValueError when the debugger may not be there."""
    listeners = with_schemes(settings, open_listeners(settings.bind, manner_of(settings)))
    if wish.debugger:
        try:
            refuse_elsewhere(settings, listeners)
        except DeskError as error:
            close(listeners)
            raise ValueError(f"use_debugger: {error}") from None
    return listeners


def serve_here(wish: Wish, application: WSGIApplication) -> None:
    """In this process, until a signal comes."""
    settings = settings_of(wish)
    security = security_of(settings)
    set_up_logging(settings.log_level)
    listeners = listening(wish, settings)
    try:
        if wish.debugger:
            application = with_pages(application, Pages(), console=wish.console)
        worker = make_worker(
            application,
            listeners,
            engine_options(settings),
            Patience(settings.graceful_timeout),
            entrances=entrances_of(settings, listeners, security),
            upkeep=security.look if security else None,
        )
        worker.start(keep_own_handlers=True)
        tell(start_line(name_of_program(), [each.url for each in listeners], settings.threads))
        worker.serve()
    finally:
        close(listeners)


def serve_from_processes(wish: Wish, application: WSGIApplication) -> None:
    """This process supervises workers that have the application from it."""
    settings = settings_of(wish, workers=wish.processes, preload=True, app=name_of_program())
    leaving = Leaving()
    set_up_logging(settings.log_level, of_many=True)
    listeners = listening(wish, settings)
    try:
        securities = Securities()
        securities.prepare(settings)
        parts = Parts(settings, listeners, lambda: settings, os.getcwd(), securities, application=application)
        outcome = Supervisor(parts).run()
        if isinstance(outcome, Assignment):
            try:
                work(outcome, leaving)
            finally:  # what the program does next is its first process's business
                leaving.now(signal.SIGTERM, None)
    finally:
        close(listeners)


def become_supervisor(wish: Wish, program: Program) -> NoReturn:
    """Go on as a process that has no code of the program, and gets this one's sockets."""
    listeners = listening(wish, settings_of(wish))
    told = {
        "bind": [f"fd://{listener.socket.fileno()}" for listener in listeners],
        "threads": wish.threads,
        "dev": True,
        "debugger": wish.debugger,
        "reload_by": wish.reloader,
        "reload_include": wish.extra_files,
        "reload_exclude": wish.exclude,
        "app": name_of_program(),
        **wish.tls,
    }
    for listener in listeners:
        os.set_inheritable(listener.socket.fileno(), True)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    whole = msgspec.json.encode({"program": program, "settings": told}).decode()
    os.execv(sys.executable, [sys.executable, *interpreter_options(), "-m", "potstill.simple", whole])


def program_of() -> Program:
    """How this process was started; ValueError when it cannot be started so again."""
    if threading.current_thread() is not threading.main_thread():
        raise ValueError("use_reloader: only the main thread can start the program again")
    main: Any = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if file is None or not os.path.exists(file):
        raise ValueError(
            "use_reloader: this program was not started from a file, so it cannot be started again"
        )
    spec = getattr(main, "__spec__", None)
    module = spec.name.removesuffix(".__main__") if spec is not None else ""
    return Program(os.path.abspath(file), module, tuple(sys.argv[1:]))


def interpreter_options() -> list[str]:
    """What stood between the interpreter and the program: `-X dev`, `-W error`."""
    own = len(sys.argv) + (1 if getattr(sys.modules["__main__"], "__spec__", None) else 0)
    return sys.orig_argv[1 : max(1, len(sys.orig_argv) - own)]


def name_of_program() -> str:
    return os.path.basename(getattr(sys.modules["__main__"], "__file__", None) or "the application")


def close(listeners: Iterable[Listener]) -> None:
    for listener in listeners:
        listener.close()
