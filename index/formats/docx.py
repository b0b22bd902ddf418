"""Word documents (.docx): their paragraphs, those in tables included, in order (by python-docx)."""

from __future__ import annotations

import io
import zipfile
from typing import IO, TYPE_CHECKING, Any

from index.formats import base
from index.formats.base import need
from index.formats.text import extracted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.formats.base import Origin, Reading
    from index.types import Skipped, Source

__all__ = ["read_docx"]


def read_docx(file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """Read the text of a Word document, a blank line between two paragraphs.

    The date on which the file was made is not when an article was published, and is not taken for it.
    """
    if not reading.begin():
        return
    docx = need("docx", extra="docx", kind="Word")
    data = base.read_whole(file)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:  # the library unpacks all of it into memory
        for member in archive.infolist():
            reading.unpack(member.file_size)
    document = docx.Document(io.BytesIO(data))
    facts = document.core_properties
    blocks = list(_paragraphs(document))
    titled = next((each.text for each in document.paragraphs[:5] if each.style.name == "Title"), None)
    yield extracted(
        origin,
        "\n\n".join(blocks),
        nothing="empty: there is no text in it",
        title=facts.title or titled,
        author=None if facts.author == "python-docx" else facts.author,
    )


def _paragraphs(container: Any, depth: int = 0) -> Iterator[str]:
    """The paragraphs of a document or of a table's cell that hold text; a line break within one ends a line."""
    for block in container.iter_inner_content():
        if hasattr(block, "rows"):
            if depth < 20:  # tables in tables
                seen: set[int] = set()
                for row in block.rows:
                    for cell in row.cells:  # a merged cell comes again for each place that it covers
                        if id(cell._tc) not in seen:
                            seen.add(id(cell._tc))
                            yield from _paragraphs(cell, depth + 1)
        elif block.text.strip():
            yield block.text.strip()
