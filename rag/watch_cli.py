"""`citewell watch`."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path  # noqa: TC003 - typer reads the annotations when it runs
from typing import TYPE_CHECKING, Annotated

import typer

from rag.options import EncoderOption, IndexOption  # noqa: TC001 - typer reads them when it runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.build import BuildReport
    from index.errors import CitewellError

__all__ = ["update_lines", "watch"]

_SKIPPED_SHOWN = 20


def watch(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="Files and folders of articles: text, or JSON Lines.", show_default=False
        ),
    ],
    *,
    index: IndexOption = None,
    encoder: EncoderOption = None,
    yes_remove: Annotated[
        bool,
        typer.Option("--yes-remove", help="Remove the articles of files that are gone however many they are."),
    ] = False,
    poll: Annotated[
        bool, typer.Option("--poll", help="Look for changes again and again, as disks of other machines need it.")
    ] = False,
) -> None:
    """Keep an index in step with files and folders until Ctrl+C; others can ask from it meanwhile.

    When all articles of a PATH, or many of them, are gone at once, as when a disk is not mounted, they are kept.
    """
    from index.watch import watch as keep_in_step
    from rag.console import one_line, progress_bar
    from rag.locations import default_index_dir

    loaded = None
    if encoder is not None:
        from index.encoder import load_encoder

        loaded = load_encoder(encoder)
    stop = threading.Event()
    with _ended_by_sigterm(stop), ExitStack() as until_in_step:
        bar = until_in_step.enter_context(progress_bar(sys.stderr))

        def on_update(report: BuildReport) -> None:
            until_in_step.close()
            typer.echo("\n".join(update_lines(report)))

        def on_problem(error: CitewellError) -> None:
            until_in_step.close()
            typer.echo(f"citewell: {one_line(error)}", err=True)

        with suppress(KeyboardInterrupt):  # the way to end it, and no error
            keep_in_step(
                paths,
                index if index is not None else default_index_dir(),
                stop=stop,
                on_update=on_update,
                on_problem=on_problem,
                encoder=loaded,
                progress=bar,
                yes_remove=yes_remove,
                poll=poll,
            )


def update_lines(report: BuildReport) -> list[str]:
    """What a step of the watch did, and below it what it left out, a line each."""
    from rag.console import one_line, visible

    changes = []
    if report.articles_added:
        changes.append(f"{_articles(report.articles_added)} added")
    if report.articles_removed:
        changes.append(
            f"{report.articles_removed:,} removed" if changes else f"{_articles(report.articles_removed)} removed"
        )
    holds = f"{report.info.articles:,}" if changes else _articles(report.info.articles)
    lines = [f"{', '.join(changes) or 'nothing new'}; {holds} in the index"]
    for skipped in report.skipped[:_SKIPPED_SHOWN]:
        place = skipped.path if skipped.line is None else f"{skipped.path}:{skipped.line}"
        lines.append(f"  left out: {visible(place)}: {one_line(skipped.reason)}")
    if len(report.skipped) > _SKIPPED_SHOWN:
        lines.append(f"  and {len(report.skipped) - _SKIPPED_SHOWN:,} more")
    return lines


def _articles(count: int) -> str:
    return f"{count:,} {'article' if count == 1 else 'articles'}"


@contextmanager
def _ended_by_sigterm(stop: threading.Event) -> Iterator[None]:
    """Within, the signal that ends services ends the watch cleanly."""
    if threading.current_thread() is not threading.main_thread():  # where no signal arrives
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
