# How a client is called.

cdef str peer_name(str addr, str port)
