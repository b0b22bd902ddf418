"""What `serve` sets for its whole process."""

from __future__ import annotations

import gc
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
    settle()
    assert gone() is None  # what was garbage is not kept
    kept = gc.get_freeze_count()
    assert kept > 1000
    later = weakref.ref(Knot())
    gc.collect()
    assert later() is None
    assert gc.get_freeze_count() == kept


@pytest.mark.usefixtures("process_as_it_was")
def test_threads_hand_over_sooner():
    take_turns()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL)
    assert sys.getswitchinterval() < 0.005
