"""Draws what a reader learns from, and packs it: `citewell train prepare`.

What it leaves in its folder: files of rows (`rag.training.packed_rows`), `held-out.npz.xz` with rows of documents that
are in none of them, the `tokenizer.json` that they were made with, and `plan.json`, which says what was drawn from
what, and the SHA-256 of each file. `plan.json` is written last: a folder without one is not finished.
"""

from __future__ import annotations

import json
import logging
import random
import shutil
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from index.encoder import default_model_folder
from index.errors import TrainingError, first_line
from rag.evaluation.questions import Part, part_of, read_questions
from rag.reader import NO_READER
from rag.reader_models import Tokenizer
from rag.training.data import read_data_set
from rag.training.examples import examples_of, neighbours, ranked_examples
from rag.training.packed_rows import pack, pieces_of, rows_of, write_piece, write_whole
from rag.training.retrieved import retrieved_examples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rag.training.data import DataSet
    from rag.training.examples import Example
    from rag.training.packed_rows import Row
    from rag.training.retrieved import Retrieved

__all__ = ["AskedIndex", "Plan", "Sources", "epoch_rows", "find_data", "held_out_rows", "prepare", "read_sources"]

_log = logging.getLogger(__name__)

_LEARNT = (
    "squadshifts_",
    "squad2_part",
    "tydiqa_train",
    "qed_dev",
    "timeqa_human_train",
    "multispanqa",
    "qamr_dev",
    "qamr_test",
    "qasrl_gs_wiki",
    "qanom",
    "trecqa_train",
    "wikiqa_train.a",
)
_KEPT_OF_OTHERS = 0.05
"""The share of the documents of each set that is kept for measuring, where the plan keeps nothing of any."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is drawn.

    Attributes:
        epochs: how often all is drawn anew.
        seed: of everything that is drawn.
        shares: by the beginning of a data set's name, how many of its questions are drawn in an epoch; others whole.
        held_out: by the beginning of a data set's name, the share of its documents that is kept for measuring.
        kept_out: titles of documents that are kept for measuring besides, in whatever data set.
        measured: questions of each data set in the held-out rows, at most.
        repeat: how often in an epoch the questions asked of the index are seen.
        made: how many questions are made of the index's own articles; those of no use are left out.
    """

    epochs: int = 4
    seed: int = 1
    shares: dict[str, int] = field(default_factory=lambda: {"qamr": 7_000, "qasrl": 1_000, "qanom": 2_000})
    held_out: dict[str, float] = field(default_factory=lambda: {"squadshifts_new_wiki": 0.12})
    kept_out: tuple[str, ...] = ()
    measured: int = 500
    repeat: int = 2
    made: int = 9_000

    def held_out_of(self, name: str) -> float:
        """The share of a data set's documents that is kept for measuring."""
        return next((share for beginning, share in self.held_out.items() if name.startswith(beginning)), 0.0)


@dataclass(frozen=True, slots=True)
class AskedIndex:
    """Questions with known answering articles, and the index that they are asked of.

    Attributes:
        questions: a file as `rag.evaluation.questions` reads it.
        index: the index folder.
        learnt: the part of the questions that is learnt from.
    """

    questions: Path
    index: Path
    learnt: Part = field(default_factory=lambda: Part(0.7, 1.0))


@dataclass(slots=True)
class Sources:
    """What is learnt from: data sets with the neighbours of their questions, and questions asked of an index.

    Attributes:
        sets: the data sets, and for each question of one the contexts that look as if they might answer it.
        retrieved: questions asked of an index.
        made: questions made of its articles.
        held_out: for each data set of which a part is kept for measuring, that part.
    """

    sets: list[tuple[DataSet, list[list[int]]]] = field(default_factory=list)
    retrieved: list[Retrieved] = field(default_factory=list)
    made: list[Retrieved] = field(default_factory=list)
    held_out: list[DataSet] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """The questions learnt from, by data set."""
        counts = {data.name: len(data.asked) + len(data.ranked) for data, _ in self.sets}
        if self.retrieved:
            counts["questions asked of the index"] = len(self.retrieved)
        if self.made:
            counts["questions made of its articles"] = len(self.made)
        return counts


def find_data(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The data sets in files and folders.

    A file that is named is learnt from. Of a folder, the public sets that the shipped readers were made with are, under
    the names that they are published by.

    Raises:
        TrainingError: when a path is not there, or there is nothing to learn from.
    """
    learnt: list[Path] = []
    for path in paths:
        if path.is_dir():
            learnt += [file for name in _LEARNT for file in sorted(path.glob(f"{name}*")) if file.is_file()]
        elif path.is_file():
            learnt.append(path)
        else:
            raise TrainingError(f"{path} is not there; expected a data set, or a folder of them")
    if not learnt:
        raise TrainingError(
            f"{', '.join(map(str, paths))} holds no data set to learn from; expected files whose names begin with "
            f"{', '.join(_LEARNT)}, or any file in SQuAD format by its name"
        )
    return tuple(dict.fromkeys(learnt))


def prepare(
    files: Sequence[Path],
    out: Path,
    *,
    plan: Plan,
    asked: AskedIndex | None = None,
    encoder: Path | None = None,
    say: Callable[[str], None] = _log.info,
) -> dict[str, Any]:
    """Draw, pack and write.

    Args:
        files: the data sets.
        out: a folder without a `plan.json`; made when it is not there.
        plan: what is drawn.
        asked: questions and an index to learn retrieval's own passages from.
        encoder: the folder of an encoder with the vocabulary that is meant; the default encoder's when None.
        say: takes lines about how it goes.

    Returns:
        The content of `plan.json`.

    Raises:
        TrainingError: when there is nothing to learn from or to measure on, or `out` is prepared already.
        CitewellError: when a file or the index cannot be read.
    """
    from rag.training.run import HELD_OUT_FILE, PLAN_FILE, read_plan

    if (out / PLAN_FILE).exists():
        raise TrainingError(f"{out} is prepared already; name another folder, or remove it")
    folder = encoder if encoder is not None else default_model_folder()
    tokenizer = _tokenizer(folder)
    retrieved, made = _retrieved(asked, plan, say) if asked is not None else ((), ())
    sources = read_sources(files, plan, retrieved, made)
    measured = held_out_rows(sources, plan, tokenizer)
    out.mkdir(parents=True, exist_ok=True)
    pieces: list[dict[str, Any]] = []
    for epoch in range(plan.epochs):
        for number, questions in enumerate(pieces_of(epoch_rows(sources, plan, epoch, tokenizer))):
            arrays = pack(questions)
            name = f"rows-{epoch}-{number}.npz.xz"
            piece = {"file": name, "rows": len(arrays["lengths"]), "tokens": len(arrays["ids"])}
            pieces.append({**piece, "sha256": write_piece(arrays, out / name)})
            say(f"epoch {epoch}: {piece['rows']:,} rows, {piece['tokens']:,} tokens in {name}")
    if not pieces:
        raise TrainingError("there is nothing to train on: none of the questions has a passage")
    shutil.copyfile(folder / "tokenizer.json", out / "tokenizer.json")
    held_out = pack(measured)
    content = {
        "plan": asdict(plan),
        "data": sources.counts(),
        "questions": None if asked is None else {"file": asked.questions.name, "part": str(asked.learnt)},
        "pieces": pieces,
        "held_out": {
            "data": {data.name: len(data.asked) for data in sources.held_out},
            "rows": len(held_out["lengths"]),
            "sha256": write_piece(held_out, out / HELD_OUT_FILE),
        },
    }
    write_whole(out / PLAN_FILE, (json.dumps(content, indent=1) + "\n").encode())
    return read_plan(out).plan


def _tokenizer(folder: Path) -> Tokenizer:
    """The encoder's tokenizer.

    Raises:
        TrainingError: when it has none that can be used.
    """
    try:
        tokenizer = Tokenizer.load(folder / "tokenizer.json")
        for token in ("[CLS]", "[SEP]", "[PAD]"):
            tokenizer.special(token)
    except Exception as error:
        raise TrainingError(
            f"{folder} holds no tokenizer.json that can be used ({first_line(error)}); expected the folder of a "
            "sentence-transformers model of the BERT kind, such as all-MiniLM-L6-v2"
        ) from error
    return tokenizer


def read_sources(
    paths: Sequence[Path], plan: Plan, retrieved: Sequence[Retrieved] = (), made: Sequence[Retrieved] = ()
) -> Sources:
    """Read data sets, and find for each question passages that look as if they might answer it.

    Where the plan keeps nothing of any of them, a twentieth of the documents of each is kept for measuring.

    Args:
        paths: the files.
        plan: says what is held out.
        retrieved: questions asked of an index.
        made: questions made of its articles.

    Raises:
        TrainingError: when a file cannot be read, no document has a title that is to be kept out, or nothing is left
            to measure on.
    """
    sets = [read_data_set(path) for path in paths]
    for data in sets:
        for reason in data.skipped[:5]:
            _log.warning("skipped: %s", reason)
        if len(data.skipped) > 5:
            _log.warning("skipped: %d more in %s", len(data.skipped) - 5, data.name)
    titles = {title.replace("_", " ").strip().casefold() for title in plan.kept_out}
    missing = titles - {context.title.casefold() for data in sets for context in data.contexts}
    if missing:
        raise TrainingError(
            f"no document has the title {', '.join(sorted(missing))}; expected titles as the data sets write them"
        )
    split = [data.split(plan.held_out_of(data.name), titles) for data in sets]
    if not any(kept.asked for _, kept in split):
        split = [data.split(_share_of_others(data), titles) for data in sets]
    if not any(each.answers for _, kept in split for each in kept.asked):
        raise TrainingError(
            "nothing with an answer can be kept for measuring; expected questions on two documents or more"
        )
    sources = Sources(retrieved=list(retrieved), made=list(made))
    for data, kept in split:
        if kept.asked:
            sources.held_out.append(kept)
        sources.sets.append((data, _near(data)))
    return sources


def _share_of_others(data: DataSet) -> float:
    """A share with which at least one document is kept, and one is learnt from."""
    parts = sorted({part_of(context.document) for context in data.contexts})
    return 0.0 if len(parts) < 2 else min(max(_KEPT_OF_OTHERS, parts[1]), parts[-1])


def _near(data: DataSet) -> list[list[int]]:
    """For each question contexts that look as if they might answer it; none where each is a sentence by itself."""
    alone = all(len(context.sentences) == 1 for context in data.contexts)
    return [[]] * len(data.asked) if alone else neighbours(data)


def epoch_rows(sources: Sources, plan: Plan, epoch: int, tokenizer: Tokenizer) -> list[list[Row]]:
    """The rows of an epoch's questions; the same for the same seed."""
    generator = random.Random(f"{plan.seed}:{epoch}")  # noqa: S311 - a reproducible draw, nothing secret
    examples: list[Example] = []
    for data, near in sources.sets:
        share = next((count for name, count in plan.shares.items() if data.name.startswith(name)), None)
        examples += examples_of(data, near, generator, questions=share)
        examples += ranked_examples(data.ranked, generator)
    for _ in range(plan.repeat):
        examples += retrieved_examples(sources.retrieved, generator)
    examples += retrieved_examples(sources.made, generator, right=2, wrong=5)
    generator.shuffle(examples)
    return _rows(examples, tokenizer)


def held_out_rows(sources: Sources, plan: Plan, tokenizer: Tokenizer) -> list[list[Row]]:
    """The rows to measure on, drawn as those to learn from are; the same ones for the same data."""
    generator = random.Random("held out")  # noqa: S311 - a reproducible draw, nothing secret
    examples: list[Example] = []
    for data in sources.held_out:
        examples += examples_of(data, _near(data), generator, questions=plan.measured)
    return _rows(examples, tokenizer)


def _rows(examples: Sequence[Example], tokenizer: Tokenizer) -> list[list[Row]]:
    return rows_of(examples, tokenizer, cls=tokenizer.special("[CLS]"), sep=tokenizer.special("[SEP]"))


def _retrieved(
    asked: AskedIndex, plan: Plan, say: Callable[[str], None]
) -> tuple[Sequence[Retrieved], Sequence[Retrieved]]:
    """What is retrieved for the questions, and for others that are made of the index's articles."""
    from rag.engine import Engine
    from rag.training.made import made_questions, retrieve_for_made
    from rag.training.retrieved import retrieve_for

    generator = random.Random(f"{plan.seed}:made")  # noqa: S311 - a reproducible draw, nothing secret
    items = [item for item in read_questions(asked.questions) if item.fraction in asked.learnt]
    with Engine.open(asked.index, reader=NO_READER) as engine:
        say(f"retrieving for {len(items):,} questions")
        retrieved = list(retrieve_for(engine, items))
        questions = made_questions(engine, generator, count=plan.made) if plan.made else []
        say(f"retrieving for {len(questions):,} questions made of the articles")
        return retrieved, list(retrieve_for_made(engine, questions, generator))
