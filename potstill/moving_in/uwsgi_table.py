"""The usual options of uWSGI: ours, or what to do instead.

uWSGI has over nine hundred; these are the ones that stand in the files of web applications. Whole families
that Potstill has no part in (routers, the emperor, caches, mules) share a sentence. The names are the long
ones.
"""

from __future__ import annotations

from potstill.moving_in.converters import (
    as_list,
    head_limit,
    mebibytes,
    name_or_number,
    octal,
    socket_mode,
    unless_zero,
    uwsgi_addresses,
    when_true,
    whole,
)
from potstill.moving_in.mapping import Instead, Row, by_name

ALWAYS = "Leave it out: Potstill always does so."
NO_CHOICE = "Leave it out: there is nothing to choose here."
NEVER = "Leave it out: Potstill never does so."
FOREGROUND = (
    "Potstill stays in the foreground and logs to standard error: let systemd or another manager run it."
)
LOGS = "Potstill logs to standard error; let the service manager put it where it belongs."
NO_ACCESS_LOG = "Say it with access-log and access-log-format, whose atoms are others (docs/logging.md)."
NO_EMPEROR = "There is no emperor: one service of the service manager for each application."
NO_ROUTER = "Potstill is no router: that is for the proxy in front of it."
NO_CACHE = "Potstill has no cache between its workers: use Redis, memcached or the database."
NO_TASKS = (
    "Potstill runs no background tasks: use a task queue (Celery, RQ, Dramatiq) as a service of its own."
)
NO_CRON = "Potstill runs nothing at set times: use systemd's timers, cron or a CronJob."
NO_DAEMONS = "Potstill starts no other programs: give each a service of its own."
NO_PLUGINS = "Leave it out: there are no plugins."
NO_STATIC = "Say it in the directory's route, in a [[site]] table (docs/sites.md)."
TLS = "Say bind, certfile and keyfile; ca-certs and cert-reqs, [[tls]] tables and redirect-http for the rest."
NO_ASYNC = (
    "Leave it out: slow clients and idle connections cost no thread here; raise threads if calls are slow."
)
NO_HOOK = "There is no hook that runs commands; ExecStartPre= and its like of systemd do."
NO_FIFO = "Potstill is told what to do by signals; it has no control files."
NO_LOGIC = "Conditions and loops are not followed: look at what stands between here and the end of it."
NO_JAIL = "Leave it to systemd or the container (RootDirectory=, PrivateTmp=, MemoryMax= and their like)."
NO_STATS = "Potstill has no stats server yet."
TOUCH = "Send a signal instead of touching a file: `systemctl reload`, or kill -HUP."
ENVIRONMENT = "Set it in the environment (Environment= of systemd, ENV of Docker)."
ENVIRONMENT_OF_PYTHON = "Install Potstill in that environment and start its bin/potstill."
MIDDLEWARE = "Write it as a WSGI middleware, or let the proxy in front do it."
UWSGI_PROTOCOL = (
    "Potstill speaks HTTP here, not the uwsgi protocol: let nginx use proxy_pass instead of uwsgi_pass."
)


def workers(value: object) -> object:
    """`%k`, the number of CPUs, is what auto is for."""
    return "auto" if str(value).strip() == "%k" else whole(value)


def application(value: object) -> object:
    """`module` alone means its `application`."""
    text = str(value).strip()
    return text if ":" in text else f"{text}:application"


def by_path(value: object) -> object:
    """`/path=module:app`, `web/app.py` or `web/app.py:app`: one application, at the root."""
    path, _, name = str(value).rpartition("=")
    if path not in {"", "/"}:
        raise Instead(f'Name it by its module, below its path: mount = ["{path}=module:name"].')
    name, _, function = name.strip().partition(":")
    function = function or "application"
    if not name.endswith(".py"):
        return f"{name}:{function}"
    directory, _, file = name.rpartition("/")
    if name.startswith("/"):
        module = file.removesuffix(".py")
        raise Instead(f'Start Potstill in {directory or "/"}, and name it as app = "{module}:{function}".')
    return f"{name.removesuffix('.py').removeprefix('./').replace('/', '.')}:{function}"


def without_module(value: object) -> object:
    raise Instead('It belongs to a module or a wsgi-file, and there is none; write app = "module:name".')


def family(names: str, says: str) -> tuple[Row, ...]:
    """Options about which there is one thing to say."""
    return tuple(Row(name, says=says) for name in names.split())


SOCKETS = (
    Row("http-socket", ours="bind", convert=uwsgi_addresses, also=("http11-socket",)),
    Row("http", ours="bind", convert=uwsgi_addresses, also=("httprouter",)),
    Row("socket", ours="bind", convert=uwsgi_addresses, note=UWSGI_PROTOCOL, also=("uwsgi-socket",)),
    Row("shared-socket", ours="bind", convert=uwsgi_addresses),
    Row("listen", ours="backlog"),
    Row("reuse-port", ours="reuse_port", convert=when_true("Leave it out: that is the default.")),
    *family("https https-socket https2 sni sni-dir ssl-socket suwsgi-socket http-to-https", TLS),
    *family("fastcgi-socket scgi-socket puwsgi-socket raw-socket protocol", "Potstill speaks HTTP only."),
    Row("chmod-socket", ours="socket_mode", convert=socket_mode, also=("chmod",)),
    Row("chown-socket", says="The directory of the socket says who may connect."),
    *family("abstract-socket", "Use a path below /run."),
    *family("freebind map-socket", "There is no such option; bind the address in a socket unit of systemd."),
    *family("enable-proxy-protocol", "Say proxy-protocol = true, and proxy-allow-from who the proxies are."),
    *family("tcp-nodelay vacuum close-on-exec", ALWAYS),
    *family("so-keepalive no-orphans thunder-lock", NO_CHOICE),
    *family(
        "so-send-timeout socket-send-timeout", "write-timeout bounds how long a client may take nothing."
    ),
    *family("no-defer-accept tcp-fast-open socket-sndbuf socket-rcvbuf", "The kernel's default is used."),
)
APPLICATION = (
    Row("module", ours="app", convert=application, also=("wsgi",)),
    Row("mount", ours="app", convert=by_path, also=("worker-mount",)),
    Row("callable", convert=without_module, ours="app"),
    Row("wsgi-file", ours="app", convert=by_path, also=("file",)),
    *family(
        "eval pecan pump web3 wsgi-lite", "Write a module that has the WSGI application, and name it as app."
    ),
    *family(
        "paste ini-paste ini-paste-logged", "Load it in a module with paste.deploy.loadapp, name that as app."
    ),
    *family(
        "chdir chdir2 force-cwd", "Start Potstill there (WorkingDirectory= of systemd, WORKDIR of Docker)."
    ),
    *family("pythonpath python-path pp", "Set PYTHONPATH; the current directory is on the path anyway."),
    *family("home virtualenv venv pyhome py-executable", ENVIRONMENT_OF_PYTHON),
    *family("env envdir unenv early-envdir reload-os-env", ENVIRONMENT),
    *family("pyargv", "Set sys.argv in the module, or better an environment variable."),
    *family("import shared-import py-import", "Import it in the module of the application."),
    *family("manage-script-name", "Let the framework mount it, or the proxy strip the prefix."),
    *family("need-app single-interpreter wsgi-strict", ALWAYS),
    *family(
        "catch-exceptions", "Leave it out: an exception is logged, and the client is told nothing but 500."
    ),
    *family("optimize no-site python-raw", "Set PYTHONOPTIMIZE and its like in the environment."),
    *family("py-auto-reload py-autoreload python-autoreload", "At the desk use `potstill --dev`."),
    *family("py-tracebacker", "Send SIGQUIT, or look with py-spy."),
    *family("py-call-osafterfork enable-threads py-call-uwsgi-fork-hooks", ALWAYS),
    *family("wsgi-env-behaviour wsgi-env-behavior wsgi-accept-buffer wsgi-disable-file-wrapper", NO_CHOICE),
)
PROCESSES = (
    Row(
        "processes",
        ours="workers",
        convert=workers,
        note="With threads in each, fewer workers do; auto looks at CPUs and memory of the container.",
        also=("workers",),
    ),
    Row("threads", ours="threads", convert=whole),
    Row(
        "harakiri",
        ours="request_timeout",
        convert=unless_zero("Leave it out: that is the default."),
        note="uWSGI kills the worker; here the client is answered 504 and the thread interrupted.",
    ),
    Row("max-requests", ours="max_requests", convert=unless_zero("Leave it out: that is the default.")),
    Row("max-requests-delta", ours="max_requests_jitter", convert=unless_zero("Leave it out.")),
    Row(
        "max-worker-lifetime",
        ours="max_worker_lifetime",
        convert=unless_zero("Leave it out: that is the default."),
    ),
    Row("reload-on-rss", ours="max_worker_rss", convert=mebibytes, also=("evil-reload-on-rss",)),
    Row("worker-reload-mercy", ours="graceful_timeout", convert=whole, also=("reload-mercy",)),
    Row("uid", ours="user", convert=name_or_number),
    Row("gid", ours="group", convert=name_or_number),
    Row("umask", ours="umask", convert=octal),
    Row("procname", ours="proc_name", also=("procname-master",)),
    *family("auto-procname procname-append procname-prefix procname-prefix-spaced", "Use proc-name."),
    *family("die-on-term strict", ALWAYS),
    *family("master reaper honour-stdin", NO_CHOICE),
    *family("lazy-apps lazy", "Leave it out: each worker loads the application itself by default."),
    *family(
        "cheap cheaper cheaper-initial cheaper-algo cheaper-step cheaper-overload",
        "The number of workers is fixed; idle ones cost little.",
    ),
    *family(
        "cheaper-rss-limit-soft cheaper-rss-limit-hard idle die-on-idle", "The number of workers is fixed."
    ),
    *family(
        "min-worker-lifetime max-worker-lifetime-delta", "Leave it out: workers are replaced one at a time."
    ),
    *family("async gevent gevent-monkey-patch gevent-early-monkey-patch loop ugreen asyncio", NO_ASYNC),
    *family("thread-stacksize", "Call threading.stack_size, or `ulimit -s` before the start."),
    *family(
        "harakiri-verbose harakiri-graceful-timeout harakiri-graceful-signal",
        "Leave it out: the log has the stacks.",
    ),
    *family(
        "reload-on-as evil-reload-on-as reload-on-exception reload-on-fd never-swap ksm",
        "Use max-worker-rss and max-requests.",
    ),
    *family("cpu-affinity prio limit-as limit-nproc max-fd", NO_JAIL),
    *family(
        "add-gid no-initgroups immediate-uid immediate-gid",
        "Leave it out: user takes the groups of that user along.",
    ),
    *family(
        "chroot pivot-root unshare namespace cgroup jailed master-as-root drop-after-init drop-after-apps",
        NO_JAIL,
    ),
    *family("daemonize daemonize2 pidfile pidfile2 safe-pidfile safe-pidfile2", FOREGROUND),
    *family("exit-on-reload skip-atexit skip-atexit-teardown no-threads-wait", NEVER),
    *family(
        "touch-reload touch-chain-reload touch-workers-reload fs-reload touch-logreopen touch-exec", TOUCH
    ),
    *family("master-fifo", NO_FIFO),
    *family("max-apps vhost vhost-host no-default-app", "One process serves one application."),
)
REQUESTS = (
    Row("buffer-size", ours="limit_request_head", convert=head_limit),
    Row(
        "limit-post",
        ours="limit_request_body",
        convert=unless_zero("uWSGI had no limit; limit-request-body is 1GiB unless it is set."),
    ),
    Row(
        "post-buffering", ours="body_memory", convert=unless_zero("Leave it out: bodies are always buffered.")
    ),
    Row("http-keepalive", ours="keepalive", convert=unless_zero("Leave it out, or write keepalive = 0.")),
    Row("socket-timeout", ours="body_timeout", convert=whole, also=("http-timeout",)),
    Row("http-headers-timeout", ours="header_timeout", convert=whole),
    Row("response-headers-limit", says="Leave it out: there is no such limit."),
    *family("max-vars", "limit-request-fields is the bound on the number of header fields."),
    *family("chunked-input-limit chunked-input-timeout http-chunked-input http-auto-chunked", ALWAYS),
    *family("post-buffering-bufsize body-read-warning upload-progress", "Leave it out."),
    *family("http-raw-body http-websockets http-manage-expect http-auto-gzip", MIDDLEWARE),
    *family(
        "ignore-sigpipe ignore-write-errors disable-write-exception",
        "Leave it out: a client that is gone is no error here.",
    ),
    *family(
        "write-errors-tolerance write-errors-exception-only",
        "Leave it out: a client that is gone is no error.",
    ),
    *family(
        "add-header del-header rem-header collect-header error-page-404 error-page-500 route route-host",
        MIDDLEWARE,
    ),
    *family("route-run route-uri route-if response-route final-route error-route", MIDDLEWARE),
    *family(
        "http-modifier1 http-processes http-to http-workers http-events http-buffer-size",
        "Leave it out: there is no router in between.",
    ),
    *family("offload-threads disable-sendfile", "Leave it out: slow clients keep no thread."),
    Row("static-map", ours="static", says=NO_STATIC, convert=as_list, also=("static-map2",)),
    *family("check-static static-index static-safe static-expires static-gzip-all", NO_STATIC),
    *family(
        "mimefile static-expires-uri static-expires-type static-skip-ext static-cache-paths honour-range",
        NO_STATIC,
    ),
    *family("websockets-max-size websockets-ping-freq", "This version serves no WebSockets."),
)
LOGGING = (
    *family(
        "disable-logging",
        "Leave it out: outside of a terminal there is no access log unless access-log says so.",
    ),
    *family(
        "log-format logformat logformat-strftime log-slow log-4xx log-5xx log-big log-zero", NO_ACCESS_LOG
    ),
    *family("log-micros log-x-forwarded-for log-sendfile log-ioerror req-logger logger-req", NO_ACCESS_LOG),
    *family(
        "logto logto2 logger log-syslog log-socket log-master log-reopen log-maxsize log-backupname", LOGS
    ),
    *family(
        "log-date logdate log-prefix log-encoder log-req-encoder threaded-logger logfile-chmod logfile-chown",
        LOGS,
    ),
    *family("memory-report", "Leave it out."),
    *family("stats stats-server stats-http stats-push enable-metrics metric carbon snmp", NO_STATS),
)
OTHER = (
    *family("plugin plugins plugins-dir plugin-dir need-plugin need-plugins autoload", NO_PLUGINS),
    *family(
        "emperor vassals-include vassals-inherit emperor-tyrant emperor-stats heartbeat subscribe-to",
        NO_EMPEROR,
    ),
    *family("zerg zerg-server fastrouter rawrouter http-subscription-server legion", NO_ROUTER),
    *family("cache cache2 cache-store cache-blocksize sharedarea queue locks", NO_CACHE),
    *family("spooler spooler-processes spooler-frequency mule mules farm signal spooler-import", NO_TASKS),
    *family("cron cron2 unique-cron timer rbtimer", NO_CRON),
    *family("attach-daemon attach-daemon2 smart-attach-daemon smart-attach-daemon2 worker-exec", NO_DAEMONS),
    *family(
        "exec-asap exec-pre-app exec-post-app exec-as-user hook-asap hook-post-app hook-as-user", NO_HOOK
    ),
    *family("hook-master-start hook-accepting exec-as-root hook-post-fork", NO_HOOK),
    *family(
        "if-env if-exists if-file if-dir if-not-env if-opt if-not-opt endif end-if for endfor end-for",
        NO_LOGIC,
    ),
    *family(
        "include ini inherit", "The other file is not read: convert it as well, and put the two together."
    ),
    *family(
        "set set-placeholder set-ph declare-option", "Leave it out: its value has been put where it was used."
    ),
    *family("show-config dump-options", "`potstill config` shows what is in force."),
    *family("py-sharedarea rpc-max alarm alarm-backlog notify-socket", "There is no such thing here."),
)
ROWS: tuple[Row, ...] = (*SOCKETS, *APPLICATION, *PROCESSES, *REQUESTS, *LOGGING, *OTHER)
UWSGI = by_name(ROWS)
