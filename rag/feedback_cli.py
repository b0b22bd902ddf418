"""`citewell feedback`: the votes on the page's answers, as questions for `citewell evaluate`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.options import IndexOption, OutOption  # noqa: TC001 - typer reads them when it runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rag.feedback import Vote

__all__ = ["feedback"]

_NAMED = 20
"""Questions that are named of those that were left out."""


def feedback(
    *,
    index: IndexOption = None,
    out: OutOption = None,
    votes: Annotated[
        bool, typer.Option("--votes", help="The votes themselves, those against answers too, for a person to look at.")
    ] = False,
) -> None:
    """Write the votes on the page's answers as questions for `citewell evaluate`.

    A vote for an answer expects the marked words of its first quote, in the article it stands in; a vote for "the
    articles do not say" expects no answer. A vote against says what is wrong, not what is right: it is named on stderr.
    """
    from index.errors import EvaluationError
    from rag.evaluation.feedback import questions_from
    from rag.evaluation.output import say
    from rag.feedback import FeedbackFile
    from rag.locations import resolve

    file = FeedbackFile(resolve(index, None)[0])
    found, unreadable = file.read()
    if unreadable:
        say(f"{file.path}: {unreadable:,} {'line is' if unreadable == 1 else 'lines are'} no vote, and left out")
    if not found:
        raise EvaluationError(f"{file.path} holds no votes; the page that `citewell serve` shows asks for them")
    if votes:
        _write((vote.to_dict() for vote in found), out)
        return
    said = questions_from(found)
    _write(said.questions, out)
    for line in _left_out(said.left_out):
        say(line)
    if not said.questions:
        raise EvaluationError("no vote says what the right answer is; --votes writes those there are")


def _write(records: Iterable[dict[str, Any]], out: Path | None) -> None:
    from rag.display import json_line
    from rag.evaluation.output import write

    if out is not None:
        write(out, "".join(json_line(record) + "\n" for record in records))
        return
    for record in records:
        sys.stdout.write(json_line(record, encoding=sys.stdout.encoding or "utf-8") + "\n")
    sys.stdout.flush()


def _left_out(votes: Sequence[Vote]) -> list[str]:
    """A line for each vote that was left out, for the first of them."""
    lines = [
        f"left out, a vote against {'the answer' if vote.answered else 'there being no answer'}: {vote.question}"
        for vote in votes[:_NAMED]
    ]
    if len(votes) > _NAMED:
        lines.append(f"and {len(votes) - _NAMED:,} more")
    return lines
