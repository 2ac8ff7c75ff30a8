# cython: language_level=3, boundscheck=False, wraparound=False
"""Slots, deadline lists and queues: plain data for the schedule, which guards them with its lock.

The poller is given a token, not a pointer: index and generation of a slot. A slot is never freed while the engine
lives, only used again under the next generation, so an event that was fetched before its connection ended finds a
slot whose generation tells that it is too late.
"""

from libc.stdlib cimport calloc, free


cdef slot_t *slab_take(slab_t *slab) noexcept nogil:
    """A slot to use, or NULL when there is no memory for one."""
    cdef slot_t *slot = slab.free
    cdef slot_t *chunk
    cdef unsigned int i
    if slot == NULL:
        if slab.chunk_count == CHUNKS_MAX:
            return NULL
        chunk = <slot_t *>calloc(CHUNK_SLOTS, sizeof(slot_t))
        if chunk == NULL:
            return NULL
        for i in range(CHUNK_SLOTS):
            chunk[i].index = slab.chunk_count * CHUNK_SLOTS + i
            chunk[i].next = &chunk[i + 1] if i + 1 < CHUNK_SLOTS else NULL
        slab.chunks[slab.chunk_count] = chunk
        slab.chunk_count += 1
        slot = chunk
    slab.free = slot.next
    slab.used += 1
    slot.next = NULL
    slot.generation += 1
    slot.in_use = True
    slot.listener = slot.registered = slot.busy = slot.heard = slot.held = slot.released = False
    slot.pace = PACE_NEW
    slot.notes = slot.again = 0
    slot.calls = 0
    slot.cost_ns = 0
    slot.list = LIST_NONE
    return slot


cdef void slab_give(slab_t *slab, slot_t *slot) noexcept nogil:
    slot.in_use = False
    slot.owner = NULL
    slot.next = slab.free
    slab.free = slot
    slab.used -= 1


cdef unsigned long long slot_token(slot_t *slot) noexcept nogil:
    return (<unsigned long long>slot.generation << 32) | slot.index


cdef slot_t *slab_find(slab_t *slab, unsigned long long token) noexcept nogil:
    """The slot that the token was made for, or NULL when that use of it is over."""
    cdef unsigned int index = <unsigned int>token   # its lower half
    cdef slot_t *slot
    if index >= slab.chunk_count * CHUNK_SLOTS:
        return NULL
    slot = &slab.chunks[index // CHUNK_SLOTS][index % CHUNK_SLOTS]
    if not slot.in_use or slot.generation != <unsigned int>(token >> 32):
        return NULL
    return slot


cdef void slab_free(slab_t *slab) noexcept nogil:
    cdef unsigned int i
    for i in range(slab.chunk_count):
        free(slab.chunks[i])
    slab.chunk_count = 0
    slab.free = NULL


cdef void list_append(list_t *lists, int list, slot_t *slot, long long deadline_ns) noexcept nogil:
    """Put a slot, which is in no list, behind all that expire before it: mostly at the end."""
    cdef slot_t *before = lists[list].last
    cdef slot_t *after = NULL
    while before != NULL and before.deadline_ns > deadline_ns:
        after = before
        before = before.before
    slot.list = list
    slot.deadline_ns = deadline_ns
    slot.before = before
    slot.after = after
    if before != NULL:
        before.after = slot
    else:
        lists[list].first = slot
    if after != NULL:
        after.before = slot
    else:
        lists[list].last = slot
    lists[list].count += 1


cdef void list_remove(list_t *lists, slot_t *slot) noexcept nogil:
    cdef list_t *list
    if slot.list == LIST_NONE:
        return
    list = &lists[slot.list]
    if slot.before != NULL:
        slot.before.after = slot.after
    else:
        list.first = slot.after
    if slot.after != NULL:
        slot.after.before = slot.before
    else:
        list.last = slot.before
    list.count -= 1
    slot.list = LIST_NONE


cdef void queue_push(queue_t *queue, slot_t *slot) noexcept nogil:
    slot.next = NULL
    if queue.last != NULL:
        queue.last.next = slot
    else:
        queue.first = slot
    queue.last = slot
    queue.count += 1


cdef slot_t *queue_pop(queue_t *queue) noexcept nogil:
    cdef slot_t *slot = queue.first
    if slot != NULL:
        queue.first = slot.next
        if queue.first == NULL:
            queue.last = NULL
        slot.next = NULL
        queue.count -= 1
    return slot


cdef slot_t *line_pop(line_t *line) noexcept nogil:
    """From the queue that has had the least time of those in which somebody waits; NULL when nobody does."""
    cdef int which = -1
    cdef int i
    if line.count == 0:
        return NULL
    for i in range(PACES):
        if line.queues[i].count and (which < 0 or line.spent_ns[i] < line.spent_ns[which]):
            which = i
    for i in range(PACES):
        if line.queues[i].count == 0:
            line.spent_ns[i] = line.spent_ns[which]    # nobody saves up, or owes, what nobody else was waiting for
    line.count -= 1
    return queue_pop(&line.queues[which])


cdef bint line_drop(line_t *line, slot_t *slot) noexcept nogil:
    """Take a slot out, which has mostly waited the longest of its pace; False where it is not in the line."""
    cdef queue_t *queue = &line.queues[slot.pace]
    cdef slot_t *before = queue.first
    if before == slot:
        queue_pop(queue)
    else:
        while before != NULL and before.next != slot:
            before = before.next
        if before == NULL:
            return False
        before.next = slot.next
        if queue.last == slot:
            queue.last = before
        queue.count -= 1
    line.count -= 1
    return True


cdef void line_push(line_t *line, slot_t *slot) noexcept nogil:
    queue_push(&line.queues[slot.pace], slot)
    line.count += 1


cdef class SlotsFace:
    """The Python face, for tests: one slab, its deadline lists and one queue, slots named by their tokens."""

    cdef slab_t slab
    cdef list_t[LISTS] lists
    cdef queue_t queue

    def __dealloc__(self):
        slab_free(&self.slab)

    cdef slot_t *_find(self, unsigned long long token) except NULL:
        cdef slot_t *slot = slab_find(&self.slab, token)
        if slot == NULL:
            raise KeyError(token)
        return slot

    def take(self):
        cdef slot_t *slot = slab_take(&self.slab)
        if slot == NULL:
            raise MemoryError
        return slot_token(slot)

    def give(self, unsigned long long token):
        slab_give(&self.slab, self._find(token))

    def found(self, unsigned long long token):
        return slab_find(&self.slab, token) != NULL

    def arm(self, int which, unsigned long long token, long long deadline_ns):
        cdef slot_t *slot = self._find(token)
        list_remove(self.lists, slot)
        list_append(self.lists, which, slot, deadline_ns)

    def disarm(self, unsigned long long token):
        list_remove(self.lists, self._find(token))

    def armed(self, int which):
        """Tokens of a list, first to expire first; the way back must give the same."""
        cdef slot_t *slot = self.lists[which].first
        forth, back = [], []
        while slot != NULL:
            forth.append(slot_token(slot))
            slot = slot.after
        slot = self.lists[which].last
        while slot != NULL:
            back.append(slot_token(slot))
            slot = slot.before
        assert forth == back[::-1] and len(forth) == self.lists[which].count
        return forth

    def push(self, unsigned long long token):
        queue_push(&self.queue, self._find(token))

    def pop(self):
        cdef slot_t *slot = queue_pop(&self.queue)
        return None if slot == NULL else slot_token(slot)

    @property
    def queued(self):
        return self.queue.count
