"""Questions of an evaluation as markup: pure functions, and everything from outside escaped."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rag.display import confidence_words, visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.evaluation.outcomes import Outcome, RankedSentence

__all__ = ["cases", "escape", "pairs"]


def cases(outcomes: Sequence[Outcome], about: str) -> str:
    """A list of questions, the surest first, each with what was expected, what came first, and what is right."""
    if not outcomes:
        return "<p>None.</p>"
    ordered = sorted(outcomes, key=lambda outcome: -outcome.confidence)
    return f'<p>{about}</p><ol class="cases">{"".join(map(_case, ordered))}</ol>'


def _case(outcome: Outcome) -> str:
    """A question, what was expected, what came first, and the best right sentence where that is another."""
    parts = [f"<h3><bdi>{escape(outcome.question)}</bdi></h3>", _facts(outcome)]
    if outcome.ranked:
        parts.append(_sentence(outcome.ranked[0], "First"))
    else:
        parts.append('<p class="none">No sentence was found.</p>')
    rank = outcome.rank
    if rank is not None and rank > 1:
        parts.append(_sentence(outcome.ranked[rank - 1], f"Right, at rank {rank}"))
    elif outcome.answerable and rank is None and outcome.ranked:
        parts.append(f'<p class="none">None of the {len(outcome.ranked)} sentences given is right.</p>')
    return f'<li class="case">{"".join(parts)}</li>'


def pairs(outcomes: Sequence[tuple[Outcome, Outcome]], about: str) -> str:
    """A list of questions, the surest first, each with what came first in the run before and in this one."""
    if not outcomes:
        return "<p>None.</p>"
    items = "".join(
        f'<li class="case"><h3><bdi>{escape(new.question)}</bdi></h3>{_facts(new)}'
        f"{_first(old, 'Before')}{_first(new, 'Now')}</li>"
        for old, new in sorted(outcomes, key=lambda pair: -pair[1].confidence)
    )
    return f'<p>{about}</p><ol class="cases">{items}</ol>'


def _first(outcome: Outcome, when: str) -> str:
    label = f"{when}, answer {confidence_words(outcome.confidence)}"
    return _sentence(outcome.ranked[0], label) if outcome.ranked else f'<p class="none">{when}: no sentence.</p>'


def _facts(outcome: Outcome) -> str:
    expected = "; ".join(f"<b><bdi>{escape(answer)}</bdi></b>" for answer in outcome.answers)
    parts = [
        f"Expected: {expected}" if expected else "Expected: no answer",
        f"answer {confidence_words(outcome.confidence)}, {'answered' if outcome.answered else 'not answered'}",
    ]
    if outcome.date is not None:
        parts.append(f"asked {escape(outcome.date)}")
    return f'<p class="facts">{" · ".join(parts)}</p>'


def _sentence(sentence: RankedSentence, label: str) -> str:
    where = [f'<span class="title"><bdi>{escape(sentence.title)}</bdi></span>'] if sentence.title.strip() else []
    where += [f"<bdi>{part}</bdi>" for part in (_outlet(sentence.source), escape(sentence.published or "")) if part]
    where.append(f"<bdi>{escape(sentence.location)}</bdi>")
    kind = "sentence is-right" if sentence.right else "sentence"
    if sentence.elsewhere:
        label += "; holds an answer, in an article that is not among the sources"
    return (
        f'<div class="{kind}"><p class="rank">{label}</p>'
        f"<blockquote><bdi>{_quote(sentence.quote, sentence.highlight)}</bdi></blockquote>"
        f'<p class="where">{" · ".join(where)}</p></div>'
    )


def _quote(quote: str, highlight: tuple[int, int] | None) -> str:
    """The quote, escaped, its highlighted words marked."""
    if highlight is None:
        return escape(quote)
    start, end = highlight
    return f"{escape(quote[:start])}<mark>{escape(quote[start:end])}</mark>{escape(quote[end:])}"


def _outlet(source: str) -> str:
    """The host of an address as a link to it; nothing for a path, which the location says."""
    try:
        parts = urlsplit(source)
        host = parts.hostname if parts.scheme in ("http", "https") and parts.username is None else None
    except ValueError:  # "http://[" and the like
        host = None
    if not host or visible(source) != source or any(map(str.isspace, source)):
        return ""
    return f'<a href="{escape(source)}">{escape(host.removeprefix("www."))}</a>'


def escape(text: str) -> str:
    """Text as HTML that holds no markup, fit for double-quoted attributes too."""
    return html.escape(visible(text), quote=True)
