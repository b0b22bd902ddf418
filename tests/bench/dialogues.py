"""Follow-up questions with and without the conversation before them.

    python tests/bench/dialogues.py [INDEX] [--part all|development|held-out] [--misses] [--json FILE]

INDEX holds the news articles that the dialogues of `tests/data/dialogues.jsonl` name; without it, and besides it, the
dialogues over the sample articles are gone through, indexed into a temporary folder. Both halves of the dialogues are
reported apart: nothing was tuned on the held-out one (`tests/rag/dialogues.py` says which that is).

A follow-up is hit when its first sentence, cited or only close, holds an expected answer and stands in the right
article. `--misses` lists the follow-ups of the development half that are missed or read wrongly.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from common import Report, percentile, say

sys.path.insert(0, str(Path(__file__).parents[2]))

from index.build import build_index
from rag.engine import Engine
from rag.locations import seeds_dir
from tests.rag.dialogues import SEEDS, Dialogue, Outcome, figures, go_through, load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("index", type=Path, nargs="?")
    parser.add_argument("--part", choices=("all", "development", "held-out"), default="all")
    parser.add_argument("--misses", action="store_true")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    report = Report("dialogues", arguments)
    dialogues = [each for each in load() if arguments.part == "all" or each.held_out == (arguments.part == "held-out")]
    with tempfile.TemporaryDirectory(prefix="citewell-bench-") as folder:
        build_index([seeds_dir()], folder)
        done = {"sample articles": _ask_all(Path(folder), [each for each in dialogues if each.source == SEEDS])}
    if arguments.index is not None:
        done["news"] = _ask_all(arguments.index, [each for each in dialogues if each.source != SEEDS])
    rows = []
    for name, each in done.items():
        for half, held_out in (("development", False), ("held-out", True)):
            outcomes = [outcome for dialogue, own in each for outcome in own if dialogue.held_out == held_out]
            if outcomes:
                rows.append((name, half, figures(outcomes), _milliseconds(outcomes)))
    for title, columns in _TABLES.items():
        report.table(title, ["articles", "half", *columns], [[n, h, *(f[c] for c in columns)] for n, h, f, _ in rows])
    report.table("a follow-up, ms", ["articles", "half", "p50", "p95"], [[n, h, *ms] for n, h, _, ms in rows])
    if arguments.misses:
        for each in done.values():
            _list_misses([outcome for dialogue, own in each for outcome in own if not dialogue.held_out])
    report.finish(arguments.json)


_TABLES = {
    "follow-ups that the articles answer": [
        "follow_ups",
        "hit_without",
        "hit_with",
        "answered_rightly_without",
        "answered_rightly_with",
    ],
    "readings": ["readings", "well_read", "whole", "rewritten"],
    "questions that the articles do not answer": ["silent", "said_wrongly_without", "said_wrongly_with"],
}


def _ask_all(index: Path, dialogues: list[Dialogue]) -> list[tuple[Dialogue, list[Outcome]]]:
    say(f"{len(dialogues)} dialogues over {index}")
    start = time.perf_counter()
    with Engine.open(index) as engine:
        engine.ask("Which river flows through the town?")
        done = [(dialogue, go_through(engine, dialogue)) for dialogue in dialogues]
    say(f"{time.perf_counter() - start:.0f} s")
    return done


def _milliseconds(outcomes: list[Outcome]) -> list[float]:
    spent = [1000 * sum(each.with_history.timings.values()) for each in outcomes if each.turn.follow_up]
    return [percentile(spent, share) for share in (50, 95)]


def _list_misses(outcomes: list[Outcome]) -> None:
    for each in outcomes:
        missed = bool(each.turn.answers) and not each.hit(history=True)
        wrong = not each.turn.follow_up and each.with_history.read_as is not None
        if (each.turn.follow_up and (missed or not each.well_read)) or wrong:
            best = next(iter((*each.with_history.citations, *each.with_history.related)), None)
            print(f"{'miss' if missed else 'hit'} {'rewritten' if wrong else ''} {each.turn.question}")
            print(f"     read as {each.with_history.read_as}")
            print(f"     wants {each.turn.answers} {each.turn.words}; got {best.quote[:150] if best else None}")


if __name__ == "__main__":
    main()
