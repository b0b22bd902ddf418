"""The data sets that a reader learns from, read into one form: contexts of sentences, and questions on them.

Formats: SQuAD 1.1 and 2.0, MultiSpanQA, QAMR, QA-SRL (the gold standard's CSV), QANom (its zip), and TREC QA and
WikiQA (`rag.evaluation.ranking_files`). A span that does not match its text is left out and reported with its place.
"""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from index.errors import EvaluationError, TrainingError, first_line
from index.sentences import plain_sentences
from index.types import Span
from rag.evaluation.files import read_text
from rag.evaluation.questions import part_of
from rag.evaluation.ranking_files import join_tokens, read_ranking_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

__all__ = ["AnswerSpan", "Asked", "Context", "DataSet", "Ranked", "read_data_set"]

_UNREADABLE = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    zipfile.BadZipFile,
    csv.Error,
    EvaluationError,
)
"""What the readers of the formats raise at a file that is damaged or something else."""

AnswerSpan = tuple[int, int, int]
"""The number of a sentence in its context, and a half-open character range in that sentence."""


@dataclass(frozen=True, slots=True)
class Context:
    """A text that questions were asked on.

    Attributes:
        sentences: its sentences.
        title: of its article; "" when unknown.
        document: equal for contexts of the same article.
    """

    sentences: tuple[str, ...]
    title: str
    document: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A question on a context.

    Attributes:
        question: its text.
        context: the number of its context in the data set.
        answers: where it is answered; empty when it is not.
    """

    question: str
    context: int
    answers: tuple[AnswerSpan, ...]


@dataclass(frozen=True, slots=True)
class Ranked:
    """A question with sentences, each marked right or wrong; which words answer is not known.

    Attributes:
        question: its text.
        sentences: the sentences.
        labels: whether each answers.
        in_order: whether they stand together in one text.
    """

    question: str
    sentences: tuple[str, ...]
    labels: tuple[bool, ...]
    in_order: bool


@dataclass(slots=True)
class DataSet:
    """What was read from one file.

    Attributes:
        name: the file's name.
        contexts, asked: the texts, and the questions on them.
        ranked: questions with marked sentences.
        skipped: what could not be used, each with its place and the reason.
    """

    name: str
    contexts: list[Context] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    ranked: list[Ranked] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def split(self, share: float, titles: Collection[str] = ()) -> tuple[DataSet, DataSet]:
        """Two data sets, the second one with about that share of the documents, whole and always the same ones.

        Args:
            share: of the documents.
            titles: documents with one of these, case folded, go into the second one besides.
        """
        parts = (DataSet(self.name, skipped=self.skipped), DataSet(self.name))
        numbers: dict[int, tuple[DataSet, int]] = {}
        for number, context in enumerate(self.contexts):
            part = parts[part_of(context.document) < share or context.title.casefold() in titles]
            numbers[number] = (part, len(part.contexts))
            part.contexts.append(context)
        for asked in self.asked:
            part, own = numbers[asked.context]
            part.asked.append(Asked(asked.question, own, asked.answers))
        parts[0].ranked.extend(self.ranked)
        return parts


def read_data_set(path: Path) -> DataSet:
    """Read a file in any of the formats, told by its name and content.

    Raises:
        TrainingError: when it cannot be read as any of them.
    """
    data = DataSet(path.name)
    try:
        if "trecqa" in path.name or "wikiqa" in path.name:
            in_order = "wikiqa" in path.name
            for each in read_ranking_file(path):
                data.ranked.append(Ranked(each.question, each.sentences, each.labels, in_order))
        elif path.suffix == ".zip":
            _read_qanom(path, data)
        elif "qamr" in path.name:
            _read_qamr(path, data)
        elif "qasrl" in path.name:
            _read_role_rows(csv.DictReader(io.StringIO(read_text(path))), _qasrl_sentences(path), data)
        else:
            _read_json(json.loads(read_text(path)), data)
    except _UNREADABLE as error:
        raise TrainingError(
            f"{path} cannot be read as training data ({type(error).__name__}: {first_line(error)}); expected SQuAD, "
            "MultiSpanQA, QAMR, QA-SRL, QANom, TREC QA or WikiQA, as they are published"
        ) from error
    if not data.asked and not data.ranked:
        raise TrainingError(f"{path} holds no question that can be used ({len(data.skipped)} skipped)")
    return data


def _read_json(content: Any, data: DataSet) -> None:
    for number, item in enumerate(content["data"]):
        if "paragraphs" in item:
            for paragraph in item["paragraphs"]:
                _read_paragraph(str(item.get("title") or ""), f"{data.name}:{number}", paragraph, data)
        else:
            _read_multispan(item, data)


def _read_paragraph(title: str, document: str, paragraph: dict[str, Any], data: DataSet) -> None:
    text = str(paragraph["context"])
    spans = plain_sentences(text)
    if not spans:
        data.skipped.append(f"{document}: a context without a sentence")
        return
    data.contexts.append(Context(tuple(span.of(text) for span in spans), _heading(title), document))
    for item in paragraph["qas"]:
        question = " ".join(str(item["question"]).split())
        answers: list[AnswerSpan] = []
        found = [] if item.get("is_impossible") else item["answers"]
        for answer in found:
            start, words = int(answer["answer_start"]), str(answer["text"])
            if start < 0 or text[start : start + len(words)] != words or not words.strip():
                data.skipped.append(
                    f"{data.name}, question {item.get('id')}: the text at {start} is "
                    f"{text[start : start + len(words)]!r}, not the answer {words!r}"
                )
                continue
            start += len(words) - len(words.lstrip())
            place = _place(spans, Span(start, start + len(words.strip())))
            if place is not None:
                answers.append(place)
        if question and (answers or not found):
            data.asked.append(Asked(question, len(data.contexts) - 1, tuple(dict.fromkeys(answers))))


def _heading(title: str) -> str:
    """A title as a person writes it; none for the file names that stand for one in some sets."""
    title = title.replace("_", " ").strip()
    return "" if re.search(r"\.txt$|\d{3,}$|^(?:Amazon|Filtered|Reddit)\b", title) else title


def _place(spans: Sequence[Span], answer: Span) -> AnswerSpan | None:
    """Where an answer stands: the sentence in which it begins, and its range there, cut at the sentence's end."""
    for number, span in enumerate(spans):
        if span.start <= answer.start < span.end:
            return number, answer.start - span.start, min(answer.end, span.end) - span.start
    return None


def _read_multispan(item: dict[str, Any], data: DataSet) -> None:
    labels = item["label"]
    text, places = join_tokens(item["context"])
    spans = plain_sentences(text)
    answers: list[AnswerSpan] = []
    for first, label in enumerate(labels):
        if label == "B":
            last = first
            while last + 1 < len(labels) and labels[last + 1] == "I":
                last += 1
            place = _place(spans, Span(places[first][0], places[last][1]))
            if place is not None:
                answers.append(place)
    if not answers:
        data.skipped.append(f"{data.name}, question {item.get('id')}: no word is marked as the answer")
        return
    data.contexts.append(Context(tuple(span.of(text) for span in spans), "", f"{data.name}:{item.get('id')}"))
    data.asked.append(Asked(" ".join(item["question"]), len(data.contexts) - 1, tuple(answers)))


class _Sentences:
    """Single tokenised sentences as contexts, each added once."""

    def __init__(self, data: DataSet) -> None:
        self._data = data
        self._numbers: dict[str, int] = {}
        self._places: dict[str, tuple[tuple[int, int], ...]] = {}

    def add(self, key: str, words: Sequence[str]) -> int:
        """The number of the context."""
        if key not in self._numbers:
            text, places = join_tokens(words)
            self._numbers[key] = len(self._data.contexts)
            self._places[key] = places
            # Wiki1k:wikinews:749788:8:0 is the first sentence of the ninth paragraph of article 749788
            self._data.contexts.append(Context((text,), "", key.rsplit(":", 2)[0]))
        return self._numbers[key]

    def span(self, key: str, first: int, last: int) -> AnswerSpan:
        """The words from `first` to `last`, both included.

        Raises:
            IndexError: when the sentence has no such word.
        """
        if not 0 <= first <= last:
            raise IndexError(first)
        places = self._places[key]
        return 0, places[first][0], places[last][1]


def _read_qamr(path: Path, data: DataSet) -> None:
    sentences = _Sentences(data)
    words = dict(
        line.split("\t", 1) for line in read_text(path.with_name("qamr_sentences.tsv.gz")).splitlines() if "\t" in line
    )
    for number, line in enumerate(read_text(path).splitlines(), 1):
        fields = line.split("\t")
        if len(fields) < 7 or fields[0] not in words:
            data.skipped.append(f"{path.name}:{number}: expected a known sentence and seven fields or more")
            continue
        key = fields[0]
        context = sentences.add(key, words[key].split())
        places = [[int(at) for at in fields[6].split()]]
        places += [[int(at) for at in each.partition(":")[2].split()] for each in fields[7:]]
        try:
            spans = [sentences.span(key, run[0], run[-1]) for run in places if _in_a_row(run)]
        except IndexError:
            spans = []
        if spans:
            data.asked.append(Asked(fields[5], context, tuple(dict.fromkeys(spans))))
        else:
            data.skipped.append(f"{path.name}:{number}: the answer's words do not stand in a row in the sentence")


def _in_a_row(run: Sequence[int]) -> bool:
    return bool(run) and list(run) == list(range(run[0], run[-1] + 1))


def _qasrl_sentences(path: Path) -> dict[str, str]:
    beside = path.with_name(path.name.replace("qasrl_gs_", "qasrl_gs_sentences_"))
    return {row["qasrl_id"]: row["tokens"] for row in csv.DictReader(io.StringIO(read_text(beside)))}


def _read_qanom(path: Path, data: DataSet) -> None:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".csv"):
                rows = list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8"))))
                _read_role_rows(iter(rows), {row["qasrl_id"]: row["sentence"] for row in rows}, data)


def _read_role_rows(rows: Iterator[dict[str, str]], words: dict[str, str], data: DataSet) -> None:
    """QA-SRL and QANom: a question on a verb or a noun, its answers as ranges of words, the last one not included."""
    sentences = _Sentences(data)
    for number, row in enumerate(rows, 2):
        if not row["question"] or row["qasrl_id"] not in words:
            continue  # a word that no question was asked on
        key = row["qasrl_id"]
        context = sentences.add(key, words[key].split())
        try:
            ranges = [tuple(map(int, each.split(":"))) for each in (row["answer_range"] or "").split("~!~")]
            answers = tuple(dict.fromkeys(sentences.span(key, first, end - 1) for first, end in ranges))
        except (IndexError, ValueError):
            data.skipped.append(f"{data.name}:{number}: no such words: {row['answer_range']!r}")
            continue
        data.asked.append(Asked(row["question"], context, answers))
