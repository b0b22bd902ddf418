"""From retrieved passages by way of a reader to the sentences of an answer."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import rag.ranking
from index.build import build_index
from rag.answer import cite, distinct_facts, select
from rag.candidates import Candidate
from rag.confidence import confidence_features
from rag.engine import Engine
from rag.logistic import SCORING_FILE, LogisticModel, Scoring, logit
from rag.question import read_question
from rag.ranking import ENCODED_PASSAGES, ENCODED_SENTENCES, FIRST_READ, rank_by_encoder, rank_by_reader
from rag.rarity import weights
from rag.retrieve import Evidence, Hit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from index.store.base import PassageRecord

QUESTION = read_question("When was the new bridge in Lund opened?")
ANSWER = "The new bridge in Lund was opened on Monday."  # 7 words in common with the question
POOR = "A visitor to number {} saw Bob."  # none

# Before reading the passages' own scores count alone; behind it the reader's. Between -4 and 4 as likely as they score.
SCORING = Scoring(
    LogisticModel(-4.0, {"read": 1.0}),
    LogisticModel(0.0, {"logit": 1.0}),
    LogisticModel(-4.0, {"passage": 8.0}),
    0.0,
)


def reach(reach: float) -> Scoring:
    return Scoring(SCORING.sentence, SCORING.confidence, SCORING.prior, reach)


def evidence(passages: Sequence[PassageRecord], scores: Sequence[float] | None = None, vector: Any = None) -> Evidence:
    """Passages of these retrieval scores, from 1 down to 0 unless said otherwise."""
    scored = np.linspace(1.0, 0.0, len(passages)).tolist() if scores is None else scores
    hits = [Hit(each, score, 1.0, 0.5) for each, score in zip(passages, scored, strict=True)]
    rarity = weights(QUESTION.terms, [1] * len(QUESTION.terms), 100)
    return Evidence(QUESTION, np.ones(4, dtype=np.float32) if vector is None else vector, hits, rarity)


@pytest.fixture
def many(stored: Any) -> Callable[..., list[PassageRecord]]:
    """Thirty passages of an article each, of which some answer."""

    def make(*answering: int) -> list[PassageRecord]:
        return [stored(at, ANSWER if at in answering else POOR.format(at)) for at in range(30)]

    return make


# How much is read


def test_little_is_read_when_the_first_is_sure(many: Any, tiny_reader: Any) -> None:
    ranked = rank_by_reader(evidence(many(2)), tiny_reader, SCORING)
    assert len(tiny_reader.read_passages) == len(ranked) == FIRST_READ
    assert ranked[0].passage.id == 2
    assert ranked[0].text[slice(*ranked[0].span)] == "Monday"
    assert {each.read_by for each in ranked} == {"tiny"}
    assert [each.probability for each in ranked] == sorted((each.probability for each in ranked), reverse=True)


def test_all_is_read_when_reading_may_change_everything(many: Any, tiny_reader: Any) -> None:
    ranked = rank_by_reader(evidence(many(2)), tiny_reader, reach(20.0))
    assert len(tiny_reader.read_passages) == len(ranked) == 30


def test_reading_goes_on_until_none_left_may_outdo_the_best(
    many: Any, tiny_reader: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rag.ranking, "FIRST_READ", 8)
    monkeypatch.setattr(rag.ranking, "MORE_READ", 4)
    # All of the first eight score -4; the next in line scores more, until the twelfth passage is read.
    ranked = rank_by_reader(evidence(many(11)), tiny_reader, SCORING)
    assert len(tiny_reader.read_passages) == 12
    assert ranked[0].passage.id == 11
    # The best scores 3 and the 21st in line -1.5: with a reach of 4.4 reading stops in front of it.
    tiny_reader.read_passages.clear()
    rank_by_reader(evidence(many(11)), tiny_reader, reach(4.4))
    assert len(tiny_reader.read_passages) == 20
    tiny_reader.read_passages.clear()
    rank_by_reader(evidence(many(11)), tiny_reader, reach(4.6))
    assert len(tiny_reader.read_passages) == 24


def test_thorough_reads_all(many: Any, tiny_reader: Any) -> None:
    ranked = rank_by_reader(evidence(many(2)), tiny_reader, SCORING, thorough=True)
    assert len(tiny_reader.read_passages) == len(ranked) == 30
    assert ranked[0] == rank_by_reader(evidence(many(2)), tiny_reader, SCORING)[0]


def test_the_likeliest_are_read_first(many: Any, tiny_reader: Any) -> None:
    passages = many()
    scores = [number / 30 for number in random.Random(1).sample(range(30), 30)]
    rank_by_reader(evidence(passages, scores), tiny_reader, reach(20.0))
    order = sorted(range(30), key=lambda at: -scores[at])
    assert [each.sentences[0] for each in tiny_reader.read_passages] == [POOR.format(at) for at in order]


def test_the_order_of_the_hits_does_not_matter(many: Any, tiny_reader: Any) -> None:
    found = evidence(many(4, 9, 21))
    expected = rank_by_reader(found, tiny_reader, SCORING, thorough=True)
    assert [each.passage.id for each in expected[:3]] == [4, 9, 21]
    for seed in range(3):
        hits = random.Random(seed).sample(list(found.hits), 30)
        shuffled = Evidence(found.question, found.vector, hits, found.rarity)
        ranked = rank_by_reader(shuffled, tiny_reader, SCORING, thorough=True)
        for mine, yours in zip(ranked, expected, strict=True):
            assert (mine.passage, mine.sentence, mine.span) == (yours.passage, yours.sentence, yours.span)
            assert mine.features == pytest.approx(yours.features), "sums in another order"
            assert mine.probability == pytest.approx(yours.probability)


def test_nothing_found_is_nothing_ranked(stored: Any, tiny_reader: Any) -> None:
    assert rank_by_reader(evidence([]), tiny_reader, SCORING) == []
    assert tiny_reader.read_passages == []
    # What a reader finds nothing in is no answer, and does not end the reading.
    dull = [stored(number, "nothing to be seen here") for number in range(20)]
    assert rank_by_reader(evidence(dull), tiny_reader, SCORING) == []
    assert len(tiny_reader.read_passages) == 20


def test_a_reader_gets_whole_passages_with_their_titles(stored: Any, tiny_reader: Any) -> None:
    rank_by_reader(evidence([stored(1, "One.", "Two.", before="Zero.", title="Tîtle")]), tiny_reader, SCORING)
    (passage,) = tiny_reader.read_passages
    assert (passage.sentences, passage.title) == (("One.", "Two."), "Tîtle")


def test_without_a_reader_the_encoder_compares_the_likeliest(stored: Any, tiny_encoder: Any) -> None:
    passages = [stored(at, POOR.format(at), f"Nobody saw number {at}.") for at in range(30)]
    passages[20] = stored(20, ANSWER)
    found = evidence(passages, vector=tiny_encoder.encode([QUESTION.text])[0])
    scoring = Scoring(LogisticModel(-2.0, {"cosine": 4.0, "passage": 0.1}), SCORING.confidence, SCORING.prior, 0.0)
    tiny_encoder.encoded.clear()
    ranked = rank_by_encoder(found, tiny_encoder.encode, scoring)
    assert len(tiny_encoder.encoded) == len(ranked) == ENCODED_SENTENCES
    tiny_encoder.encoded.clear()
    ranked = rank_by_encoder(found, tiny_encoder.encode, scoring, thorough=True)
    assert len(tiny_encoder.encoded) == len(ranked) == 2 * ENCODED_PASSAGES - 1
    assert ranked[0].text == ANSWER
    cosine = float(tiny_encoder.encode([ANSWER])[0] @ found.vector)
    assert ranked[0].features["cosine"] == pytest.approx(cosine)
    assert rank_by_encoder(evidence([]), tiny_encoder.encode, scoring) == []


# Which facts are the same


def candidate(
    passage: PassageRecord, words: str | None, *, margin: float = 3.0, probability: float = 0.5, at: int = 0
) -> Candidate:
    """A sentence of which these words are read as the answer."""
    sentence = passage.sentences[at]
    text = sentence.span.of(passage.text)
    span = None if words is None else (text.index(words), text.index(words) + len(words))
    features = {"spoken": 0.0, "margin": margin} if words is not None else {"spoken": 0.0}
    return Candidate(passage, sentence, text, features, probability, span)


def facts(*candidates: Candidate) -> list[list[str]]:
    """The articles of each fact."""
    distinct, same = distinct_facts(candidates)
    found = [[each, *same[each.sentence.id]] for each in distinct]
    return [[each.passage.article.path.removesuffix(".txt") for each in group] for group in found]


def test_what_is_surely_answered_with_the_same_words_is_one_fact(stored: Any) -> None:
    one = candidate(stored(1, "On Monday the king opened it."), "Monday")
    two = candidate(stored(2, "Cars have crossed the bridge in Lund since the Monday."), "the Monday")
    other = candidate(stored(3, "A day later, on Tuesday, it was closed."), "Tuesday")
    assert facts(one, two, other) == [["1", "2"], ["3"]]
    assert facts(other, two, one) == [["3"], ["2", "1"]]


@pytest.mark.parametrize("margins", [(3.0, -1.0), (-1.0, 3.0), (0.0, 3.0)])
def test_what_is_not_sure_is_a_fact_of_its_own(stored: Any, margins: tuple[float, float]) -> None:
    one = candidate(stored(1, "On Monday the king opened it."), "Monday", margin=margins[0])
    two = candidate(stored(2, "Cars have crossed the bridge in Lund since Monday."), "Monday", margin=margins[1])
    assert facts(one, two) == [["1"], ["2"]]


def test_words_without_a_meaning_of_their_own_are_not_the_same_answer(stored: Any) -> None:
    assert facts(
        candidate(stored(1, "It was he who came."), "he"), candidate(stored(2, "Nobody knows where he is."), "he")
    ) == [["1"], ["2"]]


def test_different_numbers_are_different_facts(stored: Any) -> None:
    text = "The ferry ran aground off the coast on Monday with {} people aboard."
    one, two = stored(1, text.format("212")), stored(2, text.format("215"))
    assert facts(candidate(one, "212"), candidate(two, "215")) == [["1"], ["2"]]
    assert facts(candidate(one, None), candidate(two, None)) == [["1"], ["2"]]
    three = stored(3, text.format("212").replace("The ferry", "A ferry"))
    assert facts(candidate(one, None), candidate(three, None)) == [["1", "3"]]


def test_exact_copies_are_left_to_the_store(stored: Any) -> None:
    one, copy = stored(1, "It opened on Monday."), stored(2, "It opened on Monday!")
    assert facts(candidate(one, "Monday"), candidate(copy, "Monday")) == [["1"]]


# What is cited


def chosen(*candidates: Candidate, top: int = 5, least: float = 0.0) -> tuple[float, list[int], list[int]]:
    found = select(candidates, SCORING.confidence.probability, top=top, min_confidence=least, searched=9)
    cited, related = ([each.passage.id for each in listed] for listed in (found.cited, found.related))
    return found.confidence, cited, related


def test_the_likely_ones_are_cited_and_the_others_related(stored: Any) -> None:
    days = ("Monday", "Tuesday", "Wednesday", "Thursday")
    found = [
        candidate(stored(at, f"Of {day} number {at} told."), day, probability=probability)
        for at, (day, probability) in enumerate(zip(days, (0.8, 0.7, 0.6, 0.3), strict=True))
    ]
    assert chosen(*found) == (pytest.approx(0.8), [0, 1], [2, 3])
    assert chosen(*found, top=1) == (pytest.approx(0.8), [0], [1])
    assert chosen(*found, least=0.81) == (pytest.approx(0.8), [], [0, 1, 2, 3])
    assert chosen() == (0.0, [], [])


def test_the_confidence_knows_of_other_sources(stored: Any) -> None:
    one = candidate(stored(1, "On Monday the king opened it."), "Monday", probability=0.8)
    two = candidate(stored(2, "Cars have crossed the bridge in Lund since Monday."), "Monday", probability=0.7)
    own = candidate(stored(3, "Ever since Monday it stood open.", article=1), "Monday", probability=0.6)
    other = candidate(stored(4, "Tuesday."), "Tuesday", probability=0.3)
    features = confidence_features(*distinct_facts([one, two, own, other]), 10**6)
    assert features["large"] == pytest.approx(0.75)
    assert features["large:sources"] == pytest.approx(0.75 * np.log(2))
    assert features["ahead"] == pytest.approx(logit(0.8) - logit(0.3))
    assert features["large:ahead"] == pytest.approx(0.75 * features["ahead"])
    alone = confidence_features(*distinct_facts([one]), 10**6)
    assert (alone["large:sources"], alone["share"], alone["ahead"]) == (0.0, 1.0, 6.0)


def test_the_confidence_weighs_some_things_more_the_more_was_searched(stored: Any) -> None:
    found = distinct_facts(
        [
            candidate(stored(1, "On Monday the king opened it."), "Monday", probability=0.8),
            candidate(stored(2, "Tuesday."), "Tuesday", margin=1.5, probability=0.3),
        ]
    )
    alone = confidence_features(*found, 1)
    more = {name.partition(":")[2] for name in alone if ":" in name}
    assert {"logit", "share", "sources", "margin"} <= more
    # Nothing and one passage are the same size, and so are a million and more; what is read whole is not large.
    for searched, size, large in (
        (0, 0.0, 0.0),
        (1, 0.0, 0.0),
        (30, 0.246, 0.0),
        (1_000, 0.5, 0.25),
        (10**6, 1.0, 0.75),
        (10**9, 1.0, 0.75),
    ):
        features = confidence_features(*found, searched)
        assert (features["size"], features["large"]) == (pytest.approx(size, abs=1e-3), pytest.approx(large))
        assert features["large:logit"] == pytest.approx(large * logit(0.8))
        assert {name: features[name] for name in ("logit", "ahead", "share")} == {
            name: alone[name] for name in ("logit", "ahead", "share")
        }


def test_the_confidence_of_what_was_read_is_made_of_what_the_reader_says(stored: Any) -> None:
    one = candidate(stored(1, "On Monday the king opened it."), "Monday", probability=0.8)
    two = candidate(stored(2, "Tuesday."), "Tuesday", margin=1.5, probability=0.3)
    read = [replace(each, features={**each.features, "read": score}) for each, score in ((one, 4.0), (two, -1.0))]
    found = confidence_features(*distinct_facts(read), 9)
    assert (found["read"], found["read_ahead"], found["margin_ahead"]) == (4.0, 5.0, one.features["margin"] - 1.5)
    assert "logit" not in found


@pytest.mark.parametrize(("cosine", "off_topic"), [(0.9, 0.0), (0.5, 0.0), (0.2, 0.3), (-0.1, 0.6)])
def test_a_passage_about_something_else_lowers_the_confidence_only_then(
    stored: Any, cosine: float, off_topic: float
) -> None:
    one = candidate(stored(1, "On Monday the king opened it."), "Monday", probability=0.8)
    one = replace(one, features={**one.features, "passage_cosine": cosine, "overlap": 0.3, "before": 0.1, "title": 0.1})
    found = confidence_features(*distinct_facts([one]), 9)
    assert found["off_topic"] == pytest.approx(off_topic)
    assert found["uncovered"] == pytest.approx(0.1)


def test_the_confidence_tells_whether_the_first_sentence_was_read_again(stored: Any) -> None:
    one = candidate(stored(1, "On Monday the king opened it."), "Monday", probability=0.8)
    two = candidate(stored(2, "Tuesday."), "Tuesday", probability=0.3)
    again = replace(two, features={**two.features, "quick_read": 1.0})
    assert confidence_features(*distinct_facts([one, again]), 9)["read_again"] == 0.0
    assert confidence_features(*distinct_facts([again, one]), 9)["read_again"] == 1.0


def test_a_citation_is_cut_from_the_text(stored: Any) -> None:
    passage = stored(1, "«Én» bro.", "Den åpnet mandag, naïvt sagt.", before="Før.")
    told = candidate(passage, "mandag", at=1)
    twin = candidate(stored(2, "Mandag åpnet den."), "Mandag")
    made = cite(3, told, QUESTION, [twin], {told.sentence.id: [], twin.sentence.id: []})
    assert passage.text[made.start : made.end] == made.quote == "Den åpnet mandag, naïvt sagt."
    assert made.quote[slice(*made.highlight)] == "mandag"
    assert (made.number, made.score, made.context) == (3, 0.5, None)
    (place,) = made.also_in
    assert (place.path, place.start, place.end) == ("2.txt", 0, len("Mandag åpnet den."))


@pytest.mark.parametrize(
    ("first", "later", "cited"),
    [
        ("Sweden and Finland", "Finland", ["1"]),
        ("Finland", "Sweden and Finland", ["1", "2"]),  # which says more
        ("Yellowstone National Park", "Yellowstone", ["1"]),
        ("10", "10 seconds", ["1"]),
        ("10 seconds", "10", ["1"]),
        ("10", "10 million", ["1", "2"]),
        ("4.32", "4", ["1", "2"]),
        ("June 14", "June", ["1"]),
        ("June 14, 2022", "14", ["1", "2"]),
        ("June 14, 2022", "June 2022", ["1"]),
        ("$360 million", "$360 million contract for 9 years", ["1"]),
        ("$360 million", "$360 million and 9 horses", ["1", "2"]),
        ("3 percent", "3 percent to 9 percent", ["1", "2"]),
        ("Florida", "Palm Beach, Florida", ["1"]),
        ("Domino", "Domino’s Pizza", ["1"]),
        ("Iran", "Iranian", ["1"]),
        ("Korean Air", "Korea Air", ["1"]),
        ("Volodymyr Zelenskyy", "Zelensky", ["1"]),
        ("Niger", "Nigeria", ["1", "2"]),
        ("face blindness", "facial blindness", ["1"]),
        ("racial unrest", "unrest of race", ["1"]),
        ("a metal", "a meteor", ["1", "2"]),
        ("Austria", "Australia", ["1", "2"]),
        ("$787.5 million", "$787.5M", ["1"]),
        ("£7m", "£7bn", ["1", "2"]),
        ("5%", "5 percent", ["1"]),
        ("Norway", "Sweden", ["1", "2"]),
    ],
)
def test_an_answer_that_repeats_a_part_of_one_that_is_cited_is_not_cited(
    stored: Any, first: str, later: str, cited: list[str]
) -> None:
    one = candidate(stored(1, f"It was {first}, said the king."), first, probability=0.8)
    two = candidate(stored(2, f"A day later it was called {later} by all of them."), later, probability=0.7)
    chosen = select([one, two], lambda _: 0.9, top=5, min_confidence=0.5, searched=9)
    assert [each.passage.article.path.removesuffix(".txt") for each in chosen.cited] == cited
    assert [each.text for each in chosen.same[one.sentence.id]] == ([] if len(cited) == 2 else [two.text])
    assert chosen.related == ()
    silent = select([one, two], lambda _: 0.1, top=5, min_confidence=0.5, searched=9)
    assert len(silent.related) == 2  # nothing is answered: what comes close is all shown


@pytest.mark.parametrize(
    ("first", "answer", "later", "other", "cited"),
    [
        (
            "It was held in Lund, Sweden at Old Hall.",
            "Sweden at Old Hall",
            "Guests in Lund, Sweden came late.",
            "Lund, Sweden",
            1,
        ),
        (
            "It was held in Sweden at Old Hall.",
            "Sweden at Old Hall",
            "Guests in Lund, Sweden came late.",
            "Lund, Sweden",
            2,
        ),
        (
            "The volcano Katla on Iceland erupted on Sunday.",
            "Katla",
            "A volcano erupted on Iceland on Sunday.",
            "Iceland",
            1,
        ),
        ("The volcano Katla erupted on Sunday.", "Katla", "A volcano erupted on Iceland on Sunday.", "Iceland", 2),
        (
            "Fans guessed that Dahl would sing, and so did Berg.",
            "Dahl",
            "The league said it had chosen Berg.",
            "Berg",
            2,
        ),
        ("It cost 5 million, not 12 million.", "5 million", "It cost 12 million.", "12 million", 2),
        ("Malmo, Lund and Sweden at Old Hall.", "Sweden at Old Hall", "Seen in Lund and Sweden.", "Lund and Sweden", 2),
    ],
)
def test_an_answer_that_a_cited_sentence_goes_by_in_the_same_words_is_not_cited(
    stored: Any, first: str, answer: str, later: str, other: str, cited: int
) -> None:
    one = candidate(stored(1, first), answer, probability=0.8)
    two = candidate(stored(2, later), other, probability=0.7)
    chosen = select([one, two], lambda _: 0.9, top=5, min_confidence=0.5, searched=9)
    assert len(chosen.cited) == cited
    assert [each.text for each in chosen.same[one.sentence.id]] == ([] if cited == 2 else [later])


def test_what_repeats_a_citation_is_told_with_it_though_it_is_too_unlikely_to_be_cited(stored: Any) -> None:
    one = candidate(stored(1, "It was in Palm Beach, Florida that he was seen."), "Florida", probability=0.8)
    two = candidate(stored(2, "They went to Palm Beach, Florida."), "Palm Beach, Florida", probability=0.5)
    other = candidate(stored(3, "In Norway nobody had seen him."), "Norway", probability=0.5)
    chosen = select([one, two, other], lambda _: 0.9, top=5, min_confidence=0.5, searched=9)
    assert [each.text for each in chosen.cited] == [one.text]
    assert [each.text for each in chosen.same[one.sentence.id]] == [two.text]
    assert [each.text for each in chosen.related] == [other.text]


def test_the_same_answer_is_cited_once_though_the_reader_is_not_sure_of_the_first(stored: Any) -> None:
    one = candidate(stored(1, "On Monday the king opened it."), "Monday", margin=-0.5, probability=0.8)
    two = candidate(stored(2, "Cars have crossed the bridge in Lund since Monday."), "Monday", probability=0.7)
    chosen = select([one, two], lambda _: 0.9, top=5, min_confidence=0.5, searched=9)
    assert [each.text for each in chosen.cited] == [one.text]
    assert [each.text for each in chosen.same[one.sentence.id]] == [two.text]


# With an index

ARTICLES = {
    "one": "Bridge Opens\n\nThe new bridge in Lund was opened on Monday, the city said.\n\nIt cost 12 million «kr».\n",
    "two": "Ingen bro, nå\n\nIn Lund cars have crossed the bridge since Monday, when it was opened by the king.\n",
    "three": "A Year Ago\n\nThe old bridge at Kalmar was opened on Tuesday, and nobody there had ever seen Åse.\n",
}


@pytest.fixture
def engine(tmp_path: Path, tiny_encoder: Any, tiny_reader: Any) -> Iterator[Engine]:
    (tmp_path / "articles").mkdir()
    for name, text in ARTICLES.items():
        (tmp_path / "articles" / f"{name}.txt").write_text(text, "utf-8")
    build_index([tmp_path / "articles"], tmp_path / "index", encoder=tiny_encoder)
    (tmp_path / SCORING_FILE).write_text(
        json.dumps(replace(reach(20.0), confidence=SCORING.sentence).to_dict()), "utf-8"
    )
    tiny_reader.folder = tmp_path
    with Engine.open(tmp_path / "index", encoder=tiny_encoder, reader=tiny_reader) as opened:
        yield opened


def test_the_same_answer_of_two_articles_is_one_citation(engine: Engine) -> None:
    answer = engine.ask(QUESTION.text, min_confidence=0.0)
    first = answer.citations[0]
    assert first.quote == "The new bridge in Lund was opened on Monday, the city said."
    assert [Path(place.path).stem for place in first.also_in] == ["two"]
    assert not any("the king" in each.quote for each in (*answer.citations, *answer.related))
    other = next(each for each in (*answer.citations, *answer.related) if "Kalmar" in each.quote)
    assert other.also_in == ()
    for each in (*answer.citations, *answer.related):
        assert each.highlight is not None
        for place in (each, *each.also_in):
            text = Path(place.path).read_text("utf-8")
            assert text[place.start : place.end] in text.splitlines()
        assert Path(each.path).read_text("utf-8")[each.start : each.end] == each.quote
    assert first.quote[slice(*first.highlight)] == "Monday"


def test_a_quote_that_leans_back_comes_with_what_it_leans_on(engine: Engine) -> None:
    answer = engine.ask("How much did it cost?", min_confidence=0.0)
    first = answer.citations[0]
    assert (first.quote, first.quote[slice(*first.highlight)]) == ("It cost 12 million «kr».", "12 million")
    assert first.context is not None
    text = Path(first.path).read_text("utf-8")
    assert text[first.context.start : first.context.end] == first.context.quote
    assert first.context.quote == "The new bridge in Lund was opened on Monday, the city said."


def test_a_confident_answer_and_a_silent_one(engine: Engine) -> None:
    assert engine.reader == "tiny"
    sure, unsure = engine.ask(QUESTION.text), engine.ask("Who won the election in France?")
    assert (sure.answered, unsure.answered) == (True, False)
    assert sure.confidence > 0.9 > 0.2 > unsure.confidence
    assert unsure.related
    assert unsure.citations == ()
