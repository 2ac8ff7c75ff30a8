"""Potstill: a production WSGI server.

    from potstill import serve, make_server, run_simple, WSGIServer

Importing the package loads nothing but these lines; what stands behind a name comes with its first use.
"""

__version__ = "0.1.0"

# The address that tutorials use: every IPv4 address of this machine, port 8888.
SERVER_ADDRESS = ("", 8888)

__all__ = [
    "SERVER_ADDRESS",
    "ClientDisconnected",
    "RequestTimeout",
    "WSGIServer",
    "__version__",
    "make_server",
    "run_simple",
    "serve",
]

TYPE_CHECKING = False  # what type checkers take for true, without the cost of importing `typing`
if TYPE_CHECKING:
    from potstill import library
    from potstill.core.interrupts import ClientDisconnected, RequestTimeout
    from potstill.simple import run_simple

    WSGIServer = library.WSGIServer
    make_server = library.make_server
    serve = library.serve
else:

    def __getattr__(name):
        if name in ("ClientDisconnected", "RequestTimeout"):
            from potstill.core import interrupts

            return getattr(interrupts, name)
        if name == "run_simple":
            from potstill import simple

            return simple.run_simple
        if name in __all__:
            from potstill import library

            return getattr(library, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *__all__})
