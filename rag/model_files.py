"""The files of a model folder, compared with the checksums that were written with them."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from index.errors import ReaderError, first_line

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CHECKSUMS_FILE", "sha256_of", "verify", "write_checksums"]

CHECKSUMS_FILE = "checksums.json"
"""In a model folder: the SHA-256 of each of its files, in hexadecimal digits, by name."""


def verify(folder: Path) -> None:
    """Compare the files of a model folder with its checksums; a folder without any is let pass.

    Raises:
        ReaderError: when a file is missing or is not what was written.
    """
    path = folder / CHECKSUMS_FILE
    if not path.is_file():
        return
    try:
        expected = {str(name): str(digest) for name, digest in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise ReaderError(f"{path} cannot be read ({first_line(error)}); {_MEND}") from error
    for name, digest in expected.items():
        file = folder / name
        try:
            found = sha256_of(file)
        except OSError as error:
            raise ReaderError(f"the reader's file {file} cannot be read ({first_line(error)}); {_MEND}") from error
        if found != digest:
            raise ReaderError(
                f"the reader's file {file} is damaged: its SHA-256 begins with {found[:12]}, expected "
                f"{digest[:12]}; {_MEND}"
            )


def write_checksums(folder: Path, names: tuple[str, ...]) -> None:
    """Write the checksums of files of a model folder.

    Raises:
        OSError: when one cannot be read, or they cannot be written.
    """
    digests = {name: sha256_of(folder / name) for name in names}
    (folder / CHECKSUMS_FILE).write_text(json.dumps(digests, indent=1) + "\n", "utf-8")


_MEND = "install citewell again or, for a reader of your own, run `citewell train export` again"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
