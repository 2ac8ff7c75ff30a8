# A request head → the environ of PEP 3333.

from potstill.core.http1 cimport head_t

cdef enum:
    KNOWN_MAX = 128

cdef class EnvironBuilder:
    cdef dict base                     # what every request of this listener has in common
    cdef object spare                  # the first of the Facilities that are ready for a request, or None
    cdef int spares                    # how many there are
    cdef list _keys                    # known field number → "HTTP_…", or None for those that are not passed on
    cdef list _values                  # known field number → the value seen last, to be shared by the next request
    cdef dict _methods                 # bytes → str of the usual methods
    cdef str _server_name
    cdef object method, target, version            # of the request that was built last
    cdef unsigned long long fields_sent            # … the bits of its fields

    cdef dict build(self, dict base, const unsigned char *data, head_t *head, object body, str remote_addr,
                    str remote_port)
    cdef int _put_request(self, dict environ, const unsigned char *data, head_t *head) except -1
    cdef int _put_fields(self, dict environ, const unsigned char *data, head_t *head) except -1
    cdef object _known_value(self, int known, const unsigned char *data, Py_ssize_t size)
