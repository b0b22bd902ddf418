"""`citewell train`."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotations when it runs
from typing import Annotated

import typer

from rag.evaluation.commands import check_part
from rag.options import check_probability

__all__ = ["train_reader"]


def train_reader(
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATA...",
            help="Data sets, or a folder of them: SQuAD format, MultiSpanQA, QAMR, QA-SRL, QANom, TREC QA, WikiQA.",
            show_default=False,
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Where the reader goes; an interrupted training there is gone on with.",
            file_okay=False,
            show_default=False,
        ),
    ],
    questions: Annotated[
        Path | None,
        typer.Option(
            "--questions",
            metavar="FILE",
            help="JSON Lines: question, answer, sources; asked of --index.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option("--index", metavar="DIR", help="Their articles' index.", file_okay=False, show_default=False),
    ] = None,
    part: Annotated[
        str, typer.Option("--part", metavar="FROM-TO", help="The questions to learn from.", callback=check_part)
    ] = "0.7-1",
    fit_part: Annotated[
        str,
        typer.Option(
            "--fit-part", metavar="FROM-TO", help="The questions to fit the confidence on.", callback=check_part
        ),
    ] = "0.5-0.7",
    encoder: Annotated[
        Path | None,
        typer.Option(
            "--encoder",
            metavar="FOLDER",
            help="The encoder to begin with, when it is not all-MiniLM-L6-v2.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    after: Annotated[
        Path | None,
        typer.Option(
            "--after",
            metavar="DIR",
            help="A finished training to begin with, rather than the encoder alone.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[float, typer.Option("--epochs", metavar="N", min=0.001, help="How often all is seen.")] = 1.7,
    rate: Annotated[float, typer.Option("--rate", metavar="R", min=0.0, help="The greatest learning rate.")] = 1.5e-4,
    made: Annotated[
        int, typer.Option("--made", metavar="N", min=0, help="Questions to make of the index's own articles.")
    ] = 9_000,
    share: Annotated[
        float,
        typer.Option(
            "--share", metavar="S", callback=check_probability, help="With --after: the weight of the new one."
        ),
    ] = 0.75,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of all that is drawn.")] = 1,
) -> None:
    """Make a reader: fine-tune the encoder's weights to mark answers and to know when there is none."""
    if (questions is None) != (index is None):
        raise typer.BadParameter("--questions and --index go together", param_hint="--questions")

    from rag.evaluation.questions import Part
    from rag.train import AskedIndex, Plan, find_data, make_reader

    asked = None
    if questions is not None and index is not None:
        asked = AskedIndex(questions, index, Part.parse(part), Part.parse(fit_part))

    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    plan = Plan(epochs=epochs, rate=rate, made=made, share=share, seed=seed)
    make_reader(find_data(data), out, plan=plan, asked=asked, encoder=encoder, after=after, say=say)
    sys.stdout.write((out / "README.md").read_text("utf-8"))
