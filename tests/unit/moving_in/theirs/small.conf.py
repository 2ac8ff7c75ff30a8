bind = ["localhost", "[::]:8001", "tcp://127.0.0.1:8002", "fd://3"]
max_requests: int = 500
umask = "0022"
limit_request_fields = 0
header_map = "dangerous"
timeout = 60
