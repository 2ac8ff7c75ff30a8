"""Stacks of threads that end while they are looked at."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading

from potstill.core.frames import nothing_collected
from tests.support.engine import Gate
from tests.support.server import ROOT

# A garbage collection that happens while a stack is told lets the thread end whose stack it is, as a
# finalizer could: the first of them, the second, and so on.
ENDING = """
import gc, threading
from tests.support.engine import engine_on, request, wait_until

def deeper(depth, over):
    if depth:
        return deeper(depth - 1, over)
    over.wait(20)

def view(environ, start_response):
    assert environ["potstill.io_bound"]()
    deeper(30, views.pop())
    start_response("200 OK", [])
    return []

views = []
with engine_on(view) as running:
    for number in range(40):
        over, left = threading.Event(), [number]
        views.append(over)

        def let_it_end(phase, _):
            left[0] -= phase == "start"
            if left[0] == 0 and not over.is_set():
                over.set()
                wait_until(lambda: threading.active_count() < threads)

        with running.client() as client:
            client.send(request("/"))
            running.wait(lambda now: now.handed_over == 1)
            threads = threading.active_count()
            gc.callbacks.append(let_it_end)
            gc.set_threshold(1)
            running.engine.in_flight()
            gc.set_threshold(700)
            gc.callbacks.remove(let_it_end)
            over.set()
            assert client.response().status == 200
        running.wait(lambda now: now.handed_over == 0)
print("well")
"""


def test_a_thread_may_end_while_its_stack_is_told() -> None:
    """It is a process of its own, because it could crash, or stand still."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", ENDING],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "well\n"), done.stderr


def test_nothing_is_collected_meanwhile() -> None:
    """Whoever looks at the same time, and whatever goes wrong; afterwards it is as it was."""
    assert gc.isenabled()
    with nothing_collected:
        assert not gc.isenabled()
        with nothing_collected:
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    try:
        with nothing_collected:
            raise KeyError
    except KeyError:
        assert gc.isenabled()
    gc.disable()
    try:
        with nothing_collected:
            assert not gc.isenabled()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_child_that_is_forked_meanwhile_collects() -> None:
    """Nobody looks there."""
    with Gate() as gate:

        def look() -> None:
            with nothing_collected:
                gate.pass_through()

        looker = threading.Thread(target=look)
        looker.start()
        gate.wait_entered(1)
        assert not gc.isenabled()
        child = os.fork()
        if not child:
            with nothing_collected:
                well = not gc.isenabled()
            os._exit(0 if gc.isenabled() and well else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        gate.open()
        looker.join(20)
    assert gc.isenabled()
