"""`citewell watch`."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from rag.options import EncoderOption, FastOption, IndexOption, PathsArgument, encoder_named

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.build import BuildReport
    from index.errors import CitewellError

__all__ = ["update_lines", "watch"]


def watch(
    paths: PathsArgument,
    *,
    index: IndexOption = None,
    encoder: EncoderOption = None,
    fast: FastOption = False,
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
    from rag.console import progress_bar
    from rag.display import one_line
    from rag.locations import default_index_dir

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
                encoder=encoder_named(encoder, fast=fast),
                progress=bar,
                yes_remove=yes_remove,
                poll=poll,
                background=True,
            )


def update_lines(report: BuildReport) -> list[str]:
    """What a step of the watch did, and below it what it left out, a line each."""
    from rag.display import count_of, skipped_lines

    changes = []
    if report.articles_added:
        changes.append(f"{count_of(report.articles_added, 'article')} added")
    if report.articles_removed:
        removed = report.articles_removed
        changes.append(f"{removed:,} removed" if changes else f"{count_of(removed, 'article')} removed")
    holds = f"{report.info.articles:,}" if changes else count_of(report.info.articles, "article")
    lines = [f"{', '.join(changes) or 'nothing new'}; {holds} in the index"]
    return lines + skipped_lines(report.skipped, "  left out: ")


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
