"""A user's questions with the answers that are expected, and what makes a sentence right.

A file of questions is JSON Lines, UTF-8, gzipped or not; empty lines are passed over. The fields of a line:

- `question`: text, required.
- `answer` (text) or `answers` (a list of texts): each of them is right. `"answer": null` or `"answers": []` marks a
  question that the articles do not answer. One of the two is required; what both hold counts together.
- `sources` or `articles_with_answer`, optional: a list of URLs or paths. With it, a right sentence stands in one of
  these articles, first of all or as a copy word for word. A path may be given by its end (`news/day.txt`).
- `id` (text or number) and `date` (text), optional. Without an id a question is its own.

Other fields are passed over.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from index.errors import EvaluationError, QuestionError
from rag.evaluation.files import Problems, json_records, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

__all__ = ["EvaluationQuestion", "Part", "by_hash", "choose", "is_right", "part_of", "read_questions"]

_SOURCES = ("sources", "articles_with_answer")


@dataclass(frozen=True, slots=True)
class EvaluationQuestion:
    """A question and what is expected of its answer.

    Attributes:
        id: tells it from the other questions of its file, and from run to run.
        question: what is asked.
        answers: texts, any of which answers; none when the articles do not say.
        sources: URLs and paths of the articles that answer; none when any article may.
        date: when it was asked, as the file writes it; None when it does not.
        fraction: in [0, 1), by which parts of a file are chosen (`part_of`).
    """

    id: str
    question: str
    answers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    date: str | None = None
    fraction: float = 0.0

    @property
    def answerable(self) -> bool:
        """Whether the articles are expected to answer."""
        return bool(self.answers)


@dataclass(frozen=True, slots=True)
class Part:
    """The questions whose fraction lies in `[low, high)`.

    "0-0.5" and "0.5-1" are two halves that have no question in common, whatever is added to the file later: tune on
    one, report on the other.

    Raises:
        ValueError: unless `0 <= low < high <= 1`.
    """

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.low < self.high <= 1.0:
            raise ValueError(f"expected FROM-TO with 0 <= FROM < TO <= 1, found {self.low}-{self.high}")

    @classmethod
    def parse(cls, text: str) -> Part:
        """A part from `FROM-TO`.

        Raises:
            ValueError: when it is none.

        >>> Part.parse("0.5-1")
        Part(low=0.5, high=1.0)
        """
        low, dash, high = text.partition("-")
        try:
            bounds = float(low), float(high)
        except ValueError:
            dash = ""
        if not dash:
            raise ValueError(f"expected FROM-TO, such as 0-0.5, found {text!r}")
        return cls(*bounds)

    def __contains__(self, fraction: float) -> bool:
        return self.low <= fraction < self.high

    def __str__(self) -> str:
        return f"{self.low:g}-{self.high:g}"


def part_of(name: str) -> float:
    """Where a question's id (or, without one, the question) lies in [0, 1): the same in every file and run.

    The first 8 hexadecimal digits of its SHA-256, divided by 16**8.

    >>> round(part_of("20220617_0"), 4)
    0.2536
    """
    return int(by_hash(name)[:8], 16) / 16**8


def by_hash(name: str) -> str:
    """The SHA-256 of a text in hexadecimal digits; sorting by it shuffles the same way every time."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def choose(
    questions: Iterable[EvaluationQuestion], *, part: Part | None = None, limit: int | None = None
) -> list[EvaluationQuestion]:
    """The questions of a part and, of these, the first `limit` in the order of their fractions; in the file's order.

    Raises:
        EvaluationError: when none is left.
    """
    left = [each for each in questions if part is None or each.fraction in part]
    if limit is not None:
        kept = {each.id for each in sorted(left, key=lambda each: (each.fraction, each.id))[:limit]}
        left = [each for each in left if each.id in kept]
    if not left:
        raise EvaluationError(f"no question lies in the part {part}; name a wider one with --part, such as 0-1")
    return left


def is_right(sentence: str, answers: Sequence[str], *, places: Iterable[str] = (), sources: Sequence[str] = ()) -> bool:
    """Whether a sentence holds one of the answers as whole words, case and punctuation folded.

    Args:
        sentence: what is cited.
        answers: texts, any of which answers.
        places: URL and path of the article that the sentence stands in, and of others in which it does.
        sources: URLs and paths of the articles that answer; when there are any, one of them must be among `places`.
            A path also stands for the longer ones that end in it.

    >>> is_right("It lasted 90 minutes.", ["90 Minutes"]), is_right("It lasted 190 minutes.", ["90 minutes"])
    (True, False)
    >>> is_right("In Lund.", ["Lund"], places=["/news/a.txt"], sources=["b.txt"])
    False
    """
    from index.analysis import fold

    if sources and not any(_same_place(place, source) for place in places for source in sources):
        return False
    folded = f" {fold(sentence)} "
    return any(f" {words} " in folded for words in map(fold, answers) if words)


def _same_place(place: str, source: str) -> bool:
    if place == source:
        return True
    if "://" in source or "://" in place:
        return False
    whole, ending = (path.replace("\\", "/").removeprefix("./") for path in (place, source))
    return bool(ending) and f"/{whole}".endswith(ending if ending.startswith("/") else f"/{ending}")


def read_questions(path: Path) -> list[EvaluationQuestion]:
    """The questions of a file (see this module), in its order.

    Raises:
        EvaluationError: when it cannot be read, has a line that is wrong, or holds no question. Lines and fields that
            are wrong are named; none is left out in silence.
    """
    problems = Problems('a question and its answer, such as {"question": "Who won?", "answer": "Lund"}, in each line')
    questions: list[EvaluationQuestion] = []
    lines: dict[str, int] = {}
    for number, record in json_records(path, read_text(path), problems):
        wrong = _wrong(record)
        if wrong is not None:
            problems.add(path, number, wrong)
            continue
        question = record["question"]
        name = str(record["id"]) if record.get("id") is not None else question
        own = name
        if name in lines:
            if record.get("id") is not None:
                problems.add(path, number, f"field id is {name!r}, as in line {lines[name]}")
                continue
            own = f"{question} (line {number})"
        lines[own] = number
        answers = [*_texts(record.get("answer")), *_texts(record.get("answers"))]
        sources = [source for field in _SOURCES for source in _texts(record.get(field))]
        date = record.get("date")
        questions.append(
            EvaluationQuestion(
                own,
                question,
                tuple(dict.fromkeys(answers)),
                tuple(dict.fromkeys(sources)),
                None if date is None else str(date),
                part_of(name),
            )
        )
    problems.check()
    if not questions:
        raise EvaluationError(f"{path} holds no question; expected JSON Lines with question and answer in each line")
    return questions


def _texts(value: Any) -> list[str]:
    """None, a text or a list of texts as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def _wrong(record: dict[str, Any]) -> str | None:
    """What is wrong with a record, if anything is."""
    from index.analysis import fold
    from rag.question import read_question

    question = record.get("question")
    if not isinstance(question, str):
        return "field question is missing" if question is None else "field question is no text"
    try:
        read_question(question)
    except QuestionError as error:
        return f"field question: {error}"
    if "answer" not in record and "answers" not in record:
        return "field answer (or answers) is missing; null marks a question that the articles do not answer"
    for field in ("answer", "answers", *_SOURCES):
        value = record.get(field)
        if not (value is None or isinstance(value, str) or _is_texts(value)):
            return f"field {field} is neither a text nor a list of texts"
    for answer in (*_texts(record.get("answer")), *_texts(record.get("answers"))):
        if not fold(answer):
            return f"field answer: {answer!r} has no letter and no digit"
    if isinstance(record.get("id"), (list, dict, bool)):
        return "field id is neither a text nor a number"
    return None


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
