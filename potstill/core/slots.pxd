# Where the engine keeps its connections: slots that are never freed, deadline lists, and queues of slots. No locks
# here.

from cpython.ref cimport PyObject

cdef enum:
    CHUNK_SLOTS = 256
    CHUNKS_MAX = 4096

# The deadline lists, one a phase (engine.md, rule 9). A phase's timeout is constant, so each list is in order of
# expiry.
cdef enum:
    LIST_IDLE = 0
    LIST_HEAD = 1
    LIST_BODY = 2
    LIST_WRITE = 3
    LIST_LINGER = 4
    LIST_OPENING = 5                   # connections before their first octet of HTTP
    LIST_RETRY = 6                     # listeners that could not accept
    LIST_QUEUE = 7                     # whole requests in the backlog, where there is a --queue-timeout
    LIST_DEFER = 8                     # listeners whose clients another worker should take
    LISTS = 9
    LIST_NONE = 9

cdef enum:
    PACE_QUICK = 0
    PACE_NEW = 1                       # it has not called the application yet
    PACE_SLOW = 2
    PACES = 3

cdef struct slot_t:
    PyObject *owner                    # a Connection or a Listener; one reference is the slot's while it is in use
    int fd                             # borrowed from the owner, for the poller
    unsigned int index
    unsigned int generation            # of this use: an event that is late carries an older one
    bint in_use
    bint listener
    bint registered                    # with the poller
    bint busy                          # some thread, or a queue, has it; all others leave notes
    bint held                          # its whole request waits outside of the backlog, for the application's word
    bint released                      # … which has come already
    bint heard                         # its running request wants to know when the client leaves
    int pace                           # PACE_*: how long its requests take, of late
    int calls                          # of the application, as far as the average needs to know
    long long cost_ns                  # … so long, on a moving average
    unsigned int notes                 # why it stands in a queue
    unsigned int again                 # what came while it was busy
    int list                           # LIST_*
    long long deadline_ns
    long long queued_ns                # when what it waits with was noticed
    slot_t *before                     # in its deadline list
    slot_t *after
    slot_t *next                       # in a queue, or in the list of free slots

cdef struct list_t:
    slot_t *first
    slot_t *last
    long long count

cdef struct queue_t:
    slot_t *first
    slot_t *last
    long long count

# Queues by pace, which share the time: who is quick does not wait for all who are slow, nor for all who are unknown.
cdef struct line_t:
    queue_t[PACES] queues
    long long[PACES] spent_ns          # as far as others waited meanwhile
    long long count                    # in all of them

cdef struct slab_t:
    slot_t *chunks[CHUNKS_MAX]         # owned; never freed before the engine ends, so that a late event finds a slot
    unsigned int chunk_count
    slot_t *free
    long long used

cdef slot_t *slab_take(slab_t *slab) noexcept nogil
cdef void slab_give(slab_t *slab, slot_t *slot) noexcept nogil
cdef slot_t *slab_find(slab_t *slab, unsigned long long token) noexcept nogil
cdef unsigned long long slot_token(slot_t *slot) noexcept nogil
cdef void slab_free(slab_t *slab) noexcept nogil

cdef void list_append(list_t *lists, int list, slot_t *slot, long long deadline_ns) noexcept nogil
cdef void list_remove(list_t *lists, slot_t *slot) noexcept nogil

cdef void queue_push(queue_t *queue, slot_t *slot) noexcept nogil
cdef slot_t *queue_pop(queue_t *queue) noexcept nogil

cdef void line_push(line_t *line, slot_t *slot) noexcept nogil
cdef slot_t *line_pop(line_t *line) noexcept nogil
cdef bint line_drop(line_t *line, slot_t *slot) noexcept nogil
