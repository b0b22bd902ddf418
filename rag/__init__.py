"""A question in, quoted and cited sentences out.

from rag import ask

answer = ask("what did Putin demand?")
for citation in answer.citations:
print(citation.number, citation.quote, citation.source)
"""

from __future__ import annotations

from rag.engine import Engine
from rag.pipeline import ask
from rag.types import Answer, ArticleView, Citation, Excerpt, Place

__all__ = ["Answer", "ArticleView", "Citation", "Engine", "Excerpt", "Place", "ask"]
