"""Answers to take along: as text with footnotes, as Markdown, as JSON; pure functions.

In text and Markdown a quote is what the page shows: the article's characters, but for control characters and those
that turn the direction of writing, which stand as U+FFFD; in text each quote is on one line, its line ends spaces.
JSON has every character. Offsets count the characters of the source text from 0, the end not included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from rag.display import confidence_words, json_line, json_text, one_line, silence_words, visible
from rag.markdown import markdown_text
from rag.sources import link, link_to_words, outlet, target_of
from rag.types import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rag.types import Citation, Place

__all__ = ["FORMATS", "RULE", "Format", "NotAsked", "answer_as", "conversation_as", "standing_question"]

Format = Literal["text", "markdown", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)

RULE = "\n---\n\n"
"""What stands between two answers, in text and in Markdown."""
_LONGEST_QUESTION = 1_000
"""Characters of a question that was refused; others are not longer."""


@dataclass(frozen=True, slots=True)
class NotAsked:
    """A question that was not answered because it could not be asked.

    Attributes:
        question: as it was sent.
        error: why not.
    """

    question: str
    error: str

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {"question": self.question, "error": self.error}


def standing_question(answer: Answer) -> str:
    """The question in words that stand without the conversation that it was asked in."""
    return answer.read_as or answer.question


def answer_as(answer: Answer | NotAsked, form: Format, *, encoding: str = "utf-8") -> str:
    """One answer in a format, ended by a line end.

    Args:
        answer: what `Engine.ask` returned, or that nothing was asked.
        form: JSON is `to_dict()` on one line.
        encoding: of what the text goes to; JSON escapes what it cannot write.
    """
    if form == "json":
        return json_line(answer.to_dict(), encoding=encoding) + "\n"
    return _text(answer) if form == "text" else _markdown(answer)


def conversation_as(answers: Sequence[Answer | NotAsked], form: Format) -> str:
    """Several answers in a format, in order, with a rule between them; JSON is a list of what `to_dict()` gives."""
    if form == "json":
        return json_text([answer.to_dict() for answer in answers]) + "\n"
    return RULE.join(answer_as(answer, form) for answer in answers)


def _text(answer: Answer | NotAsked) -> str:
    blocks = _head(answer, visible)
    if isinstance(answer, NotAsked):
        return _paragraphs([*blocks, f"Not asked: {one_line(answer.error)}"])
    shown = _shown(answer)
    blocks += _said_before(answer)
    blocks += [f"{visible(citation.quote)} [{number}]" for number, citation in shown]
    blocks += ["\n".join(_note_lines(citation, number)) for number, citation in shown]
    return _paragraphs([*blocks, *_said_after(answer)])


def _note_lines(citation: Citation, number: int) -> list[str]:
    lead = f"[{number}] "
    lines = [lead + _where(citation)]
    indent = " " * len(lead)
    if citation.context is not None:
        lines.append(f"{indent}Before it: {visible(citation.context.quote)}")
    lines += [f"{indent}Also in: {_where(place)}" for place in citation.also_in]
    return lines


def _where(place: Place) -> str:
    """Title, outlet, date, address or file and line, offsets: what a footnote says."""
    address = link(place.source)
    parts = [*_about(place), address or place.location, _offsets(place)]
    return ", ".join(visible(part) for part in parts)


def _markdown(answer: Answer | NotAsked) -> str:
    head, *blocks = _head(answer, markdown_text)
    blocks = [f"## {head}", *blocks]
    if isinstance(answer, NotAsked):
        return _paragraphs([*blocks, f"Not asked: {markdown_text(one_line(answer.error))}"])
    shown = _shown(answer)
    blocks += map(markdown_text, _said_before(answer))
    blocks += [f"> {markdown_text(citation.quote)} \\[{number}\\]" for number, citation in shown]
    blocks.append("\n".join(line for number, citation in shown for line in _markdown_note(citation, number)))
    return _paragraphs([*blocks, *map(markdown_text, _said_after(answer))])


def _markdown_note(citation: Citation, number: int) -> list[str]:
    lead = f"{number}. "
    lines = [lead + _markdown_where(citation, citation.quote)]
    indent = " " * len(lead)
    if citation.context is not None:
        lines.append(f"{indent}- Before it: {markdown_text(citation.context.quote)}")
    # Not to the words: another copy may have them a little differently.
    lines += [f"{indent}- Also in: {_markdown_where(place, None)}" for place in citation.also_in]
    return lines


def _markdown_where(place: Place, words: str | None) -> str:
    """As `_where`, with the address as a link; to the `words` themselves where they are given."""
    address = link(place.source)
    if address is None:
        places = [markdown_text(place.location)]
    else:
        target = target_of(address) if words is None else link_to_words(address, words)
        places = [f"[{markdown_text(address)}](<{target}>)"]
    return ", ".join([*(markdown_text(part) for part in _about(place)), *places, _offsets(place)])


def _about(place: Place) -> list[str]:
    named = [place.title] if place.title.strip() else []
    if link(place.source) is not None:  # a file's name comes with its line
        named.append(outlet(place.source))
    return [*named, place.published] if place.published else named


def _offsets(place: Place) -> str:
    return f"characters {place.start}-{place.end}"


def _head(answer: Answer | NotAsked, safe: Callable[[str], str]) -> list[str]:
    """The question, and how it was read where that differs."""
    asked = one_line(answer.question)[:_LONGEST_QUESTION] or "(no question)"
    blocks = [safe(asked)]
    if isinstance(answer, Answer) and standing_question(answer) != answer.question:
        blocks.append(f"Read as: {safe(standing_question(answer))}")
    return blocks


def _shown(answer: Answer) -> list[tuple[int, Citation]]:
    """The sentences to show, numbered as on the page."""
    return list(enumerate(answer.citations or answer.related, 1))


def _said_before(answer: Answer) -> list[str]:
    if answer.citations:
        return []
    said, over_the_closest = silence_words(answer.confidence)
    said = f"{said} {_confidence(answer)}"
    return [said, over_the_closest] if answer.related else [said]


def _said_after(answer: Answer) -> list[str]:
    return [_confidence(answer)] if answer.citations else []


def _confidence(answer: Answer) -> str:
    return f"Answer: {confidence_words(answer.confidence)}"


def _paragraphs(blocks: Sequence[str]) -> str:
    return "\n\n".join(block for block in blocks if block) + "\n"
