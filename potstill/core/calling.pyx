# cython: language_level=3, boundscheck=False, wraparound=False
"""What is noted of a request when the application is called for it: since when it has waited, and until when it may
take. And that it waits, while it does.
"""

from potstill.core.counting cimport store
from potstill.core.flight cimport FLIGHT_QUEUED, flight_begin, flight_name
from potstill.core.peer cimport peer_name
from potstill.core.stats cimport stats_queue

from potstill.core.queueing import seconds_since


cdef bint call_begin(
    Service service, Exchange exchange, Workspace workspace, long long noticed_ns, bint inner
) except -1:
    """`noticed_ns` is when it came. False where it has waited longer than --queue-timeout: it is not to be called."""
    cdef long long now = workspace.now_ns
    cdef long long queue_ns = _end_wait(service, exchange, workspace, noticed_ns)
    if service.queue_timeout_ns and queue_ns > service.queue_timeout_ns and not inner:
        return False
    if exchange.held is not None:
        _begin_again(exchange)
    if service.request_timeout_ns:
        exchange.deadline_ns = now + service.request_timeout_ns
        exchange.environ["potstill.deadline"] = exchange.deadline_ns / 1e9
    exchange.called_ns, exchange.queue_ns = now, queue_ns
    exchange.report_ns = service.slow_ns
    return True


cdef void call_wait(Exchange exchange, Workspace workspace, long long noticed_ns) noexcept:
    """It waits for a thread, or until the application wants it again; `noticed_ns` is when it came."""
    exchange.waiting = workspace.stats.wait()
    if exchange.waiting != NULL:
        flight_begin(exchange.waiting, FLIGHT_QUEUED, noticed_ns, 0, exchange.method, exchange.target,
                     exchange.remote_addr, exchange.remote_port)
        flight_name(exchange.waiting, None, exchange.environ.get("HTTP_X_REQUEST_ID"))


cdef void call_expire(Service service, Exchange exchange, Workspace workspace, long long noticed_ns) noexcept:
    """It has waited for too long, and is not called."""
    try:
        _end_wait(service, exchange, workspace, noticed_ns)
    except BaseException:
        pass                           # no memory: then its line in the access log does not say how long it was


cdef long long _end_wait(
    Service service, Exchange exchange, Workspace workspace, long long noticed_ns
) except -1:
    """It waits no more. For how long it did, in nanoseconds: counted, but not again for a postponed one, and told."""
    cdef long long queue_ns = max(workspace.now_ns - noticed_ns, 0)
    _wait_no_more(exchange)
    if service.trust_request_start:
        queue_ns = max(queue_ns, <long long>(1e9 * seconds_since(exchange.environ.get("HTTP_X_REQUEST_START"))))
    if exchange.held is None:
        stats_queue(workspace.counters, queue_ns)
    exchange.environ["potstill.queue_seconds"] = queue_ns / 1e9
    return queue_ns


cdef void call_end(Exchange exchange, object log) noexcept:
    """It has ended, perhaps without having been called."""
    _wait_no_more(exchange)
    if exchange.held is not None:
        exchange.held.drop(log, peer_name(exchange.remote_addr, exchange.remote_port))


cdef inline void _wait_no_more(Exchange exchange) noexcept:
    if exchange.waiting != NULL:
        store(&exchange.waiting.since_ns, 0)
        exchange.waiting = NULL


cdef void _begin_again(Exchange exchange) noexcept:
    """It was called before, and postponed: nothing of that call counts for this one."""
    exchange.held.let_go()
    exchange.held = None
    exchange.callbacks = None
    exchange.interruption = None
    exchange.interrupted_ns = exchange.ended_ns = 0
    exchange.closing = exchange.complete = exchange.resigned = exchange.departed = exchange.unwatched = False
