"""A question in, quoted and cited sentences out.

from rag import ask

answer = ask("what did Putin demand?")
for citation in answer.citations:
print(citation.number, citation.quote, citation.source)
"""

from __future__ import annotations

from rag.pipeline import Engine, ask
from rag.types import Answer, ArticleView, Citation, Excerpt, Place

__all__ = ["Answer", "ArticleView", "Citation", "Engine", "Excerpt", "Place", "ask"]
