"""How a client is called, in logs and tables."""

def name_of(addr: str, port: str) -> str:
    """For tests: 192.0.2.7:50123, [2001:db8::7]:50123, or unix where there is no address."""
