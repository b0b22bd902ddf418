"""The dialogues of `tests/data/dialogues.jsonl`: what a file of them holds, and an engine taken through one.

Each line is a dialogue over the sample articles (`"source": "seeds"`) or over one news article (its URL; the article is
not part of this project). Each of its turns has the question; whether it leans on those before it (`follow_up`) or must
stay as it is; the `answers`, any of which a right sentence holds, none where the articles do not say; and, for
follow-ups, `words` that a right reading holds. They were written from the articles, as a reader of these would ask.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.engine import Engine
    from rag.types import Answer

FILE = Path(__file__).resolve().parents[1] / "data" / "dialogues.jsonl"
SEEDS = "seeds"


@dataclass(frozen=True)
class Turn:
    question: str
    follow_up: bool
    answers: tuple[str, ...]
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dialogue:
    source: str
    turns: tuple[Turn, ...]

    @property
    def held_out(self) -> bool:
        """Whether it belongs to the half that nothing was tuned on, by a hash of its first question."""
        return int(hashlib.sha256(self.turns[0].question.encode()).hexdigest(), 16) % 2 == 1


@dataclass(frozen=True)
class Outcome:
    """A turn of a dialogue, and what was answered with the turns before it as history and without."""

    turn: Turn
    first: bool
    source: str
    with_history: Answer
    without: Answer

    def hit(self, *, history: bool) -> bool:
        """Whether the first sentence, cited or only close, holds an expected answer and stands in the right article."""
        answer = self.with_history if history else self.without
        best = next(iter((*answer.citations, *answer.related)), None)
        if best is None or self.source not in (SEEDS, best.source):
            return False
        return any(each in best.quote for each in self.turn.answers)

    @property
    def well_read(self) -> bool:
        """Whether the reading holds the words that it must."""
        reading = (self.with_history.read_as or self.turn.question).lower()
        return all(word.lower() in reading for word in self.turn.words)


def load() -> list[Dialogue]:
    lines = FILE.read_text("utf-8").splitlines()
    return [
        Dialogue(
            each["source"],
            tuple(
                Turn(turn["question"], turn["follow_up"], tuple(turn["answers"]), tuple(turn.get("words", ())))
                for turn in each["turns"]
            ),
        )
        for each in map(json.loads, lines)
    ]


def go_through(engine: Engine, dialogue: Dialogue) -> list[Outcome]:
    """Ask the turns one by one, each with the answers before it as history, and without."""
    outcomes: list[Outcome] = []
    history: list[Answer] = []
    for number, turn in enumerate(dialogue.turns):
        answer = engine.ask(turn.question, history=history)
        without = answer if answer.read_as is None else engine.ask(turn.question)  # as it stands: the same answer
        outcomes.append(Outcome(turn, number == 0, dialogue.source, answer, without))
        history.append(answer)
    return outcomes


def figures(outcomes: Sequence[Outcome]) -> dict[str, float | int]:
    """Of some turns: how many follow-ups there are and how many of them are hit and read rightly, and so on.

    `follow_ups` have an answer in the articles. `rewritten` counts the stand-alone questions after the first of their
    dialogue (`whole`) that were read as something else. `said_wrongly` counts the questions that the articles do not
    answer (`silent`) and that were answered, with history and without.
    """
    follow_ups = [each for each in outcomes if each.turn.follow_up and each.turn.answers]
    leaning = [each for each in outcomes if each.turn.follow_up and each.turn.words]
    whole = [each for each in outcomes if not each.turn.follow_up and not each.first]
    silent = [each for each in outcomes if not each.turn.answers]
    return {
        "follow_ups": len(follow_ups),
        "hit_without": sum(each.hit(history=False) for each in follow_ups),
        "hit_with": sum(each.hit(history=True) for each in follow_ups),
        "answered_rightly_without": sum(each.hit(history=False) and each.without.answered for each in follow_ups),
        "answered_rightly_with": sum(each.hit(history=True) and each.with_history.answered for each in follow_ups),
        "readings": len(leaning),
        "well_read": sum(each.well_read for each in leaning),
        "whole": len(whole),
        "rewritten": sum(each.with_history.read_as is not None for each in whole),
        "silent": len(silent),
        "said_wrongly_without": sum(each.without.answered for each in silent),
        "said_wrongly_with": sum(each.with_history.answered for each in silent),
    }
