"""argv → a verb. `serve` is the verb that is meant when none is named.

    potstill app:app --bind :8000          the same as `potstill serve app:app --bind :8000`
    potstill check app:app                 is everything right? Without serving
    potstill config                        every setting, and where it came from
    potstill import-config uwsgi.ini       the configuration of another server, as ours
    potstill explain-proxy …               what would be believed of a proxy's headers
    potstill top 4711                      what a running server is doing; `metrics` for Prometheus
    potstill replay FILE                   send recorded requests again
    potstill cgi app:app                   run an application once, as a web server's CGI program

`serve` is here, each other verb in a file of its own, and what they share is in `options`. Options are made
from the table in `potstill.settings`. Click only splits argv: it hands on what was written, as text, and
`potstill.config` judges it together with the other places, so that all errors come at once.

Exit codes: 0 fine, 1 an address cannot be listened on, 2 usage or the name of the application, 3 the
application raised while it was loaded, 130 Ctrl+C while it was being loaded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from potstill import __version__
from potstill.cli.cgi import cgi
from potstill.cli.check import check
from potstill.cli.config import config, print_configuration
from potstill.cli.explain_proxy import explain_proxy
from potstill.cli.import_config import import_config
from potstill.cli.options import (
    APPLICATION_RAISED,
    FAILED,
    INTERRUPTED,
    VERBS,
    WRONG_USAGE,
    SettingsCommand,
    configured,
    discovered,
    fail,
    parameters,
    problems_of,
    serves_something,
    settings_again,
    settings_of,
)
from potstill.cli.replay import replay_verb
from potstill.cli.top import metrics, top
from potstill.settings import Settings

NO_APPLICATION = """\
potstill: which application? Name the module and what is in it:

    potstill shop:app                     'app' of shop.py
    potstill shop.web:site.wsgi           an attribute, in a package
    potstill "shop:create_app()"          what a function returns
    potstill shop                         'application' or 'app' of shop.py
    potstill --dev                        what app.py, wsgi.py or manage.py has

`potstill --help` lists the options."""

EXAMPLES = """\
\b
Examples:
  potstill shop:app
  potstill shop:app --bind :8000 --threads 16
  potstill "shop:create_app('production')" --bind unix:/run/shop.sock
"""


class Verbs(click.Group):
    """Verbs, of which `serve` need not be written."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            args = ["serve", *args]
        return super().parse_args(ctx, args)


@click.group(cls=Verbs)
def verbs() -> None:
    """Serve a WSGI application."""


@verbs.command(
    "serve",
    cls=SettingsCommand,
    params=parameters(),
    short_help=VERBS["serve"],
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["--help", "-h"]},
)
@click.option("--print-config", is_flag=True, help="The same as `potstill config`, and exit.")
@click.version_option(__version__, prog_name="potstill", message="%(prog)s %(version)s")
def serve(config_file: str | None, print_config: bool, **given: Any) -> None:
    """Serve the WSGI application APP: module:name, module:factory(), package.module:object.attribute, or
    a module that has an 'application' or an 'app'.

    Times are written 30, 30s, 5m, 1h or 250ms, sizes 8190, 16KiB, 1MiB or 1GiB. Each option may also be set
    in potstill.toml, under its name without the dashes, or in the environment: --limit-request-line is
    POTSTILL_LIMIT_REQUEST_LINE. PORT=8000 means --bind 0.0.0.0:8000 when nothing else says where to bind. The
    command line wins over the environment, the environment over the file.
    """
    configuration = configured(config_file, given)
    if print_config:
        print_configuration(configuration)
        return
    found = discovered(configuration)
    if found is not None:
        click.echo(f"potstill: took {found.app}, found by {found.by}", err=True)
    elif not serves_something(configuration):
        fail(WRONG_USAGE, NO_APPLICATION)
    run(settings_of(configuration), lambda: settings_again(config_file, given))


for verb in (check, config, import_config, explain_proxy, top, metrics, replay_verb, cgi):
    verbs.add_command(verb)


def run(settings: Settings, reconfigure: Callable[[], Settings]) -> None:
    """Serve to the end of this process, or of those that it supervises."""
    # What follows loads the compiled core, sockets and threads: `--help` and `--version` do without.
    from potstill.assemble import ApplicationLoadError, ApplicationNameError, SitesError
    from potstill.net.bind import BindError
    from potstill.net.certificates import CertificateError
    from potstill.supervisor.channel import Fault
    from potstill.supervisor.haste import DeskError
    from potstill.supervisor.parts import StartError
    from potstill.supervisor.serve import serve_command
    from potstill.worker.console import LogConfigError
    from potstill.worker.identity import IdentityError
    from potstill.worker.warmup import WarmupError

    try:
        code = serve_command(settings, reconfigure)
    except (BindError, CertificateError, IdentityError, LogConfigError) as error:
        fail(FAILED, f"potstill: {error}")
    except DeskError as error:
        fail(WRONG_USAGE, f"potstill: {error}")
    except (ApplicationNameError, SitesError) as error:
        fail(WRONG_USAGE, "\n".join(f"potstill: {problem}" for problem in problems_of(error)))
    except ApplicationLoadError as error:
        fail(APPLICATION_RAISED, f"{error}\npotstill: {settings.app} raised while it was loaded")
    except WarmupError as error:
        fail(APPLICATION_RAISED, f"potstill: {error}")
    except StartError as error:
        if error.fault is Fault.NAME:
            fail(WRONG_USAGE, f"potstill: {error}")
        fail(APPLICATION_RAISED, f"{error}\npotstill: no worker could be started")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    if code:
        sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command; ends the process."""
    verbs.main(args=None if arguments is None else list(arguments), prog_name="potstill")
