"""`citewell train`: a reader in four steps, each a command: rows, a model of them, the reader's folder, its weights."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rag.evaluation.commands import check_part
from rag.options import check_probability

__all__ = ["app"]

app = typer.Typer(
    help="Make a reader: prepare rows, run the training, export it, and fit the weights of its scores.",
    no_args_is_help=True,
    add_completion=False,
)

_OutOption = Annotated[
    Path, typer.Option("--out", metavar="DIR", help="Where it goes.", file_okay=False, show_default=False)
]
_SeedOption = Annotated[int, typer.Option("--seed", metavar="N", help="Of all that is drawn.")]


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@app.command("prepare")
def prepare_rows(
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="DATA...",
            help="Data sets, or a folder of them: SQuAD format, MultiSpanQA, QAMR, QA-SRL, QANom, TREC QA, WikiQA.",
            show_default=False,
        ),
    ],
    *,
    out: _OutOption,
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
    made: Annotated[
        int, typer.Option("--made", metavar="N", min=0, help="Questions to make of the index's own articles.")
    ] = 9_000,
    keep_out: Annotated[
        list[str] | None,
        typer.Option("--keep-out", metavar="TITLE", help="Learn nothing from documents of this title (repeatable)."),
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", min=1, help="How often all is drawn anew.")] = 4,
    encoder: Annotated[
        Path | None,
        typer.Option(
            "--encoder",
            metavar="FOLDER",
            help="The encoder whose vocabulary is meant, when it is not that of all-MiniLM-L6-v2.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    seed: _SeedOption = 1,
) -> None:
    """Draw the rows of a few epochs, and rows to measure on that none of them is made of."""
    if (questions is None) != (index is None):
        raise typer.BadParameter("--questions and --index go together", param_hint="--questions")

    from rag.evaluation.questions import Part
    from rag.training.prepare import AskedIndex, Plan, find_data, prepare

    asked = None
    if questions is not None and index is not None:
        asked = AskedIndex(questions, index, Part.parse(part))
    plan = Plan(epochs=epochs, seed=seed, made=made, kept_out=tuple(keep_out or ()))
    prepare(find_data(data), out, plan=plan, asked=asked, encoder=encoder, say=_say)


@app.command("run")
def run_training(
    prepared: Annotated[
        Path, typer.Argument(metavar="DIR", help="What `citewell train prepare` left.", show_default=False)
    ],
    *,
    out: _OutOption,
    base: Annotated[
        Path | None,
        typer.Option(
            "--base",
            metavar="FOLDER",
            help="The encoder to begin with, or a finished run; all-MiniLM-L6-v2 when none is named.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", metavar="bert|mpnet", help="What the base has to be.", show_default=False),
    ] = None,
    layers: Annotated[
        int | None,
        typer.Option("--layers", metavar="N", min=1, help="Of the base, so many layers.", show_default=False),
    ] = None,
    teacher: Annotated[
        Path | None,
        typer.Option(
            "--teacher",
            metavar="DIR",
            help="A finished run, whose scores are learnt beside the labels.",
            show_default=False,
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option("--seconds", metavar="S", min=0.001, help="How long to train.", show_default=False),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            "--steps",
            metavar="N",
            min=1,
            help="How many steps; until all rows were seen once when nothing is said.",
            show_default=False,
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            metavar="R",
            min=0.0,
            help="The greatest learning rate; 1.5e-4, with a teacher 2.5e-4, and 6e-5 of the kind mpnet.",
            show_default=False,
        ),
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option(
            "--tokens",
            metavar="N",
            min=1,
            help="Of a step, padding included; 24,576 on a GPU, 3,072 on the CPU.",
            show_default=False,
        ),
    ] = None,
    dropout: Annotated[
        float,
        typer.Option(
            "--dropout", metavar="P", callback=check_probability, help="What is left out of a layer's output."
        ),
    ] = 0.0,
    seed: _SeedOption = 1,
) -> None:
    """Train on prepared rows, on the GPU where there is one. An interrupted run is gone on with.

    Where nothing but torch and numpy is installed: python -m rag.training.run, with the same options.
    """
    if seconds is not None and steps is not None:
        raise typer.BadParameter("--seconds and --steps do not go together", param_hint="--seconds")
    if kind not in {None, "bert", "mpnet"}:
        raise typer.BadParameter(f"expected bert or mpnet, found {kind!r}", param_hint="--kind")

    from rag.training.run import Settings, run

    if base is None:
        from index.encoder import default_model_folder

        base = default_model_folder()
    settings = Settings(
        base=base,
        kind=kind,
        layers=layers,
        teacher=teacher,
        seconds=seconds,
        steps=steps,
        rate=rate,
        tokens=tokens,
        dropout=dropout,
        seed=seed,
    )
    run(prepared, out, settings, say=_say)


@app.command("export")
def export_trained(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DIR2",
            help="What `citewell train run` left; or, with --prepared, a file with a model's state alone.",
            show_default=False,
        ),
    ],
    *,
    out: _OutOption,
    alpha: Annotated[
        float,
        typer.Option("--alpha", metavar="A", callback=check_probability, help="Of the smoothing; 0.65 to 0.8 is good."),
    ] = 0.8,
    check: Annotated[
        list[Path] | None,
        typer.Option(
            "--check",
            metavar="FILE",
            help="Measure on this file as well: SQuAD format, TREC QA, WikiQA (repeatable).",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    prepared: Annotated[
        Path | None,
        typer.Option(
            "--prepared",
            metavar="DIR",
            help="Whose held-out rows are measured on, when they are not the run's own.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a trained reader as ONNX, int8 and fp32, measured, with its card. It fails where int8 loses 0.7 F1."""
    from rag.training.export import export_run

    export_run(source, out, prepared=prepared, alpha=alpha, check=tuple(check or ()), say=_say)
    sys.stdout.write((out / "README.md").read_text("utf-8"))


@app.command("fit")
def fit_weights(
    *,
    news: Annotated[
        Path,
        typer.Option("--news", metavar="FILE", help="JSON Lines: question, answer, articles_with_answer.", exists=True),
    ],
    index: Annotated[Path, typer.Option("--index", metavar="DIR", help="The index of their articles.", exists=True)],
    squad: Annotated[
        list[Path] | None,
        typer.Option(
            "--squad", metavar="FILE", help="A file in SQuAD format (repeatable).", exists=True, show_default=False
        ),
    ] = None,
    articles: Annotated[
        Path | None,
        typer.Option(
            "--articles",
            metavar="FILE",
            help="The articles of the index as JSON Lines, to draw small collections from.",
            exists=True,
            show_default=False,
        ),
    ] = None,
    sizes: Annotated[
        str, typer.Option("--sizes", metavar="N,N", help="How many articles small collections have.")
    ] = "1,2,10,30",
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            metavar="N",
            min=1,
            help="So many questions of each file at most, of small collections.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE.json", help="The weights; scoring.json in a reader's folder.")
    ],
    part: Annotated[
        str, typer.Option("--part", metavar="FROM-TO", help="Which of the questions.", callback=check_part)
    ] = "0-1",
    held_out: Annotated[
        float,
        typer.Option(
            "--held-out", metavar="S", callback=check_probability, help="The share of its articles no training saw."
        ),
    ] = 1.0,
    reader: Annotated[
        str | None,
        typer.Option("--reader", metavar="NAME_OR_FOLDER", help="The reader they belong to.", show_default=False),
    ] = None,
) -> None:
    """Fit the weights of the sentence scores, and the confidence."""
    from rag.fit import main

    options = {
        "--news": news,
        "--part": part,
        "--index": index,
        "--articles": articles,
        "--held-out": held_out,
        "--sizes": sizes,
        "--limit": limit,
        "--reader": reader,
        "--out": out,
    }
    arguments = [text for name, value in options.items() if value is not None for text in (name, str(value))]
    main([*arguments, *(["--squad", *map(str, squad)] if squad else [])])
