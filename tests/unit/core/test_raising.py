"""An interruption is over when its request is: nothing of it stays behind in the interpreter.

CPython 3.11 and 3.12 look out for an asynchronous exception until one has arrived, and 3.11 never gets past
the beginning of a function that a profiler looks at meanwhile. In a process of its own, which can be ended
if it does.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

BOUND_S = 30

PROGRAM = """
import sys

from tests.requests.stuck import Stuck
from tests.support.engine import request

with Stuck() as stuck, stuck.engine(request_timeout_s=30.0) as running:
    with running.client() as client:
        client.send(request({path!r}))
        stuck.wait_entered(1)
        running.engine.advance_clock(31)
        assert client.response().status == 504
    {let_go}
    running.wait(lambda now: now.in_application == 0)

def counted():
    return 1

sys.setprofile(lambda *event: None)
total = sum(counted() for _ in range(1000))
sys.setprofile(None)
print(total)
"""


@pytest.mark.parametrize(
    ("path", "let_go"),
    [("/in-python", "stuck.wait_left(1)"), ("/in-c", "stuck.let_go()")],
    ids=["it arrived in the view", "it came too late"],
)
def test_a_profiler_works_after_it(path: str, let_go: str) -> None:
    program = PROGRAM.format(path=path, let_go=let_go)
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=BOUND_S, check=False
    )
    assert (ran.returncode, ran.stdout) == (0, "1000\n"), ran.stderr
