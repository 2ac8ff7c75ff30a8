# cython: language_level=3, boundscheck=False, wraparound=False, embedsignature=True, cdivision=True
"""Field lines: name, colon, value, by RFC 9110 section 5 and RFC 9112 section 5.

Most fields of most requests have one of some ninety well-known names. So the name is looked up before
anything else: four facts about it (length and three letters) are hashed into a table that has been arranged
at import to be free of collisions, and the one candidate is compared by words of eight bytes. A name that is
found is a token and holds no "_", so that only strangers are looked at byte by byte. Values are checked eight
bytes at a time: what must not be in them (controls, DEL) is found with arithmetic on whole words, and only
when something is found (mostly a harmless TAB) does a loop look for what it was.

Lengths and offsets are never trusted to be followed by anything but the line's own CRLF: no word is loaded
across the end of a line.
"""
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memchr, memcpy

from potstill.core.refusals cimport (
    REFUSE_BARE_CR, REFUSE_EMPTY_NAME, REFUSE_FIELD_NAME, REFUSE_FIELD_VALUE, REFUSE_NO_COLON,
    REFUSE_OBS_FOLD, REFUSE_SPACE_BEFORE_COLON, REFUSE_UNDERSCORE,
)

# The first eleven in the order of FIELD_* in fields.pxd. Requests only; longest name 32 bytes.
KNOWN_FIELDS = (
    "host", "content-length", "content-type", "cookie", "transfer-encoding", "connection", "expect",
    "proxy", "authorization", "referer", "user-agent",
    "accept", "accept-charset", "accept-encoding", "accept-language", "access-control-request-headers",
    "access-control-request-method", "age", "baggage", "cache-control", "cdn-loop", "cf-connecting-ip",
    "cf-ipcountry", "cf-ray", "cf-visitor", "content-disposition", "content-encoding", "content-language",
    "content-location", "content-md5", "content-range", "correlation-id", "date", "depth", "destination",
    "device-memory", "dnt", "downlink", "dpop", "early-data", "ect", "forwarded", "from", "http2-settings",
    "idempotency-key", "if", "if-match", "if-modified-since", "if-none-match", "if-range",
    "if-unmodified-since", "keep-alive", "last-event-id", "lock-token", "max-forwards", "origin",
    "overwrite", "pragma", "prefer", "priority", "proxy-authorization", "proxy-connection", "purpose",
    "range", "rtt", "save-data", "sec-ch-ua", "sec-ch-ua-arch", "sec-ch-ua-bitness",
    "sec-ch-ua-full-version", "sec-ch-ua-full-version-list", "sec-ch-ua-mobile", "sec-ch-ua-model",
    "sec-ch-ua-platform", "sec-ch-ua-platform-version", "sec-fetch-dest", "sec-fetch-mode",
    "sec-fetch-site", "sec-fetch-user", "sec-gpc", "sec-purpose", "sec-websocket-extensions",
    "sec-websocket-key", "sec-websocket-protocol", "sec-websocket-version", "te", "timeout", "traceparent",
    "tracestate", "trailer", "true-client-ip", "upgrade", "upgrade-insecure-requests", "via",
    "viewport-width", "x-amz-date", "x-amzn-trace-id", "x-api-key", "x-client-ip", "x-correlation-id",
    "x-csrf-token", "x-csrftoken", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port",
    "x-forwarded-prefix", "x-forwarded-proto", "x-forwarded-scheme", "x-forwarded-server",
    "x-forwarded-ssl", "x-http-method-override", "x-real-ip", "x-request-id", "x-request-start",
    "x-requested-with", "x-scheme",
)

# RFC 9110 section 6.5.1: a trailer field must not be about framing, routing, authentication, request
# modifiers or the content's own meaning. Who puts one there means to get past a check of the head.
_NOT_IN_TRAILERS = frozenset(
    "host content-length content-type cookie transfer-encoding connection expect proxy authorization "
    "cache-control content-disposition content-encoding content-language content-location content-range "
    "forwarded if if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive "
    "max-forwards pragma prefer proxy-authorization proxy-connection range te trailer upgrade via "
    "x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto "
    "x-forwarded-scheme x-forwarded-server x-forwarded-ssl x-http-method-override x-real-ip "
    "true-client-ip cf-connecting-ip x-client-ip".split()
)

cdef enum:
    KNOWN_MAX = 128
    NAME_BYTES_MAX = 32
    NAME_WORDS = 4
    SLOT_BITS = 11
    SLOTS = 2048

    # What a byte may be part of
    TOKEN = 1              # tchar, RFC 9110 section 5.6.2
    TEXT = 2               # field-vchar, SP, HTAB: RFC 9110 section 5.5


cdef struct known_t:
    uint64_t words[NAME_WORDS]          # the name in lower case, cut into words by name_words
    uint64_t cases[NAME_WORDS]          # 0x20 where there is a letter: what a capital lacks
    unsigned int size
    bint not_in_trailers

cdef known_t KNOWN[KNOWN_MAX]
cdef int known_count = 0
cdef unsigned char SLOT[SLOTS]          # hash → index into KNOWN
cdef uint32_t multiplier = 0
cdef unsigned char CLASS[256]


cdef int known_fields_count() noexcept nogil:
    return known_count


cdef bint trailer_dropped(int known) noexcept nogil:
    return known >= 0 and KNOWN[known].not_in_trailers


cdef inline uint64_t load8(const unsigned char *data) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, data, 8)
    return word


cdef inline uint64_t load_short(const unsigned char *data, size_t size) noexcept nogil:
    """All of 1 to 7 bytes in one word, some of them perhaps twice."""
    cdef uint32_t low, high
    if size >= 4:
        memcpy(&low, data, 4)
        memcpy(&high, data + size - 4, 4)
        return <uint64_t>high << 32 | low
    return <uint64_t>data[size - 1] << 16 | <uint64_t>data[size >> 1] << 8 | data[0]


cdef inline uint32_t slot_of(const unsigned char *name, size_t size) noexcept nogil:
    """Length, first, last and a late middle letter tell all known names apart."""
    cdef uint32_t key = (<uint32_t>(name[0] | 0x20) | <uint32_t>(name[size - 1] | 0x20) << 8
                         | <uint32_t>(name[size * 3 >> 2] | 0x20) << 16 | <uint32_t>size << 24)
    return (key * multiplier) >> (32 - SLOT_BITS)


cdef int known_field(const unsigned char *name, size_t size) noexcept nogil:
    cdef int index
    cdef uint64_t difference
    cdef const known_t *known
    if size == 0 or size > NAME_BYTES_MAX:
        return FIELD_UNKNOWN
    index = SLOT[slot_of(name, size)]
    known = &KNOWN[index]
    if known.size != size:
        return FIELD_UNKNOWN
    if size < 8:
        return index if (load_short(name, size) | known.cases[0]) == known.words[0] else FIELD_UNKNOWN
    # The last word overlaps the one before it where the size is no multiple of eight.
    difference = (load8(name + size - 8) | known.cases[NAME_WORDS - 1]) ^ known.words[NAME_WORDS - 1]
    if size > 8:
        difference |= (load8(name) | known.cases[0]) ^ known.words[0]
    if size > 16:
        difference |= (load8(name + 8) | known.cases[1]) ^ known.words[1]
    if size > 24:
        difference |= (load8(name + 16) | known.cases[2]) ^ known.words[2]
    return index if difference == 0 else FIELD_UNKNOWN


cdef inline uint64_t suspects(uint64_t word) noexcept nogil:
    """The top bit of a byte is set where it may be a control or DEL.

    Taking 0x20 from every byte borrows for those below it; adding 1 carries DEL, and nothing else below 0x80,
    into the top bit. Where the top bit was set before, in obs-text, that means nothing. A borrow or carry
    into the next byte may make that one suspect as well, but never hides one.
    """
    cdef uint64_t ones = 0x0101010101010101
    return ((word - ones * 0x20) | (word + ones)) & ~word


cdef inline bint has_suspects(const unsigned char *data, size_t size) noexcept nogil:
    """Whether a byte below 0x20 or DEL may be among them; if not, none is. TAB counts as well."""
    cdef uint64_t found = 0
    cdef uint64_t tops = 0x8080808080808080
    cdef size_t at = 0
    if size >= 8:
        found = suspects(load8(data + size - 8))
        while at + 8 < size:
            found |= suspects(load8(data + at))
            at += 8
        return found & tops != 0
    while at < size:
        if data[at] < 0x20 or data[at] == 0x7F:
            return True
        at += 1
    return False


cdef bint is_token(const unsigned char *data, size_t size) noexcept nogil:
    return size > 0 and all_classes(data, size) & TOKEN


cdef inline unsigned char all_classes(const unsigned char *data, size_t size) noexcept nogil:
    """What all of the bytes may be part of."""
    cdef unsigned char classes = 0xFF
    cdef size_t at
    for at in range(size):
        classes &= CLASS[data[at]]
    return classes


cdef int field_parse(const unsigned char *data, size_t start, size_t end, int header_map,
                     field_t *field) noexcept nogil:
    cdef const unsigned char *line = data + start
    cdef const unsigned char *colon = <const unsigned char *>memchr(line, c':', end - start)
    cdef size_t name_size, first, last
    cdef int answer = FIELD_KEPT
    if colon == NULL:
        return without_colon(line, end - start)
    name_size = colon - line
    field.known = known_field(line, name_size)
    if field.known == FIELD_UNKNOWN:
        answer = strange_name(line, name_size, header_map)
        if answer > FIELD_KEPT:
            return answer
    first = start + name_size + 1
    last = end
    while first < last and (data[first] == c' ' or data[first] == c'\t'):
        first += 1
    while last > first and (data[last - 1] == c' ' or data[last - 1] == c'\t'):
        last -= 1
    if has_suspects(data + first, last - first) and not all_classes(data + first, last - first) & TEXT:
        return bare_cr_or(data + first, last - first, REFUSE_FIELD_VALUE)
    field.name.start = <unsigned int>start
    field.name.length = <unsigned int>name_size
    field.value.start = <unsigned int>first
    field.value.length = <unsigned int>(last - first)
    return answer


cdef int strange_name(const unsigned char *name, size_t size, int header_map) noexcept nogil:
    """What becomes of a field whose name is not a known one."""
    if size == 0:
        return REFUSE_EMPTY_NAME
    if not all_classes(name, size) & TOKEN:
        if name[0] == c' ' or name[0] == c'\t':
            return REFUSE_OBS_FOLD
        if name[size - 1] == c' ' or name[size - 1] == c'\t':
            return REFUSE_SPACE_BEFORE_COLON
        return bare_cr_or(name, size, REFUSE_FIELD_NAME)
    # "A_B" and "A-B" are both HTTP_A_B to CGI and WSGI, so that one can stand in for the other.
    if header_map == HEADER_MAP_KEEP or memchr(name, c'_', size) == NULL:
        return FIELD_KEPT
    return REFUSE_UNDERSCORE if header_map == HEADER_MAP_REFUSE else FIELD_DROPPED


cdef int without_colon(const unsigned char *line, size_t size) noexcept nogil:
    if size and (line[0] == c' ' or line[0] == c'\t'):
        return REFUSE_OBS_FOLD
    return bare_cr_or(line, size, REFUSE_NO_COLON)


cdef int bare_cr_or(const unsigned char *data, size_t size, int refusal) noexcept nogil:
    return REFUSE_BARE_CR if memchr(data, c'\r', size) != NULL else refusal


# At import: the tables.

cdef void name_words(const unsigned char *name, size_t size, uint64_t *words) noexcept nogil:
    """Cuts a name up as known_field does."""
    cdef size_t at
    if size < 8:
        words[0] = load_short(name, size)
        return
    words[NAME_WORDS - 1] = load8(name + size - 8)
    for at in range((size - 1) >> 3):
        words[at] = load8(name + at * 8)


cdef int fill_known() except -1:
    global known_count
    for name in KNOWN_FIELDS:
        octets = name.encode("ascii")
        capitals = bytes(0x20 if c"a" <= octet <= c"z" else 0 for octet in octets)
        assert len(octets) <= NAME_BYTES_MAX and known_count < KNOWN_MAX
        name_words(octets, len(octets), KNOWN[known_count].words)
        name_words(capitals, len(octets), KNOWN[known_count].cases)
        KNOWN[known_count].size = len(octets)
        KNOWN[known_count].not_in_trailers = name in _NOT_IN_TRAILERS
        known_count += 1
    return 0


cdef int arrange_slots() except -1:
    """Finds a multiplier that gives every known name a slot of its own; one in some thirty does. Names alike
    in all that slot_of looks at (x-csrf-token, x-xsrf-token) cannot both be known."""
    global multiplier
    cdef uint32_t candidate = 0x9E3779B1
    names = [name.encode("ascii") for name in KNOWN_FIELDS]
    for _ in range(100_000):
        multiplier = candidate
        slots = {slot_of(name, len(name)) for name in names}
        if len(slots) == len(names):
            for index, name in enumerate(names):
                SLOT[slot_of(name, len(name))] = index
            return 0
        candidate = candidate * 1664525 + 1013904223
    raise AssertionError("two known field names look alike to slot_of")


cdef int fill_classes() except -1:
    tchars = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for octet in range(256):
        CLASS[octet] = TOKEN if octet in tchars else 0
        if octet >= 0x20 and octet != 0x7F or octet == 9:
            CLASS[octet] |= TEXT
    return 0


fill_classes()
fill_known()
arrange_slots()
