# cython: language_level=3, boundscheck=False, wraparound=False
"""A transport that speaks TLS: Python's `ssl` does the cryptography, in memory; the socket stays ours.

The queue of the transport holds what the application sent, as on a plain connection; it is encrypted when it is about
to leave. Only records that the socket did not take are kept as such, in `_rest`, which goes before everything else.
So all that is said of queues, spools and files in transport.pyx holds here too, and a slow client costs a few records
more than on a plain connection.

`ssl` could read and write the socket by itself. Then each record takes two reads, what is there cannot be told from
what is not without an exception, and a record that the socket did not take has to be offered again unchanged: measured,
that costs a quarter more for each small request. What it would allow is TLS in the kernel.

OpenSSL works without the GIL, and the inspector may answer in a runner's stead: `_busy` keeps two threads from being in
the same connection. Nobody waits there for a client, only for the cipher.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.buffer cimport PyBUF_READ, PyBUF_WRITE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.errno cimport EINTR, errno
from libc.string cimport memcpy
from posix.unistd cimport usleep

from potstill.core.segments cimport FileSegment
from potstill.core.transport cimport LOST, WOULD_BLOCK, Transport

from potstill.core.secure_socket import SecureSocket
from potstill.core.transport import TransportFace

cdef extern from "<unistd.h>" nogil:
    ssize_t pread(int fd, void *into, size_t size, long long offset)

cdef enum:
    RECORD_BYTES = 16384               # the most that one record holds (RFC 8446 section 5.1)
    BATCH_RECORDS = 4                  # encrypted before the socket is asked to take them
    FILE_STEP_BYTES = 2 * RECORD_BYTES # of a file, read at a time
    FLUSH_BYTES = 1 << 22              # as in transport.pyx
    CLAIM_STEP_US = 20

# ssl's own numbers for what an SSLError says (SSL_get_error(3)); they are its errno.
cdef enum:
    SSL_ERROR_WANT_READ = 2
    SSL_ERROR_ZERO_RETURN = 6


@cython.final
@cython.no_gc                          # what it refers to does not know of it
cdef class TlsTransport(Transport):
    """A transport whose octets travel encrypted, once `shake` has come to SHAKE_DONE."""

    cdef int begin(self, object context, const unsigned char *data, Py_ssize_t size) except -1:
        """Begin a handshake by `context`, an ssl.SSLContext, with what was read before."""
        import ssl                     # here, because a server without TLS never comes by
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.incoming.write(PyMemoryView_FromMemory(<char *>data, size, PyBUF_READ))
        return 0

    # The handshake

    cdef int shake(self) noexcept:
        """As far as it goes without waiting: SHAKE_*. What the socket does not take is queued."""
        cdef int verdict
        self._claim()
        try:
            verdict = self._shake()
        except BaseException as error:
            self.failure = str(error)
            verdict = SHAKE_FAILED
        self._busy = False
        return SHAKE_LOST if self.lost else verdict

    cdef int _shake(self) except -1:
        cdef char[RECORD_BYTES] scratch
        cdef Py_ssize_t count
        cdef bint dry
        while True:
            try:
                self.tls.do_handshake()
            except OSError as error:
                self._push()           # our half of the conversation, or the alert that ends it
                if error.errno != SSL_ERROR_WANT_READ:
                    self.failure = getattr(error, "reason", None) or str(error)
                    return SHAKE_FAILED
            else:
                self._push()
                self._established = True
                self._buffered = self.incoming.pending > 0 or self.tls.pending() > 0
                self.drained = False   # a request may have come with the last word of the handshake
                return SHAKE_DONE
            count = self._fetch(scratch, RECORD_BYTES, &dry)
            if count == WOULD_BLOCK:
                return SHAKE_MORE
            if count <= 0:
                return SHAKE_LOST

    cdef object give_away(self, plain):
        """A socket that goes on with TLS, on `plain`, which is another descriptor for the same connection."""
        unsent = self._rest[self._rest_at:] if self._rest is not None else b""
        self.drop_queue()
        self._parted = True            # here nothing is read as TLS any more, nor written
        self._heir = SecureSocket(plain, self.tls, self.incoming, self.outgoing, unsent)
        return self._heir

    # Reading

    cdef Py_ssize_t receive(self, char *into, Py_ssize_t room) noexcept:
        """As of a plain transport; the end of the stream is a close_notify, and LOST a stream that ends without."""
        cdef Py_ssize_t count
        if self._parted or self.lost:
            return Transport.receive(self, into, room)
        self._claim()
        try:
            count = self._receive(into, room)
        except BaseException:
            count = LOST
        self._busy = False
        if count == LOST:
            self.lose()
        return count

    cdef Py_ssize_t _receive(self, char *into, Py_ssize_t room) except -3:
        cdef char[RECORD_BYTES] scratch
        cdef Py_ssize_t count, total = 0
        cdef bint dry = False
        while True:
            while self._buffered and total < room:
                count = self._decrypt(into + total, room - total)
                if count == WOULD_BLOCK:
                    break
                if count <= 0:
                    if total:
                        break          # it will say so again
                    self.peer_closed = self.peer_closed or count == 0
                    self.drained = False
                    return count
                total += count
            if total or dry:
                # Dry is what this very call has found dry: news of the socket may have come since the last one.
                self.drained = dry and not self._buffered
                return total if total else WOULD_BLOCK
            if room >= RECORD_BYTES:   # nothing stands there yet
                count = self._fetch(into, room, &dry)
            else:
                count = self._fetch(scratch, RECORD_BYTES, &dry)
            if count == LOST:
                return LOST
            if count == WOULD_BLOCK:
                self.drained = True
                return WOULD_BLOCK
            self._buffered = True

    cdef Py_ssize_t _fetch(self, char *scratch, Py_ssize_t room, bint *dry) except -3:
        """Octets of the socket that have been handed to OpenSSL, 0 at their end, WOULD_BLOCK, LOST."""
        cdef Py_ssize_t count = Transport.receive(self, scratch, room)
        if count > 0:
            self.incoming.write(PyMemoryView_FromMemory(scratch, count, PyBUF_READ))
        elif count == 0:
            self.incoming.write_eof()
        dry[0] = self.drained
        return count

    cdef Py_ssize_t _decrypt(self, char *into, Py_ssize_t room) except -3:
        """Octets of the client, 0 for its close_notify, WOULD_BLOCK where a record is not whole, LOST."""
        cdef Py_ssize_t count
        try:
            count = self.tls.read(room, PyMemoryView_FromMemory(into, room, PyBUF_WRITE))
        except OSError as error:
            if error.errno == SSL_ERROR_WANT_READ:
                self._buffered = False
                if self.outgoing.pending:
                    self._push()       # "no renegotiation", or new keys: the client waits for it
                return WOULD_BLOCK
            if error.errno == SSL_ERROR_ZERO_RETURN:
                return 0
            self._push()               # an alert, where something is wrong with a record
            return LOST
        if count > 0:
            self._buffered = self.incoming.pending > 0 or self.tls.pending() > 0
        return count

    # Writing

    cdef Py_ssize_t _send_now(self, const char *before, Py_ssize_t before_size, const char *data, Py_ssize_t size,
                              const char *after, Py_ssize_t after_size) noexcept:
        """Octets taken, as far as the socket takes their records; up to a batch of records waits here (`full`)."""
        cdef octets_t[3] pieces
        cdef Py_ssize_t[3] sizes
        cdef Py_ssize_t count, done = 0, total = before_size + size + after_size
        pieces[0], pieces[1], pieces[2] = before, data, after
        sizes[0], sizes[1], sizes[2] = before_size, size, after_size
        self._claim()
        try:
            if self._rest is not None:
                self._push()
            while done < total and self._rest is None and not self.lost:
                count = self._encrypt(pieces, sizes, 3)
                done += count
                self._push()
        except BaseException:          # no memory: what has been encrypted so far can be sent in no other way
            self.lose()
        self._busy = False
        if self.lost:
            return LOST
        self.full = self._rest is not None
        return done

    cdef Py_ssize_t _encrypt(self, octets_t *pieces, Py_ssize_t *sizes, int count) except -1:
        """Make records of the pieces, a batch at the most, and move them on by what was taken: so many octets."""
        cdef char[RECORD_BYTES] record
        cdef Py_ssize_t filled, step, total = 0
        cdef int turn, i, first = 0
        for turn in range(BATCH_RECORDS):
            filled = 0
            for i in range(first, count):
                if sizes[i] == 0:
                    continue
                step = min(sizes[i], RECORD_BYTES - filled)
                memcpy(record + filled, pieces[i], step)
                pieces[i] += step
                sizes[i] -= step
                filled += step
                first = i
                if sizes[i]:
                    break
            step = 0
            while step < filled:       # all at once, unless the client has asked for smaller records (RFC 6066)
                step += self.tls.write(PyMemoryView_FromMemory(record + step, filled - step, PyBUF_READ))
            total += filled
            if filled < RECORD_BYTES:
                break
        return total

    cdef int _push(self) except -1:
        """Send the records that are ready; what the socket does not take becomes, or stays, the rest."""
        cdef bytes ready = self.outgoing.read()
        cdef Py_ssize_t size, count
        if self._rest is not None:
            self.queued -= PyBytes_GET_SIZE(self._rest) - self._rest_at
            ready = self._rest[self._rest_at:] + ready
            self._rest = None
        size = PyBytes_GET_SIZE(ready)
        if size == 0:
            return 0
        count = Transport._send_now(self, PyBytes_AS_STRING(ready), size, NULL, 0, NULL, 0)
        if 0 <= count < size:
            self._rest, self._rest_at = ready, count
            self.queued += size - count
        return 0

    cdef bint _send_segment(self, FileSegment segment) except -1:
        """Read a file and send it, a few records at a time: there is no sendfile(2) that encrypts."""
        cdef char[FILE_STEP_BYTES] block
        cdef Py_ssize_t size, count
        cdef size_t step
        cdef int fd = segment.fd
        cdef long long offset, until = self.sent + FLUSH_BYTES
        while segment.left and not self.lost and self.sent < until:
            step, offset = min(segment.left, <long long>FILE_STEP_BYTES), segment.offset
            with nogil:
                size = pread(fd, block, step, offset)
            if size == 0:
                raise OSError("the file of a response became shorter while it was sent")
            if size < 0:
                if errno == EINTR:
                    continue
                raise OSError(errno, "the file of a response cannot be read")
            count = self._send_now(block, size, NULL, 0, NULL, 0)
            if count < 0:
                return False
            segment.offset += count
            segment.left -= count
            if self.full:
                break
        return segment.left == 0

    cdef int flush(self) except -1:
        if self._rest is not None:
            self._send_now(NULL, 0, NULL, 0, NULL, 0)
            if self._rest is not None or self.lost:
                return 0
        return Transport.flush(self)

    cdef void drop_queue(self) noexcept:
        self._rest = None
        Transport.drop_queue(self)

    # The end

    cdef void _part(self) noexcept:
        """Send close_notify, once, so that the client knows that this is the end (RFC 8446 section 6.1)."""
        if self._heir is not None:
            self._heir.part()
            self._heir = None
        if self._parted or self._abrupt or self.lost or not self._established:
            return
        self._claim()
        self._parted = True
        try:
            try:
                self.tls.unwrap()
            except OSError:
                pass                   # the client's own goodbye has not come, nor is it waited for
            self._push()
        except BaseException:
            self.lose()
        self._busy = False

    cdef void shut_sending(self) noexcept:
        self._part()
        self._parted = True            # also where a handshake has failed: nothing more is read as TLS
        Transport.shut_sending(self)

    cdef void reset_on_close(self) noexcept:
        self._abrupt = True
        Transport.reset_on_close(self)

    cdef void close(self) noexcept:
        self._part()
        Transport.close(self)
        self.tls = self.incoming = self.outgoing = None

    cdef void _claim(self) noexcept:
        """Wait until no other thread is in here, and be the one that is."""
        while self._busy:
            with nogil:
                usleep(CLAIM_STEP_US)
        self._busy = True


class TlsTransportFace(TransportFace):
    """The Python face, for tests: a transport over a socket whose descriptor is taken over (`sock.detach()`)."""

    def __init__(self, int fd, context, bytes ahead=b""):
        cdef TlsTransport transport = TlsTransport(fd)
        self.transport = transport
        transport.begin(context, <const unsigned char *>PyBytes_AS_STRING(ahead), len(ahead))

    def shake(self):
        """None once the handshake is over, else what it waits for: "more", or what has gone wrong."""
        cdef TlsTransport transport = self.transport
        cdef int verdict = transport.shake()
        if verdict == SHAKE_DONE:
            return None
        return {SHAKE_MORE: "more", SHAKE_LOST: "lost"}.get(verdict, transport.failure)
