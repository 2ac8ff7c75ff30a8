"""One process: start, serve, drain, stop."""
