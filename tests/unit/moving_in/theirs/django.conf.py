"""Gunicorn configuration of the shop: behind nginx, started by systemd."""

import multiprocessing

wsgi_app = "shop.wsgi:application"
chdir = "/srv/shop"
bind = "unix:/run/shop/gunicorn.sock"
backlog = 1024

workers = multiprocessing.cpu_count() * 0 + 5
worker_class = "gthread"
threads = 4
worker_connections = 2000
worker_tmp_dir = "/dev/shm"
timeout = 120
graceful_timeout = 45
keepalive = 65
max_requests = 1000
max_requests_jitter = 100

user = "www-data"
group = "www-data"
umask = 0o007
proc_name = "shop"
preload_app = True

loglevel = "warning"
accesslog = "-"
errorlog = "-"
access_log_format = '%(h)s "%(r)s" %(s)s %(L)s'
forwarded_allow_ips = "127.0.0.1"
limit_request_line = 8190
limit_request_field_size = 131072


def post_fork(server, worker):
    server.log.info("Worker spawned (pid: %s)", worker.pid)


def when_ready(server):
    open("/tmp/app-initialized", "w").close()
