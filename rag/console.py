"""What the command line prints: pure functions from values to text, and nothing that a terminal would obey.

Every string that comes from an article, a path or a question goes through `visible`; styles are ranges of a
`rich.text.Text`, never markup inside a string. A width of None means that the output is no terminal: then nothing is
wrapped, so that a quote and a location each stay on one line for the programs that read them.
"""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from rag.display import confidence_words, difference_words, one_line, silence_words, size_of, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import TextIO

    from index.build import Progress
    from index.store.base import IndexInfo
    from rag.types import Answer, Citation, Place

__all__ = [
    "ask_command",
    "info_text",
    "make_console",
    "not_asked",
    "progress_bar",
    "show",
    "show_answer",
    "width_of",
]


def show_answer(answer: Answer, *, width: int | None, title: bool = False, differences: bool = False) -> Text:
    """The answer for a person: numbered quotes with their places, or that the articles do not say.

    Args:
        answer: what `Engine.ask` returned.
        width: columns of the terminal; None when it is none.
        title: whether the question stands above its answer, as it does where there are several.
        differences: whether it is said what the other places of a sentence have in other words.
    """
    out = Text()
    if title:
        out.append(_hanging(Text(visible(answer.question), style="bold underline"), "", width)).append("\n")
        if answer.read_as is not None:
            out.append(_hanging(Text(f"Read as: {visible(answer.read_as)}", style="dim"), "", width)).append("\n")
        out.append("\n")
    if answer.answered:
        for citation in answer.citations:
            out.append(_quote(citation, width=width, dim=False, differences=differences)).append("\n")
        return out.append(f"Answer: {confidence_words(answer.confidence)}\n")
    said, over_the_closest = silence_words(answer.confidence)
    out.append(said, style="bold")
    out.append(f" Answer: {confidence_words(answer.confidence)}\n")
    if answer.related:
        out.append(f"\n{over_the_closest}\n\n", style="dim")
        for citation in answer.related:
            out.append(_quote(citation, width=width, dim=True, differences=differences)).append("\n")
    return out


def not_asked(question: str, error: str, *, width: int | None) -> Text:
    """A question that could not be read, in the place of its answer."""
    shown = visible(question)
    if len(shown) > 200:
        shown = shown[:200] + "…"
    out = Text()
    out.append(_hanging(Text(shown, style="bold underline"), "", width))
    return out.append("\n\n").append("Not asked: ", style="bold").append(one_line(error) + "\n")


def info_text(info: IndexInfo) -> str:
    """What an index holds, one line a fact."""
    rows = [
        ("index", visible(str(info.path))),
        ("articles", f"{info.articles:,}"),
        ("sentences", f"{info.sentences:,}"),
        ("passages", f"{info.passages:,}"),
        ("duplicates", f"{info.duplicates:,}"),
        ("encoder", visible(info.encoder)),
        ("size", f"{size_of(info.bytes)} ({info.bytes:,} bytes)"),
    ]
    return "".join(f"{name:<11}{value}\n" for name, value in rows)


def ask_command(index: Path | None, encoder: str | None) -> str:
    """The command that asks the index; None for the default one, and for the default encoder."""
    options = {"--index": index, "--encoder": encoder}
    named = "".join(f" {name} {shlex.quote(str(value))}" for name, value in options.items() if value is not None)
    return f'citewell ask "your question"{named}'


class _Console(Console):
    def on_broken_pipe(self) -> NoReturn:
        """Leave it to the caller: rich itself would end the process."""
        raise BrokenPipeError


def make_console(file: TextIO) -> Console:
    """A console that takes no string for markup and highlights nothing on its own."""
    return _Console(file=file, markup=False, highlight=False, emoji=False)


def show(console: Console, text: Text | str) -> None:
    """Print text that is wrapped already, as it is."""
    console.print(text, soft_wrap=True, end="")


def width_of(console: Console) -> int | None:
    """The columns of a terminal, at most 100 for the eye's sake; None when the output is no terminal."""
    return min(console.width, 100) if console.is_terminal else None


@contextmanager
def progress_bar(file: TextIO, *, first: str = "loading the encoder") -> Iterator[Callable[[Progress], None] | None]:
    """A bar for the time of the block, one line a stage, taken away at the end; None where there is no terminal.

    Args:
        file: the terminal.
        first: what goes on until the first report.

    Yields:
        What to call with each `Progress`; it may be called often.
    """
    console = make_console(file)
    if not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        # Loading the encoder comes before the first report; the first time ever it takes the longest of all.
        loading = bars.add_task(first, total=None)
        tasks: dict[str, Any] = {}

        def update(progress: Progress) -> None:
            if progress.stage not in tasks:
                bars.update(loading, visible=False)
                tasks[progress.stage] = bars.add_task(visible(progress.stage), total=progress.total)
            bars.update(tasks[progress.stage], completed=progress.done, total=progress.total)

        yield update


def _quote(citation: Citation, *, width: int | None, dim: bool, differences: bool) -> Text:
    """One numbered quote with its places, each line ended."""
    marker = f"[{citation.number}] " if citation.number > 0 else "-   "
    quote = Text(visible(citation.quote))
    if citation.highlight is not None and not dim:
        quote.stylize("bold yellow", *citation.highlight)
    out = Text(style="dim" if dim else "")
    out.append(_hanging(quote, marker, width)).append("\n")
    if citation.context is not None and not dim:
        before = Text(f"before it: {visible(citation.context.quote)}", style="dim")
        out.append(_hanging(before, " " * len(marker), width)).append("\n")
    for line in (_about(citation), citation.location, citation.link):
        if line is not None:
            out.append(" " * len(marker)).append(visible(line), style="italic" if line == _about(citation) else "cyan")
            out.append("\n")
    for line, places in _by_line(citation).items():
        times = "" if len(places) == 1 else f" ({len(places)} times)"
        out.append(" " * len(marker)).append(f"also in {visible(line)}{times}", style="dim").append("\n")
        for wording in dict.fromkeys(place.wording for place in places if differences and place.wording is not None):
            there = Text(f"there: {visible(wording)}", style="dim")
            out.append(_hanging(there, " " * len(marker) + "  ", width)).append("\n")
            told = "; ".join(difference_words(citation.quote, wording))
            out.append(_hanging(Text(told, style="dim"), " " * len(marker) + "  ", width)).append("\n")
    return out


def _by_line(citation: Citation) -> dict[str, list[Place]]:
    """The other places of a quote by what is shown of them: in a file of records a whole article stands on one line."""
    found: dict[str, list[Place]] = {}
    for place in citation.also_in:
        about = "" if place.article_id == citation.article_id else f"{_about(place)}, "
        found.setdefault(about + place.location, []).append(place)
    return found


def _about(place: Place) -> str:
    """Title, outlet and date, as far as they are known."""
    try:
        host = urlsplit(place.source).hostname if "://" in place.source else None
    except ValueError:  # "http://[" and the like: what is no URL names no outlet
        host = None
    outlet = host.removeprefix("www.") if host else None
    return " · ".join(part for part in (place.title, outlet, place.published) if part)


def _hanging(text: Text, marker: str, width: int | None) -> Text:
    """The text behind its marker, wrapped to the width, the further lines indented as far as the first."""
    out = Text(marker, style="")
    if width is None:
        return out.append(text)
    room = max(20, width - len(marker))
    for number, line in enumerate(text.wrap(make_console(_nowhere()), room)):
        line.rstrip()
        if number:
            out.append("\n" + " " * len(marker))
        out.append(line)
    return out


def _nowhere() -> TextIO:
    from io import StringIO

    return StringIO()
