# Which octets of a value stand for themselves in a line of the access log: printable ones of ASCII but the quote, the
# backslash, a fence that would end the value (0 for none), and those below `lowest`, which is the space or "!".
# Inline, eight octets at a time: nearly all values are plain, and a line has several.

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    DELETE = 0x7f


cdef inline bint is_plain(unsigned char octet, unsigned char lowest, unsigned char fence) noexcept:
    return lowest <= octet < DELETE and octet != c'"' and octet != c"\\" and octet != fence


cdef inline bint are_plain(uint64_t octets, unsigned char lowest, unsigned char fence) noexcept:
    # A subtraction sets the top bit of an octet that is less, and only then takes from its neighbour; the addition sets
    # that of DELETE.
    cdef uint64_t ones = 0x0101010101010101
    cdef uint64_t tops = 0x8080808080808080
    return not (octets | (octets + ones) | (octets - ones * lowest) | ((octets ^ ones * fence) - ones)
                | ((octets ^ ones * c'"') - ones) | ((octets ^ ones * c"\\") - ones)) & tops


cdef inline bint copy_plain(
    char *into, const unsigned char *octets, Py_ssize_t size, unsigned char lowest, unsigned char fence
) noexcept:
    # Whether all are plain; only then is the copy of use. Nothing beyond `size` is read or written: words overlap.
    cdef uint64_t eight
    cdef uint32_t head, tail
    cdef Py_ssize_t at
    if size >= 8:
        for at in range(0, size - 8, 8):
            memcpy(&eight, octets + at, 8)
            if not are_plain(eight, lowest, fence):
                return False
            memcpy(into + at, &eight, 8)
        memcpy(&eight, octets + size - 8, 8)
        memcpy(into + size - 8, &eight, 8)
    elif size >= 4:
        memcpy(&head, octets, 4)
        memcpy(&tail, octets + size - 4, 4)
        memcpy(into, &head, 4)
        memcpy(into + size - 4, &tail, 4)
        eight = <uint64_t>tail << 32 | head
    elif size:
        head = <uint32_t>octets[0] << 24 | octets[size >> 1] << 16 | octets[size - 1] << 8 | octets[0]
        into[0], into[size >> 1], into[size - 1] = octets[0], octets[size >> 1], octets[size - 1]
        eight = <uint64_t>head << 32 | head
    else:
        return True
    return are_plain(eight, lowest, fence)
