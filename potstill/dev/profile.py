"""A profile of each slow request (`--profile DIRECTORY`), by pyinstrument.

A sampling profiler looks at the thread of one request a thousand times a second, which costs little and does
not mix up requests that run side by side. Every request is watched, from the call of the application to the
end of its answer; only of those that took longer than --profile-over something is written: a page to open
in a browser. The directory keeps the newest PROFILES_MAX of them.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from potstill.dev.around import Around
from potstill.dev.extras import MissingExtra

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

logger = logging.getLogger("potstill")

PROFILES_MAX = 100
NAME_CHARACTERS_MAX = 60
SUFFIX = ".profile.html"


class Profile:
    """Around the application. Raises MissingExtra where pyinstrument is not installed."""

    def __init__(self, application: WSGIApplication, directory: str, over_s: float) -> None:
        try:
            from pyinstrument import Profiler
        except ImportError:
            raise MissingExtra("--profile", "profile") from None
        self._application = application
        self._directory = Path(directory)
        self._over_s = over_s
        self._profiler = Profiler

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        watch = Watch(self._profiler(async_mode="disabled"))
        try:
            blocks = self._application(environ, start_response)
        except BaseException:
            self._finish(watch, environ)
            raise
        watch.pause()  # what the server does with the answer is not the application's time
        return Profiled(blocks, watch, lambda: self._finish(watch, environ))

    def _finish(self, watch: Watch, environ: dict[str, Any]) -> None:
        watch.end()
        if watch.took_s < self._over_s:
            return
        request = f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')}"
        name = re.sub(r"[^A-Za-z0-9]+", "-", request).strip("-")[:NAME_CHARACTERS_MAX]
        now = time.time()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now)) + f"-{int(now % 1 * 1e6):06}"
        path = self._directory / f"{stamp}-{name}-{watch.took_s * 1000:.0f}ms{SUFFIX}"
        try:
            path.write_text(watch.page(), encoding="utf-8")
            keep_newest(self._directory)
        except OSError as error:
            logger.error("cannot write the profile of %s: %s", request, error)
            return
        logger.info("%s took %.3f s; its profile is in %s", request, watch.took_s, path)


class Watch:
    """One request's profiler, and a clock that stands while the server has the answer in hand.

    Of the thread that runs the request.
    """

    def __init__(self, profiler: Any) -> None:
        self._profiler = profiler
        self._since = time.perf_counter()
        self._running = True
        self.took_s = 0.0
        profiler.start()

    def pause(self) -> None:
        if self._running:
            self.took_s += time.perf_counter() - self._since
            self._running = False

    def go_on(self) -> None:
        if not self._running:
            self._since = time.perf_counter()
            self._running = True

    def end(self) -> None:
        self.pause()
        self._profiler.stop()

    def page(self) -> str:
        return str(self._profiler.output_html())


class Profiled(Around):
    """The blocks of an answer, whose making is watched as well."""

    def __init__(self, blocks: Iterable[bytes], watch: Watch, finish: Any) -> None:
        super().__init__(blocks)
        self._watch = watch
        self._finish = finish

    def __iter__(self) -> Iterator[bytes]:
        self._watch.go_on()
        try:
            for block in self._blocks:
                self._watch.pause()
                yield block
                self._watch.go_on()
        finally:
            self._watch.pause()

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._finish()


def keep_newest(directory: Path) -> None:
    """Remove the oldest profiles beyond PROFILES_MAX; their names begin with their time."""
    for name in sorted(name for name in os.listdir(directory) if name.endswith(SUFFIX))[:-PROFILES_MAX]:
        with suppress(OSError):  # another process was faster
            (directory / name).unlink()
