"""The Tantivy accelerator: BM25 over the titles and texts of passages; one immutable folder."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from index.analysis import analyser
from index.errors import StoreDamaged, first_line
from index.store.base import Scored

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LexicalIndex"]

_ANALYSER = "citewell"
_HEAP_BYTES = 64_000_000
_DEEP = 10


def _schema() -> Any:
    import tantivy

    return (
        tantivy.SchemaBuilder()
        .add_unsigned_field("passage", fast=True, indexed=True)
        .add_text_field("title", tokenizer_name=_ANALYSER, index_option="freq")
        .add_text_field("text", tokenizer_name=_ANALYSER, index_option="freq")
        .build()
    )


class LexicalIndex:
    """Passages that can be searched by words.

    Args:
        index: a Tantivy index of `_schema()` with the analyser registered.
    """

    def __init__(self, index: Any) -> None:
        self._schema = index.schema
        self._searcher = index.searcher()

    @classmethod
    def build(cls, documents: Iterable[tuple[int, str, str]], folder: Path | None) -> LexicalIndex:
        """Build from (passage number, title, text), in an empty folder, or in memory when None."""
        import tantivy

        with _disk_errors():
            index = tantivy.Index(_schema(), str(folder) if folder is not None else None)
        index.register_tokenizer(_ANALYSER, analyser())
        _write(index, documents, ())
        return cls(index)

    @classmethod
    def changed(cls, folder: Path, added: Iterable[tuple[int, str, str]], removed: Sequence[int]) -> LexicalIndex:
        """Change the index in a folder, which is a copy that nobody searches yet.

        Until Tantivy merges its parts, removed passages still count in the statistics that BM25 weighs words by.
        """
        import tantivy

        with _disk_errors():
            index = tantivy.Index.open(str(folder))
        index.register_tokenizer(_ANALYSER, analyser())
        _write(index, added, removed)
        return cls(index)

    @classmethod
    def open(cls, folder: Path) -> LexicalIndex:
        """Open what `build` wrote.

        Raises:
            StoreDamaged: when Tantivy cannot read it.
        """
        import tantivy

        try:
            index = tantivy.Index.open(str(folder))
            index.register_tokenizer(_ANALYSER, analyser())  # names are not stored with the index
            return cls(index)
        except (ValueError, OSError) as error:
            raise StoreDamaged(f"Tantivy cannot read the lexical index ({first_line(error)})") from error

    def __len__(self) -> int:
        return int(self._searcher.num_docs)

    def search(self, terms: Sequence[str], *, top_k: int, within: NDArray[np.int64] | None = None) -> list[Scored]:
        """The `top_k` passages by the sum of BM25 over title and text, best first.

        Args:
            terms: stems.
            top_k: how many.
            within: numbers of the only passages that may be found, shape (n,); all may when None. The statistics that
                BM25 weighs words by are those of all passages either way.
        """
        import numpy as np
        import tantivy

        if not terms or top_k <= 0 or not len(self) or (within is not None and not len(within)):
            return []
        query = tantivy.Query.boolean_query(
            [
                (tantivy.Occur.Should, tantivy.Query.term_query(self._schema, field, term, "freq"))
                for term in terms
                for field in ("title", "text")
            ]
        )
        if within is None:
            return self._hits(query, top_k)
        # Where many may be found they are among the best of all; else the others are left out before they are scored,
        # which takes the longer the more may be found.
        deep = _DEEP * top_k
        best = self._hits(query, deep)
        known = np.isin([each.passage for each in best], within)
        inside = [each for each, one in zip(best, known.tolist(), strict=True) if one]
        if len(inside) >= top_k or len(best) < deep:
            return inside[:top_k]
        only = tantivy.Query.term_set_query(self._schema, "passage", within.tolist())
        both = [query, tantivy.Query.const_score_query(only, 0.0)]
        return self._hits(tantivy.Query.boolean_query([(tantivy.Occur.Must, each) for each in both]), top_k)

    def _hits(self, query: Any, top_k: int) -> list[Scored]:
        hits = self._searcher.search(query, top_k, count=False).hits
        passages = self._searcher.fast_field_values("passage", [address for _, address in hits])
        return [Scored(int(passage), float(score)) for passage, (score, _) in zip(passages, hits, strict=True)]

    def document_frequencies(self, terms: Sequence[str]) -> list[int]:
        """In how many passages' texts each stem stands."""
        found = []
        for term in terms:
            count = 0
            with contextlib.suppress(ValueError):
                count = int(self._searcher.doc_freq("text", term))
            found.append(count)
        return found


def _write(index: Any, documents: Iterable[tuple[int, str, str]], removed: Sequence[int]) -> None:
    import tantivy

    with _disk_errors():
        writer = index.writer(_HEAP_BYTES, 1)
        for passage in removed:
            writer.delete_documents_by_query(tantivy.Query.term_query(index.schema, "passage", passage))
        for passage, title, text in documents:
            document = tantivy.Document()
            document.add_unsigned("passage", passage)
            document.add_text("title", title)
            document.add_text("text", text)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        index.reload()


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    """What Tantivy says of a disk that is full or fails, it says as a ValueError."""
    try:
        yield
    except ValueError as error:
        raise OSError(f"Tantivy: {first_line(error)}") from error
