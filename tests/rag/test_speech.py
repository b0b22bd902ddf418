from __future__ import annotations

import pytest

from rag.speech import speaker_of, speaks

PUTIN = frozenset({"putin"})


@pytest.mark.parametrize(
    ("question", "speaker"),
    [
        ("what did putin demand?", {"putin"}),
        ("What has Rutte warned about?", {"rutt"}),
        ("What does the US want?", {"us"}),
        ("What did Starmer's spokesman highlight?", {"starmer", "spokesman"}),
        ("Who warned Europe?", set()),
        ("How long was the call?", set()),
    ],
)
def test_speaker_of(question, speaker):
    assert speaker_of(question) == speaker


@pytest.mark.parametrize(
    ("sentence", "before", "expected"),
    [
        ("Russian President Vladimir Putin demanded an end to aid.", "", True),
        ("“We will see,” said Putin.", "", True),
        ("“We will see,” Putin said.", "", True),
        ("The Russian leader told his counterpart that Ukraine must not rearm.", "Putin told Trump so.", True),
        ("He added that talks would go on.", "Putin told Trump so.", True),
        ("The Russian leader told his counterpart so.", "Trump told Macron so.", False),
        ("They say the group would deter Putin.", "", False),
        ("The UK government says so.", "Putin told Trump so.", False),
        ("Trump said that the war would end.", "Putin told Trump so.", False),
        ("The plan was put to Putin.", "", False),
    ],
)
def test_speaks(sentence, before, expected):
    assert speaks(sentence, before, PUTIN) is expected
