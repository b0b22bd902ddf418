"""The sample articles in each format: the questions are answered by the same sentences as from plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from index.build import build_index
from index.encoder import load_encoder
from rag.engine import Engine
from tests.index import documents

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("page.html", "print.pdf", "letter.docx", "letter.eml", "feed.atom", "crawl.warc", "a.zip")
QUESTIONS = (
    "what did Putin demand?",
    "How long was the call between Putin and Trump?",
    "How many nations does Britain expect to contribute?",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["page.html", "print.pdf", "letter.docx", "letter.eml", "feed.atom", "crawl.warc", "a.zip"]
)
def test_the_same_sentences_answer(tmp_path: Path, seeds_engine: Engine, name: str) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    makers = {**documents.MAKERS, "a.zip": documents.MAKERS["pages.zip"]}
    for number, article in enumerate(sorted({c.article_id for q in QUESTIONS for c in seeds_engine.ask(q).citations})):
        view = seeds_engine.article(article)
        lines = dict.fromkeys(line.strip() for line in view.text.splitlines() if len(line) > 60)
        (folder / f"{number}-{name}").write_bytes(makers[name](view.title, list(lines)))
    build_index([folder], tmp_path / "index", encoder=load_encoder())
    with Engine.open(tmp_path / "index") as engine:
        for question in QUESTIONS:
            expected, answer = seeds_engine.ask(question), engine.ask(question)
            first = expected.citations[0].quote
            assert answer.answered
            assert answer.citations[0].quote == (documents.latin(first) if name.endswith(".pdf") else first)
            if name == "page.html":
                assert (answer.citations[0].link or "").startswith(f"{documents.URL}#:~:text=")
