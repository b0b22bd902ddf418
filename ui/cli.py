"""`citewell serve`, and the console entry point with all commands: those of `rag.cli` and this one."""

from __future__ import annotations

import sys
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
) -> None:
    """Ask in the browser: the quotes, and beside them the articles they stand in.

    Without --index and --articles: the default index, or the sample articles that ship with citewell.
    """
    if not is_loopback(host) and not insecure:
        raise CitewellError(
            f"--host {host} lets others on the network read the articles, and there is no login. "
            "Leave --host out to keep the page on this machine, or add --insecure if that is what you want."
        )

    from rag.console import progress_bar
    from rag.pipeline import open_engine

    with progress_bar(sys.stderr) as progress:
        engine = open_engine(index, articles, reader=reader, progress=progress)
    with engine:
        from rag.feedback import FeedbackFile
        from rag.locations import resolve
        from ui.app import SAMPLE_QUESTIONS, launch

        examples = SAMPLE_QUESTIONS if _is_sample(index, articles) else ()
        votes = FeedbackFile(resolve(index, articles)[0])
        with launch(
            engine, host=host, port=port, examples=examples, votes=votes, block=False, open_browser=open_browser
        ) as app:
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
