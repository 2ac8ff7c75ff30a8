"""Status and fields of an answer; the server uses the C-level face (answer.pxd)."""

def render(status: str, headers: list[tuple[str, str]]) -> tuple[bytes, dict[str, int]]:
    """For tests: the status line and the fields as they are sent, and what the framing has to know of them.

    That is `code`, `declared` (the Content-Length, -1 without one), `has_date`, `has_server`, and `close`
    (Connection: close).

    Raises TypeError for what has not the types of PEP 3333, ValueError for what must not be sent (RFC 9110
    sections 5.1, 5.5 and 8.6, RFC 9112 section 4); the text names the field.
    """
