# HTTP/1.x request heads and chunked bodies, without sockets, clocks or Python objects: the C-level face.
#
# A head is read out of a contiguous buffer that its caller owns and may move between calls: every result is a
# span of offsets into that buffer, never a pointer. `fields` is the only memory a head owns (head_init,
# head_free).
#
# What belongs to the parts of a head is declared with them and can be cimported from here as well.

from potstill.core.chunks cimport chunks_feed, chunks_free, chunks_init, chunks_t
from potstill.core.fields cimport (
    FIELD_AUTHORIZATION, FIELD_CONNECTION, FIELD_CONTENT_LENGTH, FIELD_CONTENT_TYPE, FIELD_COOKIE,
    FIELD_EXPECT, FIELD_HOST, FIELD_PROXY, FIELD_TRANSFER_ENCODING, FIELD_UNKNOWN,
    HEADER_MAP_DROP, HEADER_MAP_KEEP, HEADER_MAP_REFUSE,
    field_t, known_field, known_fields_count, limits_t, span_t,
)
from potstill.core.refusals cimport *
from potstill.core.target cimport FORM_ABSOLUTE, FORM_ASTERISK, FORM_ORIGIN, path_decode

# What head_feed and chunks_feed answer: 0, 1, or a refusal (an index into REFUSALS, always >= 2).
cdef enum:
    INCOMPLETE = 0
    COMPLETE = 1

cdef struct head_t:
    # How far reading has come; the caller leaves these alone.
    unsigned int line_start             # where the line being read begins
    unsigned int scanned                # bytes known to hold no LF, or only such as have been dealt with
    unsigned char stage
    unsigned char seen                  # SEEN_* in http1.pyx
    # Results, valid once head_feed has answered COMPLETE.
    # bytes of the head with its last CRLF (and a skipped empty line before it)
    unsigned int length
    span_t method
    span_t target                       # raw, as it came
    # of the origin, still percent-encoded, without query; "/" where an absolute-form target has none; empty
    # for "*"
    span_t path
    span_t query                        # without "?"
    span_t authority                    # of an absolute-form target, else empty
    int form                            # FORM_*
    bint path_encoded                   # the path holds at least one "%"
    int minor                           # 0 or 1: HTTP/1.minor as it is to be treated
    span_t version                      # as it came: "HTTP/1.1"
    unsigned int field_count
    unsigned int fields_capacity
    field_t *fields                     # owned; field_count are valid; dropped ones are not in it
    unsigned int dropped                # names with "_" dropped
    long long content_length            # -1 where there is none
    bint chunked
    bint keep_alive                     # what version and Connection say together
    bint expect_continue                # Expect: 100-continue on 1.1 (any other expectation is a refusal)
    int host                            # index into fields of Host, or -1

cdef int head_init(head_t *head, unsigned int fields_max) noexcept nogil      # 0, or -1 out of memory
cdef void head_free(head_t *head) noexcept nogil
# ready for the next request, memory kept
cdef void head_reset(head_t *head) noexcept nogil
cdef int head_feed(head_t *head, const unsigned char *data, size_t size,
                   const limits_t *limits) noexcept nogil
