"""Reading evaluation files: gzipped or not, line by line, with every bad line named in one error."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any

from index.errors import EvaluationError, first_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Problems", "json_records", "read_text"]

_SHOWN = 5
_GZIP = b"\x1f\x8b"


class Problems:
    """What is wrong with a file, line by line; nothing wrong is dropped in silence.

    Args:
        expected: what a good line is like, for the message.
    """

    def __init__(self, expected: str) -> None:
        self._expected = expected
        self._found: list[str] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, path: Path, line: int, what: str) -> None:
        """Note what is wrong with a line (1-based)."""
        self._found.append(f"{path}:{line}: {what}")

    def check(self) -> None:
        """Go on when nothing was noted.

        Raises:
            EvaluationError: naming the first five bad lines and the number of all.
        """
        if self._found:
            count = "1 bad line" if len(self._found) == 1 else f"{len(self._found):,} bad lines"
            more = "" if len(self._found) <= _SHOWN else f"; and {len(self._found) - _SHOWN:,} more"
            raise EvaluationError(
                f"{count}: {'; '.join(self._found[:_SHOWN])}{more}. Expected {self._expected}. "
                "Mend or remove these lines and run the command again"
            )


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, a byte order mark left out; a gzipped one is told by its first bytes, not by its name.

    Raises:
        EvaluationError: when it cannot be read, is damaged, or is no UTF-8 text.
    """
    try:
        data = path.read_bytes()
        if data.startswith(_GZIP):
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise EvaluationError(
            f"{path} is not UTF-8 text (byte {error.start:,}); save it as UTF-8, or gzip it as such"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise EvaluationError(
            f"{path} cannot be read ({first_line(error)}); expected a text file, gzipped or not"
        ) from error


def json_records(path: Path, text: str, problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of JSON Lines with their line numbers (1-based); empty lines are passed over, bad ones noted.

    Args:
        path: for the notes.
        text: the file's text.
        problems: takes what is wrong.
    """
    # Not splitlines(): a JSON string may hold U+2028, at which that would cut.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            problems.add(path, number, f"no JSON ({first_line(error)})")
            continue
        if isinstance(record, dict):
            yield number, record
        else:
            problems.add(path, number, f"a JSON {type(record).__name__}, not an object")
