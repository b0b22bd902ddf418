"""Where the commands of `citewell evaluate` write: figures on standard output, all else on stderr or to files."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from index.errors import EvaluationError, first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

__all__ = ["progress", "say", "show", "write"]


def show(figures: Mapping[str, Any], text: Callable[[Mapping[str, Any]], str], *, as_json: bool) -> None:
    """Print figures: as one line of JSON, or as `text` puts them."""
    from rag.console import make_console
    from rag.console import show as show_text
    from rag.display import json_line, visible

    if as_json:
        sys.stdout.write(json_line(figures, encoding=sys.stdout.encoding or "utf-8") + "\n")
        sys.stdout.flush()
    else:
        show_text(make_console(sys.stdout), "\n".join(map(visible, text(figures).split("\n"))))


@contextmanager
def progress(stage: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr for the time of the block, where that is a terminal."""
    from rag.console import progress_bar

    with progress_bar(sys.stderr) as update:
        if update is None:
            yield None
            return
        from index.build import Progress

        yield lambda done, total: update(Progress(stage, done, total))


def write(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        EvaluationError: when it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be written ({first_line(error)}); name a file in a folder that can be written to"
        ) from error


def say(message: str) -> None:
    """One line on stderr."""
    from rag.display import one_line

    sys.stderr.write(f"citewell: {one_line(message)}\n")
