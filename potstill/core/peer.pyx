# cython: language_level=3
"""How a client is called, in logs and tables: 192.0.2.7:50123, [2001:db8::7]:50123, or unix."""


cdef str peer_name(str addr, str port):
    if not addr:
        return "unix"
    return f"[{addr}]:{port}" if ":" in addr else f"{addr}:{port}"


def name_of(str addr not None, str port not None):
    """The Python face, for tests."""
    return peer_name(addr, port)
