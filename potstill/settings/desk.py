"""The part of the table that is about developing: reload, error pages, checks, profiles, recordings."""

from __future__ import annotations

from typing import Annotated, Any

from potstill.settings.about import DESK, About
from potstill.settings.kinds import Choice, Directory, Duration, Several, Switch, Text
from potstill.settings.sites import SiteSettings

GLOBS = Several(r"[^\x00-\x1f\x7f,]+", "a pattern of file names such as **/*.yaml", "GLOB", r"\s*,\s*")
# What --dev means for other options, whatever a weaker place says that was written for production. Without
# kept connections no request can reach a worker that was told to go, so nobody is answered by code that has
# been changed. Old code is not waited for long, and the first request is the developer's own.
MEANT_BY_DEV: dict[str, Any] = {
    "bind": ("127.0.0.1:8000",),
    "workers": 1,
    "preload": False,
    "keepalive": 0.0,
    "graceful_timeout": 5.0,
    "drain_delay": 0.0,
    "warmup": (),
    "user": "",
    "group": "",
}


class DeskSettings(SiteSettings, frozen=True, kw_only=True):
    """Rows of `potstill.settings.Settings`. It continues another part: structs have one base."""

    dev: Annotated[
        bool,
        About(
            DESK,
            Switch(),
            "Serve for developing: one worker that is replaced when its code changes, and error pages.",
            reload=False,
        ),
    ] = False
    reload_include: Annotated[
        tuple[str, ...],
        About(
            DESK,
            GLOBS,
            "Files, besides imported modules, templates and .env, whose change reloads; may be repeated.",
        ),
    ] = ()
    reload_exclude: Annotated[
        tuple[str, ...],
        About(
            DESK,
            GLOBS,
            "Files whose change does not reload; may be repeated.",
        ),
    ] = ()
    reload_by: Annotated[
        str,
        About(
            DESK,
            Choice(("auto", "watchfiles", "stat"), "WORD"),
            "How changes are noticed; auto: by watchfiles where potstill[dev] is installed.",
        ),
    ] = "auto"
    debugger: Annotated[
        bool,
        About(
            DESK,
            Switch(),
            "With --dev: whether error pages show values and, with potstill[dev], a console in each frame; "
            "on loopback only.",
            reload=False,
        ),
    ] = True
    live_reload: Annotated[
        bool,
        About(DESK, Switch(), "With --dev: browsers load their pages again when the code has changed."),
    ] = False
    lint: Annotated[
        bool,
        About(DESK, Switch(), "Watch the application for violations of PEP 3333, and name file and line."),
    ] = False
    profile: Annotated[
        str | None,
        About(
            DESK,
            Directory("none"),
            "Write a profile of each slow request into this directory; needs potstill[profile].",
        ),
    ] = None
    profile_over: Annotated[
        float,
        About(DESK, Duration(0.0), "What --profile takes for slow."),
    ] = 0.1
    record: Annotated[
        str,
        About(DESK, Text("FILE"), "Append each request to this file, for `potstill replay`."),
    ] = ""
