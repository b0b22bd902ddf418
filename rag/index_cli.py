"""The commands that manage an index: `citewell index`, `info`, `check`, `remove`, `export`, `backup`."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotations when it runs
from typing import TYPE_CHECKING, Annotated

import typer

from index.errors import StoreError
from rag.options import (
    EncoderOption,
    FastOption,
    FieldOption,
    IndexOption,
    JsonOption,
    OutOption,
    PathsArgument,
    encoder_named,
    fields_named,
    writable,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["back_up_index", "check", "export", "index_articles", "info", "remove"]


def index_articles(
    paths: PathsArgument,
    *,
    index: IndexOption = None,
    encoder: EncoderOption = None,
    fast: FastOption = False,
    prune: Annotated[bool, typer.Option("--prune", help="Remove the articles of files that are gone.")] = False,
    yes_remove: Annotated[
        bool, typer.Option("--yes-remove", help="With --prune: even when they are many of all, or all.")
    ] = False,
    field: FieldOption = None,
    include: Annotated[
        list[str] | None,
        typer.Option("--include", metavar="PATTERN", help="Of folders, read only files like this one (repeatable)."),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="PATTERN", help="Of folders, read no files like this one (repeatable)."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be done; nothing is written or embedded.")
    ] = False,
    report_file: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE.html",
            help="Also write what was done, and what the index holds, as a page with plots.",
            callback=writable,
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Build an index of articles, or bring one up to date. What has not changed is not read again.

    A PATH of "-" is what comes on standard input; it is kept in the data folder, so that it can be cited.
    """
    from index.articles import Patterns
    from index.build import build_index
    from rag.console import ask_command, progress_bar
    from rag.index_text import index_report
    from rag.locations import data_dir, default_index_dir
    from rag.standard_input import keep

    loaded = None if dry_run else encoder_named(encoder, fast=fast)
    fields = fields_named(field)
    patterns = Patterns(tuple(include or ()), tuple(exclude or ()))
    folder = index if index is not None else default_index_dir()
    named = [keep(sys.stdin.buffer, data_dir() / "stdin") if str(path) == "-" else path for path in paths]
    with progress_bar(sys.stderr, first="opening the index" if dry_run else "loading the encoder") as progress:
        report = build_index(
            named,
            folder,
            encoder=loaded,
            progress=progress,
            prune=prune,
            yes_remove=yes_remove,
            patterns=patterns,
            fields=fields,
            dry_run=dry_run,
            with_overview=report_file is not None,
        )
    if report_file is not None:
        from rag.evaluation.output import write
        from rag.index_report import report_html

        write(report_file, report_html(report))
    following = "the same without --dry-run" if dry_run else ask_command(index, encoder)
    text = index_report(report, next_command=following)
    if report_file is not None:
        text += f"Report: {report_file}\n"
    _print(text, report.to_dict() if as_json else None)


def info(*, index: IndexOption = None, as_json: JsonOption = False) -> None:
    """Show what an index holds: articles, sentences, passages, duplicates, encoder, bytes."""
    from rag.console import info_text
    from rag.pipeline import read_info

    found = read_info(_folder(index))
    _print(info_text(found), found.to_dict() if as_json else None)


def check(
    *,
    index: IndexOption = None,
    mend: Annotated[
        bool, typer.Option("--mend/--no-mend", help="Mend what is damaged, or take it out; or only report.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Look at every row and file of an index: is it as it was written? Damage is mended.

    What nothing sound is left of is taken out, so that nothing wrong can be quoted; `citewell index` reads it again.
    """
    from index.check import check_index
    from rag.console import progress_bar
    from rag.index_text import check_text

    with progress_bar(sys.stderr, first="opening the index") as progress:
        report = check_index(_folder(index), mend=mend, progress=progress)
    _print(check_text(report, index=index, mend=mend), report.to_dict() if as_json else None)
    if not report.sound:
        raise typer.Exit(StoreError.exit_code)


def remove(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="ARTICLE_OR_PATH...",
            help="Ids of articles (32 hexadecimal digits), or paths of indexed files, or of folders above them.",
            show_default=False,
        ),
    ],
    *,
    index: IndexOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove articles from an index; their files stay where they are."""
    from index.remove import find_removal, remove_articles
    from rag.index_text import removal_question, removed_text

    if not yes and not _can_ask():
        raise typer.BadParameter("there is no terminal to ask on; add it to remove without asking", param_hint="--yes")
    folder = _folder(index)
    removal = find_removal(names, folder)
    if not yes and not typer.confirm(removal_question(removal, folder), err=True):
        typer.echo("nothing was removed", err=True)
        return
    _print(removed_text(remove_articles(removal, folder)), None)


def export(
    *,
    index: IndexOption = None,
    out: OutOption = None,
) -> None:
    """Write all articles of an index, with what is known of them, as JSON Lines that `citewell index` reads again."""
    from index.records import export_file, export_lines
    from rag.index_text import exported_text

    if out is not None:
        _print(exported_text(export_file(_folder(index), out), out), None)
        return
    export_lines(_folder(index), sys.stdout.buffer)
    sys.stdout.buffer.flush()


def back_up_index(
    dest: Annotated[
        Path,
        typer.Argument(
            metavar="DEST", help="The folder of the copy, which is not there yet, or is empty.", show_default=False
        ),
    ],
    *,
    index: IndexOption = None,
) -> None:
    """Copy a whole index, also while it is written to. The copy is an index like the first."""
    from index.backup import back_up
    from rag.index_text import backup_text

    _print(backup_text(back_up(_folder(index), dest)), None)


def _can_ask() -> bool:
    return sys.stdin.isatty()


def _folder(index: Path | None) -> Path:
    """The index that is meant: with none named, the one that `citewell ask` would use."""
    from rag.locations import resolve

    return resolve(index, None)[0]


def _print(text: str, values: Mapping[str, object] | None) -> None:
    """Print the text, or, where they are given, the values as one line of JSON."""
    from rag.console import make_console, show
    from rag.display import json_line

    if values is None:
        show(make_console(sys.stdout), text)
    else:
        sys.stdout.write(json_line(values, encoding=sys.stdout.encoding or "utf-8") + "\n")
        sys.stdout.flush()
