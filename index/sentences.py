"""An article -> its sentences, as spans of the source text.

Lines come first: no sentence goes on behind a line end, except where a file breaks its lines at a fixed width. Within
a line nupunkt proposes, with the abbreviations of `data/abbreviations.txt`, and a few corrections follow where it is
known to be wrong.
"""

from __future__ import annotations

import functools
import re
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING

from index.captions import is_caption
from index.lines import LINE_BREAK, line_spans
from index.types import Article, Boilerplate, Sentence, Source, Span

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from nupunkt import PunktSentenceTokenizer

__all__ = ["MAX_SENTENCE", "plain_sentences", "split_sentences"]

MAX_SENTENCE = 2_000
"""The longest sentence, in characters; what is longer (tables, lists in one line) is cut into pieces."""

# nupunkt's time grows with the square of a line that has no break in it.
_CHUNK = 10_000

_CLOSING = "\"'”’)\\]»"
_OPENING = "\"'“‘(\\[«"

# A boundary that nupunkt made and that is none: Yahoo! Inc., "No!", he said
_GOES_ON = re.compile(r"\s*(?:(?:Inc|Corp|Ltd|Co)\b\.?|[,;:–—])")
# ... nor before a small letter, save in a name such as iPhone, or where the line itself begins so.
_SMALL = re.compile(r"\s*(?![ie][A-Z]|al-)[^\W\d_A-ZÀ-Þ]")
_SMALL_LINE = re.compile(r"[\W_]*[a-z]")
# ... nor behind the number of a list, or behind nothing but marks.
_NO_SENTENCE = re.compile(rf"^[{_OPENING}]*(?:(?:\d{{1,2}}|[A-Z])[.)])?[\W_]*$")

# ... nor behind initials: J.R.R. Tolkien, unless a word follows that begins sentences.
_INITIALS = re.compile(r"(?<![\w.])(?:[A-Z]\.){2,}\)?\s*$")
# ... nor behind an abbreviation in an opening quotation mark, which nupunkt does not look behind: known as “Mr. Smith”
_QUOTED = re.compile(rf"(?:^|\s)[{_OPENING}]+(\w[\w.]*)\.\s*$")

# Words that begin a sentence far more often than they follow an abbreviation within one.
_STARTER = (
    r"(?:The|This|That|These|Those|They|There|Then|He|She|It|We|You|I|In|On|At|As|But|And|Or|So|If|When|While|What|"
    r"Who|How|Why|Where|His|Her|Their|Its|Our|My|Your|A|An|After|Before|For|From|With|By|To|Not|Yes|Some|Many|"
    r"Most|However|Meanwhile|Instead|Also|Since|Although|Though|Despite|During|Until|Another|Other|Such|Police)"
)
# What follows a time of day within a sentence: a time zone, a day, a month, a place.
_OF_TIME = (
    r"(?:[A-Z]{2,4}\b|GMT|Eastern|Central|Pacific|Mountain|Greenwich|Local|New|Moscow|Tokyo|London|Beijing|Hong|"
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)(?:day|\.)|(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sep|Oct|Nov|Dec))"
)
_STARTS = re.compile(rf"\s+[{_OPENING}]*{_STARTER}\b(?!\.)")
_CAPITAL = re.compile(rf"\s+[{_OPENING}]*[A-Z]")
_END = re.compile(rf"[.!?][{_CLOSING}]*(?=\s*[{_OPENING}]*[A-Z])")
_REACH = 24  # characters before an end that the rules look at
# Boundaries that nupunkt missed: what stands before one, its end included, and what follows.
_MISSED = tuple(
    (re.compile(rf"(?:{before})[{_CLOSING}]*$"), after)
    for before, after in (
        # in the U.S. They ...    of Acme Inc. The ...
        (r"\b(?:[ap]\.m|U\.S|U\.K|U\.N|D\.C|E\.U|Ph\.D|M\.D)\.", _STARTS),
        (r"\b(?:Inc|Corp|Ltd|Co|Jr|Sr|etc|ft|lbs?|oz|mph|yrs?|hrs?)\.", _STARTS),
        # at 9 a.m. Customers wait
        (r"\b\d{1,2}(?::\d\d)? ?[ap]\.m\.", re.compile(rf"\s+(?!{_OF_TIME})[A-Z][a-z]+,?\s[a-z]")),
        # "No. He ..." at the beginning of a sentence
        (rf"(?:^|[.!?{_CLOSING}]\s|[{_OPENING}])No\.", _CAPITAL),
        # Plan B. Then ...    than I. He ...
        (r"\b(?:[Pp]lan|[Vv]itamin|[Gg]rade|[Gg]roup|[Ss]ection|[Hh]epatitis) [A-Z]\.", _CAPITAL),
        (r"\b(?:and|than|do|am|as|nor) I\.", _CAPITAL),
        # "... so."He    "... so.""He
        (r"[a-z]{2}[.!?][\"”’')]", re.compile(r"[\"“‘]?[A-Z]")),
    )
)
_URL = re.compile(r"^[\W_]*(?:https?://|www\.)\S+$", re.IGNORECASE)
_CUTS = (re.compile(r"[.!?;:][”\"’')\]»]*\s"), re.compile(r"[,|–—]\s|\s{2,}"), re.compile(r"\s"))


def split_sentences(article: Article, boilerplate: Sequence[Boilerplate]) -> tuple[Sentence, ...]:
    """The sentences of the article, in order, without the lines that `boilerplate` marks.

    A caption is one sentence. What has no letter in it is left out, and so are bare links. A sentence that is a whole
    line has the other places of that line in `copies`.
    """
    text = article.text
    marked = {mark.span for mark in boilerplate}
    copies: dict[Span, list[Span]] = {}
    for mark in boilerplate:
        if mark.original is not None:
            copies.setdefault(mark.original, []).append(mark.span)
    lines = [span for span in line_spans(text, article.extent) if span not in marked]
    sentences = []
    for paragraph, block in enumerate(_blocks(text, lines, copies.keys())):
        line = block.of(text)
        caption = is_caption(line)
        for span in _pieces(text, [block] if caption else _sentences_of(text, block)):
            words = span.of(text)
            if any(map(str.isalpha, words)) and not _URL.match(words):
                again = _copies_within(block, span, copies.get(block, ()))
                sentences.append(Sentence(span, paragraph, "caption" if caption else "prose", again))
    return tuple(sentences)


def plain_sentences(text: str) -> tuple[Span, ...]:
    """The sentences of a text that is no article: no line of it is taken for furniture.

    >>> [span.of("One. Two follows.") for span in plain_sentences("One. Two follows.")]
    ['One.', 'Two follows.']
    """
    article = Article("", Source("", text), Span(0, len(text)), title="")
    return tuple(sentence.span for sentence in split_sentences(article, []))


def _copies_within(block: Span, span: Span, others: Sequence[Span]) -> tuple[Span, ...]:
    """Where a sentence of a repeated line stands again: as deep in each copy as in the line itself."""
    start, length = span.start - block.start, len(span)
    return tuple(Span(other.start + start, other.start + start + length) for other in others)


def _blocks(text: str, lines: Sequence[Span], alone: Container[Span]) -> Iterator[Span]:
    """The paragraphs: each line, or the lines of a block where the text is broken at a fixed width.

    Lines that stand again elsewhere, in `alone`, stay lines.
    """
    longest = max(map(len, lines), default=0)
    wrapped = _hard_wrapped(text, lines, longest)
    begin = 0
    for i, line in enumerate(lines):
        following = lines[i + 1] if i + 1 < len(lines) else None
        if (
            following is None
            or not wrapped
            or line in alone
            or following in alone
            or not _runs_on(text, line, following, longest)
        ):
            yield Span(lines[begin].start, line.end)
            begin = i + 1


def _hard_wrapped(text: str, lines: Sequence[Span], longest: int) -> bool:
    """Whether the lines look broken at a fixed width: none is long, and most are full and run on in small letters.

    The paragraphs of an ordinary article are longer, and the lines of poems and lists are uneven.
    """
    if len(lines) < 6 or not 50 <= longest <= 110:
        return False
    full = [following for line, following in pairwise(lines) if _runs_on(text, line, following, longest)]
    small = sum(text[following.start].islower() for following in full)
    return 2 * len(full) >= len(lines) and 2 * small >= len(full)


def _runs_on(text: str, line: Span, following: Span, longest: int) -> bool:
    """Whether a paragraph may go on behind a line end: one break, and the next word found no room in the line."""
    if len(LINE_BREAK.findall(text, line.end, following.start)) != 1:
        return False
    word = following.of(text).split(maxsplit=1)[0]
    return len(line) + 1 + len(word) > longest - 8  # ragged: some programs break a little early


def _sentences_of(text: str, block: Span) -> Iterator[Span]:
    """The sentences of one paragraph, without white space around them."""
    for chunk in _cut(text, block, _CHUNK):
        line = chunk.of(text)
        for start, end in pairwise(_boundaries(line)):
            piece = line[start:end]
            stripped = piece.lstrip()
            if stripped:
                begin = chunk.start + start + len(piece) - len(stripped)
                yield Span(begin, begin + len(stripped.rstrip()))


def _boundaries(line: str) -> list[int]:
    """Where the sentences of a line begin, 0 first, and the line's length last."""
    found = {end for _, end in _tokenizer().span_tokenize(line)}
    found.update(match.end() for match in _END.finditer(line) if match.end() not in found and _is_missed(line, match))
    small = _SMALL_LINE.match(line) is not None
    boundaries = [0]
    for position in sorted(found):
        if (
            position < len(line)
            and not _GOES_ON.match(line, position)
            and (small or not _SMALL.match(line, position))
            and not _NO_SENTENCE.match(line[boundaries[-1] : position])
            and (not _is_abbreviated(line[max(0, position - _REACH) : position]) or _STARTS.match(line, position))
        ):
            boundaries.append(position)
    return [*boundaries, len(line)]


def _is_abbreviated(before: str) -> bool:
    quoted = _QUOTED.search(before)
    known = quoted is not None and quoted[1].lower() in _tokenizer().parameters.abbrev_types
    return known or _INITIALS.search(before) is not None


def _is_missed(line: str, end: re.Match[str]) -> bool:
    before = line[max(0, end.start() - _REACH) : end.end()]
    return any(rule.search(before) and after.match(line, end.end()) for rule, after in _MISSED)


def _pieces(text: str, spans: Sequence[Span] | Iterator[Span]) -> Iterator[Span]:
    for span in spans:
        yield from _cut(text, span, MAX_SENTENCE)


def _cut(text: str, span: Span, longest: int) -> Iterator[Span]:
    """The span itself, or pieces of at most `longest` characters, cut where a reader would pause."""
    start = span.start
    while span.end - start > longest:
        # the later half only, so that no piece is tiny
        half = text[start + longest // 2 : start + longest]
        ends = (max((match.end() for match in pattern.finditer(half)), default=None) for pattern in _CUTS)
        end = start + longest // 2 + next((end for end in ends if end is not None), len(half))
        yield from _stripped(text, start, end)
        start = end
    yield from _stripped(text, start, span.end)


def _stripped(text: str, start: int, end: int) -> Iterator[Span]:
    piece = text[start:end]
    lead = len(piece) - len(piece.lstrip())
    if lead < len(piece):
        yield Span(start + lead, start + len(piece.rstrip()))


@functools.cache
def _tokenizer() -> PunktSentenceTokenizer:
    """The splitter, with this project's abbreviations; its own memo is a dictionary that threads may share."""
    from nupunkt import PunktParameters, PunktSentenceTokenizer

    parameters = PunktParameters()
    data = resources.files("index").joinpath("data/abbreviations.txt").read_text("utf-8")
    for line in data.splitlines():
        if not line.startswith("#"):
            parameters.abbrev_types.update(line.split())
    return PunktSentenceTokenizer(parameters)
