# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True, cdivision=True
"""Request targets (RFC 9112 section 3.2) and authorities (RFC 3986 section 3.2), checked and cut into parts.

A target is a path with a query, an http or https URI, or "*". Between those, what RFC 3986 has no place for
but browsers send all the same ("|", "{", '"' …) passes; what could end or split a line, and what could be
read in two ways, does not. Percent-encoding is checked in the path, which is going to be decoded, and left
alone in the query.

Host names are held to the letter of RFC 3986, because applications build URLs of them. One thing is stricter:
a port is at most 65535.
"""
from libc.string cimport memchr, memcpy

from potstill.core.fields cimport folded_equal
from potstill.core.refusals cimport (
    REFUSE_ASTERISK, REFUSE_BARE_CR, REFUSE_FRAGMENT, REFUSE_PERCENT, REFUSE_PERCENT_NUL,
    REFUSE_REQUEST_LINE_SPACES, REFUSE_TARGET_AUTHORITY, REFUSE_TARGET_BYTES, REFUSE_TARGET_FORM,
)

cdef enum:
    # What is special about a byte of a target
    PERCENT = 1
    QUESTION = 2
    SLASH = 4
    HASH = 8
    NOT_VISIBLE = 16       # controls, SP, DEL and everything from 0x80 on
    UNFIT = HASH | NOT_VISIBLE
    NOT_HEX = 255

cdef unsigned char SPECIAL[256]
cdef unsigned char HEX[256]             # value of the digit, or NOT_HEX
cdef unsigned char REG_NAME[256]        # 1 where a byte may stand in a reg-name as it is


cdef int target_parse(const unsigned char *data, size_t start, size_t end, bint is_options,
                      target_t *target) noexcept nogil:
    cdef size_t path = start
    target.authority.start = target.authority.length = 0
    target.form = FORM_ORIGIN
    if start == end:
        return REFUSE_REQUEST_LINE_SPACES
    if data[start] == c'*' and end - start == 1:
        if not is_options:
            return REFUSE_ASTERISK
        return asterisk(target, start)
    if data[start] != c'/':
        path = absolute_path(data, start, end, target)
        if path == 0:
            return unfit_byte(data, start, end, REFUSE_TARGET_FORM)
        if not is_authority(data + target.authority.start, target.authority.length):
            return unfit_byte(data, start, end, REFUSE_TARGET_AUTHORITY)
        target.form = FORM_ABSOLUTE
        if path == end and is_options:
            # RFC 9112 section 3.2.4: OPTIONS for a URI without path and query is about the server as a whole.
            return asterisk(target, start)
    return path_and_query(data, start, path, end, target)


cdef int asterisk(target_t *target, size_t start) noexcept nogil:
    target.form = FORM_ASTERISK
    target.path_encoded = False
    target.path.start = target.query.start = <unsigned int>start
    target.path.length = target.query.length = 0
    return 0


cdef size_t absolute_path(const unsigned char *data, size_t start, size_t end,
                          target_t *target) noexcept nogil:
    """Where the path of an absolute-form target begins; notes its authority. 0 where it is of no form at all.
    """
    cdef size_t host, at
    if end - start >= 7 and folded_equal(data + start, 7, "http://", 7):
        host = start + 7
    elif end - start >= 8 and folded_equal(data + start, 8, "https://", 8):
        host = start + 8
    else:
        return 0
    at = host
    while at < end and not SPECIAL[data[at]] & (SLASH | QUESTION | UNFIT):
        at += 1
    target.authority.start = <unsigned int>host
    target.authority.length = <unsigned int>(at - host)
    return at


cdef int path_and_query(const unsigned char *data, size_t start, size_t path, size_t end,
                        target_t *target) noexcept nogil:
    cdef unsigned char seen = 0
    cdef size_t at = path
    while at < end and not SPECIAL[data[at]] & (QUESTION | UNFIT):
        seen |= SPECIAL[data[at]]
        at += 1
    target.path_encoded = seen & PERCENT != 0
    target.path.start = <unsigned int>path
    target.path.length = <unsigned int>(at - path)
    if path != start and at == path:
        # RFC 9110 section 4.2.3: an empty path is the same as "/". There is one at hand, in "http://".
        target.path.start = <unsigned int>(target.authority.start - 1)
        target.path.length = 1
    if at < end and data[at] == c'?':
        at += 1
    target.query.start = <unsigned int>at
    target.query.length = <unsigned int>(end - at)
    while at < end:
        seen |= SPECIAL[data[at]]
        at += 1
    if seen & UNFIT:
        return unfit_byte(data, start, end, REFUSE_TARGET_BYTES)
    if target.path_encoded:
        return percent_fault(data + target.path.start, target.path.length)
    return 0


cdef int unfit_byte(const unsigned char *data, size_t start, size_t end, int otherwise) noexcept nogil:
    """The refusal for the first byte that may stand in no target, else `otherwise`."""
    cdef size_t at
    for at in range(start, end):
        if SPECIAL[data[at]] & UNFIT:
            if data[at] == c'\r':
                return REFUSE_BARE_CR
            if data[at] == c'\t':
                return REFUSE_REQUEST_LINE_SPACES
            return REFUSE_FRAGMENT if data[at] == c'#' else REFUSE_TARGET_BYTES
    return otherwise


cdef int percent_fault(const unsigned char *path, size_t size) noexcept nogil:
    cdef size_t at = 0
    while at < size:
        if path[at] == c'%':
            if not percent_pair(path, at, size):
                return REFUSE_PERCENT
            if path[at + 1] == c'0' and path[at + 2] == c'0':
                return REFUSE_PERCENT_NUL
        at += 1
    return 0


cdef inline bint percent_pair(const unsigned char *data, size_t at, size_t size) noexcept nogil:
    return size - at >= 3 and HEX[data[at + 1]] != NOT_HEX and HEX[data[at + 2]] != NOT_HEX


cdef Py_ssize_t path_decode(const unsigned char *path, size_t size, unsigned char *into) noexcept nogil:
    cdef size_t at = 0, written = 0, plain
    cdef const unsigned char *percent
    while True:
        percent = <const unsigned char *>memchr(path + at, c'%', size - at)
        plain = size - at if percent == NULL else percent - (path + at)
        memcpy(into + written, path + at, plain)
        written += plain
        at += plain
        if percent == NULL:
            return <Py_ssize_t>written
        if not percent_pair(path, at, size):
            return -1
        into[written] = HEX[path[at + 1]] << 4 | HEX[path[at + 2]]
        written += 1
        at += 3


cdef bint is_authority(const unsigned char *data, size_t size) noexcept nogil:
    cdef size_t at = 0
    cdef const unsigned char *bracket
    if size and data[0] == c'[':
        bracket = <const unsigned char *>memchr(data, c']', size)
        if bracket == NULL or not is_ip_literal(data + 1, bracket - data - 1):
            return False
        at = bracket - data + 1
    else:
        while at < size and REG_NAME[data[at]]:
            at += 1
        while at < size and data[at] != c':':
            # The rare ones: percent-encoded parts of a name.
            if not REG_NAME[data[at]]:
                if data[at] != c'%' or not percent_pair(data, at, size):
                    return False
                at += 2
            at += 1
    if at == 0:
        return False
    return at == size or data[at] == c':' and is_port(data + at + 1, size - at - 1)


cdef bint is_port(const unsigned char *data, size_t size) noexcept nogil:
    """port = *DIGIT: none at all is allowed, and means the scheme's own."""
    cdef unsigned int port = 0
    cdef size_t at
    if size > 5:
        return False
    for at in range(size):
        if not c'0' <= data[at] <= c'9':
            return False
        port = port * 10 + data[at] - c'0'
    return port <= 65535


cdef bint is_ip_literal(const unsigned char *data, size_t size) noexcept nogil:
    """What may stand in brackets: IPv6address, or IPvFuture = "v" 1*HEXDIG "." 1*( unreserved / sub-delims /
    ":" )."""
    cdef size_t at = 1
    if size == 0 or data[0] | 0x20 != c'v':
        return is_ipv6(data, size)
    while at < size and HEX[data[at]] != NOT_HEX:
        at += 1
    if at == 1 or at + 1 >= size or data[at] != c'.':
        return False
    at += 1
    while at < size and (REG_NAME[data[at]] or data[at] == c':'):
        at += 1
    return at == size


cdef bint is_ipv6(const unsigned char *data, size_t size) noexcept nogil:
    """Eight groups of hexadecimal digits; "::" once for one or more of them; the last two may be an IPv4
    address."""
    cdef size_t at = 0, digits
    cdef int groups = 0
    cdef bint shortened = size >= 2 and data[0] == c':' and data[1] == c':'
    if shortened:
        at = 2
    while at < size:
        digits = 0
        while at + digits < size and HEX[data[at + digits]] != NOT_HEX:
            digits += 1
        if at + digits < size and data[at + digits] == c'.':
            if not is_ipv4(data + at, size - at):
                return False
            groups += 2
            break
        if digits == 0 or digits > 4:
            return False
        groups += 1
        at += digits
        if at == size:
            break
        if data[at] != c':' or at + 1 == size:
            return False
        at += 1
        if data[at] == c':':
            if shortened:
                return False
            shortened = True
            at += 1
    return groups <= 7 if shortened else groups == 8


cdef bint is_ipv4(const unsigned char *data, size_t size) noexcept nogil:
    """Four numbers up to 255 without leading zeros."""
    cdef size_t at = 0, digits
    cdef unsigned int number
    cdef int numbers = 0
    while True:
        digits = 0
        number = 0
        while at < size and digits < 4 and c'0' <= data[at] <= c'9':
            number = number * 10 + data[at] - c'0'
            digits += 1
            at += 1
        if digits == 0 or number > 255 or digits > 1 and data[at - digits] == c'0':
            return False
        numbers += 1
        if at == size:
            return numbers == 4
        if data[at] != c'.':
            return False
        at += 1


cdef int fill_tables() except -1:
    reg_name = b"-._~!$&'()*+,;=0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for octet in range(256):
        HEX[octet] = int(chr(octet), 16) if octet in b"0123456789ABCDEFabcdef" else NOT_HEX
        REG_NAME[octet] = octet in reg_name
        SPECIAL[octet] = 0 if 0x21 <= octet <= 0x7E else NOT_VISIBLE
    SPECIAL[c'%'] = PERCENT
    SPECIAL[c'?'] = QUESTION
    SPECIAL[c'/'] = SLASH
    SPECIAL[c'#'] = HASH
    return 0


fill_tables()
