# In a container, everything comes from the environment.
import json
import os

workers_per_core = float(os.getenv("WORKERS_PER_CORE", "1"))
cores = 2
host = os.getenv("NOT_SET_HOST", "0.0.0.0")
port = os.getenv("NOT_SET_PORT", "80")

bind = f"{host}:{port}"
if os.getenv("NOT_SET_BIND"):
    bind = os.getenv("NOT_SET_BIND")

try:
    workers = max(int(workers_per_core * cores), 2)
except ValueError:
    workers = 1

loglevel = os.getenv("NOT_SET_LOG_LEVEL", "info")
worker_class = "gevent"
keepalive = 0
timeout = 0
limit_request_line = 0
raw_env = ["DJANGO_SETTINGS_MODULE=shop.settings"]
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
certfile, keyfile = "/tls/a.pem", "/tls/a.key"
statsd_host = None

for name, value in list(os.environ.items()):
    if name.startswith("NOT_SET_GUNICORN_"):
        locals()[name.removeprefix("NOT_SET_GUNICORN_").lower()] = value

os.write(1, json.dumps({"bind": bind, "workers": workers}).encode())  # a habit of container images
