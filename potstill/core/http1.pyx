# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True, cdivision=True
"""HTTP/1.x request heads: bytes to spans, by RFC 9112.

head_feed is called with all that has arrived of a head, as often as more arrives. It looks for each LF once,
from where it stopped the last time, and reads a line when it is whole: the request line (request_line,
target.pyx), then fields (fields.pyx); those that decide about the connection or the framing are understood on
the way (field_line), the rest is only noted. The empty line ends it: head_end checks what only the whole head
can tell.

The answer must not depend on how the bytes were cut on their way. So a fault in a line is reported when the
line is whole, and only three are reported earlier, each at a certain byte: a first byte with which no request
begins, a line beyond its limit, a head beyond its limit (over_limit says which of the two was first).

All of this runs without the GIL, allocates nothing and takes time linear in the bytes.
"""
from libc.limits cimport LLONG_MAX
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcmp, memcpy, memset

from potstill.core.fields cimport FIELD_DROPPED, FIELD_KEPT, field_parse, folded_equal, is_token, over_limit
from potstill.core.target cimport is_authority, target_parse, target_t

from time import perf_counter
from typing import NamedTuple

from potstill.core.chunks import Chunks
from potstill.core.fields import KNOWN_FIELDS
from potstill.core.refusals import REFUSALS, Refusal

cdef enum:
    STAGE_START = 0                # before the request line
    STAGE_AFTER_EMPTY_LINE = 1     # the same, and an empty line was skipped
    STAGE_FIELDS = 2

    SEEN_CLOSE = 1                 # Connection: close
    SEEN_KEEP_ALIVE = 2            # Connection: keep-alive
    SEEN_CODING = 4                # Transfer-Encoding, whatever it says
    SEEN_CHUNKED = 8               # … chunked
    SEEN_OTHER_CODING = 16         # … anything else

    METHOD_BYTES_MAX = 32
    LENGTH_DIGITS_MAX = 19
    TLS_HANDSHAKE = 0x16


cdef int head_init(head_t *head, unsigned int fields_max) noexcept nogil:
    memset(head, 0, sizeof(head_t))
    head.fields_capacity = fields_max
    head.fields = <field_t *>malloc((<size_t>fields_max + 1) * sizeof(field_t))
    if head.fields == NULL:
        return -1
    head_reset(head)
    return 0


cdef void head_free(head_t *head) noexcept nogil:
    free(head.fields)
    head.fields = NULL
    head.fields_capacity = 0


cdef void head_reset(head_t *head) noexcept nogil:
    cdef field_t *fields = head.fields
    cdef unsigned int capacity = head.fields_capacity
    memset(head, 0, sizeof(head_t))
    head.fields = fields
    head.fields_capacity = capacity
    head.content_length = -1
    head.host = -1


cdef int head_feed(head_t *head, const unsigned char *data, size_t size,
                   const limits_t *limits) noexcept nogil:
    cdef const unsigned char *found
    cdef size_t seen
    cdef int answer
    while True:
        if head.stage != STAGE_FIELDS and head.line_start < size:
            answer = first_byte(data[head.line_start])
            if answer:
                return answer
        found = <const unsigned char *>memchr(data + head.scanned, c'\n', size - head.scanned)
        seen = size if found == NULL else found - data
        if head.stage == STAGE_FIELDS:
            answer = over_limit(head.line_start, seen, found != NULL, limits.field_bytes_max,
                                limits.head_bytes_max, REFUSE_FIELD_TOO_LARGE, REFUSE_HEAD_TOO_LARGE)
        else:
            answer = over_limit(head.line_start, seen, found != NULL, limits.line_bytes_max,
                                limits.head_bytes_max, REFUSE_LINE_TOO_LONG, REFUSE_HEAD_TOO_LARGE)
        if answer:
            return answer
        if found == NULL:
            head.scanned = <unsigned int>seen
            return INCOMPLETE
        head.scanned = <unsigned int>(seen + 1)
        answer = whole_line(head, data, head.line_start, seen, limits)
        if answer != INCOMPLETE:
            return answer
        head.line_start = <unsigned int>(seen + 1)


cdef inline int first_byte(unsigned char octet) noexcept nogil:
    """Refuses at once what will never become a request, such as the greeting of another protocol."""
    if octet == c'\r' or is_token(&octet, 1):
        return 0
    if octet == TLS_HANDSHAKE:
        return REFUSE_TLS_ON_PLAIN
    return REFUSE_BARE_LF if octet == c'\n' else REFUSE_METHOD


cdef int whole_line(head_t *head, const unsigned char *data, size_t start, size_t lf,
                    const limits_t *limits) noexcept nogil:
    """Reads data[start:lf], behind which there is an LF. COMPLETE when it was the last."""
    if lf == start or data[lf - 1] != c'\r':
        return REFUSE_BARE_LF
    if head.stage == STAGE_FIELDS:
        if lf - 1 == start:
            head.length = <unsigned int>(lf + 1)
            return head_end(head)
        return field_line(head, data, start, lf - 1, limits)
    if lf - 1 > start:
        head.stage = STAGE_FIELDS
        return request_line(head, data, start, lf - 1)
    # RFC 9112 section 2.2: a server ought to ignore at least one empty line before the request line.
    if head.stage == STAGE_AFTER_EMPTY_LINE:
        return REFUSE_EMPTY_LINES
    head.stage = STAGE_AFTER_EMPTY_LINE
    return INCOMPLETE


# The request line


cdef int request_line(head_t *head, const unsigned char *data, size_t start, size_t end) noexcept nogil:
    cdef size_t target = start, space
    cdef target_t parts
    cdef const unsigned char *found
    cdef int answer
    found = <const unsigned char *>memchr(data + start, c' ', end - start)
    target = end if found == NULL else found - data + 1
    head.method.start = <unsigned int>start
    head.method.length = <unsigned int>((end if found == NULL else target - 1) - start)
    if not is_token(data + start, head.method.length):
        return strange_byte(data + start, head.method.length, REFUSE_METHOD)
    if head.method.length > METHOD_BYTES_MAX:
        return REFUSE_METHOD_TOO_LONG
    found = <const unsigned char *>memchr(data + target, c' ', end - target)
    if found == NULL:
        return strange_byte(data + target, end - target, REFUSE_NO_VERSION)
    space = found - data
    answer = http_version(head, data, space + 1, end)
    if answer:
        return answer
    if head.method.length == 7 and memcmp(data + start, b"CONNECT", 7) == 0:
        return REFUSE_CONNECT
    answer = target_parse(data, target, space,
                          head.method.length == 7 and memcmp(data + start, b"OPTIONS", 7) == 0, &parts)
    head.target.start = <unsigned int>target
    head.target.length = <unsigned int>(space - target)
    head.path = parts.path
    head.query = parts.query
    head.authority = parts.authority
    head.form = parts.form
    head.path_encoded = parts.path_encoded
    return answer


cdef int http_version(head_t *head, const unsigned char *data, size_t start, size_t end) noexcept nogil:
    cdef const unsigned char *version = data + start
    head.version.start = <unsigned int>start
    head.version.length = <unsigned int>(end - start)
    if end - start == 8 and memcmp(version, b"HTTP/1.1", 8) == 0:
        head.minor = 1
        return 0
    if memchr(version, c' ', end - start) != NULL:
        return REFUSE_REQUEST_LINE_SPACES
    if end == start:
        return REFUSE_REQUEST_LINE_SPACES
    if (end - start != 8 or memcmp(version, b"HTTP/", 5) != 0 or version[6] != c'.'
            or not c'0' <= version[5] <= c'9' or not c'0' <= version[7] <= c'9'):
        return strange_byte(version, end - start, REFUSE_BAD_VERSION)
    # RFC 9110 section 2.5: a higher minor version is to be treated as the highest one known.
    head.minor = version[7] != c'0'
    return 0 if version[5] == c'1' else REFUSE_VERSION


cdef int strange_byte(const unsigned char *data, size_t size, int otherwise) noexcept nogil:
    """The refusal for a CR or TAB inside the request line, else `otherwise`."""
    if memchr(data, c'\r', size) != NULL:
        return REFUSE_BARE_CR
    return REFUSE_REQUEST_LINE_SPACES if size == 0 or memchr(data, c'\t', size) != NULL else otherwise


# Fields


cdef int field_line(head_t *head, const unsigned char *data, size_t start, size_t end,
                    const limits_t *limits) noexcept nogil:
    cdef field_t *field = &head.fields[head.field_count]
    cdef int answer
    if head.field_count + head.dropped >= limits.fields_max or head.field_count >= head.fields_capacity:
        return REFUSE_TOO_MANY_FIELDS
    answer = field_parse(data, start, end, limits.header_map, field)
    if answer == FIELD_DROPPED:
        head.dropped += 1
        return 0
    if answer != FIELD_KEPT:
        if answer == REFUSE_OBS_FOLD and head.field_count == 0 and head.dropped == 0:
            return REFUSE_SPACE_BEFORE_FIELDS
        return answer
    head.field_count += 1
    if field.known > FIELD_EXPECT or field.known < 0:
        return 0
    return decisive_field(head, field.known, data + field.value.start, field.value.length)


cdef int decisive_field(head_t *head, int known, const unsigned char *value, size_t size) noexcept nogil:
    """Understands a field that decides about framing, connection or routing."""
    if known == FIELD_HOST:
        if head.host >= 0:
            return REFUSE_TWO_HOSTS
        head.host = <int>head.field_count - 1
        # An empty one is what a client sends whose URI has no authority: RFC 9112 section 3.2.
        if size == 0:
            return REFUSE_BAD_HOST if head.authority.length else 0
        return 0 if is_authority(value, size) else REFUSE_BAD_HOST
    if known == FIELD_CONTENT_LENGTH:
        return content_length(head, value, size)
    if known == FIELD_TRANSFER_ENCODING:
        return transfer_coding(head, value, size)
    if known == FIELD_CONNECTION:
        return connection_options(head, value, size)
    if known == FIELD_EXPECT:
        return expectations(head, value, size)
    return 0


cdef int content_length(head_t *head, const unsigned char *value, size_t size) noexcept nogil:
    cdef unsigned long long length = 0
    cdef size_t at
    if head.content_length >= 0:
        return REFUSE_TWO_LENGTHS
    if size == 0 or size > LENGTH_DIGITS_MAX:
        return REFUSE_BAD_LENGTH
    for at in range(size):
        if not c'0' <= value[at] <= c'9':
            return REFUSE_BAD_LENGTH
        length = length * 10 + value[at] - c'0'
    # Nineteen digits fit the unsigned type, not always the signed one.
    if length > <unsigned long long>LLONG_MAX:
        return REFUSE_BODY_TOO_LARGE
    head.content_length = <long long>length
    return 0


cdef inline size_t next_element(const unsigned char *value, size_t size, size_t at,
                                span_t *element) noexcept nogil:
    """The element of a comma-separated list that begins at `at`, without the white space around it; returns
    where the next one begins, beyond `size` when there is none."""
    cdef const unsigned char *comma = <const unsigned char *>memchr(value + at, c',', size - at)
    cdef size_t end = size if comma == NULL else comma - value
    cdef size_t last = end
    while at < last and (value[at] == c' ' or value[at] == c'\t'):
        at += 1
    while last > at and (value[last - 1] == c' ' or value[last - 1] == c'\t'):
        last -= 1
    element.start = <unsigned int>at
    element.length = <unsigned int>(last - at)
    return end + 1


cdef int transfer_coding(head_t *head, const unsigned char *value, size_t size) noexcept nogil:
    """Only "chunked", once, is ever accepted. The rest tells a coding that we do not have (501, but only when
    the head is whole: Content-Length beside it weighs more) from one that somebody may take for chunked
    (400)."""
    cdef size_t at = 0
    cdef span_t element
    head.seen |= SEEN_CODING
    while at <= size:
        at = next_element(value, size, at, &element)
        if head.seen & SEEN_CHUNKED:
            return REFUSE_BAD_CODING
        if folded_equal(value + element.start, element.length, b"chunked", 7):
            head.seen |= SEEN_CHUNKED
        elif is_token(value + element.start, element.length) and not looks_chunked(value, &element):
            head.seen |= SEEN_OTHER_CODING
        else:
            return REFUSE_BAD_CODING
    return 0


cdef bint looks_chunked(const unsigned char *value, const span_t *element) noexcept nogil:
    cdef unsigned int at
    for at in range(element.start, element.start + element.length):
        if element.start + element.length - at >= 7 and folded_equal(value + at, 7, b"chunked", 7):
            return True
    return False


cdef int connection_options(head_t *head, const unsigned char *value, size_t size) noexcept nogil:
    cdef size_t at = 0
    cdef span_t element
    while at <= size:
        at = next_element(value, size, at, &element)
        if folded_equal(value + element.start, element.length, b"close", 5):
            head.seen |= SEEN_CLOSE
        elif folded_equal(value + element.start, element.length, b"keep-alive", 10):
            head.seen |= SEEN_KEEP_ALIVE
    return 0


cdef int expectations(head_t *head, const unsigned char *value, size_t size) noexcept nogil:
    cdef size_t at = 0
    cdef span_t element
    while at <= size:
        at = next_element(value, size, at, &element)
        if folded_equal(value + element.start, element.length, b"100-continue", 12):
            # RFC 9110 section 10.1.1: to be ignored in an HTTP/1.0 request.
            head.expect_continue = head.minor == 1
        elif element.length:
            return REFUSE_EXPECTATION
    return 0


cdef int head_end(head_t *head) noexcept nogil:
    """What only the whole head can tell: COMPLETE or a refusal."""
    if head.host < 0 and head.minor == 1:
        return REFUSE_NO_HOST
    if head.seen & SEEN_CODING:
        if head.minor == 0:
            return REFUSE_CODING_ON_1_0
        if head.content_length >= 0:
            return REFUSE_LENGTH_AND_CODING
        if head.seen & SEEN_OTHER_CODING:
            return REFUSE_CODING
        head.chunked = True
    head.keep_alive = not head.seen & SEEN_CLOSE and (head.minor == 1 or head.seen & SEEN_KEEP_ALIVE)
    return COMPLETE


# The Python face, for tests and fuzzers


class Head(NamedTuple):
    """A request head that was accepted; every span as the bytes it covers."""

    length: int
    method: bytes
    target: bytes
    path: bytes
    query: bytes
    authority: bytes
    form: str
    path_encoded: bool
    minor: int
    version: bytes
    fields: list
    dropped: int
    content_length: int | None
    chunked: bool
    keep_alive: bool
    expect_continue: bool
    host: bytes | None


cdef limits_t limits_of(int line_bytes_max, int fields_max, int field_bytes_max, int head_bytes_max,
                        str header_map) except *:
    modes = {"drop": HEADER_MAP_DROP, "refuse": HEADER_MAP_REFUSE, "keep": HEADER_MAP_KEEP}
    return limits_t(line_bytes_max, fields_max, field_bytes_max, head_bytes_max, modes[header_map])


def parse_head(bytes data, *, splits=(), line_bytes_max=8190, fields_max=100, field_bytes_max=16384,
               head_bytes_max=65536, header_map="drop"):
    cdef head_t head
    cdef limits_t limits = limits_of(line_bytes_max, fields_max, field_bytes_max, head_bytes_max, header_map)
    cdef int answer = INCOMPLETE
    if head_init(&head, fields_max) < 0:
        raise MemoryError
    try:
        for size in (*splits, len(data)):
            answer = feed_exactly(&head, data, size, &limits)
            if answer != INCOMPLETE:
                break
        return head_value(&head, data) if answer == COMPLETE else REFUSALS[answer]
    finally:
        head_free(&head)


cdef int feed_exactly(head_t *head, const unsigned char *data, size_t size, const limits_t *limits) except -1:
    """Feeds a copy of exactly this size, so that a sanitizer sees it when a byte too many is read."""
    cdef unsigned char *exact = <unsigned char *>malloc(size)
    cdef int answer
    if exact == NULL:
        raise MemoryError
    memcpy(exact, data, size)
    answer = head_feed(head, exact, size, limits)
    free(exact)
    return answer


cdef object head_value(const head_t *head, bytes data):
    cdef const field_t *field
    fields = []
    for at in range(head.field_count):
        field = &head.fields[at]
        fields.append((piece(data, field.name), piece(data, field.value),
                       KNOWN_FIELDS[field.known] if field.known >= 0 else None))
    return Head(
        length=head.length, method=piece(data, head.method), target=piece(data, head.target),
        path=piece(data, head.path), query=piece(data, head.query), authority=piece(data, head.authority),
        form={FORM_ORIGIN: "origin", FORM_ABSOLUTE: "absolute", FORM_ASTERISK: "asterisk"}[head.form],
        path_encoded=head.path_encoded, minor=head.minor, version=piece(data, head.version), fields=fields,
        dropped=head.dropped, content_length=head.content_length if head.content_length >= 0 else None,
        chunked=head.chunked, keep_alive=head.keep_alive, expect_continue=head.expect_continue,
        host=piece(data, head.fields[head.host].value) if head.host >= 0 else None,
    )


cdef inline bytes piece(bytes data, span_t span):
    return data[span.start:span.start + span.length]


def decode_path(bytes path):
    cdef unsigned char *into = <unsigned char *>malloc(len(path))
    cdef Py_ssize_t size
    if into == NULL:
        raise MemoryError
    try:
        size = path_decode(path, len(path), into)
        return None if size < 0 else into[:size]
    finally:
        free(into)


def measure_head(bytes data, int rounds, *, size_t step=0):
    cdef head_t head
    cdef limits_t limits = limits_of(1 << 30, 1 << 20, 1 << 30, 1 << 30, "drop")
    cdef const unsigned char *start = data
    cdef size_t total = len(data), size
    cdef int answer = INCOMPLETE
    if head_init(&head, 1 << 16) < 0:
        raise MemoryError
    begun = perf_counter()
    for _ in range(rounds):
        head_reset(&head)
        size = step if step else total
        while True:
            answer = head_feed(&head, start, size if size < total else total, &limits)
            if answer != INCOMPLETE or size >= total:
                break
            size += step
    taken = perf_counter() - begun
    head_free(&head)
    return taken / rounds
