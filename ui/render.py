"""Answers as markup for the chat: pure functions, and everything from outside escaped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.display import confidence_words as _words_and_percent
from rag.display import count_of, silence_words
from ui.text import escape, outlet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.types import Answer, Citation, Place

__all__ = [
    "PENDING",
    "also_words",
    "answer_markup",
    "confidence_words",
    "problem_markup",
    "question_markup",
    "quote_markup",
    "reading_markup",
    "reference",
]

PENDING = (
    '<div class="pending"><p class="now">Reading the articles …</p>'
    '<p class="slow">Still reading. A large reader, or the first question after a start, takes a while.</p></div>'
)
"""What stands in for an answer; the style sheet shows its second line after some seconds."""
_READ = ("Read as", "literal", "Ask as it stands")
_TAKEN_BACK = ("Asked as it stands, not as", "reread", "Read it that way again")
LONGEST_ECHO = 600
"""Characters of a question that the chat repeats."""


def reference(place: Place) -> str:
    """The place as the source panel's server function takes it: `ARTICLEID:START:END`."""
    return f"{place.article_id}:{place.start}:{place.end}"


def confidence_words(confidence: float) -> tuple[str, str]:
    """A probability in [0, 1] in the words of the command line, and in percent.

    >>> confidence_words(0.876)
    ('likely', '87%')
    """
    words, _, percent = _words_and_percent(confidence).partition(" (")
    return words, percent.rstrip(")")


def quote_markup(quote: str, highlight: tuple[int, int] | None) -> str:
    """The quote, escaped, with the `highlight` range (characters of `quote`) in a `<mark>`.

    A range that does not lie inside the quote marks nothing.

    >>> quote_markup("It lasted <90> minutes.", (10, 14))
    'It lasted <mark>&lt;90&gt;</mark> minutes.'
    """
    if highlight is None or not 0 <= highlight[0] < highlight[1] <= len(quote):
        return escape(quote)
    start, end = highlight
    return f"{escape(quote[:start])}<mark>{escape(quote[start:end])}</mark>{escape(quote[end:])}"


def question_markup(question: str) -> str:
    """The user's question, escaped and cut to `LONGEST_ECHO` characters."""
    shown = question if len(question) <= LONGEST_ECHO else question[:LONGEST_ECHO] + " …"
    return f'<h2 class="asked"><bdi>{escape(shown)}</bdi></h2>'


def problem_markup(message: str) -> str:
    """One friendly line for a question that could not be answered."""
    return f'<div class="problem" role="status"><bdi>{escape(message)}</bdi></div>'


def reading_markup(read_as: str | None, turn: int, *, literal: bool = False) -> str:
    """How a follow-up was read, with a button that takes it back; nothing for a question that was read as it stands.

    Args:
        read_as: the question as it was read.
        turn: the number of its turn, which the button's value names.
        literal: whether the reading was taken back; the button then takes it again.
    """
    if read_as is None:
        return ""
    shown = read_as if len(read_as) <= LONGEST_ECHO else read_as[:LONGEST_ECHO] + " …"
    label, kind, words = _TAKEN_BACK if literal else _READ
    button = f'<button type="button" class="again {kind}" value="{turn}">{words}</button>'
    return f'<p class="read-as"><span class="label">{label}:</span> <bdi>{escape(shown)}</bdi> {button}</p>'


def answer_markup(answer: Answer) -> str:
    """The whole answer: numbered quotes, or the plain statement that there is none and the closest sentences.

    Each quote has `<button class="cite" value="ARTICLEID:START:END">`, which the panel's script listens to.
    Related sentences are numbered on from the citations.
    """
    if not answer.answered or not answer.citations:
        said, over_the_closest = silence_words(answer.confidence)
        nearest = ""
        if answer.related:
            nearest = f'<p class="lead">{over_the_closest}</p>{_related(answer.related, 1)}'
        return f'<div class="answer unanswered"><p class="silent">{said}</p>{nearest}</div>'
    quotes = "".join(_quote(citation, number) for number, citation in enumerate(answer.citations, 1))
    others = ""
    if answer.related:
        others = (
            '<details class="others"><summary>Other close sentences</summary>'
            f"{_related(answer.related, len(answer.citations) + 1)}</details>"
        )
    return (
        f'<div class="answer answered">{_confidence(answer.confidence)}<ol class="quotes">{quotes}</ol>{others}</div>'
    )


def _confidence(confidence: float) -> str:
    """In words; the number for whoever points at them, and for screen readers."""
    words, percent = confidence_words(confidence)
    meaning = escape(f"The probability that the first sentence answers: {percent}")
    level = words.replace(" ", "-")
    return (
        f'<p class="notes"><span class="confidence" title="{meaning}"><span class="gauge {level}"></span>'
        f'{words}<span class="spoken">. {meaning}.</span></span></p>'
    )


def _button(place: Place, label: str, kind: str = "cite") -> str:
    # The page's sanitiser drops data-* and aria-*, but keeps `value`. No `title`: its tooltip would cover the preview.
    return f'<button type="button" class="{kind}" value="{escape(reference(place))}">{label}</button>'


def _where(place: Place) -> str:
    parts = []
    if place.title.strip():
        parts.append(f'<span class="title"><bdi>{escape(place.title)}</bdi></span>')
    parts.append(f'<span class="outlet"><bdi>{escape(outlet(place.source))}</bdi></span>')
    if place.published:
        parts.append(f'<span class="date"><bdi>{escape(place.published)}</bdi></span>')
    return '<span class="dot"> · </span>'.join(parts)


def _quote(citation: Citation, number: int) -> str:
    body = quote_markup(citation.quote, citation.highlight)
    button = _button(citation, str(number))
    unfold = _button(citation, "In its context", "unfold")
    return (
        f'<li class="quote">{_context(citation)}<blockquote><bdi>{body}</bdi> {button}</blockquote>'
        f'<p class="where">{_where(citation)}</p><div class="further">{unfold}{_also(citation)}</div></li>'
    )


def _context(citation: Citation) -> str:
    """The sentence before that says who "he" is, set apart from the quote."""
    if citation.context is None:
        return ""
    return f'<p class="context"><span class="label">Before it:</span> <bdi>{escape(citation.context.quote)}</bdi></p>'


def _also(citation: Citation) -> str:
    places = citation.also_in
    if not places:
        return ""
    items = "".join(f"<li>{_button(place, _where(place), 'cite place')}</li>" for place in places)
    return f'<details class="also"><summary>{also_words(citation)}</summary><ul>{items}</ul></details>'


def also_words(citation: Citation) -> str:
    """How many other articles say the same; how many places too, where they are more than the articles."""
    places = citation.also_in
    articles = len({place.article_id for place in places} - {citation.article_id})
    if not articles:
        return f"also in {count_of(len(places), 'other place')} of this article"
    words = f"also in {count_of(articles, 'other article')}"
    return words if articles == len(places) else f"{words}, {count_of(len(places), 'place')} in all"


def _related(citations: Sequence[Citation], first: int) -> str:
    items = []
    for number, citation in enumerate(citations, first):
        button = _button(citation, str(number))
        items.append(
            f'<li class="near"><blockquote><bdi>{escape(citation.quote)}</bdi> {button}</blockquote>'
            f'<p class="where">{_where(citation)}</p></li>'
        )
    return f'<ol class="related">{"".join(items)}</ol>'
