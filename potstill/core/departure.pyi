"""Threads that leave their places. All of it is for other compiled modules (departure.pxd)."""
