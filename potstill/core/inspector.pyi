"""Who looks after long requests. All of it is for other compiled modules (inspector.pxd)."""
