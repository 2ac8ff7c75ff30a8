# cython: language_level=3
"""Exceptions that one thread raises in another, and how one that has not arrived yet is taken back.

Only CPython knows whether one is still on its way, and does not tell. Nor is it enough to take it back (raise NULL in
its place): CPython 3.11 and 3.12 note for the whole process that some thread is to get one, and forget that only when
one arrives. Until then every call and every loop of every thread goes the slow way, and under a profiler or a debugger
3.11 stands still. So another one takes its place and is let arrive, here, where nobody else sees it.
"""

cdef extern from "Python.h":
    int PyThreadState_SetAsyncExc(unsigned long thread, object error)
    object PyEval_EvalCode(object code, object globals, object locals)

cdef extern from "pythread.h" nogil:
    unsigned long PyThread_get_thread_ident()

# It arrives between two bytecodes, of which there are none in this file.
cdef object ROUND_AND_ROUND = compile("while True: pass", __file__, "exec")


class _Withdrawn(BaseException):
    """In the place of the one that was taken back."""


cdef int raise_in(unsigned long thread, object error) except -1:
    """Raise it, a class without arguments, between two bytecodes of the thread; instead of one that is on its way."""
    PyThreadState_SetAsyncExc(thread, error)
    return 0


cdef void withdraw() noexcept:
    """None arrives in this thread any more that was raised in it until now."""
    cdef dict names = {}
    PyThreadState_SetAsyncExc(PyThread_get_thread_ident(), _Withdrawn)
    while True:
        try:
            PyEval_EvalCode(ROUND_AND_ROUND, names, names)
        except _Withdrawn:
            return
        except BaseException:
            continue                   # of a signal, in the main thread: it ends no more than the request did
