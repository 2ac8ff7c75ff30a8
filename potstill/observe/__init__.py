"""Readers of `core/stats`: metrics, status, the admin listener, and what `potstill top` shows."""
