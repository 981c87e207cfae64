"""A signal may come at any moment of a stream."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.servers import unmeasured

pytestmark = pytest.mark.slow

#: Interrupts streams at random moments, and has Python say where it hangs if it does.
_PROGRAM = """
import faulthandler, random, signal
from headwater import genai

client = genai.Client(http_options={"base_url": "offline:first=0,rate=2000"})
answer = lambda: client.models.generate_content_stream(model="gemini-2.5-flash", contents="A story in 500 words.")
for chunk in answer():  # and so is everything imported: Python itself does not survive an interrupted import
    pass
signal.signal(signal.SIGALRM, signal.default_int_handler)
chance = random.Random(1)
interrupted = 0
for _ in range(2000):
    faulthandler.dump_traceback_later(30, exit=True)
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0005, 0.01))
        with answer() as stream:
            for chunk in stream:
                pass
    except KeyboardInterrupt:
        interrupted += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
print(interrupted)
"""


def test_interrupt_at_any_moment_ends_the_stream() -> None:
    """Wherever a Ctrl-C strikes, the stream lets go; none of 2000 leaves a lock behind that it then waits for."""
    command = [sys.executable, "-c", _PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False, env=unmeasured())
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 1000
