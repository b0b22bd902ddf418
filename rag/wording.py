"""Where two wordings of a sentence differ, word by word: what a copy says otherwise is shown, and never lost."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from index.analysis import fold

__all__ = ["Difference", "differences", "same_words"]

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Difference:
    """Words of one sentence that another one has otherwise.

    Attributes:
        start, end: half-open character range in the first sentence; empty where the other has words more.
        other_start, other_end: the same in the other one; empty where it lacks them.
    """

    start: int
    end: int
    other_start: int
    other_end: int


def differences(quote: str, other: str) -> tuple[Difference, ...]:
    """Where two sentences differ, in order; case and punctuation make no difference.

    A range begins with its first word and ends with its last one. An empty one lies behind the word before it.

    >>> quote, other = "All 212 passengers came.", "Then all 215 came."
    >>> [(quote[each.start:each.end], other[each.other_start:each.other_end]) for each in differences(quote, other)]
    [('', 'Then'), ('212 passengers', '215')]
    """
    mine, yours = [list(_WORD.finditer(text)) for text in (quote, other)]
    matcher = SequenceMatcher(
        None, [word.group().lower() for word in mine], [word.group().lower() for word in yours], autojunk=False
    )
    return tuple(
        Difference(*_range(mine, start, end), *_range(yours, other_start, other_end))
        for kind, start, end, other_start, other_end in matcher.get_opcodes()
        if kind != "equal"
    )


def same_words(quote: str, other: str) -> bool:
    """Whether two sentences differ in case, punctuation and spacing at most.

    >>> same_words("“No,” he said.", "No, he said"), same_words("12 died.", "15 died.")
    (True, False)
    """
    return fold(quote) == fold(other)


def _range(words: list[re.Match[str]], start: int, end: int) -> tuple[int, int]:
    if start < end:
        return words[start].start(), words[end - 1].end()
    behind = words[start - 1].end() if start else 0
    return behind, behind
