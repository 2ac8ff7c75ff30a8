"""Who may ask at all: allow and deny lists in front of an application.

    AccessRules(app, allow=["10.0.0.0/8", "unix"], deny=["path:/admin !10.1.0.0/16"])

access_conditions.py says what an entry may be. A request is judged in this order, and the first that speaks
decides:

1. The list that wins: `deny`, unless `order` is "allow-wins".
2. The other list.
3. `default`: "allow" or "deny". Unless given it is "deny" as soon as there is an allow list, for who lists
   guests does not mean everybody else.

Where a condition cannot tell (see access_conditions.py), the deny list takes it for a yes and the allow list
for a no.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from potstill.middleware.access_conditions import conditions_of
from potstill.middleware.answers import plain_answer

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# A server that can close a connection without an answer offers a callable under this key. nginx calls it 444.
CLOSE_CONNECTION = "potstill.close_connection"
CLOSE = 444
_STATUSES = {403: "403 Forbidden", 404: "404 Not Found", CLOSE: "403 Forbidden"}


class AccessRules:
    """Middleware that passes on what the lists let pass and answers the rest itself.

    Args:
        app: the application behind the rules.
        allow, deny: entries as in access_conditions.py.
        order: which list has the last word, "deny-wins" or "allow-wins".
        default: what becomes of a request that is on neither list.
        status: 403; 404, which does not tell that there is anything; or 444, which closes the connection
            without an answer where the server can (`environ["potstill.close_connection"]`), else is a 403.

    Raises ValueError for an entry or option that is not understood, OSError for a file of networks that
    cannot be read.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        allow: Iterable[str] = (),
        deny: Iterable[str] = (),
        order: Literal["deny-wins", "allow-wins"] = "deny-wins",
        default: Literal["allow", "deny"] | None = None,
        status: int = 403,
    ) -> None:
        if isinstance(allow, str) or isinstance(deny, str):
            raise ValueError("allow and deny are lists of entries, not one text")
        if order not in ("deny-wins", "allow-wins"):
            raise ValueError(f"order is 'deny-wins' or 'allow-wins', not {order!r}")
        if default not in ("allow", "deny", None):
            raise ValueError(f"default is 'allow' or 'deny', not {default!r}")
        if status not in _STATUSES:
            raise ValueError(f"status is 403, 404 or 444, not {status!r}")
        self._app = app
        self._allow = conditions_of(allow)
        self._deny = conditions_of(deny)
        self._deny_wins = order == "deny-wins"
        self._default = default == "allow" if default else not self._allow
        self._status = status

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.lets_pass(environ):
            return self._app(environ, start_response)
        close_connection = environ.get(CLOSE_CONNECTION)
        if self._status == CLOSE and close_connection is not None:
            # WSGI wants an answer all the same; the server throws it away.
            close_connection()
        return plain_answer(environ, start_response, _STATUSES[self._status])

    def lets_pass(self, environ: WSGIEnvironment) -> bool:
        """Whether the application behind the rules is asked."""
        if self._deny_wins:
            return not self._denied(environ) and (self._allowed(environ) or self._default)
        return self._allowed(environ) or (not self._denied(environ) and self._default)

    def _allowed(self, environ: WSGIEnvironment) -> bool:
        return any(condition(environ) is True for condition in self._allow)

    def _denied(self, environ: WSGIEnvironment) -> bool:
        return any(condition(environ) is not False for condition in self._deny)
