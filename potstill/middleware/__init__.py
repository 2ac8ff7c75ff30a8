"""WSGI in, WSGI out: middleware that works under any WSGI server.

    from potstill.middleware import Mount, Static

To the server each of these is an application, to the application it is a server (PEP 3333, "Middleware:
Components that Play Both Sides"). None imports anything of ours outside this package, so one can be used
without the rest of Potstill, under any server. A name loads its module when it is first used.
"""

__all__ = [
    "AccessRules",
    "Afresh",
    "Balance",
    "BasicAuth",
    "BodyLimit",
    "Bulkhead",
    "Compression",
    "Deadline",
    "Forwarded",
    "Headers",
    "HealthCheck",
    "Mount",
    "Proxy",
    "RateLimit",
    "Redirect",
    "RemoteApp",
    "RequestId",
    "SecurityHeaders",
    "SendFile",
    "Static",
    "url_routing",
]

TYPE_CHECKING = False  # what type checkers take for true, without the cost of importing `typing`
if TYPE_CHECKING:
    from potstill.middleware.access import AccessRules
    from potstill.middleware.afresh import Afresh
    from potstill.middleware.balance import Balance
    from potstill.middleware.balance_checks import HealthCheck
    from potstill.middleware.basic_auth import BasicAuth
    from potstill.middleware.body_limit import BodyLimit
    from potstill.middleware.bulkhead import Bulkhead
    from potstill.middleware.compression import Compression
    from potstill.middleware.deadline import Deadline
    from potstill.middleware.forwarded import Forwarded
    from potstill.middleware.headers import Headers, SecurityHeaders
    from potstill.middleware.mount import Mount, url_routing
    from potstill.middleware.proxy import Proxy, RemoteApp
    from potstill.middleware.ratelimit import RateLimit
    from potstill.middleware.redirect import Redirect
    from potstill.middleware.request_id import RequestId
    from potstill.middleware.sendfile import SendFile
    from potstill.middleware.static import Static
else:
    # The module of each name that is not simply its lower-case self.
    _MODULES = {
        "AccessRules": "access",
        "BasicAuth": "basic_auth",
        "BodyLimit": "body_limit",
        "HealthCheck": "balance_checks",
        "RemoteApp": "proxy",
        "RequestId": "request_id",
        "SecurityHeaders": "headers",
        "url_routing": "mount",
    }

    def __getattr__(name):
        if name in __all__:
            from importlib import import_module

            return getattr(import_module(f"{__name__}.{_MODULES.get(name, name.lower())}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *__all__})
