"""The end of a process, whatever is left running: each case is a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

LIMIT_S = 20
HEAD = """
import atexit, logging, os, signal, sys, threading
from potstill.worker.leave import Leaving
logging.basicConfig(format="%(message)s", stream=sys.stderr)
def forever(): threading.Event().wait()
def say(word): print(word)   # unflushed on purpose
"""


def end_of(code: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a process that runs `code`."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD + code], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_with_nothing_in_the_way_the_exit_is_a_plain_one() -> None:
    """atexit callbacks run, also those from before; nothing is said."""
    code = """
atexit.register(say, "earlier")
leaving = Leaving()
atexit.register(say, "later")
leaving.arm(stuck=False, patience_s=60)
"""
    assert end_of(code) == (0, "later\nearlier\n", "")


def test_with_a_stuck_thread_the_last_callback_ends_the_process() -> None:
    """After those of the application, with everything flushed, and with the code that was meant."""
    code = """
leaving = Leaving(code=7)
atexit.register(say, "later")
threading.Thread(target=forever, daemon=True).start()
leaving.arm(stuck=True, patience_s=60)
"""
    assert end_of(code) == (7, "later\n", "")


def test_threads_that_are_no_daemons_are_waited_for_and_named() -> None:
    """As long as patience lasts."""
    code = """
leaving = Leaving()
threading.Thread(target=forever, name="ticker").start()
leaving.arm(stuck=False, patience_s=0)
"""
    assert end_of(code) == (
        0,
        "",
        "exiting without waiting any longer; still running: ticker\n",
    )


def test_a_callback_that_hangs_does_not_hold_the_process() -> None:
    """The guard ends that too."""
    code = """
leaving = Leaving()
atexit.register(forever)
leaving.arm(stuck=True, patience_s=0)
"""
    assert end_of(code)[0] == 0


def test_a_log_that_hangs_does_not_hold_the_process() -> None:
    """The backstop says nothing."""
    code = """
class Hanging(logging.Handler):
    def emit(self, record): forever()
logging.getLogger("potstill").addHandler(Hanging())
leaving = Leaving()
threading.Thread(target=forever).start()
leaving.arm(stuck=False, patience_s=0)
"""
    assert end_of(code)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_on_the_way_out_ends_the_process_at_once(number: signal.Signals) -> None:
    """With the code that was meant."""
    code = f"""
leaving = Leaving(code=7)
atexit.register(say, "later")
signal.signal({number.value}, leaving.now)
leaving.arm(stuck=False, patience_s=60)
threading.Timer(0.01, os.kill, (os.getpid(), {number.value})).start()
forever()
"""
    assert end_of(code) == (7, "", "")


def test_a_signal_at_the_very_end_changes_nothing() -> None:
    """The interpreter would let it kill the process."""
    code = f"""
atexit.register(os.kill, os.getpid(), {signal.SIGTERM.value})
leaving = Leaving()
leaving.arm(stuck=False, patience_s=60)
"""
    assert end_of(code) == (0, "", "")
