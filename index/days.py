"""The day on which an article was published, out of what its source writes."""

from __future__ import annotations

import functools
import re
from datetime import date

__all__ = ["day_of"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?(?!\d)"
_YEAR = r"(?P<year>\d{4})(?!\d)"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE | re.ASCII)
    for form in (
        r"(?<![\d/.-])(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})(?![\d/-])",
        r"(?<![\d/.-])(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?=T\d|\s|$)",
        rf"\b{_MONTH}\s+{_DAY}\s*,?\s+{_YEAR}",
        rf"(?<![\d/.-]){_DAY}[\s-]+(?:of\s+)?{_MONTH},?[\s-]+{_YEAR}",
        rf"\b{_YEAR}[\s-]+{_MONTH}[\s-]+{_DAY}",
    )
)
_NUMBERS = re.compile(r"(?<![\d/.-])(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?![\d/-])", re.ASCII)
_LONGEST = 100


@functools.lru_cache(maxsize=4096)
def day_of(published: str | None) -> str | None:
    """The day that a date names, as `YYYY-MM-DD`; None when it names none, or may be read as several.

    The day is the one that the source writes: a time zone does not move it. Of numbers alone, the year stands first,
    or one of the two others is no month.

    >>> day_of("March 20, 2025"), day_of("2023-05-01T23:30:00-05:00"), day_of("Mon, 3 Feb 2020 10:00 GMT")
    ('2025-03-20', '2023-05-01', '2020-02-03')
    >>> day_of("23/05/2023"), day_of("01/02/2023"), day_of("May 2023"), day_of("2023-02-30")
    ('2023-05-23', None, None, None)
    """
    if published is None or len(published) > _LONGEST:
        return None
    found = {day for form in _FORMS for match in form.finditer(published) if (day := _written(match)) is not None}
    for first, _, second, year in _NUMBERS.findall(published):
        for month, number in ((int(first), int(second)), (int(second), int(first))):
            if (day := _iso(int(year), month, number)) is not None:
                found.add(day)
    return found.pop() if len(found) == 1 else None


def _written(match: re.Match[str]) -> str | None:
    month = match["month"].lower()
    number = int(month) if month.isdigit() else 1 + _MONTHS.index(month[:3])
    return _iso(int(match["year"]), number, int(match["day"]))


def _iso(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None
