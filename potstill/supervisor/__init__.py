"""Many processes: fork, watch, replace, reload, upgrade, stop."""
