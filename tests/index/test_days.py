"""Dates as sources write them."""

from __future__ import annotations

from datetime import date

import hypothesis.strategies as st
import pytest
from hypothesis import given

from index.days import day_of

WRITTEN = {
    "March 20, 2025": "2025-03-20",
    "20 March 2025": "2025-03-20",
    "Mar. 20, 2025, 10:15 a.m. ET": "2025-03-20",
    "Thursday, 20th of March 2025": "2025-03-20",
    "Thu, 20 Mar 2025 23:59:00 -0800": "2025-03-20",
    "Sept. 5, 2019": "2019-09-05",
    "2018/03/15": "2018-03-15",
    "2018-3-5": "2018-03-05",
    "2025.03.20": "2025-03-20",
    "2023-05-01T23:30:00-05:00": "2023-05-01",
    "20230501T120000Z": "2023-05-01",
    "20230501": "2023-05-01",
    "2025 March 20": "2025-03-20",
    "20-Mar-2025": "2025-03-20",
    "23/05/2023": "2023-05-23",
    "05/23/2023": "2023-05-23",
    "05.05.2023": "2023-05-05",
    "Published: 1 May 2023 (updated 1 May 2023)": "2023-05-01",
}
UNKNOWN = [
    None,
    "",
    "yesterday",
    "May 2023",
    "2023",
    "01/02/2023",  # the first of February, or the second of January
    "2023-02-30",
    "31 February 2023",
    "March 20",
    "20/03/25",
    "1 May 2023, updated 2 May 2023",
    "1682899200",
    "12023-05-01",
    "2023-05-011",
    "May 1, 20231",
    "９９９９-05-01",
    "x" * 200 + " 2023-05-01",
]


@pytest.mark.parametrize("published", WRITTEN)
def test_a_day_is_read(published: str) -> None:
    assert day_of(published) == WRITTEN[published]


@pytest.mark.parametrize("published", UNKNOWN)
def test_what_names_no_day_or_several_is_unknown(published: str | None) -> None:
    assert day_of(published) is None


@given(
    st.dates(min_value=date(1000, 1, 1)), st.sampled_from(["%Y-%m-%d", "%B %d, %Y", "%d %b %Y", "%Y/%m/%d", "%Y%m%d"])
)
def test_every_day_is_read_in_every_form(day: date, form: str) -> None:
    assert day_of(day.strftime(form)) == day.isoformat()


@given(st.text(max_size=60))
def test_no_text_is_an_error(published: str) -> None:
    day = day_of(published)
    assert day is None or date.fromisoformat(day).isoformat() == day
