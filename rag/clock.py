"""How long each stage of an answer takes."""

from __future__ import annotations

import time

__all__ = ["Clock"]


class Clock:
    """Seconds between laps, by name; those of one name are added up."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """End a lap of this name, and begin the next one."""
        now = time.perf_counter()
        self.laps[name] = self.laps.get(name, 0.0) + now - self._last
        self._last = now
