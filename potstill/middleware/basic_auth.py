"""Name and password before anything else is said (RFC 7617), from an htpasswd file.

    BasicAuth(app, "/etc/shop/htpasswd", realm="Back office")

htpasswd.py reads the file and checks passwords. Its hashes are slow on purpose, which here means three
things:

- A password that was right is remembered, as a keyed hash of it together with the user and the stored hash,
so that the
  next request costs microseconds. A changed line of the file is another hash: nothing has to be forgotten.
- An unknown user costs as much as a known one, who stands in for him, so that time does not tell who exists.
- Whoever tries passwords keeps a thread busy with each. A RateLimit belongs around this.
"""

from __future__ import annotations

import re
import threading
from base64 import b64decode, b64encode
from collections import OrderedDict
from collections.abc import Iterable
from hashlib import blake2b
from secrets import token_bytes
from typing import TYPE_CHECKING

from potstill.middleware.answers import plain_answer
from potstill.middleware.htpasswd import PasswordHash, parse_users
from potstill.middleware.reloaded import ReloadedFile

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

# How many right passwords are remembered: the users of a few minutes, in some hundred kilobytes.
REMEMBERED_MAX = 1024
# argon2 takes any length, and time for it.
CREDENTIALS_BYTES_MAX = 1024

# What other servers set for who has logged in, and some applications believe; a client can send it.
_SPOOFABLE = (
    "HTTP_REMOTE_USER",
    "HTTP_X_REMOTE_USER",
    "HTTP_X_FORWARDED_USER",
    "HTTP_AUTH_TYPE",
    "HTTP_AUTH_USER",
)
_REALM = re.compile(r"[ -~]{1,255}", re.ASCII)
_CREDENTIALS = re.compile(r"basic +([A-Za-z0-9+/]+={0,2})", re.ASCII | re.IGNORECASE)
_CONTROLS = re.compile(rb"[\x00-\x1f\x7f]")


class BasicAuth:
    """Middleware that lets in who knows the password of a user, and answers others 401.

    The application finds REMOTE_USER (octets of UTF-8 as latin-1, as all text of PEP 3333) and AUTH_TYPE
    `Basic`, and nothing that a client could have put in their place.

    Args:
        app: the application behind.
        path: the htpasswd file; read again when it changes.
        realm: what browsers show; printable ASCII.
        keep_authorization: whether the application may see the password, in HTTP_AUTHORIZATION.

    Raises OSError and FileError when the file cannot be read, ValueError for a realm that cannot be said.
    """

    def __init__(
        self, app: WSGIApplication, path: str, *, realm: str = "Restricted", keep_authorization: bool = False
    ) -> None:
        self._challenge = challenge(realm)
        self._app = app
        self._users = ReloadedFile(path, parse_users)
        self._keep_authorization = keep_authorization
        self._secret = token_bytes(32)
        self._remembering = threading.Lock()
        self._remembered: OrderedDict[bytes, None] = OrderedDict()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        credentials = credentials_of(environ.get("HTTP_AUTHORIZATION", ""))
        if credentials is None or not self.knows(*credentials):
            return plain_answer(
                environ, start_response, "401 Unauthorized", [("WWW-Authenticate", self._challenge)]
            )
        for key in _SPOOFABLE:
            environ.pop(key, None)
        if not self._keep_authorization:
            del environ["HTTP_AUTHORIZATION"]
        environ["REMOTE_USER"] = credentials[0].decode("latin-1")
        environ["AUTH_TYPE"] = "Basic"
        return self._app(environ, start_response)

    def knows(self, name: bytes, password: bytes) -> bool:
        """Whether this is the password of this user, as the file is now."""
        users = self._users.value()
        hashed = users.get(name)
        if hashed is None:
            self._waste_time(users, name, password)
            return False
        mark = self._keyed(hashed.text.encode(), name, password)
        if self._remembers(mark):
            return True
        if not hashed.matches(password):
            return False
        self._remember(mark)
        return True

    def _waste_time(self, users: dict[bytes, PasswordHash], name: bytes, password: bytes) -> None:
        """Check the password of somebody else, for one name always the same.

        Hashes of different cost take different times: so an unknown name looks like some user, and goes on
        looking like that one.
        """
        if users:
            number = int.from_bytes(self._keyed(name))
            list(users.values())[number % len(users)].matches(password)

    def _keyed(self, *parts: bytes) -> bytes:
        """None of the parts can hold a NUL, so it keeps them apart."""
        return blake2b(b"\0".join(parts), key=self._secret, digest_size=32).digest()

    def _remembers(self, mark: bytes) -> bool:
        with self._remembering:
            if mark not in self._remembered:
                return False
            self._remembered.move_to_end(mark)
            return True

    def _remember(self, mark: bytes) -> None:
        with self._remembering:
            self._remembered[mark] = None
            if len(self._remembered) > REMEMBERED_MAX:
                self._remembered.popitem(last=False)


def challenge(realm: str) -> str:
    """WWW-Authenticate for the realm (RFC 7617 section 2); ValueError for one that cannot be said."""
    if not _REALM.fullmatch(realm):
        raise ValueError(f"realm {realm!r}: printable ASCII, 1 to 255 characters")
    quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
    return f'Basic realm="{quoted}", charset="UTF-8"'


def credentials_of(authorization: str) -> tuple[bytes, bytes] | None:
    """(user, password) of an Authorization field, in UTF-8; None when it is not Basic or not well-formed.

    RFC 7617 section 2: base64 of user, colon and password, without control characters.
    """
    match = _CREDENTIALS.fullmatch(authorization)
    if match is None or len(match[1]) > CREDENTIALS_BYTES_MAX:
        return None
    try:
        decoded = b64decode(match[1], validate=True)
        decoded.decode("utf-8")
    except ValueError:
        return None
    if b64encode(decoded) != match[1].encode():  # the decoder also takes padding that nobody needs
        return None
    name, colon, password = decoded.partition(b":")
    if not colon or _CONTROLS.search(decoded):
        return None
    return name, password
