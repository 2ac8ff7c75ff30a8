"""Starts a server that has no command of its own: `python -m bench.launch cheroot bench.apps:hello 8000`.

Behind that may stand the files of a certificate and its key.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

HOST = "127.0.0.1"
THREADS = 8
BACKLOG = 2048
KEEPALIVE_S = 75


def run_bjoern(application: Any, port: int) -> None:
    importlib.import_module("bjoern").run(application, HOST, port, listen_backlog=BACKLOG)


def run_fastwsgi(application: Any, port: int) -> None:
    fastwsgi = importlib.import_module("fastwsgi")
    fastwsgi.server.backlog = BACKLOG
    fastwsgi.server.tcp_nodelay = 1
    fastwsgi.run(application, host=HOST, port=port, loglevel=0)


def run_cheroot(application: Any, port: int, *certificate: str) -> None:
    wsgi = importlib.import_module("cheroot.wsgi")
    server = wsgi.Server((HOST, port), application, numthreads=THREADS, request_queue_size=BACKLOG)
    if certificate:
        server.ssl_adapter = importlib.import_module("cheroot.ssl.builtin").BuiltinSSLAdapter(*certificate)
    # By default it keeps ten connections, for ten seconds.
    server.keep_alive_conn_limit = 1_000_000
    server.timeout = KEEPALIVE_S
    try:
        server.start()
    except KeyboardInterrupt:
        server.stop()


RUN: dict[str, Callable[..., None]] = {
    "bjoern": run_bjoern,
    "cheroot": run_cheroot,
    "fastwsgi": run_fastwsgi,
}


def main() -> None:
    server, application, port, *certificate = sys.argv[1:]
    module, _, name = application.partition(":")
    RUN[server](getattr(importlib.import_module(module), name), int(port), *certificate)


if __name__ == "__main__":
    main()
