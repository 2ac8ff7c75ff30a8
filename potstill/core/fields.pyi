"""Header fields, of heads and of trailer sections alike."""

# The well-known request fields in lower case. A field's `known` (fields.pxd) is an index into it.
KNOWN_FIELDS: tuple[str, ...]
