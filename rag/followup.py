"""The forms of questions that lean on earlier ones, and how each is written out once it is known what they lean on.

Pure functions on a question. What a word may stand for is `rag.referents`' business; `rag.conversation` puts the two
together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from index.analysis import content_terms, stop_words
from rag.kinds import answer_spans
from rag.mentions import mentions
from rag.phrases import AUXILIARIES, noun_phrases, parts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "Leaning",
    "about",
    "adapted",
    "begins_with_and",
    "definite_heads",
    "leaning_words",
    "names_itself",
    "put_in",
    "refers_back",
    "short_question",
    "with_topic",
    "written_out",
]

_AUX = "|".join(sorted(AUXILIARIES))
_WORDS = re.compile(
    r"\b(?P<he>he|him|his)\b|\b(?P<she>she|her|hers)\b|\b(?P<they>they|them|theirs?)\b|\b(?P<it>its?)\b"
    r"|\b(?P<there>there)\b(?=\W*$|\s+(?:in|on|at|now|for|from|before|after|since)\b)",
    re.IGNORECASE,
)
_POSSESSIVE = frozenset({"his", "their", "its"})
_EXPLETIVE = re.compile(
    r"""\b(?:is|was|isn['’]t|wasn['’]t|be|been)\s+it\s+(?:(?!to\b)\w+\s+){1,3}(?:that|to|for|how|whether|when|if|who|which|where|why)\b
    |\bit\s+(?:is|was|be|will\s+be)\s+(?:(?!to\b)\w+\s+){1,3}(?:that|to|for|how|whether|when|if)\b
    |\b(?:does|did|will|would|do)\s+it\s+(?:\w+\s+)?(?:take|cost|matter|help|rain|snow|feel|seem|pay|make\s+sense)\b.*\b(?:to|that|if|whether|for)\b
    |\b(?:what|which)\s+(?:time|day|year)\s+(?:is|was)\s+it\b|\b(?:go|going|went)\s+it\s+alone\b|\b(?:is|was)\s+it\s+(?:\w+ly\s+)?(?:rain|snow)ing
    |\bmak(?:e|es|ing)\s+it\b(?=\W*$)""",
    re.IGNORECASE | re.VERBOSE,
)
_EXISTS = re.compile(rf"\b(?:{_AUX})\s+there\b(?!\W*$)", re.IGNORECASE)
_THAT = re.compile(
    rf"""(?<!\bdo\s)\b(?:that|this|so)\b(?=\s*(?:happen\w*|mean|work|exactly)?\W*$)|^(?:{_AUX})\s+(?:that|this)\b(?=\s+(?:{_AUX}|\w+ed|true|a)\b)
    |\b(?P<det>(?:that|those)\s+(?P<noun>(?!year|month|week|day|time|way|night|morning)\w+))\W*$""",
    re.IGNORECASE | re.VERBOSE,
)
_SUBORDINATE = re.compile(rf"^(?:before|after|when|while|if|since|although|as)\s+(?!(?:{_AUX})\b)", re.IGNORECASE)
_ASKS_OF = re.compile(
    r"\b(?:which|what|whose|how\s+many)\s+(?!(?:else|did|do|does|is|are|was|were|will|has|have|can)\b)\w+",
    re.IGNORECASE,
)
_TURNS = re.compile(r"\b(?:that|if|when|whether|because|after|before|while|who|which|as|and|or|but)\b", re.IGNORECASE)
_AND = re.compile(r"^\s*(?:(?:and|but|so|or|ok|okay|well|then)\b[,\s]+)+(?:then\s+)?", re.IGNORECASE)
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
_PREPOSITION = r"(?:in|on|at|by|since|until|for|from|to|with|of|about|during|before|after|under|near|against)"


@dataclass(frozen=True, slots=True)
class Leaning:
    """A word of a question that stands for something said before.

    Attributes:
        start, end: half-open character range in the question.
        form: "he", "she", "they", "it" or "there".
        possessive: whether it stands for "somebody's".
    """

    start: int
    end: int
    form: str
    possessive: bool


def leaning_words(question: str) -> tuple[Leaning, ...]:
    """The pronouns of a question, and "there", that nothing in the question itself explains.

    >>> [(word.form, word.possessive) for word in leaning_words("Did he tell of her letters?")]
    [('he', False), ('she', True)]
    >>> leaning_words("Is it clear that Putin said he would come?")
    ()
    """
    hollow = [match.span() for match in (*_EXPLETIVE.finditer(question), *_EXISTS.finditer(question))]
    found: list[Leaning] = []
    for match in _WORDS.finditer(question):
        form = str(match.lastgroup)
        if any(start <= match.start() < end for start, end in hollow):
            continue
        word, behind = match.group().lower(), question[match.end() :]
        follows = re.match(r"\s+([\w’'-]+)", behind)
        possessive = word in _POSSESSIVE or (
            word == "her" and follows is not None and follows[1].lower() not in stop_words()
        )
        before = question[: match.start()]
        owner = possessive or word in {"he", "she", "they"} or _is_subject(word, before, behind)
        if not any(each.form == form for each in found) and _explained(form, before, owner, possessive):
            continue
        found.append(Leaning(match.start(), match.end(), form, possessive))
    return tuple(found)


_OBJECT = frozenset({"her", "hers", "him", "theirs", "them", "there"})
_LONG = 4
"""Words that count before an object ("Which bar has new wrappers to make it green?"), from which one of them is it."""


def _is_subject(word: str, before: str, behind: str) -> bool:
    if word in _OBJECT:
        return False
    return (
        re.match(rf"['’](?:s|ll|d)\b|\s+(?:{_AUX})\b", behind, re.IGNORECASE) is not None
        or re.search(rf"\b(?:{_AUX})\s+$", before, re.IGNORECASE) is not None
    )


def _explained(form: str, before: str, owner: bool, possessive: bool) -> bool:
    """Whether words of the question before a pronoun say what it stands for.

    "Did Putin say that he ...", "Does Europe need its ..."; but nobody "meets him" selves: an object is explained
    only in another clause.
    """
    if form == "there":
        return any(name.kind == "place" for name in mentions(before))
    if re.search(r"\w[.!?;]\s|,\s", before) or _SUBORDINATE.match(before):
        return True  # a sentence or a clause before it tells
    clause = re.search(r"\b(?:and|but)\s+(?:what|when|where|why|how|who)\b", before, re.IGNORECASE)
    if clause is not None and mentions(f"x {before[: clause.start()]}"):
        return True  # two questions in one: the first tells of whom the second asks
    auxiliary = re.search(rf"\b(?:{_AUX})\b", before, re.IGNORECASE)
    behind = before[auxiliary.end() :] if auxiliary is not None else before
    if not owner:
        if _ASKS_OF.search(before) is not None and len(content_terms(before)) >= _LONG:
            return True
        return _TURNS.search(behind) is not None and _names_some(form, before)
    asks_of = _ASKS_OF.search(before) is not None
    if auxiliary is None or (possessive and behind.strip()):
        return asks_of or _names_some(form, before)  # "Which company said it ...", "Which chain is selling its ..."
    # Otherwise what is asked for ("what score does it have") explains nothing.
    return _names_some(form, behind) or (asks_of and bool(behind.strip()) and _WORDS.search(behind) is None)


def _names_some(form: str, text: str) -> bool:
    """Whether words name somebody or something that a pronoun can stand for."""
    names = mentions(f"x {text}")
    if form in {"he", "she"}:
        somebody = re.search(r"\b(?:man|woman|president|minister|leader|person|star|actor|actress)\b", text)
        return any(name.kind not in {"place", "body"} for name in names) or somebody is not None
    phrases = noun_phrases(text)
    if form == "they":
        return bool(names) or any(phrase.plural for phrase in phrases)
    return bool(names) or any(not phrase.plural for phrase in phrases if phrase.text.startswith("the "))


def put_in(question: str, words: Sequence[Leaning], referents: Mapping[str, str]) -> str:
    """The question with each leaning word replaced by what it stands for.

    >>> put_in("Who is his partner?", leaning_words("Who is his partner?"), {"he": "Starmer"})
    "Who is Starmer's partner?"
    """
    for word in sorted(words, key=lambda each: -each.start):
        text = referents.get(word.form)
        if text is None:
            continue
        if word.possessive and not text.endswith(("'s", "’s")):
            text += "'" if text.endswith("s") and text.islower() else "'s"
        elif not word.possessive and word.form != "there":
            text = re.sub(r"['’]s$", "", text)
        elif word.form == "there" and not re.search(rf"\b{_PREPOSITION} $", question[: word.start]):
            text = f"in {text}"
        if word.start == 0:
            text = text[0].upper() + text[1:]
        question = question[: word.start] + text + question[word.end :]
    return question


def about(question: str) -> str:
    """The question without "And" and the like before it, beginning with a capital.

    >>> about("and what then?")
    'What then?'
    """
    text = _AND.sub("", question)
    return text[:1].upper() + text[1:]


def begins_with_and(question: str) -> bool:
    """Whether a question is joined to the one before."""
    return _AND.match(question) is not None


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
    rest = _AND.sub("", question).rstrip("?!. ")
    led = re.match(rf"{_PREPOSITION}\s", rest, re.IGNORECASE) or _is_date(rest)
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
    rest = re.sub(rf"\s+{_PREPOSITION}$", "", parts.rest, flags=re.IGNORECASE)
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
    bare = re.sub(rf"^{_PREPOSITION}\s+(?:the\s+)?", "", what, flags=re.IGNORECASE)
    if _is_date(what) or _is_date(bare):
        for start, end in answer_spans(before, "date", frozenset()):
            lead = re.search(rf"(?:\b{_PREPOSITION}\s+(?:the\s+)?)?$", before[:start], re.IGNORECASE)
            start = lead.start() if lead is not None else start
            found.append(f"{before[:start]}{what}{before[end:]}")
        return found or [f"{before.rstrip('? ')} {what}?"]
    led = re.match(rf"({_PREPOSITION})\s", what, re.IGNORECASE)
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
            for name in mentions(before)[:1]:
                left = f"{before[: name.start].rstrip()} {before[name.end :].strip()}".rstrip("? ")
                found.append(f"{left} in {what}?" if not left.endswith("the") else with_topic(before, what))
    else:
        found = [f"{before[: each.start]}{what}{before[each.end :]}" for each in reversed(phrases)]
    return [*found[:3], with_topic(before, what)]


def _is_modifier(question: str, end: int) -> bool:
    """Whether a name belongs to the noun behind it ("the NATO summit")."""
    return any(phrase.start < end < phrase.end and question[end] == " " for phrase in noun_phrases(question))


def names_itself(question: str) -> bool:
    """Whether a question names somebody or something, and so needs no other to be understood."""
    return bool(mentions(question)) or re.search(r"\b(?:[1-2]\d{3})\b", question) is not None


def definite_heads(question: str) -> tuple[str, ...]:
    """The nouns of "the call", "that law" in a question that says nothing more of them, as stems.

    >>> definite_heads("How long was the call?"), definite_heads("How long was the call with Peking?")
    (('call',), ())
    """
    if names_itself(question) or len(content_terms(about(question))) > 4:
        return ()
    found = re.findall(r"\b(?:the|that|those|these)\s+([a-z][\w-]+)", question)
    return tuple(stem for word in found if word not in stop_words() for stem in content_terms(word))


def refers_back(question: str) -> bool:
    """Whether "that", "this" or "so" stands for all that was said before.

    >>> refers_back("When did he say that?"), refers_back("What did he say that week?")
    (True, False)
    """
    return _THAT.search(question) is not None


def with_topic(question: str, topic: str) -> str:
    """The question with what it is about, in parentheses.

    >>> with_topic("How long was the call?", "Putin")
    'How long was the call (Putin)?'
    """
    return f"{question.rstrip('? ')} ({topic})?"
