# Request targets and authorities: the C-level face.

from potstill.core.fields cimport span_t

cdef enum:
    FORM_ORIGIN = 0
    FORM_ABSOLUTE = 1
    FORM_ASTERISK = 2

cdef struct target_t:
    int form                            # FORM_*
    bint path_encoded                   # the path holds at least one "%"
    span_t path                         # still percent-encoded, without query; empty for "*"
    span_t query                        # without "?"
    span_t authority                    # of an absolute-form target, else empty

# Reads data[start:end], in which there is no space; 0 or a refusal.
cdef int target_parse(const unsigned char *data, size_t start, size_t end, bint is_options,
                      target_t *target) noexcept nogil
# uri-host [ ":" port ] of RFC 3986, without userinfo, with a host that is not empty.
cdef bint is_authority(const unsigned char *data, size_t size) noexcept nogil
# into: size bytes. Returns how many were written, or -1 where a "%" is not followed by two hexadecimal
# digits.
cdef Py_ssize_t path_decode(const unsigned char *path, size_t size, unsigned char *into) noexcept nogil
