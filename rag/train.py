"""Makes a reader from an encoder's weights: `citewell train`. How the shipped one was made.

A training goes on where it was interrupted. What it leaves in its folder: `model.onnx` (int8) and `tokenizer.json`,
which are the reader; `fp32/`, the same before it was made small; `scoring.json`, the weights that belong to it, where
questions and an index are given; `README.md`, its card; and the state that it can be gone on from.
"""

from __future__ import annotations

import json
import logging
import platform
import random
import shutil
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from index.encoder import available_cores, default_model_folder
from index.errors import TrainingError, first_line
from rag.evaluation.questions import Part, read_questions
from rag.evaluation.ranking_files import read_ranking_file
from rag.logistic import SCORING_FILE
from rag.reader import NO_READER
from rag.reader_models import OnnxReader, Tokenizer
from rag.training.held_out import ModuleReader, figures
from rag.training.loop import Plan, Sources, read_sources, train

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rag.reader import Reader
    from rag.training.retrieved import Retrieved

__all__ = ["AskedIndex", "DataFiles", "Plan", "find_data", "make_reader"]

FACTS_FILE = "facts.json"

_log = logging.getLogger(__name__)

_LEARNT = (
    "squadshifts_",
    "multispanqa",
    "qamr_dev",
    "qamr_test",
    "qasrl_gs_wiki",
    "qanom",
    "trecqa_train",
    "wikiqa_train.a",
)
_MEASURED_SPANS = ("policyqa_dev",)
_MEASURED_SENTENCES = ("trecqa_dev", "wikiqa_dev.a")
_ON_THE_WAY = 60
"""Questions of each held-out set, and of the first of the ranking files, for the figures on the way."""


@dataclass(frozen=True, slots=True)
class DataFiles:
    """What is learnt from, and what is measured on and never learnt from."""

    learnt: tuple[Path, ...]
    spans: tuple[Path, ...] = ()
    sentences: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class AskedIndex:
    """Questions with known answering articles, and the index that they are asked of.

    Attributes:
        questions: a file as `rag.evaluation.questions` reads it.
        index: the index folder.
        learnt: the part of the questions that the reader learns from.
        fitted: the part that the weights of the scores are fitted on; none of it is learnt from.
    """

    questions: Path
    index: Path
    learnt: Part = field(default_factory=lambda: Part(0.7, 1.0))
    fitted: Part = field(default_factory=lambda: Part(0.5, 0.7))


def find_data(paths: Sequence[Path]) -> DataFiles:
    """The data sets in files and folders.

    A file that is named is learnt from. Of a folder, the public sets that the shipped reader was made with are, under
    the names that they are published by; others of them are measured on.

    Raises:
        TrainingError: when a path is not there, or there is nothing to learn from.
    """
    learnt: list[Path] = []
    spans: list[Path] = []
    sentences: list[Path] = []
    for path in paths:
        if path.is_dir():
            for kind, names in ((learnt, _LEARNT), (spans, _MEASURED_SPANS), (sentences, _MEASURED_SENTENCES)):
                kind += [file for name in names for file in sorted(path.glob(f"{name}*")) if file.is_file()]
        elif path.is_file():
            learnt.append(path)
        else:
            raise TrainingError(f"{path} is not there; expected a data set, or a folder of them")
    if not learnt:
        raise TrainingError(
            f"{', '.join(map(str, paths))} holds no data set to learn from; expected files whose names begin with "
            f"{', '.join(_LEARNT)}, or any file in SQuAD format by its name"
        )
    return DataFiles(tuple(learnt), tuple(spans), tuple(sentences))


def make_reader(
    files: DataFiles,
    out: Path,
    *,
    plan: Plan,
    asked: AskedIndex | None = None,
    encoder: Path | None = None,
    after: Path | None = None,
    say: Callable[[str], None] = _log.info,
) -> dict[str, Any]:
    """Train a reader, export it, fit its weights, measure it, and write its card.

    Args:
        files: the data.
        out: the folder to write to; what an interrupted run left there is gone on with.
        plan: the settings of the training.
        asked: questions and an index to learn retrieval's own passages from, and to fit the weights on.
        encoder: the folder of the encoder whose weights are the beginning; the default encoder's when None.
        after: the folder of a finished training from that encoder, whose weights are the beginning instead.
        say: takes lines about how it goes.

    Returns:
        The facts of the card.

    Raises:
        TrainingError: when there is nothing to learn from, or `out` holds another training's state.
        CitewellError: when a file or the index cannot be read.
    """
    from rag.training.card import write_card
    from rag.training.model import export

    earlier = _facts_of(after) if after is not None else None
    start = time.monotonic()
    folder = encoder if encoder is not None else default_model_folder()
    tokenizer = _tokenizer(folder)
    retrieved, made = _retrieved(asked, plan, say) if asked is not None else ((), ())
    sources = read_sources(files.learnt, plan, retrieved, made)
    ranked = read_ranking_file(files.sentences[0])[:_ON_THE_WAY] if files.sentences else []

    def on_the_way(model: Any) -> dict[str, float]:
        return figures(ModuleReader(model, tokenizer), sources.held_out, ranked, questions=_ON_THE_WAY)

    model = train(sources, folder, out, plan=plan, after=after, evaluate=on_the_way, say=say)
    trained = time.monotonic() - start
    say("exporting")
    (out / "fp32").mkdir(exist_ok=True)
    export(model, out / "fp32" / "model.onnx", out / "model.onnx")
    for target in (out, out / "fp32"):
        shutil.copyfile(folder / "tokenizer.json", target / "tokenizer.json")
    if asked is not None:
        say("fitting the weights of the scores")
        _fit(asked, files, plan, out)
    facts = {
        "encoder": str(folder.name if encoder is not None else "all-MiniLM-L6-v2"),
        "plan": asdict(plan),
        "after": earlier,
        "data": _counts(sources),
        "seconds": trained,
        "machine": f"{platform.machine()}, {available_cores()} cores",
        "figures": {
            "int8": measure(OnnxReader.load(out), files, sources),
            "fp32": measure(OnnxReader.load(out / "fp32"), files, sources),
        },
    }
    (out / FACTS_FILE).write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    write_card(out, facts)
    return facts


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


def measure(reader: Reader, files: DataFiles, sources: Sources) -> dict[str, dict[str, Any]]:
    """The figures of a reader on what is held out, by the name of the set."""
    from rag.evaluation.sentences import evaluate_sentences
    from rag.evaluation.squad import evaluate_squad

    found: dict[str, dict[str, Any]] = {}
    for data in sources.held_out:
        found[f"{data.name} (held out)"] = {"f1": 100 * figures(reader, [data], [], questions=10**6).get("f1", 0.0)}
    for path in files.spans:
        found[path.name] = evaluate_squad(path, reader)
    for path in files.sentences:
        found[path.name] = evaluate_sentences(path, reader)
    return found


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


def _fit(asked: AskedIndex, files: DataFiles, plan: Plan, out: Path) -> None:
    """Write the weights that belong to the reader in `out`."""
    from rag.fit import fit, news_examples, open_unscored, squad_examples

    items = [item for item in read_questions(asked.questions) if item.fraction in asked.fitted]
    with open_unscored(asked.index, str(out)) as engine:
        examples = list(news_examples(engine, items))
    for path in files.learnt:
        share = plan.held_out_of(path.name)
        if share:
            examples += squad_examples(path, str(out), held_out=share)
    (out / SCORING_FILE).write_text(json.dumps(fit(examples).to_dict(), indent=1) + "\n", "utf-8")


def _facts_of(folder: Path) -> dict[str, Any]:
    """What is known of an earlier training.

    Raises:
        TrainingError: when it left nothing of that.
    """
    path = folder / FACTS_FILE
    if not path.exists():
        raise TrainingError(f"{path} is not there; expected the folder of a training that was finished")
    facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return {name: facts[name] for name in ("plan", "data", "seconds", "machine")}


def _counts(sources: Sources) -> dict[str, int]:
    counts = {data.name: len(data.asked) + len(data.ranked) for data, _ in sources.sets}
    if sources.retrieved:
        counts["questions asked of the index"] = len(sources.retrieved)
    if sources.made:
        counts["questions made of its articles"] = len(sources.made)
    return counts
