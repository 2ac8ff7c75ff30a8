"""What is in the application now, in shared memory; read through `potstill.core.stats.Stats.flights`."""
