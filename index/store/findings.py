"""What a look at an index may find wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Kind"]

Kind = Literal[
    "database",
    "reference",
    "file",
    "text",
    "article",
    "listing",
    "sentence",
    "copy",
    "passage",
    "leader",
    "bands",
    "vector",
    "search files",
]
"""What is damaged. `reference`: a row that belongs to one that is not there. `leader`: who stands for a group of
copies. `bands`: the keys by which later copies of a passage are found. `listing`: the outlet, day and words by which an
article is listed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written.

    Attributes:
        kind: what it is.
        what: which one, for a person: an article's id and path, a file's name.
        found: what is wrong with it.
        key: the store's number of the text, the file (`text`, `file`), the passage (`leader`, `bands`) or the article
            (`article`, `listing`, `sentence`, `copy`, `passage`); the digest of a `vector`; None for the others.
    """

    kind: Kind
    what: str
    found: str
    key: int | bytes | None = None
