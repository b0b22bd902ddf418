"""A reader alone on a file in SQuAD format (1.1 or 2.0, gzipped or not): are the words right, does it know when not to?

Each question is read with the sentences of its own paragraph; the prediction is the span with the widest margin, cut
from its sentence. The scores are those of SQuAD's official scripts.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from index.errors import EvaluationError, first_line
from rag.evaluation.files import read_text
from rag.evaluation.metrics import auroc, exact_match, mean, token_f1
from rag.evaluation.questions import by_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from rag.reader import Reader

__all__ = ["SquadFile", "SquadQuestion", "best_score", "evaluate_squad", "predict", "read_squad", "sentences_of"]

_PROBLEMS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class SquadQuestion:
    """A question on a paragraph.

    Attributes:
        id: as the file has it.
        question: what is asked.
        context: the paragraph.
        answers: texts, any of which is right; none when the paragraph does not answer.
        title: of the article that the paragraph is from; "" when the file has none.
        article: that article's number in the file.
    """

    id: str
    question: str
    context: str
    answers: tuple[str, ...]
    title: str = ""
    article: int = 0


@dataclass(frozen=True, slots=True)
class SquadFile:
    """What a file holds.

    Attributes:
        questions: those that can be asked, in the file's order.
        malformed: how many entries were left out, for a field that is missing or of the wrong kind.
        misplaced: how many answers do not stand where the file says; they count all the same, for texts are compared.
        problems: the first few of both, in words for a person.
    """

    questions: tuple[SquadQuestion, ...]
    malformed: int
    misplaced: int
    problems: tuple[str, ...]


def read_squad(path: Path) -> SquadFile:
    """Read a file.

    Raises:
        EvaluationError: when it cannot be read, is no SQuAD, or holds no question.
    """
    try:
        content = json.loads(read_text(path))
    except ValueError as error:
        raise EvaluationError(
            f"{path} is no JSON ({first_line(error)}); expected a file in SQuAD format, gzipped or not"
        ) from error
    if not isinstance(content, dict) or not isinstance(content.get("data"), list):
        raise EvaluationError(f'{path} has no list "data"; expected a file in SQuAD format, gzipped or not')
    questions: list[SquadQuestion] = []
    problems: list[str] = []
    malformed = misplaced = 0
    for place, entry in _entries(content["data"]):
        if isinstance(entry, str):
            malformed += 1
            problems.append(f"{place}: {entry}")
            continue
        questions.append(entry[0])
        misplaced += len(entry[1])
        problems += [f"{place}: the answer {text!r} does not stand at its place" for text in entry[1]]
    if not questions:
        found = f"{malformed:,} malformed entries, such as {problems[0]}" if problems else "no entry at all"
        raise EvaluationError(
            f"{path} holds no question that can be asked ({found}); expected a file in SQuAD format, with paragraphs, "
            "and in each a context and qas"
        )
    return SquadFile(tuple(questions), malformed, misplaced, tuple(problems[:_PROBLEMS_SHOWN]))


def _entries(data: list[Any]) -> Iterator[tuple[str, str | tuple[SquadQuestion, list[str]]]]:
    """Each entry's place in the file, and the question with its misplaced answers, or what is wrong."""
    for at, article in enumerate(data):
        paragraphs = article.get("paragraphs") if isinstance(article, dict) else None
        if not isinstance(paragraphs, list):
            yield f"data[{at}]", "no paragraphs"
            continue
        for number, paragraph in enumerate(paragraphs):
            place = f"data[{at}].paragraphs[{number}]"
            context = paragraph.get("context") if isinstance(paragraph, dict) else None
            if not isinstance(context, str) or not isinstance(paragraph.get("qas"), list):
                yield place, "no context, or no qas"
                continue
            title = article["title"] if isinstance(article.get("title"), str) else ""
            for count, asked in enumerate(paragraph["qas"]):
                own = f"{place}.qas[{count}]"
                found = _question(asked, context, title, own)
                yield own, found if isinstance(found, str) else (replace(found[0], article=at), found[1])


def _question(asked: Any, context: str, title: str, place: str) -> str | tuple[SquadQuestion, list[str]]:
    if not isinstance(asked, dict) or not isinstance(asked.get("question"), str) or not asked["question"].strip():
        return "no question"
    impossible = asked.get("is_impossible") is True
    answers = [] if impossible else asked.get("answers")
    if not isinstance(answers, list) or not all(
        isinstance(each, dict) and isinstance(each.get("text"), str) for each in answers
    ):
        return "no answers"
    wrong = [each["text"] for each in answers if not _stands(each, context)]
    texts = tuple(dict.fromkeys(each["text"] for each in answers))
    return SquadQuestion(str(asked.get("id", place)), asked["question"], context, texts, title), wrong


def _stands(answer: dict[str, Any], context: str) -> bool:
    start = answer.get("answer_start")
    return isinstance(start, int) and start >= 0 and context.startswith(answer["text"], start)


def sentences_of(text: str) -> tuple[str, ...]:
    """The sentences of a text as an index would cut it, with no line taken for boilerplate.

    >>> sentences_of("It rained in Lund. The bridge stayed open.")
    ('It rained in Lund.', 'The bridge stayed open.')
    """
    from index.sentences import plain_sentences

    return tuple(span.of(text) for span in plain_sentences(text))


def predict(question: str, sentences: Sequence[str], reader: Reader) -> tuple[str, float]:
    """The words that the reader gives as the answer, and the margin by which it would rather give them than none.

    Returns:
        "" and minus infinity when there is nothing to read.
    """
    from rag.reader import Passage

    (reading,) = reader.read(question, [Passage(tuple(sentences))])
    best = reading.best
    if best is None:
        return "", float("-inf")
    sentence = reading.sentences[best]
    if sentence.span is None:  # `best` looks at spans only
        return "", float("-inf")
    return sentences[best][sentence.span.start : sentence.span.end], sentence.margin


def evaluate_squad(
    path: Path, reader: Reader, *, limit: int | None = None, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Measure a reader on a file in SQuAD format.

    Args:
        path: the file; see `read_squad`.
        reader: what is measured.
        limit: how many questions, the first in the order of the SHA-256 of their ids; all when None.
        progress: called with the number of questions done and of all.

    Returns:
        `exact_match` and `f1` (percent, of the best span of the questions that have an answer; None without such),
        `answerability_auroc` (of the margin, questions with an answer against those without; None when the file has
        one kind only), `questions`, `answerable`, `seconds` (of reading alone), `questions_per_second`, `reader`,
        `malformed`, `misplaced_answers` and `problems` as in `SquadFile`; and where there are questions without an
        answer, `best_exact` and `best_f1` (percent, of all questions, with "no answer" below the best threshold), and
        `best_exact_threshold` and `best_f1_threshold`, the margins from which is answered; None: better never.

    Raises:
        EvaluationError: as `read_squad`.
    """
    file = read_squad(path)
    questions: Sequence[SquadQuestion] = file.questions
    if limit is not None:
        questions = sorted(questions, key=lambda each: by_hash(each.id))[:limit]
    cut: dict[str, tuple[str, ...]] = {}
    seconds = 0.0
    exact, f1, margins = [], [], []
    for done, asked in enumerate(questions, 1):
        if asked.context not in cut:
            cut[asked.context] = sentences_of(asked.context)
        start = time.perf_counter()
        prediction, margin = predict(asked.question, cut[asked.context], reader)
        seconds += time.perf_counter() - start
        exact.append(exact_match(prediction, asked.answers))
        f1.append(token_f1(prediction, asked.answers))
        margins.append(margin)
        if progress is not None:
            progress(done, len(questions))
    answerable = [bool(asked.answers) for asked in questions]
    figures = {
        "exact_match": _percent([each for each, own in zip(exact, answerable, strict=True) if own]),
        "f1": _percent([each for each, own in zip(f1, answerable, strict=True) if own]),
        "answerability_auroc": auroc(margins, answerable),
        "questions": len(questions),
        "answerable": sum(answerable),
        "seconds": seconds,
        "questions_per_second": len(questions) / seconds if seconds else None,
        "reader": reader.name,
        "malformed": file.malformed,
        "misplaced_answers": file.misplaced,
        "problems": list(file.problems),
    }
    if not all(answerable):
        for name, scores in (("exact", exact), ("f1", f1)):
            best, threshold = best_score(margins, scores, answerable)
            figures |= {f"best_{name}": 100 * best, f"best_{name}_threshold": threshold}
    return figures


def best_score(
    margins: Sequence[float], scores: Sequence[float], answerable: Sequence[bool]
) -> tuple[float, float | None]:
    """The best mean score that a threshold for the margin can give, and that threshold; None: to answer nothing.

    From the threshold on the prediction counts; below it "no answer" does, worth 1 for a question that has none and 0
    otherwise. Questions with the same margin are answered together. Source: SQuAD 2.0's official script.

    Args:
        margins: of at least one question, greater for what is rather answered.
        scores: of each prediction, in [0, 1].
        answerable: whether each question has an answer.

    >>> best_score([2.0, 1.0, 0.0], [1.0, 0.0, 1.0], [True, False, True])
    (0.6666666666666666, 2.0)
    """
    total = best = float(len(answerable) - sum(answerable))
    threshold: float | None = None
    rows = sorted(zip(margins, scores, answerable, strict=True), key=lambda row: -row[0])
    for margin, tied in groupby(rows, key=lambda row: row[0]):
        total += sum(score if has_answer else score - 1 for _, score, has_answer in tied)
        if total > best and margin > float("-inf"):
            best, threshold = total, margin
    return best / len(rows), threshold


def _percent(values: Sequence[float]) -> float | None:
    found = mean(values)
    return None if found is None else 100 * found
