"""The search files of one change of an index: FAISS and Tantivy files in a folder of their own, never changed again.

    search-<change>/
        manifest.json         the change and its commit, the parts in order, what they hold too many, the SHA-256s
        vectors-<n>.faiss     passages by their vectors; later ones hold what was added after the first
        lexical/              passages by their words, a Tantivy index

A change that adds little shares most of its files with the one before (as hard links where the disk has them). A folder
is used only when it names the commit that the database is at: one that was made for a change which never came is not.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from index.errors import StoreDamaged
from index.store.lexical import LexicalIndex
from index.store.vectors import VectorIndex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from index.store.base import Scored

__all__ = ["LEXICAL", "MANIFEST", "PREFIX", "Commit", "SearchFiles", "load", "load_of_change", "sha256_of"]

PREFIX = "search-"
MANIFEST = "manifest.json"
LEXICAL = "lexical"


class Commit(NamedTuple):
    """A committed change: its number, and a random name that no other attempt at that number has."""

    change: int
    name: str

    @property
    def folder(self) -> str:
        """The name of the folder of its search files."""
        return f"{PREFIX}{self.change}"


class Seen(NamedTuple):
    """A file whose hash was compared: as long as the system calls it the same file, it is not read again for that."""

    sha256: str
    inode: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class SearchFiles:
    """What finds passages, as of one commit.

    Attributes:
        commit: the commit.
        vectors: by file name, in order; a passage stands in one of them.
        gone: passages that stand in one of `vectors` and are not to be found.
        lexical: all passages by their words.
        seen: the files whose hashes were compared, by name; empty when all is in memory.
        behind: whether the files are those of an earlier commit (`index.store.behind`).
        outdated: those of `gone` that stand in `lexical` too, where that is so.
    """

    commit: Commit
    vectors: Mapping[str, VectorIndex]
    gone: frozenset[int]
    lexical: LexicalIndex
    seen: Mapping[str, Seen] = field(default_factory=dict)
    behind: bool = False
    outdated: frozenset[int] = frozenset()

    def __contains__(self, passage: int) -> bool:
        return passage not in self.gone and any(passage in part for part in self.vectors.values())

    def __len__(self) -> int:
        return sum(map(len, self.vectors.values())) - len(self.gone)

    def search_vectors(
        self, vector: NDArray[np.float32], *, top_k: int, within: NDArray[np.int64] | None = None
    ) -> list[Scored]:
        """The `top_k` passages nearest to a unit vector of shape (dimension,) by cosine, best first.

        `within` holds the numbers of the only passages that may be found, shape (n,); all may when it is None.
        """
        found: list[Scored] = []
        for part in self.vectors.values():
            found += part.search(vector, top_k=top_k, without=self.gone, within=within)
        return sorted(found, key=lambda each: (-each.score, each.passage))[:top_k]

    def cosines(self, vector: NDArray[np.float32], passages: Sequence[int]) -> list[float]:
        """The scores that `search_vectors` gives these passages, in order; 0.0 for one that it does not find."""
        import numpy as np

        numbers = np.array(passages, dtype=np.int64)
        scores = np.zeros(len(numbers), dtype=np.float32)
        for part in self.vectors.values():
            scores += part.cosines(vector, numbers)
        found: list[float] = scores.tolist()
        return [0.0 if number in self.gone else score for number, score in zip(passages, found, strict=True)]

    def search_lexical(
        self, terms: Sequence[str], *, top_k: int, within: NDArray[np.int64] | None = None
    ) -> list[Scored]:
        """The `top_k` passages by BM25, best first; `within` as for `search_vectors`."""
        found = self.lexical.search(terms, top_k=top_k + len(self.outdated), within=within)
        return [each for each in found if each.passage not in self.outdated][:top_k] if self.outdated else found


def load(folder: Path, commit: Commit, before: SearchFiles | None = None, *, own: Path | None = None) -> SearchFiles:
    """Open the search files of a commit, every hash compared.

    Args:
        folder: the index folder.
        commit: the commit that they must be of.
        before: search files that are open: what both share is neither compared nor read again.
        own: where they are, while they are not yet under their name.

    Raises:
        StoreDamaged: when they are missing, of another commit, or not as they were written.
    """
    own = own or folder / commit.folder
    try:
        manifest = json.loads((own / MANIFEST).read_text("utf-8"))
        found = (manifest["change"], manifest["commit"])
        if found != tuple(commit):
            raise StoreDamaged(f"{own} was made for the commit {found}, not {tuple(commit)}")
        seen = {
            str(name): _compared(own / name, str(expected), before.seen.get(name) if before is not None else None)
            for name, expected in manifest["files"].items()
        }
        vectors = {}
        for name in manifest["vectors"]:
            shared = before is not None and before.seen.get(name) == seen[name] and before.vectors.get(name)
            vectors[str(name)] = shared or VectorIndex.open(own / name)
        gone = frozenset(int(each) for each in manifest["gone"])
        return SearchFiles(commit, vectors, gone, LexicalIndex.open(own / LEXICAL), seen)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreDamaged(f"the search files in {own} cannot be used ({type(error).__name__}: {error})") from error


def load_of_change(folder: Path, change: int, before: SearchFiles) -> SearchFiles:
    """As `load`, of whichever commit the search files of a change name.

    Raises:
        StoreDamaged: as `load`.
    """
    own = folder / Commit(change, "").folder
    try:
        name = str(json.loads((own / MANIFEST).read_text("utf-8"))["commit"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreDamaged(f"the search files in {own} cannot be used ({type(error).__name__}: {error})") from error
    return load(folder, Commit(change, name), before)


def _compared(path: Path, expected: str, known: Seen | None) -> Seen:
    """What is known of a file after its hash was compared, or before, when it is still the same file."""
    stat = path.stat()
    now = Seen(expected, stat.st_ino, stat.st_size, stat.st_mtime_ns)
    if now != known and sha256_of(path) != expected:
        raise StoreDamaged(f"{path} is damaged: its SHA-256 is not the one that it was written with")
    return now


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
