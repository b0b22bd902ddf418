"""How the commands of `citewell evaluate` are called, and the options that they alone have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from rag.options import readable_or_none, writable

__all__ = [
    "DEFAULT",
    "CompareOption",
    "LimitOption",
    "PartOption",
    "QuestionsByDefault",
    "ReportOption",
    "SaveOption",
    "Unnamed",
    "check_part",
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


LimitOption = Annotated[
    int | None,
    typer.Option(
        "--limit", metavar="N", min=1, help="At most so many questions, the same ones each time.", show_default=False
    ),
]


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


PartOption = Annotated[
    str | None,
    typer.Option(
        "--part",
        metavar="FROM-TO",
        help="Only the questions of this part of [0, 1), by a hash of their ids: tune on 0-0.5, report on 0.5-1.",
        callback=check_part,
        show_default=False,
    ),
]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE.html",
        help="Write a page with figures, plots and every miss.",
        callback=writable,
        show_default=False,
    ),
]
SaveOption = Annotated[
    Path | None,
    typer.Option(
        "--save", metavar="FILE.json", help="Write the run, for --compare.", callback=writable, show_default=False
    ),
]
CompareOption = Annotated[
    Path | None,
    typer.Option(
        "--compare",
        metavar="FILE.json",
        help="Compare with a run that --save wrote.",
        callback=readable_or_none,
        show_default=False,
    ),
]
