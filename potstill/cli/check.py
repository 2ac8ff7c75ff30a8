"""`potstill check`: what `serve` would do up to the first request, each step told, and nothing served.

Steps that do not depend on each other are all taken, so that one run finds all that is wrong. The exit code
is the one with which `serve` would have ended.
"""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from potstill.cli.options import (
    APPLICATION_RAISED,
    FAILED,
    INTERRUPTED,
    VERBS,
    WRONG_USAGE,
    SettingsCommand,
    configured,
    parameters,
    problems_of,
    serves_something,
    settings_of,
)
from potstill.config import Configuration
from potstill.config.layers import DEFAULT
from potstill.settings import OPTIONS, Settings
from potstill.settings.about import HOOKS

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# The words of the steps stand below each other.
STEP_COLUMN = 13
DAY_S = 24 * 3600


@click.command(
    "check",
    cls=SettingsCommand,
    params=parameters(),
    short_help=VERBS["check"],
    context_settings={"help_option_names": ["--help", "-h"]},
)
@click.option(
    "--app",
    "paths",
    multiple=True,
    metavar="PATH",
    help="Ask the application for this path, once, as --lint does; may be repeated.",
)
@click.option("--no-bind", is_flag=True, help="Leave the addresses alone, as when a server runs on them.")
def check(config_file: str | None, no_bind: bool, paths: tuple[str, ...], **given: Any) -> None:
    """Read all settings, listen on the addresses for a moment, load the application APP and all hooks; say
    what was checked. Takes the options of `potstill serve`. With --app PATH, also call it, and hold it
    against PEP 3333.

    Exit codes are those of `potstill serve`: 0 all is right, 1 an address cannot be listened on, 2 a setting
    or the name of the application is wrong, 3 the application raised or violates PEP 3333.
    """
    configuration = configured(config_file, given)
    settings = configuration.settings
    told("settings", summary(configuration))
    codes = [
        check_tls(configuration),
        check_addresses(settings, skip=no_bind),
        check_identity(settings),
        check_application(configuration, paths),
        check_hooks(settings),
    ]
    code = next((code for code in codes if code), 0)
    told("check", "failed" if code else "all is right")
    leave(code)


def summary(configuration: Configuration) -> str:
    """How many settings there are, and where the ones that are set come from."""
    origins = configuration.origins.values()
    count = sum(origin != DEFAULT for origin in origins)
    where = f", {configuration.file} read" if configuration.file else ", no configuration file"
    return f"{len(configuration.origins)} settings are right, {count} of them given{where}"


def check_tls(configuration: Configuration) -> int:
    """Load the certificates, as a server would."""
    settings = settings_of(configuration)
    if not settings.secure:
        return 0
    from potstill.assemble.tls import security_of
    from potstill.net.certificates import CertificateError

    try:
        security = security_of(settings)
    except CertificateError as error:
        told("tls", str(error), wrong=True)
        return FAILED
    for expiry in security.expiries() if security else ():
        days = int((expiry.valid_until_s - time.time()) // DAY_S)
        hosts = ", ".join(expiry.hosts) or "all hosts"
        told("tls", f"{expiry.name} for {hosts} can be used for another {days} days")
    return 0


def check_addresses(settings: Settings, *, skip: bool) -> int:
    """Listen on each address, and let go of all of them when all were tried."""
    from potstill.assemble import manner_of
    from potstill.net.bind import BindError, open_listeners

    code = 0
    held = []
    for address in (*settings.bind, *settings.redirect_http):
        if skip:
            told("address", f"{address}: not tried")
            continue
        try:
            listeners = open_listeners([address], manner_of(settings))
        except BindError as error:
            told("address", str(error), wrong=True)
            code = FAILED
            continue
        held += listeners
        told("address", f"{address} can be listened on ({', '.join(each.url for each in listeners)})")
    for listener in held:
        listener.close()
    return code


def check_application(configuration: Configuration, paths: Sequence[str]) -> int:
    """Load the application, with all its routes and sites, as a worker would, and ask for the paths."""
    from potstill.assemble import ApplicationLoadError, ApplicationNameError, SitesError, application_of

    settings = configuration.settings
    if not serves_something(configuration):
        told("application", "none is named; name one as module:name, like shop:app", wrong=True)
        return WRONG_USAGE
    before = time.monotonic()
    try:
        application = application_of(settings_of(configuration))
    except (ApplicationNameError, SitesError) as error:
        for problem in problems_of(error):
            told("application", problem, wrong=True)
        return WRONG_USAGE
    except ApplicationLoadError as error:
        told("application", f"{error}\n{settings.app} raised while it was loaded", wrong=True)
        return APPLICATION_RAISED
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    kind, seconds = type(application), time.monotonic() - before
    name = settings.app or "what the routes lead to"
    told("application", f"{name} is a {kind.__qualname__}, loaded in {seconds:.1f} s")
    return check_paths(application, settings, paths) if paths else 0


def check_paths(application: WSGIApplication, settings: Settings, paths: Sequence[str]) -> int:
    """Ask for each path; what is found is an error, and so is what the application raises."""
    from potstill.assemble import engine_options, failed
    from potstill.dev.findings import Findings
    from potstill.dev.lint import Lint
    from potstill.worker.warmup import answer, environ_for

    findings, raised = Findings(log=False), False
    linted, options = Lint(application, findings), engine_options(settings)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        for path in paths:
            before = len(findings.all)
            try:
                status, size = answer(linted, environ_for(path, listener, options))
            except KeyboardInterrupt:
                sys.exit(INTERRUPTED)
            except BaseException as error:
                raised = True
                told("lint", f"{path}: the application raised\n{failed(error)}", wrong=True)
                continue
            for finding in findings.all[before:]:
                told("lint", f"{path}: {finding}", wrong=True)
            told("lint", f"{path}: {status or 'no status'}, {size} bytes")
    return APPLICATION_RAISED if raised or findings.all else 0


def check_identity(settings: Settings) -> int:
    """Whether there are such a user and group, and whether this process could become them."""
    from potstill.worker import identity

    if not settings.user and not settings.group:
        return 0
    try:
        identity.check(settings.user, settings.group)
    except identity.IdentityError as error:
        told("user", str(error), wrong=True)
        return FAILED
    told("user", ":".join(filter(None, (settings.user, settings.group))) + " is who will serve")
    return 0


def check_hooks(settings: Settings) -> int:
    """Load each hook without calling it."""
    from potstill.assemble import ApplicationLoadError, ApplicationNameError
    from potstill.supervisor.hooks import load_hook

    code = 0
    for option in OPTIONS:
        reference = getattr(settings, option.field) if option.about.group == HOOKS else ""
        if not reference:
            continue
        try:
            load_hook(reference)
        except ApplicationNameError as error:
            told("hook", f"--{option.name}: {error}", wrong=True)
            code = code or WRONG_USAGE
        except ApplicationLoadError as error:
            told("hook", f"{error}\nthe module of --{option.name} raised while it was loaded", wrong=True)
            code = code or APPLICATION_RAISED
        else:
            told("hook", f"--{option.name} is {reference}")
    return code


def leave(code: int) -> NoReturn:
    """End this process, whatever threads the application has left running."""
    from potstill.worker.leave import PATIENCE_MIN_S, Leaving

    Leaving(code).arm(stuck=False, patience_s=PATIENCE_MIN_S)
    sys.exit(code)


def told(step: str, words: str, *, wrong: bool = False) -> None:
    """What is right goes to standard output, what is wrong to standard error."""
    click.echo(f"potstill: {words}" if wrong else f"{step:{STEP_COLUMN}} {words}", err=wrong)
