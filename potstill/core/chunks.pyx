# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True, cdivision=True
"""Chunked bodies (RFC 9112 section 7.1): sizes, extensions, data and trailers.

Three kinds of bytes, three ways. What frames the chunks (sizes, extensions, line ends) goes byte by byte
through a table, STEPS: in which state which bytes lead to which other state; all else is refused, so that the
grammar of the extensions, which nobody uses but smugglers, costs no code. Data is handed over where it
stands, as much at a time as has arrived. Trailer lines are collected, since they may arrive in pieces, and
read by the rules of header fields when they are whole; those about framing, routing or authentication are
then forgotten.

Nothing is allocated but for trailers, and for them never more than has arrived and the limit of a head
allows.
"""
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memchr, memcpy, memset

from potstill.core.fields cimport (
    FIELD_DROPPED, FIELD_KEPT, HEADER_MAP_DROP, field_parse, field_t, over_limit, trailer_dropped,
)
from potstill.core.refusals cimport (
    REFUSE_BARE_CR, REFUSE_BARE_LF, REFUSE_CHUNK_END, REFUSE_CHUNK_EXTENSION, REFUSE_CHUNK_EXTENSION_TOO_LONG,
    REFUSE_CHUNK_SIZE, REFUSE_CHUNK_SIZE_TOO_LONG, REFUSE_FIELD_TOO_LARGE, REFUSE_NO_MEMORY,
    REFUSE_TOO_MANY_FIELDS, REFUSE_TRAILERS_TOO_LARGE,
)

from potstill.core.refusals import REFUSALS

cdef enum:
    INCOMPLETE = 0                 # as in http1.pxd, which builds on this module
    COMPLETE = 1

    # States in which single bytes are looked up in STEPS.
    SIZE_FIRST = 0                 # the first digit of a chunk's size
    SIZE = 1
    SPACE = 2                      # white space after size, name or value: only ";" can follow
    NAME_FIRST = 3                 # after ";"
    NAME = 4
    NAME_SPACE = 5                 # white space after a name: ";" or "="
    VALUE_FIRST = 6                # after "="
    TOKEN_VALUE = 7
    QUOTED = 8
    QUOTED_PAIR = 9                # after "\" in a quoted string
    QUOTE_CLOSED = 10
    SIZE_LF = 11                   # after the CR of the size line
    DATA_CR = 12                   # after the last byte of data
    DATA_LF = 13
    STATES = 14
    # And the others.
    SIZE_END = 14                  # what SIZE_LF leads to: data or trailers
    # DATA = 15, in chunks.pxd
    TRAILER = 16
    NOWHERE = 255

    SIZE_DIGITS_MAX = 15           # 60 bits, more than a body can have
    EXTENSION_BYTES_MAX = 4096     # of a whole body; none are in use, floods of them are

cdef unsigned char STEP[STATES][256]
cdef unsigned char HEX[256]

_DIGITS = b"0123456789ABCDEFabcdef"
_SPACE = b" \t"
_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_QUOTED = bytes(octet for octet in range(256) if octet >= 0x20 and octet != 0x7F or octet == 9)

# state → what may come and where it leads. Later entries of a row go before earlier ones.
STEPS = {
    SIZE_FIRST: [(_DIGITS, SIZE)],
    SIZE: [(_DIGITS, SIZE), (_SPACE, SPACE), (b";", NAME_FIRST), (b"\r", SIZE_LF)],
    SPACE: [(_SPACE, SPACE), (b";", NAME_FIRST)],
    NAME_FIRST: [(_SPACE, NAME_FIRST), (_TOKEN, NAME)],
    NAME: [(_TOKEN, NAME), (_SPACE, NAME_SPACE), (b";", NAME_FIRST), (b"=", VALUE_FIRST), (b"\r", SIZE_LF)],
    NAME_SPACE: [(_SPACE, NAME_SPACE), (b";", NAME_FIRST), (b"=", VALUE_FIRST)],
    VALUE_FIRST: [(_SPACE, VALUE_FIRST), (_TOKEN, TOKEN_VALUE), (b'"', QUOTED)],
    TOKEN_VALUE: [(_TOKEN, TOKEN_VALUE), (_SPACE, SPACE), (b";", NAME_FIRST), (b"\r", SIZE_LF)],
    QUOTED: [(_QUOTED, QUOTED), (b"\\", QUOTED_PAIR), (b'"', QUOTE_CLOSED)],
    QUOTED_PAIR: [(_QUOTED, QUOTED)],
    QUOTE_CLOSED: [(_SPACE, SPACE), (b";", NAME_FIRST), (b"\r", SIZE_LF)],
    SIZE_LF: [(b"\n", SIZE_END)],
    DATA_CR: [(b"\r", DATA_LF)],
    DATA_LF: [(b"\n", SIZE_FIRST)],
}


cdef void chunks_init(chunks_t *chunks) noexcept nogil:
    memset(chunks, 0, sizeof(chunks_t))


cdef void chunks_free(chunks_t *chunks) noexcept nogil:
    free(chunks.trailers)
    chunks.trailers = NULL
    chunks.trailers_size = chunks.trailers_capacity = 0


cdef int chunks_feed(chunks_t *chunks, const unsigned char *data, size_t size, const limits_t *limits,
                     size_t *used, size_t *payload_start, size_t *payload_size) noexcept nogil:
    cdef size_t at = 0
    cdef int answer = INCOMPLETE
    payload_start[0] = payload_size[0] = 0
    while at < size and answer == INCOMPLETE:
        if chunks.stage < STATES:
            answer = step(chunks, data[at])
            at += 1
        elif chunks.stage == TRAILER:
            answer = trailer_bytes(chunks, data, size, &at, limits)
        else:
            payload_start[0] = at
            payload_size[0] = size - at if size - at < chunks.left else <size_t>chunks.left
            chunks.left -= payload_size[0]
            at += payload_size[0]
            if chunks.left == 0:
                chunks.stage = DATA_CR
            break
    used[0] = at
    return answer


cdef inline int step(chunks_t *chunks, unsigned char octet) noexcept nogil:
    cdef unsigned char stage = STEP[chunks.stage][octet]
    if stage == NOWHERE:
        return strange_byte(chunks.stage, octet)
    if stage == SIZE:
        chunks.digits += 1
        if chunks.digits > SIZE_DIGITS_MAX:
            return REFUSE_CHUNK_SIZE_TOO_LONG
        chunks.left = chunks.left << 4 | HEX[octet]
    elif stage == SIZE_END:
        chunks.digits = 0
        stage = TRAILER if chunks.left == 0 else DATA
    elif SPACE <= stage <= QUOTE_CLOSED:
        chunks.extension_bytes += 1
        if chunks.extension_bytes > EXTENSION_BYTES_MAX:
            return REFUSE_CHUNK_EXTENSION_TOO_LONG
    chunks.stage = stage
    return INCOMPLETE


cdef int strange_byte(unsigned char stage, unsigned char octet) noexcept nogil:
    """The refusal for a byte that has no place where it stands."""
    if stage == DATA_CR or stage == DATA_LF:
        return REFUSE_CHUNK_END
    if stage == SIZE_LF:
        return REFUSE_BARE_CR
    if octet == c'\n':
        return REFUSE_BARE_LF
    return REFUSE_CHUNK_SIZE if stage <= SIZE else REFUSE_CHUNK_EXTENSION


cdef int trailer_bytes(chunks_t *chunks, const unsigned char *data, size_t size, size_t *at,
                       const limits_t *limits) noexcept nogil:
    """Takes bytes up to the next LF, and reads the line if it is there. COMPLETE after the empty line."""
    cdef const unsigned char *found = <const unsigned char *>memchr(data + at[0], c'\n', size - at[0])
    cdef size_t before_lf = (size if found == NULL else found - data) - at[0]
    cdef size_t taken = before_lf + (found != NULL)
    # `trailers` lacks the lines that were dropped, but has all of the one that is arriving.
    cdef unsigned int line_start = chunks.trailer_bytes - (chunks.trailers_size - chunks.trailer_start)
    cdef int answer = over_limit(line_start, chunks.trailer_bytes + before_lf, found != NULL,
                                 limits.field_bytes_max, limits.head_bytes_max,
                                 REFUSE_FIELD_TOO_LARGE, REFUSE_TRAILERS_TOO_LARGE)
    if answer:
        return answer
    if keep_trailer_bytes(chunks, data + at[0], taken) < 0:
        return REFUSE_NO_MEMORY
    chunks.trailer_bytes += <unsigned int>taken
    at[0] += taken
    return INCOMPLETE if found == NULL else trailer_line(chunks, limits)


cdef int keep_trailer_bytes(chunks_t *chunks, const unsigned char *data, size_t size) noexcept nogil:
    """Appends to the lines kept; -1 out of memory. Grows by doubling, so that it stays linear."""
    cdef size_t capacity = chunks.trailers_capacity
    cdef unsigned char *grown
    if chunks.trailers_size + size > capacity:
        capacity = 2 * (chunks.trailers_size + size)
        grown = <unsigned char *>realloc(chunks.trailers, capacity)
        if grown == NULL:
            return -1
        chunks.trailers = grown
        chunks.trailers_capacity = <unsigned int>capacity
    memcpy(chunks.trailers + chunks.trailers_size, data, size)
    chunks.trailers_size += <unsigned int>size
    return 0


cdef int trailer_line(chunks_t *chunks, const limits_t *limits) noexcept nogil:
    """Reads the line that has just become whole, and keeps it or not."""
    cdef unsigned int start = chunks.trailer_start
    cdef unsigned int lf = chunks.trailers_size - 1
    cdef field_t field
    cdef int answer
    if lf == start or chunks.trailers[lf - 1] != c'\r':
        return REFUSE_BARE_LF
    if lf - 1 == start:
        chunks.trailers_size = start
        return COMPLETE
    chunks.trailer_count += 1
    if chunks.trailer_count > limits.fields_max:
        return REFUSE_TOO_MANY_FIELDS
    answer = field_parse(chunks.trailers, start, lf - 1, limits.header_map, &field)
    if answer != FIELD_DROPPED and answer != FIELD_KEPT:
        return answer
    if answer == FIELD_DROPPED or trailer_dropped(field.known):
        chunks.trailers_size = start
    chunks.trailer_start = chunks.trailers_size
    return INCOMPLETE


cdef int fill_tables() except -1:
    memset(STEP, NOWHERE, sizeof(STEP))
    for state, row in STEPS.items():
        for octets, then in row:
            for octet in octets:
                STEP[<int>state][<int>octet] = then
    for octet in _DIGITS:
        HEX[<int>octet] = int(chr(octet), 16)
    return 0


fill_tables()


cdef class Chunks:
    """A chunked body, fed in pieces; the Python face of this module. See chunks.pyi."""

    cdef chunks_t chunks
    cdef limits_t limits
    cdef int answer
    cdef readonly bytes rest

    def __cinit__(self, *, fields_max=100, field_bytes_max=16384, head_bytes_max=65536,
                  header_map=HEADER_MAP_DROP):
        chunks_init(&self.chunks)
        self.limits = limits_t(0, fields_max, field_bytes_max, head_bytes_max, header_map)
        self.answer = INCOMPLETE
        self.rest = b""

    def __dealloc__(self):
        chunks_free(&self.chunks)

    @property
    def trailers(self):
        return self.chunks.trailers[:self.chunks.trailers_size] if self.chunks.trailers != NULL else b""

    @property
    def extension_bytes(self):
        return self.chunks.extension_bytes

    def feed(self, bytes data):
        # An allocation of exactly this size, so that a sanitizer sees it when a byte too many is read.
        cdef size_t size = len(data), at = 0
        cdef unsigned char *exact = <unsigned char *>malloc(size)
        if exact == NULL:
            raise MemoryError
        memcpy(exact, <const char *>data, size)
        try:
            payload = self._feed(exact, size, &at)
        finally:
            free(exact)
        if self.answer == COMPLETE:
            self.rest += data[at:]
        return payload, REFUSALS[self.answer] if self.answer > COMPLETE else self.answer == COMPLETE

    cdef bytes _feed(self, const unsigned char *data, size_t size, size_t *at):
        cdef size_t used, start, length
        portions = []
        while at[0] < size and self.answer == INCOMPLETE:
            self.answer = chunks_feed(&self.chunks, data + at[0], size - at[0], &self.limits,
                                      &used, &start, &length)
            if length:
                portions.append((<const char *>data)[at[0] + start:at[0] + start + length])
            at[0] += used
        return b"".join(portions)
