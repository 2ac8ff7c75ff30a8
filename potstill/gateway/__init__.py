"""The WSGI contract beyond the hot path: CGI both ways (RFC 3875).

    from potstill.gateway import CGIDirectory, run_with_cgi

`run_with_cgi` runs a WSGI application once, under any web server's CGI; `CGIDirectory` is a WSGI application
that runs programs. A name loads its module when it is first used.
"""

__all__ = ["CGIDirectory", "run_with_cgi"]

TYPE_CHECKING = False  # what type checkers take for true, without the cost of importing `typing`
if TYPE_CHECKING:
    from potstill.gateway.cgi_directory import CGIDirectory
    from potstill.gateway.cgi_run import run_with_cgi
else:
    _MODULES = {"CGIDirectory": "cgi_directory", "run_with_cgi": "cgi_run"}

    def __getattr__(name):
        if name in __all__:
            from importlib import import_module

            return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *__all__})
