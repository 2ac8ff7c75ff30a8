"""What is told of each request. All of it is for other compiled modules (account.pxd)."""

from potstill.core.journal import Journal
from potstill.core.ledger import Ledger

class Account:
    """Tells of the requests of one worker: in the ledger, and in the access log where there is one."""

    def __init__(self, ledger: Ledger, journal: Journal | None = None) -> None: ...
