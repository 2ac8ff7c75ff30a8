"""Every setting of gunicorn: our option, or what to do instead.

A test holds the names, the flags and what they take against gunicorn's own table. The order is that of
gunicorn's documentation, section by section.
"""

from __future__ import annotations

from potstill.moving_in.converters import (
    advice,
    gunicorn_addresses,
    gunicorn_mask,
    name_or_number,
    networks,
    requirement,
    trusted_networks,
    unless_zero,
    when_true,
    whole,
)
from potstill.moving_in.mapping import Row, Takes, by_name

NOTHING, OFF, PERHAPS, VALUES = Takes.NOTHING, Takes.OFF, Takes.PERHAPS, Takes.VALUES

NO_ASGI = "Potstill serves WSGI applications only; an ASGI server is needed for this part."
NO_DIRTY = "Potstill has no dirty arbiters: give long work to a task queue, or to a process of its own."
ONE_CONTEXT = "Leave it out: handshakes hold no thread, and there is one context for all connections."
NO_HTTP2 = "This version speaks HTTP/1.1 and 1.0: let the proxy in front speak HTTP/2 with the clients."
NO_LOG_FILES = "Potstill logs to standard error; let the service manager or a pipe put it where it belongs."
NO_STATSD = "Potstill sends plain StatsD, its own metrics; see docs/insight.md."
NO_PROXY = "This version does not read it; only the address of the connection is believed."
STRICT = "Potstill is strict about this and has no switch: such a request is refused."
RELOADER = (
    "At the desk `potstill --dev` reloads, with --reload-include for more files; it is not for production."
)


def hook(name: str, ours: str = "") -> Row:
    """A function of the configuration file: here it stands in a module, and its name in the option."""
    option = (ours or name).replace("_", "-")
    sentence = (
        f'Move the function into a module of the application and name it: {option} = "module:function". '
        "It is called with other arguments than gunicorn's."
    )
    note = "A function of a module, named in the option, and called with other arguments."
    return Row(name, ours=ours or name, convert=advice(sentence), note=note)


def no_hook(name: str, says: str) -> Row:
    return Row(name, says=says)


CONFIG_FILE = (
    Row("config", says="Potstill reads potstill.toml, or the file that -c names.", flags=("-c", "--config")),
    Row("wsgi_app", ours="app"),
)
CONTROL = (
    Row(
        "control_socket",
        says="Potstill has no control socket; it is told what to do by signals.",
        flags=("--control-socket",),
    ),
    Row(
        "control_socket_disable",
        says="Leave it out: there is no control socket.",
        flags=("--no-control-socket",),
        takes=NOTHING,
    ),
    Row(
        "control_socket_mode",
        says="Leave it out: there is no control socket.",
        flags=("--control-socket-mode",),
    ),
)
DEBUGGING = (
    Row("check_config", says="`potstill check` does it.", flags=("--check-config",), takes=NOTHING),
    Row("print_config", says="`potstill config` does it.", flags=("--print-config",), takes=NOTHING),
    Row("reload", says=RELOADER, flags=("--reload",), takes=NOTHING),
    Row("reload_engine", says=RELOADER, flags=("--reload-engine",)),
    Row("reload_extra_files", says=RELOADER, flags=("--reload-extra-file",), takes=VALUES),
    Row("spew", says="Use `python -m trace`, or a profiler.", flags=("--spew",), takes=NOTHING),
)
DIRTY = (
    no_hook("dirty_post_fork", NO_DIRTY),
    no_hook("dirty_worker_exit", NO_DIRTY),
    no_hook("dirty_worker_init", NO_DIRTY),
    no_hook("on_dirty_starting", NO_DIRTY),
    Row("dirty_apps", says=NO_DIRTY, flags=("--dirty-app",), takes=VALUES),
    Row("dirty_graceful_timeout", says=NO_DIRTY, flags=("--dirty-graceful-timeout",)),
    Row("dirty_threads", says=NO_DIRTY, flags=("--dirty-threads",)),
    Row("dirty_timeout", says=NO_DIRTY, flags=("--dirty-timeout",)),
    Row("dirty_workers", says=NO_DIRTY, flags=("--dirty-workers",)),
)
HTTP2 = (
    Row("http2_cleartext", says=NO_HTTP2, flags=("--http2-cleartext",)),
    Row("http2_initial_window_size", says=NO_HTTP2, flags=("--http2-initial-window-size",)),
    Row("http2_max_concurrent_streams", says=NO_HTTP2, flags=("--http2-max-concurrent-streams",)),
    Row("http2_max_frame_size", says=NO_HTTP2, flags=("--http2-max-frame-size",)),
    Row("http2_max_header_list_size", says=NO_HTTP2, flags=("--http2-max-header-list-size",)),
    Row("http_protocols", says=NO_HTTP2, flags=("--http-protocols",)),
)
LOGGING = (
    Row("access_log_format", ours="access_log_format", flags=("--access-logformat",)),
    Row("accesslog", ours="access_log", flags=("--access-logfile",)),
    Row("capture_output", says=NO_LOG_FILES, flags=("--capture-output",), takes=NOTHING),
    Row(
        "disable_redirect_access_to_syslog",
        says="Leave it out: nothing is sent to syslog.",
        flags=("--disable-redirect-access-to-syslog",),
        takes=NOTHING,
    ),
    Row("dogstatsd_tags", says=NO_STATSD, flags=("--dogstatsd-tags",)),
    Row("enable_backlog_metric", says=NO_STATSD, flags=("--enable-backlog-metric",), takes=NOTHING),
    Row(
        "enable_stdio_inheritance",
        says="Leave it out: standard output and error are always the application's own.",
        flags=("-R", "--enable-stdio-inheritance"),
        takes=NOTHING,
    ),
    Row("errorlog", says=NO_LOG_FILES, flags=("--error-logfile", "--log-file")),
    Row(
        "logconfig",
        says="Write it as a dictConfig, in TOML or JSON, for log-config.",
        flags=("--log-config",),
    ),
    Row("logconfig_dict", says="Put it into a file, in TOML or JSON, for log-config."),
    Row("logconfig_json", ours="log_config", flags=("--log-config-json",)),
    Row(
        "logger_class",
        says="Add a handler or a filter to the logger 'potstill' instead of a class.",
        flags=("--logger-class",),
    ),
    Row("loglevel", ours="log_level", flags=("--log-level",)),
    Row("statsd_host", ours="statsd", flags=("--statsd-host",)),
    Row("statsd_prefix", ours="statsd_prefix", flags=("--statsd-prefix",)),
    Row("syslog", says=NO_LOG_FILES, flags=("--log-syslog",), takes=NOTHING),
    Row("syslog_addr", says=NO_LOG_FILES, flags=("--log-syslog-to",)),
    Row("syslog_facility", says=NO_LOG_FILES, flags=("--log-syslog-facility",)),
    Row("syslog_prefix", says=NO_LOG_FILES, flags=("--log-syslog-prefix",)),
)
NAMING = (
    Row("default_proc_name", says="Leave it out: it is gunicorn's own."),
    Row("proc_name", ours="proc_name", flags=("-n", "--name")),
)
TLS = (
    Row("ca_certs", ours="ca_certs", flags=("--ca-certs",)),
    Row("cert_reqs", ours="cert_reqs", convert=requirement, flags=("--cert-reqs",)),
    Row("certfile", ours="certfile", flags=("--certfile",)),
    Row(
        "ciphers",
        ours="ciphers",
        flags=("--ciphers",),
        note="The default has forward secrecy and AEAD only; leave it out unless old clients need more.",
    ),
    Row("do_handshake_on_connect", says=ONE_CONTEXT, flags=("--do-handshake-on-connect",), takes=NOTHING),
    Row("keyfile", ours="keyfile", flags=("--keyfile",)),
    Row(
        "ssl_version",
        says="Say ssl-min-version; the newest version that both speak is used.",
        flags=("--ssl-version",),
    ),
    Row("suppress_ragged_eofs", says=ONE_CONTEXT, flags=("--suppress-ragged-eofs",), takes=NOTHING),
)
SECURITY = (
    Row(
        "limit_request_field_size",
        ours="limit_request_field_size",
        convert=unless_zero("0 meant no limit; limit-request-field-size has one, of at most 16MiB."),
        flags=("--limit-request-field_size",),
    ),
    Row("limit_request_fields", ours="limit_request_fields", flags=("--limit-request-fields",)),
    Row(
        "limit_request_line",
        ours="limit_request_line",
        convert=unless_zero("0 meant no limit; limit-request-line has one, of at most 1MiB."),
        flags=("--limit-request-line",),
    ),
)
HOOKS = (
    no_hook("child_exit", "worker-exit is called in the worker; there is no hook in the supervisor for it."),
    no_hook("nworkers_changed", "There is no hook for it; the log says how many workers there are."),
    hook("on_exit"),
    hook("on_reload"),
    hook("on_starting"),
    hook("post_fork"),
    no_hook("post_request", "Write it as a WSGI middleware around the application."),
    hook("post_worker_init", "worker_ready"),
    no_hook("pre_exec", "There is no hook for it; on-starting is called in the new supervisor."),
    hook("pre_fork"),
    no_hook("pre_request", "Write it as a WSGI middleware around the application."),
    no_hook("ssl_context", "Give serve() an ssl_context, in a program; the command takes options."),
    hook("when_ready"),
    no_hook(
        "worker_abort", "There is no hook for it; the log has the stacks of all threads of such a worker."
    ),
    hook("worker_exit"),
    no_hook("worker_int", "There is no hook for it; worker-exit is called whatever ends a worker."),
)
MECHANICS = (
    Row("casefold_http_method", says=STRICT, flags=("--casefold-http-method",), takes=NOTHING),
    Row(
        "chdir",
        says="Start Potstill in that directory (WorkingDirectory= of systemd, WORKDIR of Docker).",
        flags=("--chdir",),
    ),
    Row(
        "daemon",
        says="Potstill stays in the foreground: let systemd or another service manager run it.",
        flags=("-D", "--daemon"),
        takes=NOTHING,
    ),
    Row(
        "forwarded_allow_ips",
        ours="forwarded_trust",
        convert=trusted_networks,
        note="X-Forwarded-For is believed as well as X-Forwarded-Proto: REMOTE_ADDR is the client's.",
        flags=("--forwarded-allow-ips",),
    ),
    Row("forwarder_headers", says=NO_PROXY, flags=("--forwarder-headers",)),
    Row("group", ours="group", convert=name_or_number, flags=("-g", "--group")),
    Row(
        "header_map",
        ours="header_map",
        convert=lambda value: "keep" if value == "dangerous" else value,
        flags=("--header-map",),
    ),
    Row(
        "initgroups",
        says="Leave it out: user always takes the groups of that user along.",
        flags=("--initgroups",),
        takes=NOTHING,
    ),
    Row(
        "paste",
        says="Load it in a module: application = paste.deploy.loadapp('config:…'), and name that as app.",
        flags=("--paste", "--paster"),
    ),
    Row("permit_obsolete_folding", says=STRICT, flags=("--permit-obsolete-folding",), takes=NOTHING),
    Row(
        "permit_unconventional_http_method",
        says="Leave it out: any method that is a token reaches the application.",
        flags=("--permit-unconventional-http-method",),
        takes=NOTHING,
    ),
    Row(
        "permit_unconventional_http_version",
        says=STRICT,
        flags=("--permit-unconventional-http-version",),
        takes=NOTHING,
    ),
    Row(
        "pidfile",
        says="Potstill writes no PID file: the service manager knows the process.",
        flags=("-p", "--pid"),
    ),
    Row(
        "preload_app",
        ours="preload",
        convert=when_true("Leave it out: each worker loads the application itself by default."),
        flags=("--preload",),
        takes=NOTHING,
    ),
    Row(
        "protocol",
        says="Potstill speaks HTTP only: let nginx use proxy_pass instead of uwsgi_pass.",
        flags=("--protocol",),
    ),
    Row("proxy_allow_ips", ours="proxy_allow_from", convert=networks, flags=("--proxy-allow-from",)),
    Row(
        "proxy_protocol",
        ours="proxy_protocol",
        convert=when_true("Leave it out: it is off."),
        flags=("--proxy-protocol",),
        takes=PERHAPS,
        note="Others than proxy-allow-from speak for themselves, instead of being refused.",
    ),
    Row(
        "pythonpath",
        says="Set PYTHONPATH in the environment; the current directory is on the path anyway.",
        flags=("--pythonpath",),
    ),
    Row(
        "raw_env",
        says="Set it in the environment (Environment= of systemd, ENV of Docker).",
        flags=("-e", "--env"),
        takes=VALUES,
    ),
    Row(
        "raw_paste_global_conf",
        says="Pass it to paste.deploy.loadapp in the module that loads the application.",
        flags=("--paste-global",),
        takes=VALUES,
    ),
    Row(
        "reuse_port",
        ours="reuse_port",
        convert=when_true("Leave it out: that is the default."),
        flags=("--reuse-port",),
        takes=NOTHING,
    ),
    Row(
        "root_path",
        says="Mount the application in a dispatcher of its framework, or let the proxy keep the prefix.",
        flags=("--root-path",),
    ),
    Row("secure_scheme_headers", says=NO_PROXY),
    Row(
        "sendfile",
        says="Leave it out: wsgi.file_wrapper decides for itself.",
        flags=("--no-sendfile",),
        takes=OFF,
    ),
    Row("strip_header_spaces", says=STRICT, flags=("--strip-header-spaces",), takes=NOTHING),
    Row("tmp_upload_dir", ours="spool_dir"),
    Row("umask", ours="umask", convert=gunicorn_mask, flags=("-m", "--umask")),
    Row("user", ours="user", convert=name_or_number, flags=("-u", "--user")),
    Row(
        "uwsgi_allow_ips",
        says="Leave it out: Potstill does not speak the uwsgi protocol.",
        flags=("--uwsgi-allow-from",),
    ),
    Row(
        "worker_tmp_dir",
        says="Leave it out: workers are watched through shared memory, not through files.",
        flags=("--worker-tmp-dir",),
    ),
)
SOCKET = (
    Row("backlog", ours="backlog", flags=("--backlog",)),
    Row("bind", ours="bind", convert=gunicorn_addresses, flags=("-b", "--bind"), takes=VALUES),
)
WORKERS = (
    Row("asgi_disconnect_grace_period", says=NO_ASGI, flags=("--asgi-disconnect-grace-period",)),
    Row("asgi_lifespan", says=NO_ASGI, flags=("--asgi-lifespan",)),
    Row("asgi_loop", says=NO_ASGI, flags=("--asgi-loop",)),
    Row("graceful_timeout", ours="graceful_timeout", convert=whole, flags=("--graceful-timeout",)),
    Row(
        "http_parser", says="Leave it out: there is one parser, and it is compiled.", flags=("--http-parser",)
    ),
    Row("keepalive", ours="keepalive", convert=whole, flags=("--keep-alive",)),
    Row(
        "max_requests",
        ours="max_requests",
        convert=unless_zero("Leave it out: workers live on by default."),
        flags=("--max-requests",),
    ),
    Row(
        "max_requests_jitter",
        ours="max_requests_jitter",
        convert=unless_zero("Leave it out."),
        flags=("--max-requests-jitter",),
    ),
    Row("threads", ours="threads", convert=whole, flags=("--threads",)),
    Row(
        "timeout",
        ours="worker_timeout",
        convert=unless_zero("0 meant that a worker may hang for ever; leave it out, or choose a long time."),
        note="It is about a worker that hangs as a whole; request-timeout is what bounds a request.",
        flags=("-t", "--timeout"),
    ),
    Row("websocket_max_message_size", says=NO_ASGI, flags=("--websocket-max-message-size",)),
    Row(
        "worker_class",
        says="Leave it out: every worker is an event loop in front of a few threads, and threads is how many "
        "requests it works on at once. For an application that needs gevent, stay with gunicorn.",
        flags=("-k", "--worker-class"),
    ),
    Row(
        "worker_connections",
        ours="max_connections",
        note="Idle connections are counted too, and cost next to nothing: auto is a good value.",
        flags=("--worker-connections",),
    ),
    Row(
        "workers",
        ours="workers",
        note="With threads in each, fewer workers do; auto looks at CPUs and memory of the container.",
        flags=("-w", "--workers"),
    ),
)
ROWS: tuple[Row, ...] = (
    *CONFIG_FILE,
    *CONTROL,
    *DEBUGGING,
    *DIRTY,
    *HTTP2,
    *LOGGING,
    *NAMING,
    *TLS,
    *SECURITY,
    *HOOKS,
    *MECHANICS,
    *SOCKET,
    *WORKERS,
)
GUNICORN = by_name(ROWS)

# A sync worker is killed for a slow request, which other workers may take their time for.
SYNC_TIMEOUT = Row(
    "timeout",
    ours="request_timeout",
    convert=unless_zero("Leave it out: requests may take their time by default."),
    note="gunicorn kills a sync worker with its request; here the client is answered 504 and the thread "
    "interrupted.",
    flags=("-t", "--timeout"),
)
SYNC = {**GUNICORN, SYNC_TIMEOUT.name: SYNC_TIMEOUT}
