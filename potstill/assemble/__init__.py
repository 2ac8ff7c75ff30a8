"""Settings → the WSGI callable that the engine calls, and the plain values that the core is given.

An application is named as `module:expression`, where the expression is a name, attributes of it, and calls
with literal arguments: `shop:app`, `shop.web:site.wsgi`, `shop:create_app("production", debug=True)`. A
module alone stands for its `application` or its `app`. The expression is read with `ast` and followed step by
step, never evaluated.

Two kinds of failure are kept apart, because different people have to act:
- ApplicationNameError: the name is wrong. The text says what was tried, what is there, and what was perhaps
  meant.
- ApplicationLoadError: the name is right and the code behind it raised. The text is its traceback, without
  our frames.

`sites.py` makes one application of many, for routes and sites; it is loaded only where there are some.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

from potstill.assemble.access_log import access_log_options
from potstill.core.options import Options
from potstill.net.bind import Manner
from potstill.settings import Settings, max_connections_auto

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from potstill.assemble.rates import RateTables


USUAL_NAMES = ("application", "app")
# How many names an error lists before it says how many more there are.
NAMES_SHOWN = 12


class SitesError(ValueError):
    """All that is wrong with sites and routes, a sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class ApplicationNameError(Exception):
    """The name of the application is wrong; the text is for whoever wrote it."""


class ApplicationLoadError(Exception):
    """The application raised while it was loaded; the text is its traceback."""


@dataclass(frozen=True)
class ApplicationName:
    """A name, taken apart. No expression: one of the usual names is meant."""

    text: str
    module: str
    expression: ast.expr | None


def engine_options(settings: Settings) -> Options:
    """What the core is told; here `auto` becomes a number."""
    return Options(
        threads=settings.threads,
        limit_request_line=settings.limit_request_line,
        limit_request_fields=settings.limit_request_fields,
        limit_request_field_size=settings.limit_request_field_size,
        limit_request_head=settings.limit_request_head,
        limit_request_body=settings.limit_request_body,
        header_timeout_s=settings.header_timeout,
        body_timeout_s=settings.body_timeout,
        min_rate_bytes_s=settings.min_rate,
        write_timeout_s=settings.write_timeout,
        handshake_timeout_s=settings.handshake_timeout,
        keepalive_s=settings.keepalive,
        keepalive_requests=settings.keepalive_requests,
        max_connections=settings.max_connections or max_connections_auto(),
        header_map=settings.header_map,
        server_header=settings.server_header,
        body_memory_bytes=settings.body_memory,
        response_memory_bytes=settings.response_memory,
        spool_dir=settings.spool_dir,
        # At the desk two of them serve at a time only while one takes the other's place.
        multiprocess=settings.workers != 0 and not settings.dev,
        request_buffering=settings.request_buffering,
        response_spool_bytes=settings.response_spool,
        request_timeout_s=settings.request_timeout,
        interrupt_grace_s=settings.interrupt_grace,
        slow_request_s=settings.slow_request,
        cancel_on_disconnect=settings.cancel_on_disconnect,
        queue_timeout_s=settings.queue_timeout,
        backlog_limit=settings.backlog_limit,
        trust_request_start=settings.trust_request_start,
        health_path=settings.health_path,
        ready_path=settings.ready_path,
        handover_limit=settings.handover_limit,
        server_timing=settings.server_timing,
        access_log=access_log_options(settings),
    )


def manner_of(settings: Settings) -> Manner:
    """How the sockets are opened."""
    return Manner(settings.backlog, settings.reuse_port, settings.socket_mode)


def load_object(name: str) -> Any:
    """What a `module:expression` stands for, as `load` finds it, without a look at what it is."""
    parsed = parse_name(name)
    look_here()
    module = import_module(parsed)
    return module if parsed.expression is None else follow(parsed.expression, module, parsed)


def look_here() -> None:
    """Put the current directory on sys.path, as `python -m` does."""
    directory = os.getcwd()
    if directory not in sys.path:
        sys.path.insert(0, directory)


def application_of(
    settings: Settings, given: WSGIApplication | None = None, rates: RateTables | None = None
) -> WSGIApplication:
    """What the settings amount to: one application, or the routes and rules around it.

    `given` is the application itself, for a program that has it, in place of the name in `settings.app`.
    `rates` has the counts of rate limits that workers share.
    Raises SitesError for routes, rules and options that are wrong, ApplicationNameError and
    ApplicationLoadError.
    """
    if settings.sites or settings.has_routes or settings.has_rules:
        from potstill.assemble.sites import assemble

        application = assemble(settings, given, rates)
    else:
        application = load(settings.app) if given is None else given
    if settings.lint or settings.profile or settings.record:
        from potstill.dev.extras import MissingExtra
        from potstill.dev.wrapping import observed

        try:
            application = observed(application, settings)
        except MissingExtra as error:
            raise SitesError([str(error)]) from None
        except OSError as error:
            raise SitesError([f"--record {settings.record}: {error.strerror}"]) from None
    if settings.hsts:
        from potstill.middleware.https import StrictTransportSecurity

        application = StrictTransportSecurity(application, settings.hsts)
    return traced(application) if settings.otel else application


def traced(application: WSGIApplication) -> WSGIApplication:
    """The application with a span around each request; SitesError where there is nothing to do it with."""
    from potstill.observe.tracing import Tracing, TracingError

    try:
        return Tracing(application)
    except TracingError as error:
        raise SitesError([str(error)]) from error


def load(name: str) -> WSGIApplication:
    """The application that `name` stands for. Puts the current directory on sys.path.

    Raises ApplicationNameError or ApplicationLoadError; a KeyboardInterrupt while loading passes through.
    """
    parsed = parse_name(name)
    look_here()
    module = import_module(parsed)
    if parsed.expression is None:
        found, path = usual_application(module, parsed)
    else:
        found, path = follow(parsed.expression, module, parsed), ast.unparse(parsed.expression)
    check_callable(found, parsed, path)
    return found  # type: ignore[no-any-return]


# Step 1: the name


def parse_name(text: str) -> ApplicationName:
    module, colon, expression = text.strip().partition(":")
    if module.endswith(".py") or "/" in module:
        guess = module.removesuffix(".py").strip("./").replace("/", ".")
        raise ApplicationNameError(
            f"{text!r} looks like a file; an application is named by its module, like {guess}:app"
        )
    if not all(part.isidentifier() for part in module.split(".")):
        raise ApplicationNameError(
            f"{module!r} is not the name of a module; write module:name, like shop:app"
        )
    if not colon:
        return ApplicationName(text, module, None)
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
        for _ in steps(tree):
            pass
    except (SyntaxError, ValueError):
        raise ApplicationNameError(
            f"{expression!r} in {text!r} is not a name, an attribute, or a call with literal arguments, "
            'like app, site.wsgi or create_app("production", debug=True)'
        ) from None
    return ApplicationName(text, module, tree)


def steps(tree: ast.expr) -> Iterator[ast.Name | ast.Attribute | ast.Call]:
    """The steps of an expression, the leftmost first; ValueError where it holds anything else."""
    match tree:
        case ast.Name():
            pass
        case ast.Attribute(value=inner):
            yield from steps(inner)
        case ast.Call(func=inner):
            literal_arguments(tree)
            yield from steps(inner)
        case _:
            raise ValueError(ast.unparse(tree))
    yield tree


def literal_arguments(call: ast.Call) -> tuple[list[Any], dict[str, Any]]:
    positional = [ast.literal_eval(argument) for argument in call.args]
    if any(keyword.arg is None for keyword in call.keywords):
        raise ValueError(ast.unparse(call))
    return positional, {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}


# Step 2: the module


def import_module(name: ApplicationName) -> ModuleType:
    try:
        return importlib.import_module(name.module)
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as error:
        # Missed by our own import, or by one inside the user's code? That has frames of theirs, or, in a
        # compiled module, another name.
        ours = f"{name.module}.".startswith(f"{error.name}.")
        if not ours or first_foreign(error.__traceback__) is not None:
            raise failed(error) from error
        raise ApplicationNameError(no_module(name)) from None
    except BaseException as error:  # SystemExit too: a script that ends with sys.exit(main())
        raise failed(error) from error


def no_module(name: ApplicationName) -> str:
    """Why the module could not be found, from the part of its name that could."""
    parent: ModuleType | None = None
    for part in name.module.split("."):
        found = sys.modules.get(f"{parent.__name__}.{part}" if parent else part)
        if found is None:
            break
        parent = found
    if parent is None:
        where, place = [os.getcwd()], os.getcwd()
    elif hasattr(parent, "__path__"):
        where, place = list(parent.__path__), f"package {parent.__name__!r}"
    else:
        return f"{parent.__name__!r} is a module, not a package: it holds no module {part!r}\n{tried(name)}"
    there = sorted(module.name for module in pkgutil.iter_modules(where))
    wrong = f"there is no module {part!r} in {place}{suggest(part, there)}"
    return f"{wrong}\n{tried(name)}\n{listing(place, there)}"


# Step 3: what is in it


def usual_application(module: ModuleType, name: ApplicationName) -> tuple[Any, str]:
    for usual in USUAL_NAMES:
        if hasattr(module, usual):
            return getattr(module, usual), usual
    there = callables(module)
    factories = [each for each in there if each.startswith(("create", "make", "build", "get_"))]
    hint = f"; perhaps {name.module}:{factories[0]}() makes the application?" if factories else ""
    raise ApplicationNameError(
        f"module {name.module!r} has neither 'application' nor 'app'{hint}\n"
        f"{tried(name)}\n{listing(of_module(module), there)}"
    )


def follow(expression: ast.expr, module: ModuleType, name: ApplicationName) -> Any:
    """The object that the expression reaches, starting in the module."""
    found: Any = module
    so_far = ""
    for step in steps(expression):
        match step:
            case ast.Name(id=attribute) | ast.Attribute(attr=attribute):
                found = attribute_of(found, attribute, so_far, name)
            case ast.Call():
                found = call(found, step, name)
        so_far = ast.unparse(step)
    return found


def attribute_of(owner: Any, attribute: str, path: str, name: ApplicationName) -> Any:
    try:
        return getattr(owner, attribute)
    except AttributeError as error:
        if first_foreign(error.__traceback__) is not None:  # a property or __getattr__ of theirs
            raise failed(error) from error
    except BaseException as error:
        raise failed(error) from error
    there = callables(owner)
    if path:
        what, place = f"{name.module}:{path} ({type(owner).__name__})", f"{name.module}:{path}"
    else:
        what, place = f"module {name.module!r}", of_module(owner)
    raise ApplicationNameError(
        f"{what} has no {attribute!r}{suggest(attribute, [*there, *vars_of(owner)])}\n"
        f"{tried(name)}\n{listing(place, there)}"
    )


def call(function: Any, step: ast.Call, name: ApplicationName) -> Any:
    """What a factory returns."""
    if not callable(function):
        raise ApplicationNameError(
            f"{name.module}:{ast.unparse(step.func)} is {kind_of(function)} and cannot be called"
        )
    positional, keywords = literal_arguments(step)
    try:
        return function(*positional, **keywords)
    except KeyboardInterrupt:
        raise
    except TypeError as error:
        if first_foreign(error.__traceback__) is None:  # the call did not even get in
            raise ApplicationNameError(f"cannot call {name.module}:{ast.unparse(step)}: {error}") from None
        raise failed(error) from error
    except BaseException as error:
        raise failed(error) from error


# Step 4: whether it is an application


def check_callable(found: Any, name: ApplicationName, path: str) -> None:
    """ApplicationNameError unless `found` can be called with (environ, start_response)."""
    what = f"{name.module}:{path}"
    if not callable(found):
        raise ApplicationNameError(
            f"{what} is {kind_of(found)}, which is not callable; "
            "a WSGI application is called as app(environ, start_response)"
        )
    if inspect.iscoroutinefunction(found) or inspect.iscoroutinefunction(getattr(found, "__call__", None)):  # noqa: B004
        raise ApplicationNameError(
            f"{what} is asynchronous, as ASGI applications are; Potstill serves WSGI applications"
        )
    try:
        signature = inspect.signature(found, follow_wrapped=False)
    except (TypeError, ValueError):  # some builtins do not say
        return
    try:
        signature.bind({}, None)
    except TypeError:
        hint = f"; if it makes the application, write {what}()" if inspect.isroutine(found) else ""
        raise ApplicationNameError(
            f"{what} takes {signature} instead of (environ, start_response){hint}"
        ) from None


# Words


def suggest(wrong: str, there: Iterable[str]) -> str:
    near = difflib.get_close_matches(wrong, list(there), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def tried(name: ApplicationName) -> str:
    return f"  tried: {name.text}"


def listing(place: str, names: list[str]) -> str:
    if not names:
        return f"  nothing of the kind is in {place}"
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"  {place} has: {', '.join(names[:NAMES_SHOWN])}{more}"


def of_module(module: ModuleType) -> str:
    file = getattr(module, "__file__", None)
    return f"{module.__name__} ({file})" if file else module.__name__


def vars_of(owner: Any) -> list[str]:
    return [each for each in dir(owner) if not each.startswith("_")]


def callables(owner: Any) -> list[str]:
    """The public names that might be an application or make one; not what a module has imported."""
    names = []
    for each in vars_of(owner):
        try:
            value = getattr(owner, each)
            imported = inspect.ismodule(owner) and (inspect.isclass(value) or inspect.isroutine(value))
            if callable(value) and not (imported and value.__module__ != owner.__name__):
                names.append(each)
        except Exception:  # a property or a proxy that does not work now is nothing to offer
            continue
    return names


def kind_of(value: Any) -> str:
    if value is None:
        return "None"
    noun = "module" if inspect.ismodule(value) else type(value).__name__
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


# Tracebacks


def failed(error: BaseException) -> ApplicationLoadError:
    """The user's traceback: our frames and those of the import system are cut out of it."""
    shown = traceback.TracebackException.from_exception(error)
    todo = [shown]
    while todo:
        each = todo.pop()
        each.stack[:] = [frame for frame in each.stack if not is_ours(frame.filename)]
        todo += [other for other in (each.__cause__, each.__context__) if other is not None]
        todo += each.exceptions or []
    return ApplicationLoadError("".join(shown.format()).rstrip("\n"))


def first_foreign(frames: TracebackType | None) -> TracebackType | None:
    """The first frame that is neither ours nor the import system's."""
    while frames is not None and is_ours(frames.tb_frame.f_code.co_filename):
        frames = frames.tb_next
    return frames


def is_ours(filename: str) -> bool:
    return filename == __file__ or filename.startswith("<frozen importlib") or filename == importlib.__file__
