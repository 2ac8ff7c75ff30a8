# Which worker takes a new client.

from potstill.core.listener cimport Listener
from potstill.core.schedule cimport runner_t, schedule_t
from potstill.core.stats cimport Stats

cdef long long DEFER_NS                # how long a client may wait for a worker that has less to do

cdef void publish_load(schedule_t *schedule) noexcept nogil     # for the other workers to see
cdef bint share_defers(Stats stats, Listener listener, runner_t *me, schedule_t *schedule) noexcept
cdef void share_step_back(Stats stats, Listener listener, schedule_t *schedule) noexcept
