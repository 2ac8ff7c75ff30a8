"""What is raised inside a running view from outside of it.

Both derive from BaseException, so that an `except Exception` in a view does not swallow them; `finally` and
`with` blocks run as usual. They arrive between two bytecodes of the thread: a view that is inside a C function
(a database driver that waits, `time.sleep`) sees them when that returns.
"""

from __future__ import annotations


class RequestTimeout(BaseException):
    """The deadline of this request has passed (`--request-timeout`); its client has been answered 504."""


class ClientDisconnected(BaseException):
    """The client of this request has gone (`--cancel-on-disconnect`): nobody will read the answer."""
