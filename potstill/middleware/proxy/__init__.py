"""Remote processing: requests and responses are forwarded over the network to upstream servers.

    from potstill.middleware import Proxy, RemoteApp

`RemoteApp` is one server as a WSGI application, `Proxy` several of them behind one address.
"""

try:
    import h11 as h11
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "the proxy speaks HTTP by h11, which is not installed: pip install 'potstill[proxy]'", name="h11"
    ) from error

from potstill.middleware.proxy.proxy import Proxy
from potstill.middleware.proxy.remote import RemoteApp

__all__ = ["Proxy", "RemoteApp"]
