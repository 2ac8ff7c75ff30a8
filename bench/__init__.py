"""Potstill beside its peers and beside a bare loop in C: `make bench`, or `python -m bench --help`."""
