"""The command line: `citewell ask` and, from other modules, all other commands but `serve`.

Exceptions become one line on stderr and an exit code.

Standard output carries the answer, the report or the JSON and nothing else; progress and errors go to stderr. Whatever
takes long to import is imported inside the command that needs it.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from index.errors import CitewellError, QuestionError
from rag.evaluation.cli import app as evaluation_commands
from rag.feedback_cli import feedback
from rag.index_cli import back_up_index, check, export, index_articles, info, remove
from rag.options import (
    ArticlesOption,
    EncoderOption,
    FormatOption,
    IndexOption,
    JsonOption,
    MinConfidenceOption,
    ReaderOption,
    SinceOption,
    SourceOption,
    UntilOption,
    readable,
    scope_of,
)
from rag.training.cli import app as training_commands
from rag.types import MIN_CONFIDENCE
from rag.watch_cli import watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rag.types import Answer

__all__ = ["app", "main"]

EXIT_UNEXPECTED = 1
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141
"""128 + SIGPIPE, as a shell reports a program whose reader went away."""

# What typer raises itself: the end of --help, Ctrl+C at a prompt, and errors of usage, which it shows.
_TYPERS_OWN: tuple[type[Exception], ...] = (
    typer.Exit,
    typer.Abort,
    *(kind for kind in typer.BadParameter.__mro__ if issubclass(kind, Exception) and kind is not Exception),
)

EPILOG = """\
Exit codes:
  0  done; also when the articles do not say
  1  something unexpected; citewell --debug shows where
  2  the command line: an unknown option, a value out of range
  3  no readable article in the paths that were named, or none in the index
     (with --source, --since, --until: none of these)
  4  the index is missing, damaged (after a check: still), locked, or of
     another version or encoder; it, or a copy of it, cannot be written
  5  a question is empty, too long or no text (with --file: at least one)
  6  a model cannot be loaded
  7  something optional is needed and is not installed
  8  nothing to train on, or an interrupted training that cannot be gone on with
  9  a file of questions cannot be read, or has none that can be evaluated
130  interrupted
141  the program that read the output went away

Environment:
CITEWELL_HOME   where citewell keeps its data
CITEWELL_INDEX  the index that is meant when none is named
CITEWELL_DEBUG  1: as --debug
"""

_debug = False


_ORDER = ("ask", "index", "watch", "info", "check", "remove", "export", "backup", "evaluate", "feedback", "train")
"""Of the commands in the help; others follow."""


class _Commands(TyperGroup):
    """The group of all commands, those of other modules included, with one way of ending in an error."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return [name for name in _ORDER if name in names] + [name for name in names if name not in _ORDER]

    def invoke(self, ctx: Any) -> Any:
        with _one_line_errors():
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Commands,
    help="Answers questions with sentences quoted word for word from your articles, each cited to its place.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A console that cannot write a character gets its escape instead of a crash.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    _quiet_libraries()
    app(prog_name="citewell")


def _quiet_libraries() -> None:
    """Let the log of other packages through only with --debug, but for errors: our one line says what matters."""
    import logging

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    ours = ("index", "rag", "ui")
    handler.addFilter(
        lambda record: record.levelno >= logging.ERROR or record.name.partition(".")[0] in ours or _debugging()
    )
    logging.getLogger().addHandler(handler)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"citewell {version('citewell')}")
        raise typer.Exit


@app.callback()
def _options(
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    global _debug
    _debug = debug


def _readable_or_stdin(path: Path | None) -> Path | None:
    # typer's own check takes "-" for the name of a file; a pipe (`--file <(...)`) is no regular file, and is read.
    return path if path is None or str(path) == "-" else readable(path)


@app.command()
def ask(
    question: Annotated[str | None, typer.Argument(help="The question, in quotes.", show_default=False)] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="A file with one question a line; - is standard input.",
            callback=_readable_or_stdin,
            show_default=False,
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow", help="The questions of --file are one conversation: each may lean on those before it."
        ),
    ] = False,
    index: IndexOption = None,
    articles: ArticlesOption = None,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="At most so many quotes.")] = 5,
    min_confidence: MinConfidenceOption = MIN_CONFIDENCE,
    source: SourceOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    encoder: EncoderOption = None,
    reader: ReaderOption = None,
    form: FormatOption = None,
    differences: Annotated[
        bool, typer.Option("--differences", help="Show where copies of a quote have other words.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Answer a question with quotes from the articles.

    Without --index and --articles: the default index, or the sample articles that ship with citewell.
    """
    if (question is None) == (file is None):
        raise typer.BadParameter("expected either a question or --file", param_hint="QUESTION")
    scope = scope_of(source, since, until)
    if as_json and form not in (None, "json"):
        raise typer.BadParameter(f"expected either --json or --format {form}", param_hint="--format")
    form = "json" if as_json else form
    if follow and file is None:
        raise typer.BadParameter("expected --file with the questions of the conversation", param_hint="--follow")
    questions = [(question, None)] if question is not None else _read_questions(file or Path("-"))

    from rag.console import make_console, not_asked, progress_bar, show, show_answer, width_of
    from rag.formats import RULE, NotAsked, answer_as
    from rag.pipeline import open_engine

    console = make_console(sys.stdout)
    width = width_of(console)

    def write(answer: Answer | NotAsked) -> None:
        if form is not None:
            _write(answer_as(answer, form, encoding=_encoding()))
        elif isinstance(answer, NotAsked):
            show(console, not_asked(answer.question, answer.error, width=width))
        else:
            show(console, show_answer(answer, width=width, title=file is not None, differences=differences))

    with progress_bar(sys.stderr) as progress:
        engine = open_engine(index, articles, encoder=encoder, reader=reader, progress=progress)
    bad = False
    history: list[Answer] = []
    with engine:
        for number, (asked, unreadable) in enumerate(questions):
            if number and form is None:
                show(console, "\n")
            elif number and form != "json":
                _write(RULE)
            if unreadable is not None:
                bad = True
                write(NotAsked(asked, unreadable))
                continue
            try:
                answer = engine.ask(asked, top=top, min_confidence=min_confidence, history=history, scope=scope)
            except QuestionError as error:
                if file is None:
                    raise
                bad = True
                write(NotAsked(asked, str(error)))
            else:
                write(answer)
                if follow:
                    history.append(answer)
    if bad:
        raise typer.Exit(QuestionError.exit_code)


app.command(name="index")(index_articles)
app.command(name="watch", no_args_is_help=True)(watch)
app.command(name="info")(info)
app.command(name="check")(check)
app.command(name="remove")(remove)
app.command(name="export")(export)
app.command(name="backup")(back_up_index)
app.add_typer(evaluation_commands, name="evaluate")
app.command(name="feedback")(feedback)
app.add_typer(training_commands, name="train")


def _read_questions(path: Path) -> list[tuple[str, str | None]]:
    """The questions of a file, each with what is wrong with its line, if anything is; empty lines are left out.

    Raises:
        QuestionError: when there is none.
    """
    data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", errors="replace").encode()
    questions: list[tuple[str, str | None]] = []
    for line in data.removeprefix(b"\xef\xbb\xbf").splitlines():
        try:
            question, unreadable = line.decode().strip(), None
        except UnicodeDecodeError as error:
            question = line.decode(errors="replace").strip()
            unreadable = f"the line is not UTF-8 text (byte {error.start + 1}); save the file as UTF-8"
        if question:
            questions.append((question, unreadable))
    if not questions:
        name = "standard input" if str(path) == "-" else str(path)
        raise QuestionError(f"{name} holds no question; expected one a line")
    return questions


def _encoding() -> str:
    return sys.stdout.encoding or "utf-8"


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Whatever a command raises becomes one line on stderr and an exit code."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # Python writes what is left when it ends, and complains: let it write to nowhere.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(EXIT_BROKEN_PIPE) from None
    except KeyboardInterrupt:
        _say("interrupted")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except CitewellError as error:
        _fail(error, str(error), error.exit_code)
    except _TYPERS_OWN:
        raise
    except Exception as error:  # noqa: BLE001 - the one place where an error becomes a line
        hint = "citewell --debug, or CITEWELL_DEBUG=1, shows the traceback"
        _fail(error, f"unexpected {type(error).__name__}: {error} ({hint})", EXIT_UNEXPECTED)


def _fail(error: Exception, message: str, exit_code: int) -> None:
    if _debugging():
        import traceback

        traceback.print_exception(error)
    _say(message)
    raise typer.Exit(exit_code) from error


def _debugging() -> bool:
    return _debug or os.environ.get("CITEWELL_DEBUG", "0") not in ("", "0")


def _say(message: str) -> None:
    from rag.display import one_line

    with suppress(BrokenPipeError):
        sys.stderr.write(f"citewell: {one_line(message)}\n")


if __name__ == "__main__":
    main()
