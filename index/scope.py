"""Which articles a question is asked of: those of some sources, of some days, or chosen one by one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

__all__ = ["Scope"]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Scope:
    """A part of the articles; what is left empty does not limit.

    Attributes:
        sources: outlets (`index.outlet`), one of which must have published the article.
        since, until: the first and the last day, as `YYYY-MM-DD`; an article whose day is not known lies outside of
            any dates.
        articles: the ids of the articles that are meant.

    Raises:
        ValueError: when a day is none, the last one lies before the first, or an id is none.

    >>> Scope(frozenset({"bbc.com"}), since="2023-05-01").describe()
    'from bbc.com, since 2023-05-01'
    """

    sources: frozenset[str] = frozenset()
    since: str | None = None
    until: str | None = None
    articles: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name, day in (("since", self.since), ("until", self.until)):
            if day is not None and not _is_day(day):
                raise ValueError(f"{name} must be a day such as 2023-05-01, found {day!r}")
        if self.since is not None and self.until is not None and self.until < self.since:
            raise ValueError(f"until must not lie before since, found {self.since} to {self.until}")
        strange = next((each for each in sorted(self.articles) if not _ID.fullmatch(each)), None)
        if strange is not None:
            raise ValueError(f"an article's id is 32 hexadecimal digits, found {strange!r}")

    def __bool__(self) -> bool:
        """Whether anything is limited."""
        return bool(self.sources or self.since or self.until or self.articles)

    def describe(self) -> str:
        """The limits in words, such as "from bbc.com, since 2023-05-01"; "" without any."""
        parts = []
        if self.sources:
            names = sorted(self.sources)
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            parts.append(f"from {', '.join(names[:_NAMED])}{more}")
        if self.since is not None and self.since == self.until:
            parts.append(f"of {self.since}")
        else:
            parts += [f"since {self.since}"] if self.since is not None else []
            parts += [f"until {self.until}"] if self.until is not None else []
        if self.articles:
            parts.append(f"{len(self.articles)} chosen {'article' if len(self.articles) == 1 else 'articles'}")
        return ", ".join(parts)


def _is_day(day: str) -> bool:
    try:
        return _DAY.fullmatch(day) is not None and bool(date.fromisoformat(day))
    except ValueError:
        return False
