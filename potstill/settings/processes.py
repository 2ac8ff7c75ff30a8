"""The part of the table that is about processes: how many, how long they live, who they are, and hooks."""

from __future__ import annotations

from typing import Annotated

from potstill.settings.about import HOOKS, LISTENING, PROCESS, RUNNING, WORKERS, About
from potstill.settings.kinds import DAY_S, Duration, Mode, Paths, Reference, Share, Switch, Text, Whole
from potstill.settings.requests import RequestSettings

# More processes than that on one machine are a mistake, and the shared memory has a place for each.
WORKERS_MAX = 256
MONTH_S = 30 * DAY_S


class ProcessSettings(RequestSettings, frozen=True, kw_only=True):
    """Rows of `potstill.settings.Settings`, after those about requests: a struct has one base."""

    workers: Annotated[
        int | None,
        About(
            WORKERS,
            Whole(0, WORKERS_MAX, {"none": 0, "auto": None}),
            "Processes that serve, under a supervisor; auto: as many as its share of processors and "
            "memory is good for; none: one process that serves, without a supervisor.",
            peers=("gunicorn: workers", "granian: workers", "uwsgi: processes"),
        ),
    ] = 0
    worker_timeout: Annotated[
        float,
        About(
            WORKERS,
            Duration(0.1),
            "How long a worker with work in hand may go without the GIL before it is aborted, with the "
            "stacks of its threads in the log, and replaced.",
            peers=("gunicorn: timeout",),
        ),
    ] = 30.0
    boot_timeout: Annotated[
        float,
        About(WORKERS, Duration(0.1), "How long a worker may take to load the application and to warm up."),
    ] = 120.0
    max_requests: Annotated[
        int,
        About(
            WORKERS,
            Whole(0, 1_000_000_000, {"unlimited": 0}),
            "Requests after which a worker is replaced.",
            peers=("gunicorn: max-requests", "uwsgi: max-requests"),
        ),
    ] = 0
    max_requests_jitter: Annotated[
        int,
        About(
            WORKERS,
            Whole(0, 1_000_000_000),
            "At most so many requests more, a different number for each worker.",
            peers=("gunicorn: max-requests-jitter", "uwsgi: max-requests-delta"),
        ),
    ] = 0
    max_worker_lifetime: Annotated[
        float,
        About(
            WORKERS,
            Duration(0.0, MONTH_S),
            "Age at which a worker is replaced; 0 is never.",
            peers=("granian: workers-lifetime", "uwsgi: max-worker-lifetime"),
        ),
    ] = 0.0
    max_worker_rss: Annotated[
        int | str,
        About(
            WORKERS,
            Share(),
            "Resident memory at which a worker is replaced, in bytes or in percent of the memory that this "
            "process may use; 0 is no limit.",
            peers=("granian: workers-max-rss", "uwsgi: reload-on-rss"),
        ),
    ] = 0
    warmup: Annotated[
        tuple[str, ...],
        About(
            RUNNING,
            Paths(),
            "A path that the application must answer, below 500, before it serves; may be repeated.",
        ),
    ] = ()
    drain_delay: Annotated[
        float,
        About(RUNNING, Duration(0.0), "How long connections are still accepted after SIGTERM."),
    ] = 0.0
    preload: Annotated[
        bool,
        About(
            WORKERS,
            Switch(),
            "Load the application once, before the workers are forked; a reload is then an upgrade.",
            reload=False,
            peers=("gunicorn: preload", "gunicorn: preload-app"),
        ),
    ] = False
    reuse_port: Annotated[
        bool,
        About(
            LISTENING,
            Switch(),
            "Let other processes listen on the same TCP addresses (SO_REUSEPORT).",
            reload=False,
            peers=("gunicorn: reuse-port",),
        ),
    ] = False
    socket_mode: Annotated[
        int | None,
        About(
            LISTENING,
            Mode("by the umask"),
            "Permission bits of unix sockets.",
            reload=False,
            peers=("waitress: unix-socket-perms", "granian: uds-permissions", "uwsgi: chmod-socket"),
        ),
    ] = None
    user: Annotated[
        str,
        About(
            PROCESS,
            Text("NAME|ID"),
            "The user to become once the sockets are open.",
            reload=False,
            peers=("gunicorn: user", "uwsgi: uid"),
        ),
    ] = ""
    group: Annotated[
        str,
        About(
            PROCESS,
            Text("NAME|ID"),
            "The group to become; by default the user's own.",
            reload=False,
            peers=("gunicorn: group", "uwsgi: gid"),
        ),
    ] = ""
    umask: Annotated[
        int | None,
        About(
            PROCESS,
            Mode("inherited"),
            "Permission bits that files made by this process do not get.",
            reload=False,
            peers=("gunicorn: umask", "uwsgi: umask"),
        ),
    ] = None
    proc_name: Annotated[
        str,
        About(
            PROCESS,
            Text("NAME"),
            "What `ps` and `top` show these processes as, with the role of each; needs potstill[fast].",
            reload=False,
            peers=("gunicorn: name", "granian: process-name", "uwsgi: procname"),
        ),
    ] = ""
    on_starting: Annotated[
        str,
        About(
            HOOKS,
            Reference(),
            "Called in the supervisor before the first worker is forked.",
            peers=("gunicorn: on-starting",),
        ),
    ] = ""
    when_ready: Annotated[
        str,
        About(
            HOOKS,
            Reference(),
            "Called in the supervisor when all workers serve for the first time.",
            peers=("gunicorn: when-ready",),
        ),
    ] = ""
    pre_fork: Annotated[
        str,
        About(
            HOOKS,
            Reference(),
            "Called in the supervisor before each fork, with the worker's number.",
            peers=("gunicorn: pre-fork",),
        ),
    ] = ""
    post_fork: Annotated[
        str,
        About(
            HOOKS,
            Reference(),
            "Called in each worker after the fork, before the application is loaded.",
            peers=("gunicorn: post-fork",),
        ),
    ] = ""
    worker_ready: Annotated[
        str,
        About(
            HOOKS,
            Reference(),
            "Called in each worker when it serves.",
            peers=("gunicorn: post-worker-init",),
        ),
    ] = ""
    worker_exit: Annotated[
        str,
        About(
            HOOKS,
            Reference(),
            "Called in each worker when it has served its last request.",
            peers=("gunicorn: worker-exit",),
        ),
    ] = ""
    on_reload: Annotated[
        str,
        About(
            HOOKS,
            Reference(),
            "Called in the supervisor when a reload begins.",
            peers=("gunicorn: on-reload",),
        ),
    ] = ""
    on_exit: Annotated[
        str,
        About(
            HOOKS,
            Reference(),
            "Called in the supervisor when the last worker has ended.",
            peers=("gunicorn: on-exit",),
        ),
    ] = ""
