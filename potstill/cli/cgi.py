"""The verb `cgi`: one request of a web server's CGI, answered by a WSGI application.

    #!/bin/sh
    exec potstill cgi shop:app

Standard output belongs to the response, and a visitor's browser reads it: whatever goes wrong is a plain 500
there, and its reason is on standard error, which web servers write into their error log.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO, NoReturn

import click

from potstill.cli.options import APPLICATION_RAISED, VERBS, WRONG_USAGE

NOT_UNDER_CGI = """\
potstill cgi: there is no request: web servers start this with REQUEST_METHOD in the environment (RFC 3875).

    REQUEST_METHOD=GET PATH_INFO=/ potstill cgi {app}        what a web server would do
    potstill {app}                                           serves it without a web server"""

SORRY = b"Status: 500 Internal Server Error\r\nContent-Type: text/plain\r\n\r\n500 Internal Server Error\n"


@click.command("cgi", short_help=VERBS["cgi"], context_settings={"help_option_names": ["--help", "-h"]})
@click.argument("app", metavar="APP")
@click.option(
    "--chdir",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where APP is found. Web servers start a program in its own directory.",
)
def cgi(app: str, chdir: Path | None) -> None:
    """Answer one request with the WSGI application APP, as a CGI program (RFC 3875).

    The request comes in environment variables and on standard input, the response goes to standard output.
    Put a script with `exec potstill cgi APP` where your web server looks for CGI programs.
    """
    from potstill.assemble import ApplicationLoadError, ApplicationNameError, load
    from potstill.gateway.cgi_run import respond, taken_stdout

    if not os.environ.get("REQUEST_METHOD"):
        click.echo(NOT_UNDER_CGI.format(app=app), err=True)
        sys.exit(WRONG_USAGE)
    if chdir is not None:
        os.chdir(chdir)
    with taken_stdout() as output:
        try:
            code = respond(load(app), output)
        except (ApplicationNameError, ValueError) as error:
            sorry(output, WRONG_USAGE, f"potstill cgi: {error}")
        except ApplicationLoadError as error:
            sorry(output, APPLICATION_RAISED, f"{error}\npotstill cgi: {app} raised while it was loaded")
    sys.exit(code)


def sorry(output: BinaryIO, code: int, reason: str) -> NoReturn:
    click.echo(reason, err=True)
    output.write(SORRY)
    output.flush()
    sys.exit(code)
