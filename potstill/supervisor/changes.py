"""What a new configuration means for a supervisor that runs."""

from __future__ import annotations

import os

import msgspec

from potstill.config.reloading import needing_restart
from potstill.settings import Settings
from potstill.supervisor.cgroup import Machine, choose_workers, read_machine


def carry_over(old: Settings, new: Settings) -> tuple[Settings, list[str]]:
    """The new settings with the old values of what only a restart changes, and the names of those options."""
    restart = needing_restart(old, new)
    kept = {option.field: getattr(old, option.field) for option in restart}
    names = [option.name for option in restart]
    if new.workers == 0:  # whoever is supervised cannot reload itself out of that
        kept["workers"] = old.workers
        names.append("workers")
    return msgspec.structs.replace(new, **kept), names


def wanted_workers(settings: Settings) -> tuple[int, str]:
    """How many workers there shall be, and why when that was not said."""
    if settings.workers is None:
        return choose_workers(this_machine())
    return settings.workers, ""


def this_machine() -> Machine:
    return read_machine(len(os.sched_getaffinity(0)))
