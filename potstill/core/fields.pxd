# Header fields, of heads and of trailer sections alike: the C-level face.

cdef struct span_t:
    unsigned int start
    unsigned int length

cdef struct field_t:
    span_t name
    span_t value           # without the white space around it
    int known              # index into KNOWN_FIELDS, or -1

# What a head may cost at the most. Plain values from the settings. Lines are counted without their CRLF,
# heads with.
cdef struct limits_t:
    unsigned int line_bytes_max         # --limit-request-line
    unsigned int fields_max             # --limit-request-fields
    unsigned int field_bytes_max        # --limit-request-field-size
    unsigned int head_bytes_max         # --limit-request-head
    int header_map                      # HEADER_MAP_*: what becomes of a name with "_"

cdef enum:
    HEADER_MAP_DROP = 0
    HEADER_MAP_REFUSE = 1
    HEADER_MAP_KEEP = 2

# The fields that environ, framing and the access log look for by number rather than by name; the order is
# KNOWN_FIELDS' in fields.pyx, which goes on with every other well-known request field (Accept, sec-ch-ua …),
# numbered without gaps.
cdef enum:
    FIELD_UNKNOWN = -1
    FIELD_HOST = 0
    FIELD_CONTENT_LENGTH = 1
    FIELD_CONTENT_TYPE = 2
    FIELD_COOKIE = 3
    FIELD_TRANSFER_ENCODING = 4
    FIELD_CONNECTION = 5
    FIELD_EXPECT = 6
    FIELD_PROXY = 7
    FIELD_AUTHORIZATION = 8
    FIELD_REFERER = 9
    FIELD_USER_AGENT = 10

# Of a request, which of the first fields it has; those behind them have no bit.
cdef inline unsigned long long field_bit(int known) noexcept nogil:
    return <unsigned long long>1 << known if known < 64 else 0

cdef int known_fields_count() noexcept nogil
# in any case; FIELD_UNKNOWN where it is not one
cdef int known_field(const unsigned char *name, size_t size) noexcept nogil
cdef bint trailer_dropped(int known) noexcept nogil         # a field that means something only in a head
cdef bint is_token(const unsigned char *data, size_t size) noexcept nogil

# What field_parse answers, apart from refusals.
cdef enum:
    FIELD_DROPPED = 0
    FIELD_KEPT = 1

# Reads the field line data[start:end]; the caller has seen CRLF at data[end].
cdef int field_parse(const unsigned char *data, size_t start, size_t end, int header_map,
                     field_t *field) noexcept nogil


cdef inline bint folded_equal(const unsigned char *data, size_t size,
                              const char *lower, size_t lower_size) noexcept nogil:
    """Whether data[0:size] is `lower`, which holds no capital letters, in any case."""
    cdef size_t at
    cdef unsigned char octet
    if size != lower_size:
        return False
    for at in range(size):
        octet = data[at]
        if c'A' <= octet <= c'Z':
            octet |= 0x20
        if octet != <unsigned char>lower[at]:
            return False
    return True


cdef inline int over_limit(size_t line_start, size_t seen, bint ended, size_t line_max, size_t total_max,
                           int line_refusal, int total_refusal) noexcept nogil:
    """The refusal for a line that begins at `line_start` and has its LF (`ended`) at `seen`, or has none
    before `seen`; 0 where it is within both limits.

    A head that crosses both limits is refused for the one it crosses first, byte for byte, so that the answer
    does not depend on how the bytes were cut on their way. A line may have `line_max` bytes and CR in front
    of its LF.
    """
    cdef bint line_crossed = seen > line_start + line_max + 1
    cdef bint total_crossed = seen + ended > total_max
    if line_crossed and (not total_crossed or line_start + line_max + 1 <= total_max):
        return line_refusal
    return total_refusal if total_crossed else 0
