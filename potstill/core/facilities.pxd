# What an application may ask of the server beyond PEP 3333.

from cpython.ref cimport PyObject

from potstill.core.environ cimport EnvironBuilder
from potstill.core.response cimport Exchange
from potstill.core.runner cimport Runner

cdef enum:
    METHODS = 9

cdef class Facilities:
    cdef dict base                     # what the environ of a request begins with; it holds the methods below
    cdef Exchange exchange             # the request that they are about, or None
    cdef Runner runner                 # … and who runs it
    cdef object next                   # behind it in the builder's chain of spares
    cdef bint used_up                  # something outlives the request: not to be used for another
    cdef (PyObject *)[METHODS] _methods # borrowed from `base`
    cdef Py_ssize_t[METHODS] _counts   # their references when nobody but `base` has any

    cdef Exchange _current(self, str what)
    cdef bint _kept(self) noexcept

cdef Facilities facilities_take(EnvironBuilder builder)
cdef void facilities_give(EnvironBuilder builder, Facilities facilities) noexcept
