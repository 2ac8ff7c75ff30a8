# cython: language_level=3, boundscheck=False, wraparound=False
"""The access log of one worker: lines wait in a ring, and a thread that never takes the GIL writes them in batches.

Who has answered a request puts its line into the ring and goes on. There is one who writes at a time, for it holds the
GIL, and one who reads, so the ring needs no lock. The writer sleeps without a clock while there are no lines; the first
one wakes it, and it waits a little for more. When a file or a pipe does not take what is written, the ring fills, and
lines without room are dropped and counted: no request ever waits for a log.

A line is made where it is to stand in the ring, which nobody else can do meanwhile: it holds the GIL, and runs no code
of the application's. Where that has to be asked for a value, the line is made aside, and copied when it is whole.

Under load the writer takes half a megabyte at a time: its turns cost more than the lines do, since after each the
runner finds its cache full of the kernel's files. An empty ring begins a new lap, and the writer stays until it is
empty: lines go through no more pages than they need, and the rest is for when a disk stands still. A position counts
laps in its upper half: where the one who reads is a lap behind and has nothing left in it, the whole ring has room.

Several workers write to the same file. Each write ends with a line, and is either of at most PIPE_BUF octets or to a
regular file opened to append; the kernel keeps such whole. A file is opened anew by its name when that is asked for,
and when the name has come to stand for another file.
"""

cimport cython
from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdlib cimport free, malloc
from libc.string cimport memchr, memcpy, strlen
from libc.time cimport time_t, tm
from posix.fcntl cimport O_APPEND, O_CREAT, O_WRONLY, open as open_fd
from posix.stat cimport fstat, stat, struct_stat
from posix.unistd cimport close as close_fd, write

from potstill.core.counting cimport add, load_acquired, store, store_released
from potstill.core.line cimport LINE_BYTES_MAX
from potstill.core.poll cimport clock_ns, wait_writable

import logging
import os
import socket
import stat as file_kind

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutexattr_t:
        pass
    ctypedef struct pthread_condattr_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
    int pthread_mutex_destroy(pthread_mutex_t *mutex)
    int pthread_mutex_lock(pthread_mutex_t *mutex)
    int pthread_mutex_unlock(pthread_mutex_t *mutex)
    int pthread_condattr_init(pthread_condattr_t *attributes)
    int pthread_condattr_setclock(pthread_condattr_t *attributes, int clock)
    int pthread_condattr_destroy(pthread_condattr_t *attributes)
    int pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes)
    int pthread_cond_destroy(pthread_cond_t *condition)
    int pthread_cond_signal(pthread_cond_t *condition)
    int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
    int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const timespec *until)

cdef extern from "<time.h>" nogil:
    struct timespec:
        long tv_sec
        long tv_nsec
    int CLOCK_MONOTONIC
    time_t time(time_t *into)
    tm *localtime_r(const time_t *timer, tm *result)
    size_t strftime(char *into, size_t size, const char *format, const tm *time)

cdef extern from "<sys/socket.h>" nogil:
    int MSG_NOSIGNAL
    ssize_t send(int fd, const void *data, size_t size, int flags)

cdef extern from "<fcntl.h>" nogil:
    int O_CLOEXEC

cdef enum:
    RING_BYTES = 1 << 21               # what was never needed is not in memory
    HURRY_BYTES = 1 << 19              # of lines that wait: the writer is not to wait for more
    LAP_BYTES_MIN = 1 << 15            # of a lap, before an empty ring begins a new one
    ROUNDS = 4                         # in which the writer tries to leave the ring empty
    LAP_BITS = 32
    PATIENCE_MS = 1000                 # for a pipe that is full and does not block, before lines are given up
    FILE_MODE = 0o644

cdef long long BATCH_NS = 50_000_000              # how long a line may wait for others
cdef long long LOOK_NS = 1_000_000_000            # between two looks whether the file's name is another's
cdef long long PLACE = (1LL << LAP_BITS) - 1      # of a position
cdef double COMPLAINT_S = 60.0


@cython.final
cdef class Journal:
    """The access log of a worker, by a `potstill.core.options.AccessLog`.

    Args:
        access: what it says about the access log.
        worker: the number that %(worker)s says.
        log: where to complain.

    Raises OSError when there is no writing to where it should be written.
    """

    def __cinit__(self, access, int worker, log):
        cdef pthread_condattr_t attributes
        self._writer.fd = -1
        self._writer.asleep = True
        pthread_mutex_init(&self._writer.lock, NULL)
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(&self._writer.news, &attributes)
        pthread_condattr_destroy(&attributes)
        self._ring.octets = <char *>malloc(RING_BYTES)
        if self._ring.octets == NULL:
            raise MemoryError
        self._log = log
        self._complained_at = 0.0
        self._format = LineFormat(access.steps, worker)
        self.wants_fields = self._format.wants_fields
        self._rules = [(path.encode("latin-1"), longer, first, last) for path, longer, first, last in access.skip]
        self._sample = access.sample
        self._slower_ns = <long long>(access.slower_s * 1e9)
        self._open(access.target)

    def __dealloc__(self):
        if self._writer.fd >= 0:
            close_fd(self._writer.fd)
        free(self._ring.octets)
        pthread_cond_destroy(&self._writer.news)
        pthread_mutex_destroy(&self._writer.lock)

    def _open(self, target):
        """"-", "stderr", the path of a file, or the address of a syslog with a colon in front of it."""
        if target.startswith("syslog:"):
            # facility local0, severity informational; without a host, as syslog(3) writes to a local socket.
            self._kept = (b"<134>", f" potstill[{os.getpid()}]: ".encode())
            self._writer.prefix, self._writer.name = <const char *>self._kept[0], <const char *>self._kept[1]
            self._writer.datagrams = True
            self._writer.fd = syslog_socket(target.removeprefix("syslog:")).detach()
            return
        if target in ("-", "stderr"):
            self._writer.fd = os.dup(1 if target == "-" else 2)
        else:
            self._writer.fd = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
            self._kept = (os.fsencode(os.path.abspath(target)),)
            self._writer.path = <const char *>self._kept[0]
        self._writer.regular = file_kind.S_ISREG(os.fstat(self._writer.fd).st_mode)

    # For whoever holds the GIL

    cdef int record(self, const outcome_t *outcome, dict environ, list fields, long long *dropped) noexcept:
        """A request has ended. Lines for which there is no room are added to `dropped`."""
        cdef Py_ssize_t size = 0
        if load(&self._writer.failure):
            self._complain()
        if (self._rules or self._slower_ns or self._sample < 1.0) and not self._is_wanted(outcome):
            return 0
        if not self._writing:          # else a key of an application's own has let another thread in
            size = self._write(outcome, environ, fields)
        if size == 0:
            add(dropped, 1)
        else:
            self._commit(size)
        return 0

    cdef Py_ssize_t _write(self, const outcome_t *outcome, dict environ, list fields) noexcept:
        """The line, where it is to stand. 0: there is none, or no room for it."""
        cdef char[LINE_BYTES_MAX] aside
        cdef Py_ssize_t size
        cdef char *line = self._room()
        if line == NULL:
            return 0
        self._writing = True
        size = self._format.render(line, outcome, environ, fields, False)
        self._writing = False
        if size < 0:                   # the application has to be asked for a value, and others may come in between
            size = self._format.render(aside, outcome, environ, fields, True)
            line = self._room()
            if line == NULL:
                return 0
            memcpy(line, aside, size)
        return size

    cdef bint _is_wanted(self, const outcome_t *outcome) noexcept:
        if outcome.queue_ns + outcome.application_ns < self._slower_ns:
            return False
        try:
            path = (<str>outcome.target).encode("latin-1").partition(b"?")[0] \
                if outcome.target != NULL and <object>outcome.target is not None else b""
            for begin, longer, first, last in self._rules:
                if first <= outcome.code <= last and (path.startswith(begin) if longer else not begin or path == begin):
                    return False
        except BaseException:          # memory
            pass
        if self._sample < 1.0 and outcome.code < 500:
            self._luck += self._sample
            if self._luck < 1.0:
                return False
            self._luck -= 1.0
        return True

    cdef char *_room(self) noexcept:
        """Where the next line is to stand, be it the longest. NULL when there is no room."""
        cdef ring_t *ring = &self._ring
        cdef long long read = load_acquired(&ring.read)
        cdef long long at = ring.written
        cdef long long end = RING_BYTES
        if at >> LAP_BITS == read >> LAP_BITS and (
                LINE_BYTES_MAX > RING_BYTES - (at & PLACE) or (at == read and at & PLACE >= LAP_BYTES_MIN)):
            store(&ring.limit, at & PLACE)
            at = (at | PLACE) + 1      # a new lap
        if at >> LAP_BITS != read >> LAP_BITS and read & PLACE < ring.limit:
            end = read & PLACE         # behind it are lines of the lap before
        if LINE_BYTES_MAX > end - (at & PLACE):
            return NULL
        self._at = at
        return ring.octets + (at & PLACE)

    cdef void _commit(self, Py_ssize_t size) noexcept:
        """The line that stands there is whole."""
        cdef ring_t *ring = &self._ring
        store_released(&ring.written, self._at + size)
        if load(&self._writer.asleep) or (not self._writer.hurry and _waiting(ring) > HURRY_BYTES):
            self._wake(False)

    cdef void _wake(self, bint reopen) noexcept:
        pthread_mutex_lock(&self._writer.lock)
        store(&self._writer.asleep, 0)
        self._writer.hurry = _waiting(&self._ring) > HURRY_BYTES or reopen
        self._writer.reopen |= reopen
        pthread_mutex_unlock(&self._writer.lock)
        pthread_cond_signal(&self._writer.news)    # only now: on the same core it would run at once into the lock

    cdef void _complain(self) noexcept:
        """Once a minute: what is wrong now will be wrong again in a moment."""
        cdef int failure = <int>self._writer.failure
        cdef double now = clock_ns() / 1e9
        store(&self._writer.failure, 0)
        try:
            if now - self._complained_at >= COMPLAINT_S or not self._complained_at:
                self._complained_at = now
                self._log.error("the access log cannot be written: %s", os.strerror(failure))
        except BaseException:
            pass                       # a log that fails must not take the answer with it

    def reopen(self):
        """Open the file anew by its name, as after it was renamed. Returns at once."""
        self._wake(True)

    def run(self):
        """The life of the writer's thread, until `end`."""
        with nogil:
            _run(&self._ring, &self._writer)

    def end(self):
        """Let the writer's thread end when it has written what there is; returns at once."""
        pthread_mutex_lock(&self._writer.lock)
        self._writer.ended = True
        pthread_mutex_unlock(&self._writer.lock)
        pthread_cond_signal(&self._writer.news)


def syslog_socket(address):
    """A socket to a syslog: a path, or udp://host:port. Raises OSError."""
    if address.startswith("udp://"):
        host, _, port = address.removeprefix("udp://").rpartition(":")
        family, kind, _, _, name = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_DGRAM)[0]
    else:
        family, kind, name = socket.AF_UNIX, socket.SOCK_DGRAM, address
    made = socket.socket(family, kind)
    try:
        made.connect(name)
    except BaseException:
        made.close()
        raise
    return made


cdef inline long long _waiting(ring_t *ring) noexcept nogil:
    """How many octets have not been written, for whoever puts lines in."""
    cdef long long at = ring.written
    cdef long long read = load(&ring.read)
    return at - read if at >> LAP_BITS == read >> LAP_BITS else (at & PLACE) + ring.limit - (read & PLACE)


# The writer


cdef void _run(ring_t *ring, writer_t *writer) noexcept nogil:
    cdef long long looked_ns = clock_ns()
    cdef bint slept = True, busy = False, waited = False
    pthread_mutex_lock(&writer.lock)
    while True:
        if not _anything(ring) and not writer.ended and not writer.reopen:
            writer.hurry = False       # of those who have seen lines wait that were already being written
            if busy:                   # others will come soon, and the first need not wake us
                busy, waited = False, True
                _wait(writer)
                continue
            # Who brings a line looks at the flag behind it, without a fence: so it is up for a while before we sleep.
            if slept:
                pthread_cond_wait(&writer.news, &writer.lock)
                slept = False
                continue
            store(&writer.asleep, 1)
            waited = False
            _wait(writer)
            # Who saw the flag before it was taken down may wake us late, for a line that has been written: then we have
            # not slept with the flag up, and nobody would wake us for the next.
            slept = load(&writer.asleep) and not _anything(ring)
            continue
        slept = False
        store(&writer.asleep, 0)
        if not writer.hurry and not writer.ended and not writer.reopen and not waited:
            _wait(writer)
        busy, waited = writer.hurry, False
        writer.hurry = False
        if writer.path != NULL and (writer.reopen or clock_ns() - looked_ns > LOOK_NS):
            looked_ns = clock_ns()
            _reopen(writer)
        writer.reopen = False
        if writer.ended and not _anything(ring):
            break
        pthread_mutex_unlock(&writer.lock)
        _drain(ring, writer)
        pthread_mutex_lock(&writer.lock)
    pthread_mutex_unlock(&writer.lock)


cdef bint _anything(ring_t *ring) noexcept nogil:
    return load_acquired(&ring.written) != ring.read


cdef void _wait(writer_t *writer) noexcept nogil:
    """For other lines, or for somebody who is in a hurry."""
    cdef long long at = clock_ns() + BATCH_NS
    cdef timespec until
    until.tv_sec = at // 1_000_000_000
    until.tv_nsec = at % 1_000_000_000
    pthread_cond_timedwait(&writer.news, &writer.lock, &until)


cdef void _reopen(writer_t *writer) noexcept nogil:
    """Another file, where the name has come to mean another one, or nothing."""
    cdef struct_stat ours, named
    cdef int fd
    if fstat(writer.fd, &ours) == 0 and stat(writer.path, &named) == 0 and ours.st_ino == named.st_ino \
            and ours.st_dev == named.st_dev:
        return
    fd = open_fd(writer.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, FILE_MODE)
    if fd < 0:
        store(&writer.failure, errno)
        return
    close_fd(writer.fd)
    writer.fd = fd


cdef void _drain(ring_t *ring, writer_t *writer) noexcept nogil:
    """Write all lines that there are, and those that come meanwhile."""
    cdef long long written, place
    for _ in range(ROUNDS):
        written = load_acquired(&ring.written)
        if written >> LAP_BITS != ring.read >> LAP_BITS:
            place = ring.read & PLACE
            _write_lines(writer, ring.octets + place, load(&ring.limit) - place)
            store_released(&ring.read, written & ~PLACE)
        _write_lines(writer, ring.octets + (ring.read & PLACE), written - ring.read)
        store_released(&ring.read, written)
        if load(&ring.written) == written:
            return


cdef void _write_lines(writer_t *writer, const char *lines, long long size) noexcept nogil:
    """In pieces that the kernel keeps whole."""
    cdef long long piece
    while size > 0:
        if writer.datagrams:
            piece = <const char *>memchr(lines, c"\n", size) + 1 - lines
            _send_line(writer, lines, piece - 1)
        else:
            piece = size if writer.regular or size <= LINE_BYTES_MAX else _whole_lines(lines, LINE_BYTES_MAX)
            _write_piece(writer, lines, piece)
        lines += piece
        size -= piece


cdef long long _whole_lines(const char *lines, long long size) noexcept nogil:
    """How much of lines[:size] is whole lines: no line is longer than that."""
    while lines[size - 1] != c"\n":
        size -= 1
    return size


cdef void _write_piece(writer_t *writer, const char *piece, long long size) noexcept nogil:
    cdef ssize_t count
    while size > 0:
        count = write(writer.fd, piece, size)
        if count >= 0:
            piece += count
            size -= count
        elif errno == EAGAIN:
            if wait_writable(writer.fd, PATIENCE_MS) <= 0:
                store(&writer.failure, EAGAIN)
                return
        elif errno != EINTR:
            store(&writer.failure, errno)
            return


cdef void _send_line(writer_t *writer, const char *line, long long size) noexcept nogil:
    """As syslog(3) does: <134>Oct 11 22:14:15 name[pid]: line."""
    cdef char[LINE_BYTES_MAX + 128] packet
    cdef char *at = packet
    cdef time_t now = time(NULL)
    cdef tm parts
    localtime_r(&now, &parts)
    memcpy(at, writer.prefix, strlen(writer.prefix))
    at += strlen(writer.prefix)
    at += strftime(at, 32, b"%b %e %H:%M:%S", &parts)
    memcpy(at, writer.name, strlen(writer.name))
    at += strlen(writer.name)
    memcpy(at, line, size)
    if send(writer.fd, packet, at + size - packet, MSG_NOSIGNAL) < 0:
        store(&writer.failure, errno)
