"""One thread of the engine. All of it is for other compiled modules (runner.pxd)."""
