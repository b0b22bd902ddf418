"""What `serve` sets for its whole process."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
import time
import weakref

import pytest

from ui.steady import SWITCH_INTERVAL, Collector, settle, take_turns


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


def old_garbage():
    """Something that no collection but a full one lets go of, and what tells when it is gone."""
    knot = Knot()
    gc.collect()
    return weakref.ref(knot)


def churn(until, seconds=60.0):
    """Make what is soon dropped, which has younger things collected, until something holds; for so long at most."""
    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        kept = [Knot() for _ in range(20_000)]
        del kept
    return until()


def test_old_garbage_waits_while_much_is_done_and_goes_when_the_process_is_idle():
    before = gc.get_threshold()
    with Collector(every=0.2):
        gone = old_garbage()
        assert gc.get_threshold()[:2] == before[:2]
        churn(lambda: gc.get_count()[2] > 100)
        assert gone() is not None
        end = time.monotonic() + 60
        while gone() is not None and time.monotonic() < end:
            time.sleep(0.05)
        assert gone() is None
    assert gc.get_threshold() == before


def test_old_garbage_does_not_wait_for_ever():
    with Collector(every=0.05, longest=0.5):
        gone = old_garbage()
        assert churn(lambda: gone() is None)


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
