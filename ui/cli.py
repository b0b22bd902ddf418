"""`citewell serve`, and the console entry point with all commands: those of `rag.cli` and this one."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path  # noqa: TC003 - typer reads the annotations when it runs
from typing import Annotated

import typer

from index.errors import CitewellError
from rag import cli
from rag.options import ArticlesOption, IndexOption, ReaderOption  # noqa: TC001 - typer reads them when it runs
from ui.guard import is_loopback

__all__ = ["main"]


@cli.app.command()
def serve(
    *,
    index: IndexOption = None,
    articles: ArticlesOption = None,
    reader: ReaderOption = None,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port to listen on; 0: any free one.")
    ] = 7860,
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = False,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Allow a --host that others can reach: there is no login.")
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Let nobody add or remove articles on the page.")
    ] = False,
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Let others who reach a --host add and remove articles.")
    ] = False,
) -> None:
    """Ask in the browser: the quotes, and beside them the articles they stand in.

    Without --index and --articles: the default index, or the sample articles that ship with citewell.
    """
    if not is_loopback(host) and not insecure:
        raise CitewellError(
            f"--host {host} lets others on the network read the articles, and there is no login. "
            "Leave --host out to keep the page on this machine, or add --insecure if that is what you want."
        )

    if read_only and allow_changes:
        raise typer.BadParameter("expected either --read-only or --allow-changes", param_hint="--read-only")

    from rag.console import progress_bar
    from rag.locations import default_index_dir, resolve
    from rag.pipeline import open_engine

    with progress_bar(sys.stderr) as progress:
        engine = open_engine(index, articles, reader=reader, progress=progress)
    with ExitStack() as stack:
        stack.enter_context(engine)
        from ui.app import SAMPLE_QUESTIONS, launch
        from ui.library import Library

        sample = _is_sample(index, articles)
        changeable = not read_only and (is_loopback(host) or allow_changes)
        library = Library(
            engine,
            index=resolve(index, articles)[0] if changeable else None,
            own=default_index_dir() if changeable and sample else None,
        )
        stack.callback(library.close)
        examples = SAMPLE_QUESTIONS if sample else ()
        with launch(library, host=host, port=port, examples=examples, block=False, open_browser=open_browser) as app:
            typer.echo(f"citewell is ready at {app.url} — press Ctrl+C to stop")
            app.wait()


def _is_sample(index: Path | None, articles: Path | None) -> bool:
    """Whether it is the sample articles that are asked, which the sample questions are about."""
    from rag.locations import resolve, seeds_dir

    read = resolve(index, articles)[1]
    return index is None and read is not None and read.resolve() == seeds_dir().resolve()


def main() -> None:
    """Run the command line and end the process with its exit code."""
    cli.main()
