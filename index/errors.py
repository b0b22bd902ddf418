"""The errors that citewell raises on purpose.

    CitewellError                   exit code 1
    ├── ArticlesError               3   a path with no readable article in it
    ├── StoreError                  4   the index folder cannot be used
    │   ├── StoreNotFound               there is no index there
    │   ├── StoreDamaged                its contents contradict themselves
    │   ├── StoreVersionMismatch        another format version wrote it
    │   ├── EncoderMismatch             another encoder made its vectors
    │   └── StoreLocked                 another process is writing to it
    ├── EncoderError                6   an encoder cannot be loaded or gives unusable vectors
    ├── ReaderError                 6   a reader cannot be loaded, or is no question-answering model
    ├── TrainingError               8   nothing to train on, or a training that cannot be gone on with
    ├── EvaluationError             9   an evaluation file that cannot be read
    ├── QuestionError               5   the question is empty, too long, or not text
    └── MissingExtra                7   an optional dependency is not installed

Exit code 2 is the command line's own (an unknown option, a value out of range), as everywhere.
Every message says what was found, what was expected, and, where there is one, the command that mends it.
"No answer" is a value (`Answer.answered`), not an error.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ArticlesError",
    "CitewellError",
    "EncoderError",
    "EncoderMismatch",
    "EvaluationError",
    "MissingExtra",
    "QuestionError",
    "ReaderError",
    "StoreDamaged",
    "StoreError",
    "StoreLocked",
    "StoreNotFound",
    "StoreVersionMismatch",
    "TrainingError",
    "first_line",
]


class CitewellError(Exception):
    """The root of every error that citewell raises on purpose."""

    exit_code: ClassVar[int] = 1


class ArticlesError(CitewellError):
    """A path that was named does not exist, cannot be read, or holds no article."""

    exit_code: ClassVar[int] = 3


class StoreError(CitewellError):
    """The index folder cannot be used as it is."""

    exit_code: ClassVar[int] = 4


class StoreNotFound(StoreError):
    """There is no index in the folder."""


class StoreDamaged(StoreError):
    """The index contradicts itself and cannot be mended from its own contents."""


class StoreVersionMismatch(StoreError):
    """The index was written in another format version."""


class EncoderMismatch(StoreError):
    """The index holds the vectors of another encoder."""


class StoreLocked(StoreError):
    """Another process is writing to the index."""


class EncoderError(CitewellError):
    """An encoder cannot be loaded, or what it returns is not usable."""

    exit_code: ClassVar[int] = 6


class ReaderError(CitewellError):
    """A reader cannot be loaded, or is no extractive question-answering model."""

    exit_code: ClassVar[int] = 6


class TrainingError(CitewellError):
    """There is nothing to train on, or an interrupted training cannot be gone on with."""

    exit_code: ClassVar[int] = 8


class EvaluationError(CitewellError):
    """A file of questions cannot be read, or has none that can be evaluated."""

    exit_code: ClassVar[int] = 9


class QuestionError(CitewellError):
    """The question is empty, too long, or holds characters that are no text."""

    exit_code: ClassVar[int] = 5


class MissingExtra(CitewellError):
    """Something optional is needed and is not installed; the message names the extra."""

    exit_code: ClassVar[int] = 7


def first_line(error: BaseException) -> str:
    r"""The first line of an error's message, or its type where it has none: other libraries' messages run long.

    >>> first_line(ValueError("no such layer\nTraceback follows"))
    'no such layer'
    >>> first_line(MemoryError())
    'MemoryError'
    """
    return (str(error).strip() or type(error).__name__).splitlines()[0]
