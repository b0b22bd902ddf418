"""The model card of a reader: what it is, what it learnt from, how good it is, and what it is bad at."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["card", "write_card"]

_ORIGINS = {
    "squadshifts": "SQuADShifts (Miller et al. 2020), CC BY 4.0",
    "qamr": "QAMR (Michael et al. 2018)",
    "qasrl": "QA-SRL Gold Standard (Roit et al. 2020)",
    "qanom": "QANom (Klein et al. 2020)",
    "multispanqa": "MultiSpanQA (Li et al. 2022), on Wikipedia texts, CC BY-SA",
    "trecqa": "TREC QA (Wang et al. 2007), newswire of the TREC evaluations",
    "wikiqa": "WikiQA (Yang et al. 2015), on Wikipedia texts",
    "questions asked": "RealTimeQA (Kasai et al. 2022), questions with the passages retrieved for them",
    "questions made": "made of the index's own articles by rules (rag/training/made.py), with the passages retrieved",
}
_HEAD = """\
# The reader of citewell

It reads a question and a passage, marks the words that answer, and says whether any do: two scores for each token
(first and last word of the answer; at [CLS]: no answer), and a third one, whose mean over a sentence's tokens is the
score that the sentence answers. ONNX, int8, for CPUs.

- begun from: {encoder} (Apache 2.0), its own six layers; all weights were trained
- trained by: `citewell train`, {training}
- commit: {commit}
- licence: Apache 2.0, as citewell; the data's licences are their makers'

## What it learnt from

| data | questions | origin |
| --- | --- | --- |
"""
_BAD = """
## What it is bad at

- It was taught in English, on short passages. Other languages, tables and lists are read badly.
- It takes what a passage says for granted, and knows nothing of dates: of "the latest" of two reports it cannot tell
  which is later.
- Questions that need two sentences put together, a count or a comparison are answered by one of the sentences, or not.
- Near misses, on a passage about the same people and things, are often taken for answerable: citewell's README has the
  figures for them, and for questions whose articles are not in the index.
"""


def write_card(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the card to a reader's folder, as README.md."""
    (folder / "README.md").write_text(card(facts, commit=_commit()), "utf-8")


def card(facts: Mapping[str, Any], *, commit: str) -> str:
    """The card's text.

    Args:
        facts: as `rag.train.make_reader` gives them.
        commit: of the source.
    """
    earlier = facts.get("after")
    lines = [
        _HEAD.format(
            encoder=facts["encoder"],
            training=_training(facts)
            + (
                f"; before that, {_training(earlier)}; {facts['plan']['share']:g} of the one and the rest of the other"
                if earlier
                else ""
            ),
            commit=commit,
        )
    ]
    lines += [f"| {name} | {count:,} | {_origin(name)} |\n" for name, count in facts["data"].items()]
    lines += ["\n## How good it is\n\n", "| set | figure | int8 | fp32 |\n", "| --- | --- | --- | --- |\n"]
    small, full = facts["figures"]["int8"], facts["figures"]["fp32"]
    for name, found in small.items():
        for figure in ("exact_match", "f1", "answerability_auroc", "map", "mrr"):
            value, other = found.get(figure), full[name].get(figure)
            if value is not None:
                lines.append(f"| {name} | {figure} | {_number(value)} | {_number(other)} |\n")
    lines.append(_BAD)
    return "".join(lines)


def _training(facts: Mapping[str, Any]) -> str:
    """The settings of a training, how long it took, and where."""
    plan = facts["plan"]
    settings = (
        f"{plan['epochs']:g} epochs, rate {plan['rate']:g}, {plan['tokens']:,} tokens a step, seed {plan['seed']}"
    )
    return f"{settings}, in {facts['seconds'] / 60:.0f} minutes on {facts['machine']}"


def _origin(name: str) -> str:
    return next((origin for beginning, origin in _ORIGINS.items() if name.startswith(beginning)), "the user's own")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}" if value > 1 else f"{value:.3f}"


def _commit() -> str:
    """The commit of the checkout that this file stands in; "unknown" elsewhere."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607 - whichever git the user has
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
