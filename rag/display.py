"""Values as text that is safe to show, in a terminal, a file or a page: pure functions, no styles.

Every string that comes from an article, a path or a question goes through `visible`.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from index.types import Skipped

__all__ = [
    "SKIPPED_SHOWN",
    "confidence_words",
    "count_of",
    "difference_words",
    "json_line",
    "json_text",
    "one_line",
    "silence_words",
    "size_of",
    "skipped_lines",
    "visible",
]

_SILENT = "Not in these articles.", "The closest sentences, none of which answers:"
_UNSURE = "No sentence is a sure answer.", "The closest sentences, which may answer or not:"
_UNSURE_FROM = 0.25
"""The confidence from which it is too much to say that the articles do not answer."""
SKIPPED_SHOWN = 20

_SPACE = re.compile(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_IN_JSON = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    r"""The text with nothing in it that a terminal obeys, as many characters long as before.

    White space of any kind but the plain one becomes a space; control characters, the marks that turn the direction
    of writing, and lone surrogates become U+FFFD. For display only: a quote itself is never edited.

    >>> visible("a\tb\x1b[31mc")
    'a b�[31mc'
    """
    return _UNSAFE.sub("\ufffd", _SPACE.sub(" ", text))


def one_line(message: object) -> str:
    r"""The message on one line, safe to show.

    >>> one_line("no such folder:\n  /tmp/x")
    'no such folder: /tmp/x'
    """
    return visible(" ".join(str(message).split()))


def json_line(value: Any, *, encoding: str = "utf-8") -> str:
    """The value as one line of JSON that any reader of lines takes for one, and that `encoding` can write.

    Characters that a terminal obeys, or that end a line for some readers, are escaped: the value is the same.
    """
    return _json(value, encoding, None)


def json_text(value: Any, *, encoding: str = "utf-8") -> str:
    """The value as JSON over several lines, for a person to read; otherwise as `json_line`."""
    return _json(value, encoding, 2)


def _json(value: Any, encoding: str, indent: int | None) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return _UNSAFE_IN_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def confidence_words(probability: float) -> str:
    """The probability in [0, 1] that a sentence answers, in words and percent, rounded down, for 49.9% is not 50%.

    >>> confidence_words(0.876)
    'likely (87%)'
    """
    limits = ((0.9, "very likely"), (0.6, "likely"), (_UNSURE_FROM, "possible"))
    words = next((words for limit, words in limits if probability >= limit), "unlikely")
    # The epsilon takes 0.57 * 100 = 56.99999999999999 for what it stands for.
    percent = "<1%" if 0 < probability < 0.01 else f"{int(probability * 100 + 1e-9)}%"
    return f"{words} ({percent})"


def silence_words(confidence: float) -> tuple[str, str]:
    """What is said where nothing is cited, and what stands over the closest sentences.

    Args:
        confidence: the probability in [0, 1] that the first of them answers; below the least that was asked for.

    >>> silence_words(0.03)[0], silence_words(0.4)[0]
    ('Not in these articles.', 'No sentence is a sure answer.')
    """
    return _SILENT if confidence < _UNSURE_FROM else _UNSURE


def difference_words(quote: str, other: str) -> list[str]:
    """What another wording of a sentence has otherwise, in words.

    >>> difference_words("All 212 passengers came.", "Then all 215 passengers came, wet.")
    ['+ “Then”', '“212” → “215”', '+ “wet”']
    """
    from rag.wording import differences

    told = []
    for each in differences(quote, other):
        mine, yours = visible(quote[each.start : each.end]), visible(other[each.other_start : each.other_end])
        told.append(f"“{mine}” → “{yours}”" if mine and yours else f"+ “{yours}”" if yours else f"- “{mine}”")
    return told


def skipped_lines(skipped: Sequence[Skipped], indent: str = "  ") -> list[str]:
    """What was left out, and why, a line each for the first of them."""
    lines = []
    for each in skipped[:SKIPPED_SHOWN]:
        place = each.path if each.line is None else f"{each.path}:{each.line}"
        lines.append(f"{indent}{visible(place)}: {one_line(each.reason)}")
    if len(skipped) > SKIPPED_SHOWN:
        lines.append(f"  and {len(skipped) - SKIPPED_SHOWN:,} more")
    return lines


def count_of(number: int, one: str, many: str | None = None) -> str:
    """A number and what it counts.

    >>> count_of(1, "article"), count_of(1_000, "copy", "copies")
    ('1 article', '1,000 copies')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def size_of(count: int) -> str:
    """Bytes in the unit that a person would use.

    >>> size_of(999), size_of(1_500_000)
    ('999 bytes', '1.5 MB')
    """
    if count < 1000:
        return count_of(count, "byte")
    value = float(count)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:.1f} TB"
