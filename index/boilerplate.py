"""Which lines of an article are no prose: its headline, repeated lines, and the furniture of a web page.

Nothing is removed: lines are marked, and the text stays as it is. A false mark hides a sentence that could be quoted,
so every rule reads a whole line and asks for more than one sign where prose could look alike.
"""

from __future__ import annotations

import re
import unicodedata

from index.types import Article, Boilerplate, BoilerplateKind, Span

__all__ = [
    "AGENCIES",
    "LINE_BREAK",
    "fold_line",
    "headline_like",
    "is_caption",
    "is_widget",
    "line_spans",
    "mark_boilerplate",
]

AGENCIES: dict[str, str] = {
    "AFP": "AFP",
    "Agence France-Presse": "AFP",
    "AP": "AP",
    "Associated Press": "AP",
    "The Associated Press": "AP",
    "Reuters": "Reuters",
    "REUTERS": "Reuters",
    "Thomson Reuters": "Reuters",
    "UPI": "UPI",
    "dpa": "dpa",
    "DPA": "dpa",
    "EFE": "EFE",
    "ANSA": "ANSA",
    "TASS": "TASS",
    "Interfax": "Interfax",
    "Xinhua": "Xinhua",
    "Kyodo": "Kyodo",
    "Kyodo News": "Kyodo",
    "Yonhap": "Yonhap",
    "PTI": "PTI",
    "Bloomberg": "Bloomberg",
    "Bloomberg News": "Bloomberg",
    "PA Media": "PA Media",
    "Anadolu": "Anadolu",
    "Anadolu Agency": "Anadolu",
    "SPA": "SPA",
    "WAM": "WAM",
    "IRNA": "IRNA",
    "CNN": "CNN",
    "CNN Business": "CNN",
    "BBC": "BBC",
}
"""News agencies (and broadcasters that sign like one) as texts name them, and the name that an article gets."""

AGENCY_PATTERN = "(?:" + "|".join(sorted(map(re.escape, AGENCIES), key=len, reverse=True)) + ")"
# Who is named under a picture and not as the agency of the text.
_CREDIT = (
    rf"(?:{AGENCY_PATTERN}|Getty(?:\ Images)?|EPA(?:-EFE)?|Shutterstock|iStock(?:photo)?|Alamy|POOL|Pool|Handout|Sipa)"
)
_CAPTION = re.compile(
    rf"""(?:
        # (AFP), [Jane Doe/Reuters], (Jane Doe/Getty Images)
        [(\[] (?:[^()\[\]]{{0,80}}[/,|\s])?? {_CREDIT} (?:\ Photos?)? (?:[/,|][^()\[\]]{{0,80}})? [)\]] \.?
      | [(\[] (?:File\ )?(?:Photos?|Photographs?|Pictures?|Images?|Credit|Courtesy)\b [^()\[\]]{{0,80}} [)\]] \.?
        # JANE DOE / POOL/AFP
      | \b[\w.'’-]+ \ ?/\ ?(?:\w+\ ?/\ ?)? {_CREDIT}
        # ... on Monday. Getty Images
      | (?:[.!?][”"’')]*\ +|\|\ ?|\bvia\ ) (?:AP\ Photo|{_CREDIT})
        # ... on Monday. Courtesy Jane Doe    ... of the moon. NASA/JPL-Caltech
      | [.!?][”"’')]*\ +(?:Courtesy\ [^.!?]{{2,60}}|[A-Z][\w-]*(?:/[A-Z][\w-]*)+)
        # AP Photo/Jane Doe
      | \b(?:AP|AFP|REUTERS|Reuters|EPA|Getty\ Images)\ ?(?:Photo)?\ ?/\ ?[A-Z][\w.'’ -]{{1,50}}
      | \b(?:Photo|Photograph|Picture|Image|Credit|Photo\ credit)(?:\ by|:)\ [A-Z][^.!?]{{1,60}}
    )$""",
    re.VERBOSE,
)
# "the Associated Press (AP)" explains a name; it signs no picture.
_EXPLAINED = re.compile(r"(?:Press|France-Presse|Agency|Agentur)[”\"’']? \([A-Za-z]+\)\.?$")
_CAPTION_LENGTH = 800  # characters

LINE_BREAK = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_LINE = re.compile(r"[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_QUOTES = re.compile(r"[\"'`´‘’‚‛“”„‟«»‹›]")
_DASHES = re.compile(r"\s*[-‐‑‒–—―]+\s*")
_SITE = re.compile(r"\s+(?:[|•·]|[-–—])\s+[^|•·]{2,30}$")
_SENTENCE_END = re.compile(r"[.!?…][”\"’')\]»]*$")
_LABEL = re.compile(r"^(?:[A-Z]{1,3}|[\d.,]+ ?[KkMm]?)$")
_DIGITS = re.compile(r"^[\d.,]+ ?[KkMm]?$")
_HEAD_LINES = 15
_REPEAT_LENGTH = 30  # characters; below, a refrain or a speaker's name may come again in prose

# Each line is a pattern for a whole line in small letters.
_AT_START = r"""
# labels of buttons and boxes: the whole line and nothing else
(?:advertise?ment|advertising|tweet|print|e-?mail|save|menu|loading|copy link|link copied)[.:!…]*$
(?:\d+ )?comments?[.:!…]*$
(?:share(?: (?:this|on|via|with)\b.{0,40})?|back to top|skip (?:to (?:main )?content|ad)|continue reading)[.:!…]*$
(?:(?:read|show|load|see|view|watch|learn|find out) more|more|read next|up next|listen(?: to this article)?)[.:!…>» ]*$
(?:related|recommended)(?: articles| stories| topics| content)?[.:!…]*$
(?:most read|trending(?: now)?|just for subscribers|editors|watch live)[.:!…]*$
(?:story|article) continues(?: below)?(?: advertisement)?[.:!…]*$
(?:subscribe(?: now)?|sign (?:in|up)|log in|contact us|about us|follow us(?: on \w+)?)[.:!…]*$
(?:privacy|cookie) policy[.:!…]*$
terms of (?:service|use)[.:!…]*$
# links to other texts
(?:read|see|watch|listen|learn|find out)\s+(?:more|next|also)\s*[:>»|].{0,200}$
(?:more|related|read|don['’]t miss|up next|you may also like):\s?(?=\S)(?!.*[.!]$).{3,160}$
click (?:here|on the link|to)\b.{0,200}$
check your local forecast here\W*$
# newsletters, accounts, social networks
(?:sign up|subscribe)\b.{0,160}\b(?:today|now|save)\b.{0,60}$
get\b.{0,60}\b(?:newsletter|in your inbox|to your inbox)\b.{0,240}$
would you like to receive\b.{0,80}\bnewsletter\b.{0,20}$
follow\b.{0,90}\bon (?:twitter|facebook|instagram|tiktok|x|linkedin|threads)\b.{0,160}$
(?:like|find|follow|join) (?:us|me|the conversation)\b.{0,100}$
(?:we|['‘]we['’])\b.{0,120}\b(?:details|information) you have shared\b.{0,400}$
if you wish to object to the use of your data\b.{0,200}$
(?:thank you for supporting|support) (?:our|local|independent) journalism\b.{0,200}$
(?:we|this (?:web)?site|our (?:web)?site|by (?:clicking|continuing|using))\b.{0,200}\bcookies\b.{0,300}$
# rights, trade, advertising
(?:©|\(c\)|copyright\b)\s*(?:©|\(c\))?\s*(?:by\s.{1,40})?\d{4}\b.{0,200}$
prices were accurate at the time this (?:article|story)\b.{0,100}$
(?:\d\. )?how relevant is this ad to you\?$
video player was slow to load content\b
hit play on the player\b
(?:from|special (?:to|for)) (?:the )?usa ?today\b.{0,40}$
"""
# The same, where the sign may stand further inside; `_HINTS` says quickly that it does not.
_INSIDE = r"""
(?:.{0,160}[.:!?,|(–—]\s*)?(?:sign up|subscribe)\b.{0,160}\b(?:newsletters?|inbox|alerts|e-?mails?|here)\b.{0,160}$
.{0,160}\ball rights reserved\.?(?: .{0,120})?$
.{0,200}\bmay earn (?:us )?an? (?:affiliate )?(?:commission|fee)\b.{0,60}$
.{0,80}\bcontent partner (?:offering|providing)\b.{0,200}$
"""
_OUTLET = rf"(?:{AGENCY_PATTERN}|USA ?TODAY|CNBC|NBC News|CBS News|ABC News|Fox News)"
_NAME = r"(?:[A-Z][\w.'’-]*|de|van|von|der|al|bin|and|for|of|the|in|with|&)"
# As the line stands: capitals tell names from words.
_SIGNED = rf"""
(?:READ|WATCH|SEE|LISTEN)(?: MORE| NEXT| ALSO)?:
(?:By|BY|Written by|Reporting by|Editing by)[: ]\s?(?:{_NAME}[,;]?\s)*{_NAME}(?:\s?\|.{{0,40}})?$
(?:Contributing:?\s)?\W{{0,3}}(?:[A-Z][\w.'’]*,?\s){{0,4}}{_OUTLET}(?:\s(?:Sports|Opinion|Network|staff))?\s?[—–-]?\W?$
Contributing:.{{0,200}}$
(?:Reach|Contact|E-?mail)\b.{{0,120}}(?:@|\b\d{{3}}[-.]\d{{3}}[-.]\d{{4}}\b).{{0,160}}$
"""


def _either(patterns: str) -> re.Pattern[str]:
    """One pattern for the lines of `patterns`, without its comments."""
    return re.compile("|".join(line for line in patterns.split("\n") if line and not line.startswith("# ")))


_WIDGET_START, _WIDGET_INSIDE, _WIDGET_SIGNED = _either(_AT_START), _either(_INSIDE), _either(_SIGNED)
_HINTS = ("sign up", "subscribe", "rights reserved", "may earn", "content partner")  # one in each of `_INSIDE`
_WIDGET_LENGTH = 600  # characters


def line_spans(text: str, extent: Span) -> tuple[Span, ...]:
    r"""The lines of the extent that hold more than white space, without the white space around them.

    >>> [span.of("one\r\n\r\n two \n") for span in line_spans("one\r\n\r\n two \n", Span(0, 12))]
    ['one', 'two']
    """
    spans = []
    for match in _LINE.finditer(text, extent.start, extent.end):
        line = match.group()
        stripped = line.lstrip()
        if stripped:
            start = match.start() + len(line) - len(stripped)
            spans.append(Span(start, start + len(stripped.rstrip())))
    return tuple(spans)


def fold_line(line: str) -> str:
    """A line to compare headlines by: no case, no quotation marks, one space for white space, one sort of dash.

    >>> fold_line("‘Not the Time,’  NATO’s Rutte  Says") == fold_line("'Not the time,' NATO's Rutte says")
    True
    """
    line = _QUOTES.sub("", unicodedata.normalize("NFKC", line))
    return " ".join(_DASHES.sub(" - ", line).casefold().split())


def headline_like(line: str) -> bool:
    """Whether a line reads like a headline: some words, begins like one, and no full stop at its end.

    >>> headline_like("Military Chiefs Gather in London"), headline_like("They met in London on Monday.")
    (True, False)
    """
    words = line.split()
    return (
        12 <= len(line) <= 180
        and 3 <= len(words) <= 30
        and not re.search(r"[.,;:…—–-][”\"’')\]»]*$", line)
        and not re.match(r"[\W_]*(?:\d+[.)]\s|[a-z])|[•·▪■*#>–—-]", line)
        and sum(any(map(str.isalpha, word)) for word in words) >= 3
        and not is_caption(line)
        and not is_widget(line)
    )


def is_caption(line: str) -> bool:
    """Whether a line stands under a picture: it ends in the credit of a photographer or an agency.

    >>> is_caption("Mark Rutte speaks in Warsaw, on March 26, 2025. (AFP)"), is_caption("He spoke to AFP.")
    (True, False)
    """
    # Most prose ends in a full stop, and no credit does outside its brackets: a quick way out.
    if len(line) > _CAPTION_LENGTH or (
        line.endswith((".", "?", "!", '."', ".”", ",")) and not line.endswith((").", "]."))
    ):
        return False
    # The patterns read the end of a line only, so the end is all they get: they stay linear.
    tail = line[-240:]
    return _CAPTION.search(tail) is not None and _EXPLAINED.search(tail) is None


def is_widget(line: str) -> bool:
    """Whether a line, wherever it stands, is furniture of a web page: a button, a box, a notice of rights.

    >>> is_widget("Read more"), is_widget("Read more slowly, she told the class.")
    (True, False)
    """
    if len(line) > _WIDGET_LENGTH:
        return False
    lower = line.lower()
    return (
        _WIDGET_START.match(lower) is not None
        or _WIDGET_SIGNED.match(line) is not None
        or (any(hint in lower for hint in _HINTS) and _WIDGET_INSIDE.match(lower) is not None)
    )


def mark_boilerplate(article: Article) -> tuple[Boilerplate, ...]:
    """The lines of the article that are no prose, in order; each line gets at most one mark.

    The first place of a repeated line stays unmarked, and later ones point to it by `original`. An article that holds
    nothing but its headline keeps it, or there would be nothing to quote.
    """
    text = article.text
    lines = line_spans(text, article.extent)
    titles = _titles(article)
    first: dict[str, Span] = {}
    marks = []
    in_head = True
    kept = 0
    for number, span in enumerate(lines):
        line = span.of(text)
        kind: BoilerplateKind | None = None
        original = None
        if titles and fold_line(line) in titles:
            kind = "headline"
        elif is_widget(line) or (
            _LABEL.match(line) and ((in_head and number < _HEAD_LINES) or _beside_a_number(text, lines, number))
        ):
            kind = "widget"
        elif line in first:
            kind, original = "repeat", first[line]
        elif is_caption(line) or (len(line) >= _REPEAT_LENGTH and line.count(" ") >= 4):
            first[line] = span
        if kind is not None:
            marks.append(Boilerplate(span, kind, original))
        else:
            kept += any(map(str.isalpha, line))
            in_head = in_head and (is_caption(line) or len(line) < 60 or not _SENTENCE_END.search(line))
    if not kept:
        marks = [mark for mark in marks if mark.kind != "headline"]
    return tuple(marks)


def _titles(article: Article) -> frozenset[str]:
    """The folded forms that a line with the headline may have; none when the title is only the first words."""
    if article.title_span is not None and not headline_like(article.title_span.of(article.text)):
        return frozenset()
    return frozenset(fold_line(title) for title in (article.title, _SITE.sub("", article.title))) - {""}


def _beside_a_number(text: str, lines: tuple[Span, ...], number: int) -> bool:
    """Whether a line and one next to it are a label and a number, as share counters stand in pairs."""
    beside = [span.of(text) for span in lines[max(0, number - 1) : number] + lines[number + 1 : number + 2]]
    if _DIGITS.match(lines[number].of(text)):
        return any(_LABEL.match(line) for line in beside)
    return any(_DIGITS.match(line) for line in beside)
