"""Files of questions with candidate sentences marked right or wrong, as sets of answer sentence selection come.

`read_ranking_file` tells them apart by their names:

- `.xml`: TREC QA (Wang et al. 2007): `<QApairs id='1.4'>` with a `<question>` and any number of `<positive>` and
  `<negative>`, each on lines of its own; the first line within is the tokens, separated by tabs, the others (parts of
  speech and the like) are passed over. It is read line by line, for it is no XML: "&" stands bare in it.
- `a.toks`, `b.toks`, `sim.txt`, `id.txt`: four files with one line a pair: question, sentence, label (0 or 1) and the
  question's id. Any one of the four names them all, and so does what their names begin with, or their folder.
- `.tsv`: WikiQA as published (Yang et al. 2015), the columns named in its first line.
- `.jsonl`: an object a line, with `question`, and `sentences` and `labels`, or one `sentence` and its `label`; lines
  with the same `id` (or, without one, the same `question`) are one question.

Each may be gzipped, with `.gz` behind its name.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.errors import EvaluationError
from rag.evaluation.files import Problems, json_records, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["RankedQuestion", "detokenise", "join_tokens", "read_ranking_file"]

_PARTS = ("a.toks", "b.toks", "sim.txt", "id.txt")
_PART = re.compile(rf"(?:{'|'.join(map(re.escape, _PARTS))})(?:\.gz)?$")
_PAIRS = re.compile(r"<QApairs\b[^>]*?\bid\s*=\s*['\"]?([^'\">]*)", re.IGNORECASE)
_TAG = re.compile(r"<(/?)(question|positive|negative|QApairs)\b", re.IGNORECASE)

# Penn Treebank's own words for marks, and its quotation marks. Straight ones come out: they are what readers know best.
_MEANT = {
    "``": '"',
    "''": '"',
    "`": "'",
    "-lrb-": "(",
    "-rrb-": ")",
    "-lsb-": "[",
    "-rsb-": "]",
    "-lcb-": "{",
    "-rcb-": "}",
}
_JOINS_LEFT = re.compile(r"[,.;:?!%)\]}…°]+|''|'|n['’]t|['’](?:s|re|ve|ll|d|m)", re.IGNORECASE)
_JOINS_RIGHT = re.compile(r"[(\[{#]|\w{0,3}[$£€¥]|``|`|-l[rsc]b-", re.IGNORECASE)
_CLOSES = re.compile(r"-r[rsc]b-", re.IGNORECASE)


Candidates = tuple[str, str, list[tuple[str, bool]]]
"""A question's id, the question, and sentences with their labels; what a file says of it in one place."""


@dataclass(frozen=True, slots=True)
class RankedQuestion:
    """A question and the sentences that may answer it, if there are any.

    Attributes:
        id: what the file calls it; no two questions of a file share it.
        question: what is asked.
        sentences: the candidates, in the file's order.
        labels: for each of them whether it answers.
    """

    id: str
    question: str
    sentences: tuple[str, ...]
    labels: tuple[bool, ...]


def read_ranking_file(path: Path) -> list[RankedQuestion]:
    """The questions of a file (see this module), in its order.

    Args:
        path: the file; of four files that belong together any one, what their names begin with, or their folder.

    Raises:
        EvaluationError: when it cannot be read, has a bad line, or holds no question.
    """
    name = path.name.lower().removesuffix(".gz")
    if path.is_dir() or not path.exists() or _PART.search(path.name):
        found = _toks(path)
    elif name.endswith(".xml"):
        found = _trec(path)
    elif name.endswith(".tsv"):
        found = _tsv(path)
    elif name.endswith((".jsonl", ".json")):
        found = _jsonl(path)
    else:
        raise EvaluationError(
            f"{path} is of no known kind; expected TREC QA (.xml), WikiQA (a.toks, b.toks, sim.txt, id.txt or .tsv) "
            "or JSON Lines (.jsonl) with question, sentences and labels"
        )
    questions = _grouped(found)
    if not questions:
        raise EvaluationError(f"{path} holds no question; expected questions with sentences to rank")
    return questions


def detokenise(tokens: Sequence[str]) -> str:
    """Tokens as text, the marks set as they are in print.

    >>> print(detokenise(["``", "It", "is", "n't", "Bob", "'s", "-LRB-", "yet", "-RRB-", ",", "''", "he", "said", "."]))
    "It isn't Bob's (yet)," he said.
    """
    return join_tokens(tokens)[0]


def join_tokens(tokens: Sequence[str]) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Tokens as text, and for each token the half-open character range in that text.

    Marks of the Penn Treebank become what they stand for; no space is set before a closing mark or behind an opening
    one. A straight quotation mark opens and closes by turns.

    >>> join_tokens(["$", "5", "."])
    ('$5.', ((0, 1), (1, 2), (2, 3)))
    """
    parts: list[str] = []
    spans: list[tuple[int, int]] = []
    length = 0
    glued = True  # whether no space stands before the next token
    quoted = False
    for each in tokens:
        left = _JOINS_LEFT.fullmatch(each) is not None or _CLOSES.fullmatch(each) is not None
        right = _JOINS_RIGHT.fullmatch(each) is not None
        if each == '"':
            left, right = quoted, not quoted
            quoted = not quoted
        if not left and not glued:
            parts.append(" ")
            length += 1
        word = _MEANT.get(each.lower(), each).replace(r"\/", "/").replace(r"\*", "*")
        parts.append(word)
        spans.append((length, length + len(word)))
        length += len(word)
        glued = right
    return "".join(parts), tuple(spans)


def _grouped(found: Iterable[Candidates]) -> list[RankedQuestion]:
    """What is said of one question in several places together, in the order of the first."""
    together: dict[tuple[str, str], list[tuple[str, bool]]] = {}
    for name, question, candidates in found:
        together.setdefault((name, question), []).extend(candidates)
    questions: dict[str, RankedQuestion] = {}
    for (name, question), candidates in together.items():
        # One id for two questions would be one question for whoever counts by id.
        own = name if name not in questions else f"{name}#{len(questions)}"
        sentences, labels = [each for each, _ in candidates], [each for _, each in candidates]
        questions[own] = RankedQuestion(own, question, tuple(sentences), tuple(labels))
    return list(questions.values())


def _trec(path: Path) -> list[Candidates]:
    problems = Problems("<QApairs id='...'> with <question>, <positive> and <negative>, as TREC QA has them")
    found: list[Candidates] = []
    name, inside = "", ""
    candidates: list[tuple[str, bool]] | None = None
    for number, line in enumerate(read_text(path).split("\n"), 1):
        tag = _TAG.match(line.strip())
        if tag is not None:
            closing, kind = bool(tag[1]), tag[2].lower()
            if kind == "qapairs":
                named = _PAIRS.match(line.strip())
                name, candidates, inside = named[1] if named is not None else f"line {number}", None, ""
            else:
                inside = "" if closing else kind
        elif inside and line.strip():
            kind, inside = inside, ""
            text = detokenise(line.strip("\r\n").split("\t"))
            if kind == "question":
                candidates = []
                found.append((name, text, candidates))
            elif candidates is None:
                problems.add(path, number, f"a <{kind}> sentence before any <question>")
            else:
                candidates.append((text, kind == "positive"))
    problems.check()
    return found


def _toks(path: Path) -> list[Candidates]:
    asked, told, labels, names = (_lines(file) for file in _part_files(path))
    if not len(asked) == len(told) == len(labels) == len(names):
        raise EvaluationError(
            f"the files of {path} do not belong together: a.toks has {len(asked):,} lines, b.toks {len(told):,}, "
            f"sim.txt {len(labels):,} and id.txt {len(names):,}; expected as many in each"
        )
    problems = Problems("0 or 1 in each line of sim.txt")
    found: list[Candidates] = []
    for number, (question, sentence, label, name) in enumerate(zip(asked, told, labels, names, strict=True), 1):
        right = _label(label.strip())
        if right is None:
            problems.add(path, number, f"the label {label.strip()!r}")
        else:
            found.append((name.strip(), detokenise(question.split()), [(detokenise(sentence.split()), right)]))
    problems.check()
    return found


def _part_files(path: Path) -> list[Path]:
    """The four files that `path` names, in the order of `_PARTS`."""
    begins = f"{path}/" if path.is_dir() else _PART.sub("", str(path))
    beginnings = (begins, f"{begins}.")
    found = []
    for part in _PARTS:
        names = [Path(f"{beginning}{part}{end}") for beginning in beginnings for end in ("", ".gz")]
        file = next((each for each in names if each.is_file()), None)
        if file is None:
            raise EvaluationError(
                f"{path} does not name a file, nor a.toks, b.toks, sim.txt and id.txt that stand beside each other "
                f"({part} is not there); expected one or the other"
            )
        found.append(file)
    return found


def _lines(path: Path) -> list[str]:
    text = read_text(path).removesuffix("\n")
    return text.split("\n") if text else []


def _tsv(path: Path) -> list[Candidates]:
    rows = csv.reader(read_text(path).split("\n"), delimiter="\t", quoting=csv.QUOTE_NONE)
    columns = {name.strip().lower(): at for at, name in enumerate(next(rows, []))}
    wanted = ("questionid", "question", "sentence", "label")
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise EvaluationError(
            f"{path}:1 has no column {', '.join(missing)}; expected QuestionID, Question, Sentence and Label, as WikiQA"
        )
    problems = Problems("as many columns as the first line has, and 0 or 1 as the label")
    found: list[Candidates] = []
    for number, row in enumerate(rows, 2):
        if not row:
            continue
        if len(row) < len(columns):
            problems.add(path, number, f"{len(row)} columns of {len(columns)}")
            continue
        name, question, sentence, label = (row[columns[each]].strip() for each in wanted)
        right = _label(label)
        if right is None:
            problems.add(path, number, f"the label {label!r}")
        else:
            found.append((name, question, [(sentence, right)]))
    problems.check()
    return found


def _jsonl(path: Path) -> list[Candidates]:
    problems = Problems("a question, and its sentences and labels (or one sentence and its label, 0 or 1)")
    found: list[Candidates] = []
    for number, record in json_records(path, read_text(path), problems):
        question: Any = record.get("question")
        sentences = record["sentences"] if "sentences" in record else [record.get("sentence")]
        labels = record["labels"] if "labels" in record else [record.get("label")]
        wrong = _wrong(question, sentences, labels)
        if wrong is not None:
            problems.add(path, number, wrong)
            continue
        name = str(record.get("id", question))
        candidates = [(text, bool(_label(label))) for text, label in zip(sentences, labels, strict=True)]
        found.append((name, question, candidates))
    problems.check()
    return found


def _wrong(question: Any, sentences: Any, labels: Any) -> str | None:
    """What is wrong with a record, if anything is."""
    if not isinstance(question, str) or not question.strip():
        return "field question is missing or no text"
    if not isinstance(sentences, list) or not all(isinstance(each, str) and each.strip() for each in sentences):
        return "field sentences (or sentence) is missing, or is no text"
    if not isinstance(labels, list) or any(_label(each) is None for each in labels):
        return "field labels (or label) is missing, or is not 0 or 1"
    if len(sentences) != len(labels):
        return f"{len(sentences)} sentences and {len(labels)} labels"
    return None


def _label(value: Any) -> bool | None:
    """Whether 0 or 1 (or false or true, or these in quotes) is meant; None when it is neither."""
    return {"0": False, "1": True, "false": False, "true": True}.get(str(value).lower())
