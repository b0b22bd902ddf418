"""What `serve` sets for its whole process."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import weakref

import pytest

from ui.steady import SWITCH_INTERVAL, settle, take_turns


class Knot:
    """Refers to itself: only a garbage collection lets go of it."""

    def __init__(self):
        self.me = self


@pytest.fixture
def process_as_it_was():
    interval = sys.getswitchinterval()
    yield
    sys.setswitchinterval(interval)
    gc.unfreeze()


@pytest.mark.usefixtures("process_as_it_was")
def test_what_is_there_is_collected_no_more_and_what_comes_later_is():
    gone = weakref.ref(Knot())
    there = Knot()
    known = weakref.ref(there)
    settle()
    assert gone() is None  # what was garbage is not kept
    del there
    later = weakref.ref(Knot())
    gc.collect()
    assert later() is None
    assert known() is not None  # it is not even looked at
    gc.unfreeze()
    gc.collect()
    assert known() is None


COLLECTED = """
import gc, sys, time, weakref
from ui import steady
from ui.steady import Collector

class Knot:
    def __init__(self):
        self.me = self

def old_garbage():
    knot = Knot()
    gc.collect()
    return weakref.ref(knot)

def churn(until):
    end = time.monotonic() + 60
    while not until() and time.monotonic() < end:
        [Knot() for _ in range(20_000)]

before = gc.get_threshold()
if sys.argv[1] == "idle":
    idle, steady._IDLE = steady._IDLE, -1.0  # on a machine that is busy, little is done even while this one works
    with Collector(every=0.1):
        gone = old_garbage()
        assert gc.get_threshold()[:2] == before[:2]
        churn(lambda: gc.get_count()[2] > 100)
        assert gone() is not None
        steady._IDLE = idle
        end = time.monotonic() + 60
        while gone() is not None and time.monotonic() < end:
            time.sleep(0.05)
        assert gone() is None
else:
    with Collector(every=0.05, longest=0.5):
        gone = old_garbage()
        churn(lambda: gone() is None)
        assert gone() is None
assert gc.get_threshold() == before
"""


@pytest.mark.parametrize("how", ["idle", "busy"])
def test_old_garbage_waits_until_the_process_is_idle_but_not_for_ever(how):
    # In a process of its own: what other tests left running here is not idle.
    done = subprocess.run([sys.executable, "-c", COLLECTED, how], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("process_as_it_was")
def test_threads_hand_over_sooner():
    take_turns()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL)
    assert sys.getswitchinterval() < 0.005


HEAPS = """
import ctypes, sys, threading
from ui.steady import share_memory
if sys.argv[1] == "shared":
    share_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
together = threading.Barrier(12)
def work():
    together.wait()
    libc.malloc(100_000)
    together.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
[each.start() for each in threads]
[each.join() for each in threads]
libc.fdopen.restype = ctypes.c_void_p
out = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, out)
libc.fflush(out)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc"
)
def test_threads_share_two_heaps():
    def heaps(how):
        done = subprocess.run([sys.executable, "-c", HEAPS, how], capture_output=True, text=True, check=True)
        return done.stdout.count("<heap nr=")

    assert heaps("alone") > 2
    assert heaps("shared") <= 2
