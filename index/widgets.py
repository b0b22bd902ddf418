"""Lines that are furniture of a web page: buttons, boxes, links to other texts, bylines, notices of rights."""

from __future__ import annotations

import re

from index.captions import AGENCY_PATTERN

__all__ = ["is_byline", "is_widget"]

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
(?:graphic|interactive|(?:photo )?gallery|photos|slideshow|video|podcast):\s?(?=\S)(?!.*[.!]$).{3,160}$
video ad feedback\b.{0,300}$
click (?:here|on the link|to)\b.{0,200}$
check your local forecast here\W*$
# newsletters, accounts, social networks
(?:sign up|subscribe)\b.{0,160}\b(?:today|now|save)\b.{0,60}$
(?:sign up|subscribe)\b.{20,560}\b(?:sign (?:up|in)|subscribe)[.!]?$
get\b.{0,60}\b(?:newsletter|in your inbox|to your inbox)\b.{0,240}$
would you like to receive\b.{0,80}\bnewsletter\b.{0,20}$
follow\b.{0,90}\bon (?:twitter|facebook|instagram|tiktok|x|linkedin|threads)\b.{0,160}$
(?:like|find|follow|join) (?:us|me|the conversation)\b.{0,100}$
(?:we|['‘]we['’])\b.{0,120}\b(?:details|information) you have shared\b.{0,400}$
if you wish to object to the use of your data\b.{0,200}$
(?:thank you for supporting|support) (?:our|local|independent) journalism\b.{0,200}$
(?:we|this (?:web)?site|our (?:web)?site|by (?:clicking|continuing|using))\b.{0,200}\bcookies\b.{0,300}$
# on the article itself
(?:this (?:story|article|headline)|this (?:story|article) and headline) ha(?:s|ve) been (?:updated|corrected)\b.{0,120}$
editor['’]s note\s?:.{0,560}$
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
.{0,80}https?://\S+(?: and https?://\S+)*$
.{0,160}\b\d\d:\d\d - source: .{2,30}$
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
# Label:Title, as a page sets a link to another text: no space between, and no end of a sentence.
_LINK = re.compile(r"^(?!.*[.!…][”\"’')]*$)[^:.!?]{2,58}[^:.!?\s][?’'\"”]?:(?=[^\W\d_]|['‘’“\"$#]|(?<!\d:)\d).{8,140}$")
# Who worked on it, at the end of an article: one sentence of names and places, or two.
_CLAUSE = r"(?:[^.!?\n]|\b[A-Z]\.){0,240}"
_CREDITED = re.compile(
    rf"^\W{{0,4}}(?:[A-Z]{_CLAUSE}\breported from\b{_CLAUSE}\.\s)?[A-Z]{_CLAUSE}"
    r"\bcontributed (?:to (?:this|the) (?:report|story|article|column)|reporting)\b[^.!?]{0,40}\.?$"
)
# A note on the author, which ends in how to reach him.
_AUTHOR = re.compile(
    r"[.!] (?:(?:You can )?(?:[Rr]each|[Ff]ollow|[Cc]ontact|[Ee]-?mail) (?:him|her|them|me)"
    r"(?: at| on| via| by| here|:| @)"
    r"|Send (?:him|her|them|me) an? (?:e-?mail|message) )[^“”]{0,200}$"
)
_PERSON = r"[A-Z][\w.'’-]*(?: (?:[A-Z][\w.'’-]*|de|van|von|der|al|bin)){1,3}"
_ROLE = rf"(?:Contributor|Correspondent|Columnist|Staff [Ww]riter|{_OUTLET})"
_BYLINE = re.compile(rf"^{_PERSON}(?:(?:,| and|, and| &) {_PERSON})*(?:,? {_ROLE})?$")


def _either(patterns: str) -> re.Pattern[str]:
    """One pattern for the lines of `patterns`, without its comments."""
    return re.compile("|".join(line for line in patterns.split("\n") if line and not line.startswith("# ")))


_WIDGET_START, _WIDGET_INSIDE, _WIDGET_SIGNED = _either(_AT_START), _either(_INSIDE), _either(_SIGNED)
# One in each of `_INSIDE`.
_HINTS = ("sign up", "subscribe", "rights reserved", "may earn", "content partner", "http", " - source: ")
_WIDGET_LENGTH = 600  # characters


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
        or (":" in line[:62] and _LINK.match(line) is not None)
        or ("contributed" in lower and _CREDITED.match(line) is not None)
        or _AUTHOR.search(line[-260:]) is not None
    )


def is_byline(line: str) -> bool:
    """Whether a line in the head of an article, above all prose, holds nothing but names, as of its authors.

    >>> is_byline("Jane Doe and John van Dyke"), is_byline("Military chiefs gather")
    (True, False)
    """
    return len(line) <= 80 and _BYLINE.match(line) is not None
