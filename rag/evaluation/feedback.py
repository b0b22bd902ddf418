"""Votes as questions for `citewell evaluate`: what they say, and no more than that.

- A vote for an answer: its first citation is right. Expected are the words that were highlighted in it, or the whole
  quote where none were, in one of the articles that it stands in.
- A vote for "the articles do not say": the question has no answer.
- A vote against an answer says neither what the answer is nor that there is none; a vote against "the articles do not
  say" tells that there is one, not which. Neither can be measured against: they are left out, and named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rag.feedback import Vote

__all__ = ["FromVotes", "questions_from"]


@dataclass(frozen=True, slots=True)
class FromVotes:
    """What votes say.

    Attributes:
        questions: lines for a file of questions (`rag.evaluation.questions`), each question once.
        left_out: the votes that no line can be made of.
    """

    questions: tuple[dict[str, Any], ...]
    left_out: tuple[Vote, ...]


def questions_from(votes: Iterable[Vote]) -> FromVotes:
    """The questions that votes tell the answer of, in the order in which they were first asked.

    Of several votes on the same answer to a question the last one counts, and of votes for an answer and votes for
    there being none the last kind. What several answers hold counts together.

    Args:
        votes: in the order of their time.
    """
    asked: dict[str, dict[tuple[str, ...], Vote]] = {}
    for vote in votes:
        answers = asked.setdefault(vote.question, {})
        given = tuple(each.quote for each in vote.citations[:1])
        answers.pop(given, None)
        answers[given] = vote
    questions, left_out = [], []
    for question, answers in asked.items():
        right = [vote for vote in answers.values() if vote.verdict == "up"]
        left_out += [vote for vote in answers.values() if vote.verdict == "down"]
        if right:
            questions.append(_line(question, right))
    return FromVotes(tuple(questions), tuple(left_out))


def _line(question: str, right: Sequence[Vote]) -> dict[str, Any]:
    date = right[-1].time[:10]
    if not right[-1].citations:
        return {"question": question, "answer": None, "date": date}
    cited = [vote.citations[0] for vote in right if vote.citations]
    sources = dict.fromkeys(source for quote in cited for source in quote.sources)
    answers = dict.fromkeys(_words(quote.quote, quote.highlight) for quote in cited)
    return {"question": question, "answers": list(answers), "sources": list(sources), "date": date}


def _words(quote: str, highlight: tuple[int, int] | None) -> str:
    from index.analysis import fold

    words = quote[slice(*highlight)] if highlight is not None else ""
    return words if fold(words) else quote
