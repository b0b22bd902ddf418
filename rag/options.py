"""Options that several commands take, and the checks of their values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from index.encoder import Encoder

__all__ = [
    "ArticlesOption",
    "EncoderOption",
    "FastOption",
    "FieldOption",
    "IndexOption",
    "JsonOption",
    "MinConfidenceOption",
    "PathsArgument",
    "ReaderOption",
    "check_probability",
    "encoder_named",
    "fields_named",
    "readable",
    "readable_or_none",
    "writable",
]


def encoder_named(name: str | None, *, fast: bool = False) -> Encoder | None:
    """The encoder that `--encoder` or `--fast` names; None where neither does, and the index decides.

    Raises:
        typer.BadParameter: when both are given.
        EncoderError: when it cannot be loaded.
    """
    if fast and name is not None:
        raise typer.BadParameter("expected either --fast or --encoder", param_hint="--fast")
    if name is None and not fast:
        return None
    from index.encoder import FAST_ENCODER, load_encoder

    return load_encoder(FAST_ENCODER if fast else name)


def fields_named(given: list[str] | None) -> dict[str, str]:
    """The fields that `--field` maps: what they hold -> their names.

    Raises:
        typer.BadParameter: when one is not of the form NAME=FIELD.

    >>> fields_named(["text=body", "title=head.main"])
    {'text': 'body', 'title': 'head.main'}
    """
    from index.formats.base import FIELDS

    found = {}
    for each in given or ():
        name, equals, field = each.partition("=")
        if not equals or not field or name not in FIELDS:
            raise typer.BadParameter(
                f"found {each!r}; expected NAME=FIELD, as text=body, with NAME one of {', '.join(FIELDS)}",
                param_hint="--field",
            )
        found[name] = field
    return found


def check_probability(value: float) -> float:
    """A value in [0, 1].

    Raises:
        typer.BadParameter: when it is not.
    """
    # A range of typer's lets NaN through, which is neither under nor over anything.
    if not 0.0 <= value <= 1.0:
        raise typer.BadParameter(f"{value} is not in the range 0 to 1")
    return value


def readable(path: Path) -> Path:
    """The path of a file that can be read.

    Raises:
        typer.BadParameter: when it is none.
    """
    if path.is_dir() or not os.access(path, os.R_OK):
        raise typer.BadParameter(f"{path} is not a file that can be read")
    return path


def readable_or_none(path: Path | None) -> Path | None:
    """As `readable`, where a path was given.

    Raises:
        typer.BadParameter: as `readable`.
    """
    return None if path is None else readable(path)


def writable(path: Path | None) -> Path | None:
    """The path of a file that can be written, said before the questions are asked and not after.

    Raises:
        typer.BadParameter: when it cannot.
    """
    if path is not None and (path.is_dir() or not os.access(path.absolute().parent, os.W_OK)):
        raise typer.BadParameter(f"{path} is not a file that can be written")
    return path


PathsArgument = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", help="Files and folders of articles, of any format.", show_default=False),
]
IndexOption = Annotated[
    Path | None,
    typer.Option("--index", metavar="DIR", help="The index folder.", file_okay=False, show_default=False),
]
ArticlesOption = Annotated[
    Path | None,
    typer.Option("--articles", metavar="PATH", help="A file or folder of articles to index first.", show_default=False),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        "--encoder",
        metavar="NAME_OR_FOLDER",
        help="The sentence-transformers model that embeds, when it is not the one that the index names.",
        show_default=False,
    ),
]
FastOption = Annotated[
    bool,
    typer.Option("--fast", help="Embed with static vectors: many times as fast, and found a little less surely."),
]
FieldOption = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        metavar="NAME=FIELD",
        help="In JSON and CSV, which field holds the text, title, url, published or author: text=body (repeatable).",
        show_default=False,
    ),
]
ReaderOption = Annotated[
    str | None,
    typer.Option(
        "--reader",
        metavar="NAME_OR_FOLDER",
        help='The question-answering model that reads, when it is not the one that ships; "none": no reader.',
        show_default=False,
    ),
]
MinConfidenceOption = Annotated[
    float,
    typer.Option(
        "--min-confidence", metavar="P", callback=check_probability, help="Below this probability: not answered."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, and nothing else there.")]
