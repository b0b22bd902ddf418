"""The parts that the commands of `citewell evaluate` are made of: how they are called, and their options."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003 - typer reads the annotations when it runs
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = [
    "DEFAULT",
    "JsonOption",
    "LimitOption",
    "QuestionsByDefault",
    "ReaderOption",
    "Unnamed",
    "check_part",
    "check_probability",
    "readable",
    "readable_or_none",
    "writable",
]

DEFAULT = "questions"
"""The command that is meant when none is named; its own name need never be typed."""


class QuestionsByDefault(TyperGroup):
    """Takes what does not begin with the name of a command for the arguments of the default one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments, the default command's name before them where no command is named."""
        named = {name for name, command in self.commands.items() if not command.hidden}
        return super().parse_args(ctx, args if args and args[0] in named else [DEFAULT, *args])


class _UnnamedContext(typer.Context):
    @property
    def command_path(self) -> str:
        """As the user calls it: without the command's own name."""
        return super().command_path if self.parent is None else self.parent.command_path


class Unnamed(TyperCommand):
    """A command that is shown without its name."""

    context_class = _UnnamedContext


ReaderOption = Annotated[
    str | None,
    typer.Option(
        "--reader",
        metavar="NAME_OR_FOLDER",
        help='The reader, when it is not the one that ships with citewell; "none": no reader.',
        show_default=False,
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        "--limit", metavar="N", min=1, help="At most so many questions, the same ones each time.", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, and nothing else there.")]


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


def check_probability(value: float) -> float:
    """A value in [0, 1].

    Raises:
        typer.BadParameter: when it is not.
    """
    # A range of typer's lets NaN through, which is neither under nor over anything.
    if not 0.0 <= value <= 1.0:
        raise typer.BadParameter(f"{value} is not in the range 0 to 1")
    return value


def check_part(value: str | None) -> str | None:
    """A part such as 0-0.5 (`rag.evaluation.questions.Part`), as it was given.

    Raises:
        typer.BadParameter: when it is none.
    """
    if value is not None:
        from rag.evaluation.questions import Part

        try:
            Part.parse(value)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
    return value
