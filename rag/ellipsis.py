"""Questions that leave out what the question before them said: "Why?", "And in 2023?", "What about France?".

Pure functions: which of these forms a question has, and how it is written out with the question before.
"""

from __future__ import annotations

import re

from index.analysis import stop_words
from rag.kinds import answer_spans
from rag.mentions import mentions
from rag.phrases import (
    AUXILIARIES,
    DOES,
    PREPOSITION,
    Phrase,
    about,
    begins_with_and,
    noun_phrases,
    parts_of,
    with_topic,
    without_and,
)
from rag.phrases import AUXILIARY_PATTERN as _AUX

__all__ = ["adapted", "short_question", "written_out"]

_ABOUT = re.compile(r"^(?:what|how)\s+about\s+(?P<what>[^?]+?)\s*\?*$", re.IGNORECASE)
_BARE = re.compile(
    r"""^(?P<asked>(?:(?:since|until|by|with|from|to|for|of|about|in|at|on)\s+)?
    (?:why(?:\s+not)?|when|where|who(?:m|se)?|how(?:\s+(?:long|much|many|old|far|often|so|exactly))?|what|which(?:\s+ones?)?))
    (?:\s+(?:else|exactly|then|so|not|to|from))?\s*\?*$""",
    re.IGNORECASE | re.VERBOSE,
)
_BARE_SUBJECT = re.compile(
    rf"^(?P<asked>why|when|where|how)\s+(?:{_AUX})\s+(?:he|she|it|they|that|this)(?:\s+(?:do|so|happen))*\s*\?*$",
    re.IGNORECASE,
)
_ASKED_NOUN = re.compile(
    r"^(?P<asked>how\s+(?:many|much)|which|what|whose)\s+(?P<noun>[\w’'-]+(?:\s+[\w’'-]+)?)\s*\?*$", re.IGNORECASE
)


def short_question(question: str) -> tuple[str, str] | None:
    """What is left of a question that leaves out the rest, and how: "asked", "noun" or "about"; None for whole ones.

    >>> short_question("Why?"), short_question("And in 2023?"), short_question("How many ships?")
    (('asked', 'Why'), ('about', 'in 2023'), ('noun', 'How many ships'))
    >>> short_question("Why did he go?"), short_question("NATO summit")
    (None, None)
    """
    text = about(question).strip()
    found = _ABOUT.match(text)
    if found is not None:
        return "about", found["what"].strip()
    found = _BARE.match(text)
    if found is not None:
        return "asked", text.rstrip("? ")
    found = _BARE_SUBJECT.match(text)
    if found is not None:
        return "asked", found["asked"]
    found = _ASKED_NOUN.match(text)
    if found is not None and not _has_verb(found["noun"], of_a_noun=True):
        return "noun", text.rstrip("? ")
    joined = begins_with_and(question)
    rest = without_and(question).rstrip("?!. ")
    led = re.match(rf"{PREPOSITION}\s", rest, re.IGNORECASE) or _is_date(rest)
    if (joined or (led and question.rstrip().endswith("?"))) and rest and len(rest.split()) <= 7:
        if _has_verb(rest) or re.match(r"(?:who|what|which|when|where|why|how|whose|whom)\b", rest, re.IGNORECASE):
            return None
        return "about", rest
    return None


def _has_verb(text: str, *, of_a_noun: bool = False) -> bool:
    words = [word.lower() for word in re.findall(r"[\w’'-]+", text)]
    if of_a_noun:
        return any(word in stop_words() for word in words) or words[-1].endswith("ed")
    return any(word in AUXILIARIES for word in words) or any(word in {"he", "she", "they", "it"} for word in words)


def _is_date(text: str) -> bool:
    spans = answer_spans(text, "date", frozenset())
    return len(spans) == 1 and spans[0][1] == len(text) and len(text[: spans[0][0]].split()) <= 1


def written_out(asked: str, before: str, answer: str | None = None) -> list[str]:
    """A question of a question word alone, with the rest of the question before; the likeliest wordings first.

    Args:
        asked: "Why", "Since when", "How many ships", ...
        before: the question before.
        answer: the words that answered it, where there are any.

    >>> written_out("Why", "How much did profit fall in 2022?")[0]
    'Why did profit fall in 2022?'
    >>> written_out("When", "How much of its oil did the EU ban?")[0]
    'When did the EU ban its oil?'
    """
    parts = parts_of(before)
    asked = re.sub(r"\s+(?:exactly|then|so)$", "", asked, flags=re.IGNORECASE)
    of = re.sub(r"^(?:of\s+)?(?:(?:kind|sort|type)s?\s+of\s+)?", "", parts.of, flags=re.IGNORECASE)
    if of.lower() in {"day", "date", "year", "month", "time", "place", "city", "else"}:
        of = ""
    rest = re.sub(rf"\s+{PREPOSITION}$", "", parts.rest, flags=re.IGNORECASE)
    wordings = []
    asks_who = parts.asked.lower() in {"who", "what"} and not of
    if parts.auxiliary and not (asks_who and parts.auxiliary.lower() in {"is", "are", "was", "were"}):
        first = rest.split(" ")[0]
        of_subject = bool(of) and first.islower() and first not in stop_words()
        core = f"{of} {rest}" if of_subject else f"{rest} {of}"
        wordings.append(f"{asked} {parts.auxiliary.lower()} {core.strip()}?")
        if answer and asks_who and len(answer.split()) <= 8:
            wordings.append(f"{asked} {parts.auxiliary.lower()} {parts.rest} {answer}?")
    elif of:
        wordings.append(f"{asked} do {of} {rest}?")
    elif parts.rest and answer and len(answer.split()) <= 6 and parts.asked.lower() == "who":
        wordings.append(f"{asked} {parts.auxiliary.lower()} {answer} {rest}?".replace("  ", " "))
    wordings.append(with_topic(asked, before.rstrip("? ")))
    return list(dict.fromkeys(wordings))


def adapted(what: str, before: str) -> list[str]:
    """The question before, asked of something else: "What about France?", "And in 2023?"; the likeliest first.

    >>> adapted("France", "How many nations does Britain expect to contribute?")[0]
    'How many nations does France expect to contribute?'
    >>> adapted("in 2024", "How much did it cost in 2023?")[0]
    'How much did it cost in 2024?'
    """
    found: list[str] = []
    bare = re.sub(rf"^{PREPOSITION}\s+(?:the\s+)?", "", what, flags=re.IGNORECASE)
    if _is_date(what) or _is_date(bare):
        for start, end in answer_spans(before, "date", frozenset()):
            lead = re.search(rf"(?:\b{PREPOSITION}\s+(?:the\s+)?)?$", before[:start], re.IGNORECASE)
            start = lead.start() if lead is not None else start
            found.append(f"{before[:start]}{what}{before[end:]}")
        return found or [f"{before.rstrip('? ')} {what}?"]
    led = re.match(rf"({PREPOSITION})\s", what, re.IGNORECASE)
    if led is not None:
        for name in mentions(before):
            if re.search(rf"\b{led[1]} (?:the )?$", before[: name.start], re.IGNORECASE):
                start = before.lower().rindex(led[1].lower(), 0, name.start)
                found.append(f"{before[:start]}{what}{before[name.end :]}")
        found.append(f"{before.rstrip('? ')} {what}?")
        return found
    one = re.fullmatch(r"(?:the\s+)?(?P<which>[\w’'-]+(?:\s+[\w’'-]+)?)\s+ones?", what, re.IGNORECASE)
    phrases = noun_phrases(before)
    if one is not None:
        for phrase in sorted(phrases, key=lambda each: -len(each.text.split())):
            parts = phrase.text.split(" ")
            the = parts.pop(0) + " " if parts[0].lower() == "the" else ""
            kept = " ".join(parts[1:] or parts)
            found.append(f"{before[: phrase.start]}{the}{one['which']} {kept}{before[phrase.end :]}")
        return found[:2]
    if what[:1].isupper() or re.search(r"\b[A-Z]", what):
        for name in mentions(before):
            ahead, behind = before[: name.start], before[name.end :]
            if not _is_modifier(before, name.end):
                new = re.sub(r"^the ", "", what) if ahead.lower().endswith("the ") else what
                found.append(f"{ahead}{new}{behind}")
        if not found:
            found += [f"{before[: each.start]}{what}{before[each.end :]}" for each in _named_subjects(before)]
            for name in mentions(before)[:1]:
                left = f"{before[: name.start].rstrip()} {before[name.end :].strip()}".rstrip("? ")
                found.append(f"{left} in {what}?" if not left.endswith("the") else with_topic(before, what))
    else:
        found = [f"{before[: each.start]}{what}{before[each.end :]}" for each in reversed(phrases)]
    return [*found[:3], with_topic(before, what)]


def _is_modifier(question: str, end: int) -> bool:
    """Whether a name belongs to the noun behind it ("the NATO summit")."""
    return any(phrase.start < end < phrase.end and question[end] == " " for phrase in noun_phrases(question))


def _named_subjects(question: str) -> list[Phrase]:
    """The noun phrase with a name in it that does something: "NATO members" in "How much do NATO members spend?"."""
    parts = parts_of(question)
    if parts.auxiliary.lower() not in DOES:
        return []
    at = len(question.rstrip("?!. ")) - len(parts.rest)
    named = [name.start for name in mentions(question)]
    return [
        each
        for each in noun_phrases(question)
        if each.start == at and any(at <= start < each.end for start in named) and question[each.end :].strip("?!. ")
    ]
