# Status and fields of an answer: checked, and rendered into a workspace's output buffer.

from potstill.core.workspace cimport Workspace

# What the application said that the framing has to know.
cdef struct answer_t:
    int code
    long long declared                 # Content-Length, or -1
    bint has_date, has_server
    bint close                         # Connection: close

cdef class StatusLine:
    cdef int code
    cdef bytes line                    # "HTTP/1.1 200 OK\r\n"

cdef int answer_render(answer_t *answer, Workspace workspace, object status, object headers) except -1
cdef int answer_put_field(answer_t *answer, Workspace workspace, object name, object value) except -1
