# What is in the application now, or waits for it: one slot a thread and some for those that wait, in memory that
# processes may share.

cdef enum:
    METHOD_BYTES = 16
    TARGET_BYTES = 160
    PEER_BYTES = 56
    NAME_BYTES = 64                    # of a route, of a request id

cdef enum:
    FLIGHT_RUNNING = 1                 # the answer has not begun
    FLIGHT_WRITING = 2
    FLIGHT_QUEUED = 3                  # it has not been called yet, or is to be called again

cdef struct flight_t:
    long long since_ns                 # when the application was called, or the request came, by CLOCK_MONOTONIC;
                                       # 0: the slot is empty
    long long queue_ns                 # how long the request had waited for that
    long long phase                    # FLIGHT_*
    long long sent                     # octets of the answer's body so far
    char[METHOD_BYTES] method          # each text ends with a NUL, cut where it is too long
    char[TARGET_BYTES] target
    char[PEER_BYTES] peer
    char[NAME_BYTES] route
    char[NAME_BYTES] request_id

cdef void flight_begin(flight_t *slot, int phase, long long now_ns, long long queue_ns, object method, object target,
                       object addr, object port) noexcept
cdef void flight_name(flight_t *slot, object route, object request_id) noexcept
cdef list flights_read(const flight_t *slots, int count)
