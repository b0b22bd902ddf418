"""A task of the tests that hangs, swells or ends its worker at one of its texts; it imports little."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.reading.tasks import PrepareSources
from index.types import Skipped, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from index.reading.tasks import Prepared


@dataclass(frozen=True)
class Odd(PrepareSources):
    """Prepares texts, and does something else first at one of them."""

    what: str = ""
    at: int = 0

    def run(self, on_begin: Callable[[], None]) -> Iterator[Prepared]:
        for number, source in enumerate(self.sources):
            on_begin()
            if number == self.at:
                _misbehave(self.what)
            yield Skipped(source.path, source.text)

    def after(self, begun: int) -> Odd | None:
        left = self.sources[max(begun, 1) :]
        return Odd(left, self.what, self.at - begun) if left else None


def _misbehave(what: str) -> None:
    if what == "hang":
        while True:
            pass
    if what == "swell":
        held = []
        while True:
            held.append(bytes(10_000_000))
    if what == "abort":
        os.abort()
    if what == "exit":
        os._exit(3)


def texts(count: int) -> tuple[Source, ...]:
    return tuple(Source("/a", f"text {number}", number) for number in range(count))
