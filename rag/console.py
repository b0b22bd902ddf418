"""What the command line prints: pure functions from values to text, and nothing that a terminal would obey.

Every string that comes from an article, a path or a question goes through `visible`; styles are ranges of a
`rich.text.Text`, never markup inside a string. A width of None means that the output is no terminal: then nothing is
wrapped, so that a quote and a location each stay on one line for the programs that read them.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import TextIO

    from index.build import BuildReport, Progress
    from index.store.base import IndexInfo
    from index.types import Skipped
    from rag.types import Answer, Citation, Place

__all__ = [
    "NOT_ANSWERED",
    "ask_command",
    "confidence_words",
    "count_of",
    "difference_words",
    "index_report",
    "info_text",
    "json_line",
    "json_text",
    "make_console",
    "not_asked",
    "one_line",
    "progress_bar",
    "reason_kind",
    "show",
    "show_answer",
    "size_of",
    "skipped_lines",
    "stage_words",
    "visible",
    "width_of",
]

NOT_ANSWERED = "The articles do not say."
SKIPPED_SHOWN = 20
_REASONS = 5
"""Reasons that are counted before some examples, where much was skipped."""

_SPACE = re.compile(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_IN_JSON = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""The text with nothing in it that a terminal obeys, as many characters long as before.

    White space of any kind but the plain one becomes a space; control characters, the marks that turn the direction
    of writing, and lone surrogates become U+FFFD. For display only: a quote itself is never edited.

    >>> visible("a\tb\x1b[31mc")
    'a b�[31mc'
    """
    return _UNSAFE.sub("\ufffd", _SPACE.sub(" ", text))


def one_line(message: object) -> str:
    r"""The message on one line, safe to show.

    >>> one_line("no such folder:\n  /tmp/x")
    'no such folder: /tmp/x'
    """
    return visible(" ".join(str(message).split()))


def json_line(value: Any, *, encoding: str = "utf-8") -> str:
    """The value as one line of JSON that any reader of lines takes for one, and that `encoding` can write.

    Characters that a terminal obeys, or that end a line for some readers, are escaped: the value is the same.
    """
    return _json(value, encoding, None)


def json_text(value: Any, *, encoding: str = "utf-8") -> str:
    """The value as JSON over several lines, for a person to read; otherwise as `json_line`."""
    return _json(value, encoding, 2)


def _json(value: Any, encoding: str, indent: int | None) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def confidence_words(probability: float) -> str:
    """A probability in [0, 1] in words and percent, rounded down, for 49.9% is not 50%.

    >>> confidence_words(0.876)
    'high (87%)'
    """
    limits = ((0.9, "very high"), (0.75, "high"), (0.5, "fair"), (0.25, "low"))
    words = next((words for limit, words in limits if probability >= limit), "very low")
    # The epsilon takes 0.57 * 100 = 56.99999999999999 for what it stands for.
    percent = "<1%" if 0 < probability < 0.01 else f"{int(probability * 100 + 1e-9)}%"
    return f"{words} ({percent})"


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
        return out.append(f"Confidence: {confidence_words(answer.confidence)}\n")
    out.append(NOT_ANSWERED, style="bold")
    out.append(f" Confidence: {confidence_words(answer.confidence)}\n")
    if answer.related:
        out.append("\nThe closest sentences:\n\n", style="dim")
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


def index_report(report: BuildReport, *, next_command: str) -> str:
    """What an indexing run did, or would do, on one screen.

    Args:
        report: what `build_index` returned.
        next_command: what to run now.
    """
    info = report.info
    time = f"{report.seconds:,.1f} s"
    if report.passages_embedded and report.seconds > 0 and not report.dry:
        time += f", {_rate(report.passages_embedded, report.seconds)} passages/s"
    stages = stage_words(report)
    files = f"{report.files_read:,} read, {report.files_unchanged:,} unchanged, {len(report.skipped):,} skipped"
    # The report's own count knows only the files that were read again; what is in the index and was not added stayed.
    unchanged = max(0, info.articles - report.articles_added)
    articles = f"{report.articles_added:,} added, {unchanged:,} unchanged, {report.articles_removed:,} removed"
    holds = f"{count_of(info.articles, 'article')}, {count_of(info.passages, 'passage')}, {size_of(info.bytes)}"
    embedded = f"{report.passages_embedded:,} {'to be embedded' if report.dry else 'embedded'}"
    copied = f"{count_of(report.articles_copied, 'article')}; passages: "
    rows = [
        ("articles", articles),
        ("files", files),
        ("sentences", f"{report.sentences_added:,} added"),
        ("passages", f"{report.passages_added:,} added, {embedded}"),
        ("copies", f"{copied}{report.duplicates_exact:,} exact, {report.duplicates_near:,} near"),
        ("left out", count_of(report.boilerplate_lines, "boilerplate line")),
        ("time", f"{time} ({stages})" if stages else time),
        ("index", f"{visible(str(info.path))} ({'would hold ' if report.dry else ''}{holds})"),
    ]
    lines = ["This is a dry run: nothing was written.", ""] if report.dry else []
    lines += [f"{name:<11}{value}" for name, value in rows]
    if report.skipped:
        lines += ["", f"Skipped {count_of(len(report.skipped), 'file or record', 'files or records')}:"]
        kinds = Counter(reason_kind(each.reason) for each in report.skipped)
        if len(report.skipped) > SKIPPED_SHOWN:
            lines += [f"  {count:,} × {one_line(kind)}" for kind, count in kinds.most_common(_REASONS)]
            lines.append("such as")
        lines += skipped_lines(report.skipped)
    if report.missing:
        lines += ["", f"Gone from the disk, their articles are kept ({count_of(len(report.missing), 'file')}):"]
        lines += [f"  {visible(path)}" for path in report.missing[:SKIPPED_SHOWN]]
        if len(report.missing) > SKIPPED_SHOWN:
            lines.append(f"  and {len(report.missing) - SKIPPED_SHOWN:,} more")
        lines.append(f"  {one_line(report.kept)}" if report.kept else "  --prune removes them from the index.")
    return "\n".join([*lines, "", f"Next: {visible(next_command)}", ""])


def stage_words(report: BuildReport) -> str:
    """What the time of an indexing run went into, and how fast each stage was; "" where that was not measured."""
    counts = {
        "reading": (report.articles_added + report.articles_unchanged, "articles"),
        "embedding": (report.passages_embedded, "passages"),
        "storing": (report.passages_added, "passages"),
    }
    told = []
    for stage, seconds in report.stages.items():
        count, unit = counts.get(stage, (0, ""))
        if seconds >= 0.05:
            rate = f", {_rate(count, seconds)} {unit}/s" if count else ""
            told.append(f"{stage} {seconds:,.1f} s{rate}")
    return "; ".join(told)


def reason_kind(reason: str) -> str:
    """Why something was left out, without what is particular to it: that stands behind a colon or in brackets.

    >>> reason_kind("cannot be read: no such file"), reason_kind("a line of 30,000,000 bytes (more than 20,000,000)")
    ('cannot be read', 'a line of # bytes')
    """
    return re.sub(r"\d[\d,.]*", "#", re.split(r": | \(", one_line(reason), maxsplit=1)[0])


def _rate(count: int, seconds: float) -> str:
    rate = count / seconds
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


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
    for place in citation.also_in:
        about = "" if place.article_id == citation.article_id else f"{_about(place)}, "
        out.append(" " * len(marker)).append(f"also in {visible(about + place.location)}", style="dim").append("\n")
        if differences and place.wording is not None:
            there = Text(f"there: {visible(place.wording)}", style="dim")
            out.append(_hanging(there, " " * len(marker) + "  ", width)).append("\n")
            told = "; ".join(difference_words(citation.quote, place.wording))
            out.append(_hanging(Text(told, style="dim"), " " * len(marker) + "  ", width)).append("\n")
    return out


def difference_words(quote: str, other: str) -> list[str]:
    """What another wording of a sentence has otherwise, in words.

    >>> difference_words("All 212 passengers came.", "Then all 215 passengers came, wet.")
    ['+ “Then”', '“212” → “215”', '+ “wet”']
    """
    from rag.wording import differences

    told = []
    for each in differences(quote, other):
        mine, yours = visible(quote[each.start : each.end]), visible(other[each.other_start : each.other_end])
        told.append(f"“{mine}” → “{yours}”" if mine and yours else f"+ “{yours}”" if yours else f"- “{mine}”")
    return told


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


def skipped_lines(skipped: Sequence[Skipped], indent: str = "  ") -> list[str]:
    """What was left out, and why, a line each for the first of them."""
    lines = []
    for each in skipped[:SKIPPED_SHOWN]:
        place = each.path if each.line is None else f"{each.path}:{each.line}"
        lines.append(f"{indent}{visible(place)}: {one_line(each.reason)}")
    if len(skipped) > SKIPPED_SHOWN:
        lines.append(f"  and {len(skipped) - SKIPPED_SHOWN:,} more")
    return lines


def count_of(number: int, one: str, many: str | None = None) -> str:
    """A number and what it counts.

    >>> count_of(1, "article"), count_of(1_000, "copy", "copies")
    ('1 article', '1,000 copies')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size_of(count: int) -> str:
    """Bytes in the unit that a person would use.

    >>> size_of(999), size_of(1_500_000)
    ('999 bytes', '1.5 MB')
    """
    if count < 1000:
        return count_of(count, "byte")
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"
