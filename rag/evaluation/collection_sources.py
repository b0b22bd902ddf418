"""What collections are drawn from: articles of a file in JSON Lines, or the paragraphs of one in SQuAD format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from index.analysis import fold
from index.errors import EvaluationError, QuestionError
from rag.evaluation.collections import ArticleText
from rag.evaluation.files import Problems, json_records, read_text
from rag.evaluation.questions import EvaluationQuestion, choose, part_of
from rag.evaluation.squad import read_squad
from rag.question import read_question

if TYPE_CHECKING:
    from pathlib import Path

    from rag.evaluation.questions import Part

__all__ = ["read_articles", "squad_collection_source"]

_FIELDS = ("url", "title", "published", "text")


def read_articles(path: Path) -> list[ArticleText]:
    """The articles of a file in JSON Lines with the fields `url`, `title`, `published` and `text`, gzipped or not.

    Articles with no word in them are left out: they can answer nothing, and no index has them.

    Raises:
        EvaluationError: when it cannot be read, has a line that is wrong, or holds no article.
    """
    problems = Problems('an article, such as {"url": "https://...", "title": "...", "text": "..."}, in each line')
    articles = []
    for number, record in json_records(path, read_text(path), problems):
        wrong = _wrong(record)
        if wrong is not None:
            problems.add(path, number, wrong)
        elif record["text"].strip():
            title = record.get("title") or ""
            articles.append(ArticleText(record.get("url"), title, record["text"], record.get("published")))
    problems.check()
    if not articles:
        raise EvaluationError(f"{path} holds no article; expected JSON Lines with url, title and text in each line")
    return articles


def squad_collection_source(
    path: Path, *, part: Part | None = None, held_out: float = 1.0
) -> tuple[list[ArticleText], list[EvaluationQuestion]]:
    """A file in SQuAD format as articles, each a paragraph under its article's title, and questions about them.

    A question's source is its own paragraph, which does not say where the question has no answer: a trap. Questions
    that cannot be asked (`rag.question.read_question`) and answers without a letter or digit are left out.

    Args:
        path: the file, gzipped or not.
        part: which of the questions, by a hash of their ids; all when None. The articles are all there in any case.
        held_out: the share of the file's articles that is taken, those which `citewell train prepare` keeps out.

    Raises:
        EvaluationError: as `read_squad`, and when no question is left.
    """
    numbers: dict[tuple[str, str], int] = {}
    articles, questions, named = list[ArticleText](), list[EvaluationQuestion](), set[str]()
    for asked in read_squad(path).questions:
        if part_of(f"{path.name}:{asked.article}") >= held_out:
            continue
        place = asked.title, asked.context
        if place not in numbers:
            numbers[place] = len(numbers)
            articles.append(ArticleText(_address(numbers[place]), asked.title.replace("_", " "), asked.context))
        answers = tuple(each for each in asked.answers if fold(each))
        own = asked.id if asked.id not in named else f"{asked.id} ({len(questions) + 1})"
        if bool(answers) == bool(asked.answers) and _can_be_asked(asked.question):
            named.add(own)
            source = _address(numbers[place])
            questions.append(EvaluationQuestion(own, asked.question, answers, (source,), None, part_of(asked.id)))
    return articles, choose(questions, part=part)


def _address(number: int) -> str:
    """By which a question names its paragraph."""
    return f"squad:paragraph-{number + 1}"


def _can_be_asked(question: str) -> bool:
    try:
        read_question(question)
    except QuestionError:
        return False
    return True


def _wrong(record: dict[str, Any]) -> str | None:
    """What is wrong with a record, if anything is."""
    if not isinstance(record.get("text"), str):
        return "field text is missing" if record.get("text") is None else "field text is no text"
    named = (name for name in _FIELDS if record.get(name) is not None and not isinstance(record[name], str))
    return next((f"field {name} is no text" for name in named), None)
