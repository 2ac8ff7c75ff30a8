"""Files in a transport's queue. All of it is for other compiled modules (segments.pxd)."""
