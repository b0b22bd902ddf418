"""`citewell evaluate`: an index on the user's own questions, or a reader alone on a public set.

`evaluate FILE` asks an index the questions of a file, `evaluate sizes FILE` collections of every size; `evaluate squad
FILE` and `evaluate sentences FILE` measure a reader. Standard output carries the figures or the JSON and nothing else.
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path  # noqa: TC003 - typer reads the annotations when it runs
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rag.evaluation.commands import (
    DEFAULT,
    CompareOption,
    LimitOption,
    PartOption,
    QuestionsByDefault,
    ReportOption,
    SaveOption,
    Unnamed,
)
from rag.evaluation.output import progress, say, show, write
from rag.evaluation.sizes_cli import sizes
from rag.options import (
    EncoderOption,
    IndexOption,
    JsonOption,
    MinConfidenceOption,
    ReaderOption,
    readable,
)
from rag.types import MIN_CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rag.evaluation.compare import Comparison
    from rag.evaluation.outcomes import Evaluation
    from rag.reader import Reader

__all__ = ["app"]

app = typer.Typer(cls=QuestionsByDefault, help="Measure answers on your own questions, or a reader on a public set.")

_EPILOG = """\
Collections of every size: citewell evaluate sizes --help.
A reader alone: citewell evaluate squad --help, citewell evaluate sentences --help.
A file of one of these names: ./sizes, ./squad, ./sentences.
"""


@app.command(name=DEFAULT, cls=Unnamed, hidden=True, no_args_is_help=True, epilog=_EPILOG)
def evaluate_questions(
    questions: Annotated[
        Path,
        typer.Argument(
            metavar="QUESTIONS",
            help="JSON Lines: question, answer (null: the articles do not say), optional sources; .gz or not.",
            callback=readable,
            show_default=False,
        ),
    ],
    *,
    index: IndexOption = None,
    reader: ReaderOption = None,
    encoder: EncoderOption = None,
    min_confidence: MinConfidenceOption = MIN_CONFIDENCE,
    part: PartOption = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
    report: ReportOption = None,
    save: SaveOption = None,
    compare: CompareOption = None,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Fit the confidence to these questions, and keep that in the index.")
    ] = False,
) -> None:
    """Ask an index the questions of a file, and measure the answers.

    Without --index: the default index, or the sample articles that ship with citewell.
    """
    from rag.evaluation.compare import compare as compared
    from rag.evaluation.outcomes import read_evaluation
    from rag.evaluation.questions import Part, choose, read_questions
    from rag.locations import resolve

    # Whatever can be wrong with the files is said before an hour is spent on asking.
    items = choose(read_questions(questions), part=None if part is None else Part.parse(part), limit=limit)
    old = None if compare is None else read_evaluation(compare)
    folder = resolve(index, None)[0]
    run = _ask_all(
        items,
        index=index,
        encoder=encoder,
        reader=reader,
        min_confidence=min_confidence,
        calibrated=not calibrate,
        settings={"questions": questions.name, "index": str(folder), "part": part, "limit": limit},
    )
    comparison = None if old is None else compared(run, old)
    if save is not None:
        from rag.display import json_line

        write(save, json_line(run.to_dict()) + "\n")
    if report is not None:
        from rag.evaluation.report import report_html

        write(report, report_html(run, comparison=comparison, old=old))
    # Behind what is written: it may find too few questions, and they have been asked.
    facts: dict[str, Any] = {}
    if calibrate:
        from rag.calibration import fit_calibration, save_calibration

        found = fit_calibration(
            [(each.confidence, each.right) for each in run.outcomes], reader=str(run.settings["reader"])
        )
        save_calibration(found, folder)
        facts = asdict(found)
    _tell(run, comparison, facts, {"report": report, "saved": save}, as_json=as_json)


app.command(name="sizes", no_args_is_help=True)(sizes)


@app.command(name="squad", no_args_is_help=True)
def squad(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A file in SQuAD format, 1.1 or 2.0; .gz or not.",
            callback=readable,
            show_default=False,
        ),
    ],
    *,
    reader: ReaderOption = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a reader on a file in SQuAD format: exact match and F1, and whether it knows when not to answer."""
    from rag.evaluation.figures import squad_text
    from rag.evaluation.squad import evaluate_squad

    with progress("reading") as done:
        figures = evaluate_squad(file, _reader(reader), limit=limit, progress=done)
    for problem in figures["problems"]:
        say(f"{file}: {problem}")
    show(figures, squad_text, as_json=as_json)


@app.command(name="sentences", no_args_is_help=True)
def sentences(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="TREC QA (.xml), WikiQA (.tsv, or a.toks and the files beside it) or JSON Lines; .gz or not.",
            show_default=False,
        ),
    ],
    *,
    reader: ReaderOption = None,
    limit: LimitOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how a reader ranks sentences: MAP and MRR over the questions with both right and wrong sentences."""
    from rag.evaluation.figures import sentences_text
    from rag.evaluation.sentences import evaluate_sentences

    with progress("reading") as done:
        figures = evaluate_sentences(file, _reader(reader), limit=limit, progress=done)
    show(figures, sentences_text, as_json=as_json)


def _ask_all(
    items: Any,
    *,
    index: Path | None,
    encoder: str | None,
    reader: str | None,
    min_confidence: float,
    calibrated: bool,
    settings: dict[str, Any],
) -> Evaluation:
    """Open the engine, ask it, and note what it was."""
    from datetime import UTC, datetime
    from importlib.metadata import version

    from rag.console import progress_bar
    from rag.evaluation.run import evaluate
    from rag.pipeline import open_engine

    with progress_bar(sys.stderr) as update:
        engine = open_engine(index, None, encoder=encoder, reader=reader, calibrated=calibrated, progress=update)
    with engine, progress("asking") as done:
        info = engine.info()
        noted = {
            **settings,
            "articles": info.articles,
            "encoder": info.encoder,
            "reader": engine.reader,
            "threshold": min_confidence,
            "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "citewell": version("citewell"),
        }
        return evaluate(engine, items, min_confidence=min_confidence, settings=noted, progress=done)


def _tell(
    run: Evaluation,
    comparison: Comparison | None,
    facts: Mapping[str, Any],
    written: Mapping[str, Path | None],
    *,
    as_json: bool,
) -> None:
    """Print the run."""
    figures = {**run.figures(), "settings": dict(run.settings)}
    if comparison is not None:
        figures["comparison"] = {
            "shared": comparison.shared,
            "won": [new.id for _, new in comparison.won],
            "lost": [new.id for _, new in comparison.lost],
            "p": comparison.chance,
        }
    if facts:
        figures["calibration"] = dict(facts)

    def text(_: Mapping[str, Any]) -> str:
        from rag.evaluation.figures import evaluation_text

        lines = [evaluation_text(figures, comparison)]
        if facts:
            lines.append(f"{'calibrated':<12}slope {facts['slope']:.3f}, shift {facts['shift']:+.3f} of the log odds\n")
        lines += [f"{name:<12}{path}\n" for name, path in written.items() if path is not None]
        return "".join(lines)

    show(figures, text, as_json=as_json)


def _reader(name: str | None) -> Reader:
    from rag.reader_models import load_reader

    reader = load_reader(name)
    if reader is None:
        raise typer.BadParameter("there is no reader to measure; name one", param_hint="--reader")
    return reader
