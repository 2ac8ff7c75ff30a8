# Chunked bodies: the C-level face.

from potstill.core.fields cimport limits_t

cdef enum:
    DATA = 15                           # the stage in which `left` is known and counts down

cdef struct chunks_t:
    unsigned char stage
    unsigned char digits
    unsigned int extension_bytes        # of all chunks of this body together
    unsigned long long left             # of the present chunk's data
    unsigned int trailer_bytes          # of the whole trailer section so far
    unsigned int trailer_count
    unsigned char *trailers             # owned: the trailer section's lines as they came, validated, or NULL
    unsigned int trailers_size          # valid once COMPLETE
    unsigned int trailers_capacity
    unsigned int trailer_start          # where in `trailers` the line that is arriving begins

# One step through a chunked body. Looks at data[0:size]; *used is how much it consumed; where *payload_size >
# 0, data[*payload_start : +*payload_size] is body. COMPLETE after the last CRLF (bytes behind it are not
# consumed). INCOMPLETE with *used < size: there is more to be had from the rest, call again.
cdef void chunks_init(chunks_t *chunks) noexcept nogil
cdef void chunks_free(chunks_t *chunks) noexcept nogil      # also good for one that is all zeros, and twice
cdef int chunks_feed(chunks_t *chunks, const unsigned char *data, size_t size, const limits_t *limits,
                     size_t *used, size_t *payload_start, size_t *payload_size) noexcept nogil
