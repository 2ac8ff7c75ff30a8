# cython: language_level=3, boundscheck=False, wraparound=False
"""What is in the application now, or waits for it, told in shared memory: so that who looks on needs neither the GIL of
the worker nor the worker, which may be gone.

A slot has one writer at a time: its thread, or for a request that waits whoever holds the GIL. It empties the slot
before it writes and dates it afterwards; a reader copies the slot and looks whether the date is still the same.
"""

from libc.string cimport memcpy

from potstill.core.counting cimport fence_read, fence_written, load, load_acquired, store, store_released
from potstill.core.peer cimport peer_name

from potstill.core.report import Flight

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    const unsigned char *PyUnicode_1BYTE_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)

cdef tuple PHASES = ("", "running", "writing", "queued")


cdef inline Py_ssize_t _put(char *into, Py_ssize_t room, object text) noexcept:
    """A text of the environ, octets as latin-1, and a NUL; how long it came to be."""
    cdef Py_ssize_t size = 0
    if type(text) is str and PyUnicode_KIND(text) == 1:
        size = min(PyUnicode_GET_LENGTH(text), room - 1)
        memcpy(into, PyUnicode_1BYTE_DATA(text), size)
    into[size] = 0
    return size


cdef void flight_begin(flight_t *slot, int phase, long long now_ns, long long queue_ns, object method, object target,
                       object addr, object port) noexcept:
    cdef Py_ssize_t at
    store(&slot.since_ns, 0)
    fence_written()
    store(&slot.queue_ns, queue_ns)
    store(&slot.phase, phase)
    store(&slot.sent, 0)
    _put(slot.method, METHOD_BYTES, method)
    _put(slot.target, TARGET_BYTES, target)
    at = _put(slot.peer, PEER_BYTES - 8, addr)
    if at:
        slot.peer[at] = c" "
        _put(slot.peer + at + 1, 7, port)
    slot.route[0] = slot.request_id[0] = 0
    store_released(&slot.since_ns, now_ns)


cdef void flight_name(flight_t *slot, object route, object request_id) noexcept:
    """What is only known later. A reader may see half of it."""
    _put(slot.route, NAME_BYTES, route)
    _put(slot.request_id, NAME_BYTES, request_id)


cdef list flights_read(const flight_t *slots, int count):
    """Each that is in flight, as a Flight, the oldest first."""
    cdef flight_t copy
    cdef long long since
    cdef int i
    found = []
    for i in range(count):
        since = load_acquired(&slots[i].since_ns)
        if not since:
            continue
        memcpy(&copy, &slots[i], sizeof(flight_t))
        fence_read()
        if load(&slots[i].since_ns) != since:
            continue                   # it has ended meanwhile
        copy.method[METHOD_BYTES - 1] = copy.target[TARGET_BYTES - 1] = copy.peer[PEER_BYTES - 1] = 0
        copy.route[NAME_BYTES - 1] = copy.request_id[NAME_BYTES - 1] = 0
        addr, _, port = _text(copy.peer).partition("\\x20")
        found.append((since, Flight(
            method=_text(copy.method), target=_text(copy.target), peer=peer_name(addr, port),
            route=_text(copy.route), request_id=_text(copy.request_id), since_s=since / 1e9,
            queued_s=copy.queue_ns / 1e9, phase=PHASES[copy.phase] if 0 < copy.phase < 4 else "", sent=copy.sent,
            slot=i)))
    found.sort(key=_since)
    return [each for _, each in found]


def _since(pair):
    return pair[0]


cdef str _text(const char *octets):
    """As a log may have it: what is not visible is escaped."""
    return "".join([chr(octet) if 0x20 < octet < 0x7f else f"\\x{octet:02x}" for octet in <bytes>octets])
