"""Which thread does what next, rules 1 to 6 of the engine. All of it is for other compiled modules."""
