"""Who says what: the speaker that a question asks about, and whether a sentence reports that speaker's words.

"What did Putin demand?" is answered by sentences in which Putin demands, tells or insists, not by any sentence with his
name. A sentence that goes on about him by his office ("The Russian leader told ...") counts after one that names him.
"""

from __future__ import annotations

import re

from index.analysis import stem, stop_words, words

__all__ = ["any_words_answer", "opens_by_office", "speaker_of", "speaks"]

VERBS = r"""(?:
    sa(?:id|ys?|ying)|tells?|told|warn(?:s|ed|ing)?|demand(?:s|ed|ing)?|insist(?:s|ed|ing)?|urg(?:es?|ed|ing)
    |claim(?:s|ed|ing)?|argu(?:es?|ed|ing)|ask(?:s|ed|ing)?|call(?:s|ed|ing)?|pledg(?:es?|ed|ing)
    |promis(?:es?|ed|ing)|announc(?:es?|ed|ing)|declar(?:es?|ed|ing)|requir(?:es?|ed|ing)|rul(?:es?|ed|ing)
    |accus(?:es?|ed|ing)|want(?:s|ed|ing)?|propos(?:es?|ed|ing)|agre(?:es?|ed|eing)|vow(?:s|ed|ing)?
    |threaten(?:s|ed|ing)?|express(?:es|ed|ing)?|describ(?:es?|ed|ing)|add(?:s|ed|ing)|believ(?:es?|ed|ing)
    |den(?:y|ies|ied|ying)|doubt(?:s|ed|ing)?|highlight(?:s|ed|ing)?|stress(?:es|ed|ing)?|suggest(?:s|ed|ing)?
    |predict(?:s|ed|ing)?|request(?:s|ed|ing)?|offer(?:s|ed|ing)?|think(?:s|ing)?|thought|wrote|tweet(?:s|ed|ing)?
    |not(?:es|ed|ing)|cast|praised?|criticiz(?:es?|ed|ing)|criticis(?:es?|ed|ing)|condemn(?:s|ed|ing)?
    |welcom(?:es?|ed|ing)|admit(?:s|ted|ting)?|recommend(?:s|ed|ing)?|need(?:s|ed)?|seek(?:s|ing)?|sought
)"""
_VERB = re.compile(rf"\b{VERBS}\b", re.IGNORECASE | re.VERBOSE)
_ASKED = re.compile(
    rf"\b(?:what|how)\b.*?\b(?:did|does|do|has|have|had)\s+(?P<speaker>.+?)\s+(?P<verb>{VERBS})\b",
    re.IGNORECASE | re.VERBOSE,
)
_OFFICE = r"""(?:leader|president|minister|premier|chancellor|secretary|chief|head|official|spokes\w+|senator|governor
    |mayor|lawmaker|ruler|general|commander|director|chair\w*|founder|executive|king|queen|pope|judge|author|actor|actress
    |singer|star|coach|player|billionaire|candidate|republican|democrat|politician|diplomat|envoy|ambassador|man|woman)"""
_GOES_ON = re.compile(
    rf"^\W*(?:he|she|(?:the|his|her)\s+(?:[\w’'-]+\s+){{0,3}}?{_OFFICE})\b", re.IGNORECASE | re.VERBOSE
)
_BY_OFFICE = re.compile(
    rf"^\W*(?i:(?:the|his|her)\s+(?:[\w’'-]+\s+){{0,2}}?{_OFFICE})(?![\w’'-])(?!\s+(?:of\b|for\b|[A-Z]))", re.VERBOSE
)
_REACH = 5
"""Words between a speaker and the verb, at most."""
_OPENING = 9
"""Words from the beginning within which a sentence that goes on about a speaker must report."""


def speaker_of(question: str) -> frozenset[str]:
    """The stems of who is asked about in "what did X say", "what does X want"; empty for other questions.

    >>> speaker_of("what did Putin demand?")
    frozenset({'putin'})
    >>> speaker_of("Who is Putin?")
    frozenset()
    """
    match = _ASKED.search(question)
    if match is None:
        return frozenset()
    named = (
        word for word in re.findall(r"[^\W_]+", match["speaker"]) if word.lower() not in stop_words() or word == "US"
    )
    return frozenset(stem(word) for word in named)


def any_words_answer(question: str) -> bool:
    """Whether a question asks for whatever somebody says or wants, and for nothing in particular.

    >>> any_words_answer("what did Putin demand?"), any_words_answer("What did Putin say about China?")
    (True, False)
    """
    match = _ASKED.search(question)
    return match is not None and not re.search(r"\w", question[match.end() :])


def speaks(sentence: str, before: str, speaker: frozenset[str]) -> bool:
    """Whether a sentence reports what the speaker says, wants or does by words.

    Args:
        sentence: the sentence.
        before: the sentence before it.
        speaker: stems, as `speaker_of` gives them.

    >>> speaks("Putin told Trump a deal would be contingent.", "", frozenset({"putin"}))
    True
    >>> speaks("The Russian leader told him so.", "Putin told Trump.", frozenset({"putin"}))
    True
    >>> speaks("They say it would deter Putin.", "", frozenset({"putin"}))
    False
    """
    if _names_and_reports(sentence, speaker):
        return True
    opening = _GOES_ON.search(sentence)
    if opening is None or not _names_and_reports(before, speaker):
        return False
    verb = _VERB.search(sentence, opening.end())
    return verb is not None and len(sentence[opening.end() : verb.start()].split()) <= _OPENING


def opens_by_office(sentence: str) -> bool:
    """Whether a sentence opens with somebody's office and no name.

    >>> opens_by_office("The Russian leader told him so."), opens_by_office("The president of Chile told him so.")
    (True, False)
    """
    return _BY_OFFICE.match(sentence) is not None


def _names_and_reports(sentence: str, speaker: frozenset[str]) -> bool:
    """Whether a word of the speaker stands shortly before a verb of speech, or right behind one ("said Rutte")."""
    found = words(sentence)
    starts = {word.start: at for at, word in enumerate(found)}
    for match in _VERB.finditer(sentence):
        at = starts.get(match.start())
        if at is None:
            continue
        if any(word.stem in speaker for word in found[max(0, at - _REACH) : at]):
            return True
        if match.group().lower() in {"said", "says", "added"} and any(
            word.stem in speaker for word in found[at + 1 : at + 5]
        ):
            return True
    return False
