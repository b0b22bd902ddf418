"""Making files and the names of files durable."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["fsync"]


def fsync(path: Path) -> None:
    """Make a file's bytes, or the names in a folder, survive a power cut.

    Folders cannot be opened for this on Windows, which writes their names through by itself.

    Raises:
        OSError: when the system reports that it could not.
    """
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
