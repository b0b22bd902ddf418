"""`citewell serve`, and the console entry point with all commands: those of `rag.cli` and this one."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path  # noqa: TC003 - typer reads the annotations when it runs
from typing import TYPE_CHECKING, Annotated

import typer

from index.errors import CitewellError
from rag import cli
from rag.options import ArticlesOption, IndexOption, ReaderOption  # noqa: TC001 - typer reads them when it runs
from ui.hosts import is_loopback, public_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from index.build import Progress
    from rag.engine import Engine

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
    auth: Annotated[
        str | None,
        typer.Option(
            "--auth",
            metavar="USER:PASSWORD-FILE",
            help="Ask for this name and the password (or its hash) in the file's first line.",
            show_default=False,
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="NAME",
            help="A public name of the page, behind a proxy that ends TLS and passes the Host header on; repeatable.",
            show_default=False,
        ),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Allow a --host or --allow-host that others can reach with no login.")
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Let nobody add or remove articles on the page.")
    ] = False,
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Let others who reach the page add and remove articles.")
    ] = False,
) -> None:
    """Ask in the browser: the quotes, and beside them the articles they stand in.

    Without --index and --articles: the default index, or the sample articles that ship with citewell.
    """
    names = [public_name(each) for each in allow_host or ()]
    opened = [*([f"--host {host}"] if not is_loopback(host) else ()), *(f"--allow-host {each}" for each in names)]
    if opened and auth is None and not insecure:
        raise CitewellError(
            f"{opened[0]} lets others on the network read the articles, and there is no login. "
            f"Add --auth USER:PASSWORD-FILE, leave {opened[0].split()[0]} out to keep the page on this machine, or add "
            "--insecure if that is what you want."
        )
    if read_only and allow_changes:
        raise typer.BadParameter("expected either --read-only or --allow-changes", param_hint="--read-only")
    login = None
    if auth is not None:
        from ui.auth import load_login

        login = load_login(auth)

    from rag.console import progress_bar
    from ui.loading import LoadingEngine
    from ui.steady import Collector, settle, share_memory, take_turns

    take_turns()
    share_memory()
    bars: list[Callable[[Progress], None]] = []

    def load(say: Callable[[str], None]) -> Engine:
        from rag.pipeline import open_engine

        def progress(now: Progress) -> None:
            say(_line(now))
            for bar in bars:
                bar(now)

        return open_engine(index, articles, reader=reader, progress=progress)

    with LoadingEngine(load) as engine, ExitStack() as stack:
        from rag.feedback import FeedbackFile
        from rag.locations import default_index_dir, resolve
        from ui.app import SAMPLE_QUESTIONS, launch
        from ui.library import Library

        folder, sample = resolve(index, articles)[0], _is_sample(index, articles)
        changeable = not read_only and (not opened or allow_changes)
        own = default_index_dir() if changeable and sample else None
        library = Library(engine, index=folder if changeable else None, own=own)
        stack.callback(library.close)
        examples = SAMPLE_QUESTIONS if sample else ()
        with launch(
            library,
            host=host,
            port=port,
            examples=examples,
            votes=FeedbackFile(folder),
            block=False,
            open_browser=open_browser,
            login=login,
            allow_hosts=names,
        ) as app:
            typer.echo(f"The page is at {app.url}; the models are loading", err=True)
            with progress_bar(sys.stderr) as bar:
                if bar is not None:
                    bars.append(bar)
                engine.wait()
                bars.clear()
            settle()
            typer.echo(f"citewell is ready at {app.url} — press Ctrl+C to stop")
            with Collector():
                app.wait()


_STAGES = {
    "reading": "Reading the articles",
    "embedding": "Embedding the passages",
    "writing search files": "Writing the search files",
}


def _line(progress: Progress) -> str:
    """How far an index is, for the page.

    >>> from index.build import Progress
    >>> _line(Progress("reading", 3, 20))
    'Reading the articles … 3 of 20'
    """
    stage = _STAGES.get(progress.stage, progress.stage)
    return f"{stage} … {progress.done}" + (f" of {progress.total}" if progress.total is not None else "")


def _is_sample(index: Path | None, articles: Path | None) -> bool:
    """Whether it is the sample articles that are asked, which the sample questions are about."""
    from rag.locations import resolve, seeds_dir

    read = resolve(index, articles)[1]
    return index is None and read is not None and read.resolve() == seeds_dir().resolve()


def main() -> None:
    """Run the command line and end the process with its exit code."""
    cli.main()


if __name__ == "__main__":
    main()
