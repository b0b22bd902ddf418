"""`citewell evaluate sizes`: one set of questions over collections of every size, resumed where it was interrupted."""

from __future__ import annotations

import hashlib
from pathlib import Path  # noqa: TC003 - typer reads the annotations when it runs
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.evaluation.commands import CompareOption, LimitOption, PartOption  # noqa: TC001 - as above
from rag.evaluation.output import progress, say, show, write
from rag.options import (
    EncoderOption,
    IndexOption,
    JsonOption,
    MinConfidenceOption,
    ReaderOption,
    readable,
    readable_or_none,
    writable,
)
from rag.types import MIN_CONFIDENCE

if TYPE_CHECKING:
    from index.encoder import Encoder
    from rag.evaluation.collections import ArticleText
    from rag.evaluation.questions import EvaluationQuestion
    from rag.evaluation.sizes import SizesRun
    from rag.evaluation.sizes_saved import Unfinished
    from rag.reader import Reader

__all__ = ["sizes"]

_ALL = "all"
_SEED = 1


def check_sizes(value: str) -> str:
    """Sizes such as "1,10,all", as they were given.

    Raises:
        typer.BadParameter: when one is neither a whole number from 1 on nor "all".
    """
    for each in value.split(","):
        name = each.strip()
        if name != _ALL and not (name.isascii() and name.isdigit() and int(name)):
            raise typer.BadParameter(f"found {name!r}; expected numbers of articles from 1 on, or all: 1,10,100,all")
    return value


def sizes(
    questions: Annotated[
        Path,
        typer.Argument(
            metavar="QUESTIONS",
            help="JSON Lines: question, answer, sources (URLs of articles); or a file in SQuAD format. .gz or not.",
            callback=readable,
            show_default=False,
        ),
    ],
    *,
    articles: Annotated[
        Path | None,
        typer.Option(
            "--articles",
            metavar="FILE.jsonl",
            help="JSON Lines: url, title, published, text; .gz or not. None for SQuAD: there each paragraph is one.",
            callback=readable_or_none,
            show_default=False,
        ),
    ] = None,
    given: Annotated[
        str,
        typer.Option("--sizes", metavar="N,N,...", help="How many articles; all: all there are.", callback=check_sizes),
    ] = "1,2,5,10,30,100,1000,all",
    index: IndexOption = None,
    reader: ReaderOption = None,
    encoder: EncoderOption = None,
    min_confidence: MinConfidenceOption = MIN_CONFIDENCE,
    part: PartOption = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE.html",
            help="Write a page with figures and a reliability plot for each size.",
            callback=writable,
            show_default=False,
        ),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FILE.json",
            help="Write the run, for --compare; when it is interrupted, the same command goes on with it.",
            callback=writable,
            show_default=False,
        ),
    ] = None,
    compare: CompareOption = None,
) -> None:
    """Does a confidence mean the same in collections of every size?

    Each question is asked of collections of each size, with an article that answers it among them and without any.
    With --index, an index of all the articles, that of all need not be made.
    """
    from rag.evaluation.sizes import shared
    from rag.evaluation.sizes_saved import read_run, to_dict

    old = None if compare is None else read_run(compare)
    items, texts = _read(questions, articles, part=part, limit=limit)
    run = _run(
        items,
        texts,
        [None if each.strip() == _ALL else int(each) for each in given.split(",")],
        index=index,
        encoder=encoder,
        reader=reader,
        min_confidence=min_confidence,
        save=save,
        settings={
            "questions": questions.name,
            "questions_hash": _hash_of(questions),
            "articles": None if articles is None else articles.name,
            "articles_hash": None if articles is None else _hash_of(articles),
            "article_count": len(texts),
            "sizes": given,
            "part": part,
            "limit": limit,
            "index": None if index is None else str(index),
            "threshold": min_confidence,
            "seed": _SEED,
        },
    )
    figures: dict[str, Any] = {"sizes": run.figures(), "threshold": run.threshold, "settings": dict(run.settings)}
    if save is not None:
        from rag.display import json_line

        write(save, json_line(to_dict(run)) + "\n")
        save.with_name(f"{save.name}.part").unlink(missing_ok=True)
    if old is not None:
        now, before = shared(run, old)
        figures |= {"sizes": now.figures(), "sizes_before": before.figures()}
    _tell(run, figures, report=report, save=save, as_json=as_json)


def _read(
    questions: Path, articles: Path | None, *, part: str | None, limit: int | None
) -> tuple[list[EvaluationQuestion], list[ArticleText]]:
    """The questions that are asked, and all articles."""
    from index.errors import EvaluationError
    from rag.evaluation.collection_sources import read_articles, squad_collection_source
    from rag.evaluation.questions import Part, choose, read_questions

    chosen = None if part is None else Part.parse(part)
    if articles is not None:
        return choose(read_questions(questions), part=chosen, limit=limit), read_articles(articles)
    try:
        texts, items = squad_collection_source(questions, part=chosen)
    except EvaluationError as error:
        raise EvaluationError(f"{error}; for questions in JSON Lines name the articles with --articles") from error
    return choose(items, limit=limit), texts


def _run(
    items: list[EvaluationQuestion],
    texts: list[ArticleText],
    wanted: list[int | None],
    *,
    index: Path | None,
    encoder: str | None,
    reader: str | None,
    min_confidence: float,
    save: Path | None,
    settings: dict[str, Any],
) -> SizesRun:
    """Load the models, draw the collections, ask those that are not done yet, and note what it was."""
    from datetime import UTC, datetime
    from importlib.metadata import version

    from index.encoder import load_encoder
    from index.errors import EvaluationError
    from rag.evaluation.collections import RememberingEncoder, look_up, near_articles
    from rag.evaluation.sizes import Asking, SizesRun, ask_all, plan
    from rag.evaluation.sizes_saved import Unfinished, saved_run
    from rag.reader import NO_READER
    from rag.reader_models import load_reader

    embeds, reads = load_encoder(encoder), load_reader(reader)
    noted = {
        **settings,
        "encoder": embeds.identity.name,
        "encoder_hash": embeds.identity.fingerprint,
        "reader": NO_READER if reads is None else reads.name,
        "weights_hash": _weights(reads),
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "citewell": version("citewell"),
    }
    # Before minutes are spent on drawing: what is there may be of other settings, or all that is asked for.
    finished = None if save is None else saved_run(save, noted)
    if finished is not None:
        say(f"{save} holds this run already; nothing is asked again")
        return finished
    unfinished = None if save is None else Unfinished(save, noted)
    known = look_up(items, texts)
    left_out = len(items) - len(known.usable(items))
    if left_out == len(items):
        raise EvaluationError(
            f"none of the {left_out:,} questions can be asked: the text of none of their sources holds an answer; "
            "expected questions whose sources are URLs of the articles"
        )
    if left_out:
        say(f"{left_out:,} of {len(items):,} questions are left out: no source of theirs holds an answer")
    with progress("finding what is near") as done:
        near = near_articles(items, texts, known, progress=done)
    collections = plan(items, texts, wanted, near=near, known=known, seed=_SEED)
    remembering: Encoder = RememberingEncoder(embeds)
    asking = Asking(items, texts, known, remembering, reads, index=index, min_confidence=min_confidence)
    with asking as ask, progress("asking") as done, _Interrupted(unfinished):
        outcomes = ask_all(
            collections,
            ask,
            done={} if unfinished is None else unfinished.done,
            keep=(lambda _key, _outcomes: None) if unfinished is None else unfinished.add,
            progress=done,
        )
    return SizesRun(tuple(outcomes), min_confidence, noted)


class _Interrupted:
    """Says on Ctrl+C where to go on."""

    def __init__(self, unfinished: Unfinished | None) -> None:
        self._unfinished = unfinished

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt) and self._unfinished is not None:
            say(f"what was asked is kept in {self._unfinished.path}; the same command goes on with it")


def _hash_of(path: Path) -> str:
    """16 hexadecimal digits over a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _weights(reader: Reader | None) -> str:
    """16 hexadecimal digits over the weights of the scores: those beside the reader, and those in `rag/data`."""
    from importlib.resources import files as package_files

    digest = hashlib.sha256()
    own = [] if reader is None or reader.folder is None else list(reader.folder.iterdir())
    for each in sorted((*own, *package_files("rag").joinpath("data").iterdir()), key=lambda each: each.name):
        if each.name.endswith(".json"):
            digest.update(each.name.encode() + b"\0" + each.read_bytes())
    return digest.hexdigest()[:16]


def _tell(run: SizesRun, figures: dict[str, Any], *, report: Path | None, save: Path | None, as_json: bool) -> None:
    """Write the report, and print the figures."""
    from rag.evaluation.sizes_report import sizes_html, sizes_text

    if report is not None:
        write(report, sizes_html(run, figures))

    def text(_: Any) -> str:
        written = {"report": report, "saved": save}
        return sizes_text(figures) + "".join(f"{name:<12}{path}\n" for name, path in written.items() if path)

    show(figures, text, as_json=as_json)
