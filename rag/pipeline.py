"""Engines by the articles or the index they answer from: `ask()` is the short way to an answer."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from index.scope import Scope
from rag.engine import MIN_CONFIDENCE, TOP, Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from index.build import Progress
    from index.store.base import IndexInfo
    from rag.types import Answer

__all__ = ["ask", "open_engine", "read_info"]


def ask(
    question: str,
    *,
    index: Path | str | None = None,
    articles: Path | str | None = None,
    reader: str | None = None,
    top: int = TOP,
    min_confidence: float = MIN_CONFIDENCE,
    history: Sequence[Answer | str] = (),
    sources: Collection[str] = (),
    since: str | None = None,
    until: str | None = None,
) -> Answer:
    """Answer a question from articles, indexing them on first use.

    The opened index is kept for the next call of this process.

    Args:
        question: up to 1,000 characters.
        index: the index folder. None: a folder of its own for `articles` in the user's data folder; without
            `articles` the user's default index if there is one, else the sample articles.
        articles: a file or folder that is indexed, or brought up to date, before the first question.
        reader: the name or folder of the reader; the shipped one when None, and none when "none".
        top: the greatest number of citations, at least 1.
        min_confidence: the confidence in [0, 1] below which the answer is that the articles do not say.
        history: the earlier answers of the conversation, or bare earlier questions, oldest first; see `Engine.ask`.
        sources: the outlets that are asked, by the host of their address or the name of their file; all when empty.
        since: the first day of the articles that are asked, as `YYYY-MM-DD`.
        until: the last one.

    Raises:
        CitewellError: see `index.errors`; also when no article is from these sources and days.
        ValueError: when a value is out of range.

    >>> ask("what did Putin demand?").answered  # doctest: +SKIP
    True
    """
    scope = Scope(frozenset((sources,) if isinstance(sources, str) else sources), since, until)
    engine = _kept_engine(None if index is None else str(index), None if articles is None else str(articles), reader)
    return engine.ask(question, top=top, min_confidence=min_confidence, history=history, scope=scope)


@functools.lru_cache(maxsize=8)
def _kept_engine(index: str | None, articles: str | None, reader: str | None) -> Engine:
    return open_engine(
        None if index is None else Path(index), None if articles is None else Path(articles), reader=reader
    )


def open_engine(
    index: Path | None = None,
    articles: Path | None = None,
    *,
    encoder: str | None = None,
    reader: str | None = None,
    calibrated: bool = True,
    progress: Callable[[Progress], None] | None = None,
) -> Engine:
    """Open an index, after bringing it up to date with `articles` where there are any; see `ask` for the defaults.

    Args:
        index: the index folder.
        articles: a file or folder.
        encoder: the name or folder of the encoder, for an index that is made now.
        reader: the name or folder of the reader; the shipped one when None, and none when "none".
        calibrated: whether a calibration that is kept with the index is used.
        progress: called while articles are indexed.

    Raises:
        CitewellError: see `index.errors`.
    """
    from index.build import build_index
    from index.encoder import load_encoder
    from rag.locations import resolve

    folder, to_index = resolve(index, articles)
    if to_index is None:
        return Engine.open(folder, encoder=encoder, reader=reader, calibrated=calibrated)
    loaded = load_encoder(encoder) if encoder is not None else None
    build_index([to_index], folder, encoder=loaded, progress=progress)
    return Engine.open(folder, encoder=loaded, reader=reader, calibrated=calibrated)


def read_info(index: Path) -> IndexInfo:
    """What an index folder holds, without loading an encoder.

    Raises:
        StoreNotFound, StoreVersionMismatch, StoreDamaged: when the folder cannot be used.
    """
    from index.store.local import LocalStore

    store = LocalStore.open(index)
    try:
        return store.info()
    finally:
        store.close()
