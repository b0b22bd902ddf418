"""The model card of a reader: what it is, what it learnt from, how good it is, and what it is bad at."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["card", "write_card"]

_ORIGINS = {
    "squadshifts": "SQuADShifts (Miller et al. 2020), CC BY 4.0",
    "qamr": "QAMR (Michael et al. 2018)",
    "qasrl": "QA-SRL Gold Standard (Roit et al. 2020)",
    "qanom": "QANom (Klein et al. 2020)",
    "squad2": "SQuAD 2.0 (Rajpurkar et al. 2018), CC BY-SA 4.0",
    "tydiqa": "TyDi QA (Clark et al. 2020), English, Apache 2.0",
    "qed": "QED (Lamm et al. 2020), of Natural Questions, CC BY-SA 3.0",
    "timeqa": "TimeQA (Chen et al. 2021), BSD 3-clause",
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

"""
_LONGEST_LOG = 60
"""Lines of the log that are shown, the last ones."""
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
        facts: what a run left in its `run.json` (`rag.training.run`), and its `log`; `alpha` and `windows` of the
            smoothing, and `figures`, by "int8" and "fp32", by what was measured on. What is not there is not told.
        commit: of the source.
    """
    lines = [_HEAD, *(f"- {line}\n" for line in _made(facts, commit))]
    if facts.get("data"):
        lines += ["\n## What it learnt from\n\n", "| data | questions | origin |\n", "| --- | --- | --- |\n"]
        lines += [f"| {name} | {count:,} | {_origin(name)} |\n" for name, count in facts["data"].items()]
    if facts.get("held_out"):
        kept = ", ".join(f"{count:,} of {name}" for name, count in facts["held_out"].items())
        lines.append(f"\nThe held-out rows are of documents that were kept out of it; questions: {kept}.\n")
    lines += ["\n## How good it is\n\n", "| set | figure | int8 | fp32 |\n", "| --- | --- | --- | --- |\n"]
    small, full = facts["figures"]["int8"], facts["figures"]["fp32"]
    for name, found in small.items():
        for figure, value in found.items():
            if value is not None:
                lines.append(f"| {name} | {figure} | {_number(value)} | {_number(full[name].get(figure))} |\n")
    lines.append(_BAD)
    log = str(facts.get("log") or "").splitlines()
    if log:
        cut = ["..."] if len(log) > _LONGEST_LOG else []
        lines.append("\n## The log of its training\n\n```\n" + "\n".join(cut + log[-_LONGEST_LOG:]) + "\n```\n")
    return "".join(lines)


def _made(facts: Mapping[str, Any], commit: str) -> Iterator[str]:
    """How it was made, a line each."""
    shape = facts.get("shape")
    if shape:
        kind = {"bert": "BERT", "mpnet": "MPNet"}[shape["kind"]]
        yield f"an encoder of the {kind} kind, {shape['layers']} layers of width {shape['width']}"
    settings = facts.get("settings")
    if settings:
        yield f"begun from: {settings['base']['name']}; all weights were trained"
        yield f"trained by: `citewell train`, {_training(facts)}"
        teacher = settings.get("teacher")
        if teacher:
            yield f"taught by: {teacher['name']}, whose scores it learnt as well as the labels"
    yield (
        f"made small: int8, its inputs smoothed with alpha {facts['alpha']:g} by {facts['windows']} windows "
        '(Xiao et al. 2023, "SmoothQuant")'
    )
    yield f"commit: {commit}"
    yield "licence: Apache 2.0, as citewell; the data's licences are their makers'"


def _training(facts: Mapping[str, Any]) -> str:
    """The settings of a training, how long it took, and where."""
    settings = facts["settings"]
    drawn = f"rate {settings['rate']:g}, dropout {settings['dropout']:g}, seed {settings['seed']}"
    minutes = facts["seconds"] / 60
    steps = f"{facts['steps']:,} steps of {settings['tokens']:,} tokens"
    return f"{steps}, {drawn}, in {minutes:.1f} minutes on {facts['machine']}"


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
