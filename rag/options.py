"""Options that several commands take, and the checks of their values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from index.encoder import Encoder
    from index.scope import Scope

__all__ = [
    "ArticlesOption",
    "EncoderOption",
    "FastOption",
    "FieldOption",
    "FormatOption",
    "IndexOption",
    "JsonOption",
    "MinConfidenceOption",
    "OutOption",
    "PathsArgument",
    "ReaderOption",
    "SinceOption",
    "SourceOption",
    "UntilOption",
    "check_probability",
    "encoder_named",
    "fields_named",
    "readable",
    "readable_or_none",
    "scope_of",
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


def scope_of(sources: Sequence[str] | None, since: str | None, until: str | None) -> Scope | None:
    """The scope that `--source`, `--since` and `--until` name; None when they are not given.

    Raises:
        typer.BadParameter: when a day is none.
    """
    if not sources and since is None and until is None:
        return None
    from index.scope import Scope

    try:
        return Scope(frozenset(sources or ()), since, until)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--since, --until") from error


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
        metavar="auto|quick|sharp|NAME|none",
        help="What reads: auto (the default; quick, and sharp reads the best again), one of both alone, another "
        "question-answering model by its name or folder, or none.",
        show_default=False,
    ),
]
SourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help="Ask only the articles of this outlet, such as bbc.com (or of the file of this name); may be repeated.",
        show_default=False,
    ),
]
SinceOption = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="DATE",
        help="Ask only articles of this day or later, as 2023-05-01.",
        show_default=False,
    ),
]
UntilOption = Annotated[
    str | None,
    typer.Option("--until", metavar="DATE", help="Ask only articles of this day or earlier.", show_default=False),
]
MinConfidenceOption = Annotated[
    float,
    typer.Option(
        "--min-confidence", metavar="P", callback=check_probability, help="Below this probability: not answered."
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE.jsonl",
        help="Where the lines go, rather than to standard output.",
        callback=writable,
        show_default=False,
    ),
]
FormatOption = Annotated[
    Literal["text", "markdown", "json"] | None,
    typer.Option(
        "--format",
        help="To take along, rather than for the terminal: text with footnotes, Markdown, or JSON (as --json).",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, and nothing else there.")]
