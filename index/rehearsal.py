"""A copy of an index to try a change on, which is thrown away: nothing is written to the index itself."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from index.backup import snapshot
from index.encoder import EncoderIdentity
from index.store.database import DATABASE, Database

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["rehearsal"]


@contextlib.contextmanager
def rehearsal(folder: Path) -> Iterator[Database]:
    """The database of an index as of its last change, or an empty one where there is none, to be written to.

    It lies in the system's folder for temporary files, and is not made durable.

    Raises:
        StoreVersionMismatch, StoreDamaged: as `Database.open`.
        StoreError: when there is no room for the copy.
    """
    with contextlib.ExitStack() as stack:
        if (folder / DATABASE).exists():
            database = stack.enter_context(snapshot(folder))
        else:
            temporary = tempfile.TemporaryDirectory(prefix=".citewell-", ignore_cleanup_errors=True)
            database = Database.create(Path(stack.enter_context(temporary)), EncoderIdentity("", "", 1))
            stack.callback(database.close)
        database.connection.execute("PRAGMA synchronous = OFF")
        yield database
