"""What a reader is taught with: passages that answer, passages that do not, and questions that are changed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from index.build import build_index
from rag.engine import Engine
from rag.evaluation.questions import EvaluationQuestion, is_right
from rag.reader import Passage
from rag.training.data import Asked, Context, DataSet, Ranked
from rag.training.examples import Example, Labelled, Twist, examples_of, neighbours, ranked_examples
from rag.training.retrieved import Retrieved, retrieve_for, retrieved_examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What is said of each town is worded otherwise, so that no changed question is another one's.
KINDS = ("new", "high", "long", "green", "narrow", "noble")
TOWNS = ("Lund", "Oslo", "Kalmar", "Bergen", "Umeå", "Turku")
FIRST = 1951


def answer(sentence: int, text: str, words: str) -> tuple[int, int, int]:
    return sentence, text.index(words), text.index(words) + len(words)


def towns() -> DataSet:
    """One text a town, with questions of one answer, of two and of none."""
    data = DataSet("towns.json")
    for number, (town, kind) in enumerate(zip(TOWNS, KINDS, strict=True)):
        year = str(FIRST + number)
        sentences = (
            f"The city of {town} lies by the water and has been there for a very long time.",
            f"Its {kind} bridge was opened in {year} by a king of whom little else is known today.",
            f"Before that ferries crossed the water at {town} every day from the old harbour in the east.",
            "Nobody remembers what they cost, and nobody who was asked would like them to come back.",
            f"The bridge of {year} is to be painted green by Åse Dahl and {number + 3} others.",
            "It rained on the day of the opening.",
        )
        data.contexts.append(Context(sentences, town, f"document {number}"))
        in_second = answer(1, sentences[1], year)
        data.asked += [
            Asked(f"When was the {kind} bridge in {town} opened?", number, (in_second, answer(4, sentences[4], year))),
            Asked(
                f"Who painted the {kind} first bridge of {town} green?", number, (answer(4, sentences[4], "Åse Dahl"),)
            ),
            Asked(f"Why was the {kind} harbour of {town} never closed?", number, ()),
        ]
    return data


def roles() -> DataSet:
    """Sentences that stand alone, as in QA-SRL."""
    data = DataSet("roles.csv")
    for number, town in enumerate(TOWNS):
        text = f"Somebody opened a bridge in {town} on day {number}."
        data.contexts.append(Context((text,), "", f"document {number}"))
        data.asked.append(Asked("Where did somebody open something?", number, (answer(0, text, town),)))
    return data


def all_of(data: DataSet, *, epochs: int = 40, first: int = 0) -> list[Example]:
    """The examples of several epochs."""
    near = neighbours(data)
    found: list[Example] = []
    for seed in range(first, first + epochs):
        found += examples_of(data, near, random.Random(seed))
    return found


def texts(labelled: Labelled) -> list[str]:
    return [labelled.passage.sentences[at][start:end] for at, start, end in labelled.spans]


# Labels


@pytest.mark.parametrize("data", [towns(), roles()], ids=["contexts", "sentences"])
def test_a_passage_that_answers_holds_its_answers(data: DataSet) -> None:
    known: dict[str, list[set[str]]] = {}
    for each in data.asked:
        answers = {data.contexts[each.context].sentences[at][start:end] for at, start, end in each.answers}
        known.setdefault(each.question, []).append(answers)
    answered = 0
    for example in all_of(data):
        for labelled in example.passages:
            assert len(labelled.right) == len(labelled.passage.sentences) > 0
            assert labelled.answered == bool(labelled.spans) == any(labelled.right)
            assert {at for at, _, _ in labelled.spans} == {at for at, right in enumerate(labelled.right) if right}
            if labelled.answered:
                answered += 1
                assert any(set(texts(labelled)) <= answers for answers in known[example.question])
    assert answered == 40 * sum(bool(each.answers) for each in data.asked), "one for each question and epoch"


def test_a_passage_that_does_not_answer_holds_no_answer() -> None:
    data = towns()
    years = {each.question: each.answers for each in data.asked}
    kinds = dict.fromkeys(("without", "elsewhere"), 0)
    for example in all_of(data):
        if example.question not in years or not years[example.question]:
            continue  # changed, or asked for what the context does not say
        (own,) = [each for each in data.asked if each.question == example.question]
        context = data.contexts[own.context]
        answers = {context.sentences[at][start:end] for at, start, end in own.answers}
        first, *others = example.passages
        assert first.answered
        for labelled in others:
            assert not labelled.answered
            assert not any(words in text for words in answers for text in labelled.passage.sentences)
            kinds["without" if set(labelled.passage.sentences) <= set(context.sentences) else "elsewhere"] += 1
    assert all(count > 20 for count in kinds.values()), kinds


def test_an_answer_that_is_told_again_in_the_text_is_left_out_too() -> None:
    # Marked in the first sentence and, with other words, in the last one; these stand in the second one as well.
    told = ("Lund" + " it was" * 20, "Oslo it was.", *(f"Fog {n}" + " it was" * 20 for n in range(5)), "Oslo again.")
    data = DataSet("own", [Context(told, "", "d")], [Asked("Where?", 0, ((0, 0, 4), (7, 0, 4)))])
    left = [labelled for example in all_of(data, epochs=200) for labelled in example.passages[1:]]
    assert left
    assert not any("Oslo" in text or "Lund" in text for labelled in left for text in labelled.passage.sentences)


def test_a_crop_is_a_run_of_the_context_around_an_answer() -> None:
    data = towns()
    sizes, places = set(), set()
    for example in all_of(data):
        for labelled in example.passages:
            held = labelled.passage.sentences
            if len(labelled.right) == len(held) and any(labelled.right):
                runs = [
                    start
                    for context in data.contexts
                    for start in range(len(context.sentences))
                    if context.sentences[start : start + len(held)] == held
                ]
                assert len(runs) >= 1
                sizes.add(len(held))
                places.add(labelled.right.index(True))
            assert labelled.passage.title in {"", *TOWNS}
    assert len(sizes) > 2
    assert len(places) > 2


def test_sentences_that_stand_alone_get_others_around_them() -> None:
    data = roles()
    sizes = set()
    for example in all_of(data):
        for labelled in example.passages:
            sizes.add(len(labelled.passage.sentences))
            assert len(set(labelled.passage.sentences)) == len(labelled.passage.sentences)
            if labelled.answered:
                assert sum(map(bool, labelled.right)) == 1
    assert sizes == {1, 2, 3, 4}
    # What is left without the sentence would be strangers.
    firsts = {example.passages[0].passage.sentences for example in all_of(data)}
    for example in all_of(data):
        for labelled in example.passages[1:]:
            assert len(labelled.passage.sentences) == 1 or labelled.passage.sentences in firsts


def test_a_question_without_an_answer_is_asked_of_its_context() -> None:
    data = towns()
    for example in all_of(data, epochs=3):
        if example.question.startswith("Why"):
            (labelled,) = example.passages
            assert (labelled.spans, labelled.answered) == ((), False)
            assert not any(labelled.right)


def test_a_changed_question_is_answered_no_longer() -> None:
    data = towns()
    questions = {each.question for each in data.asked}
    changed = [example for example in all_of(data) if example.question not in questions]
    # About a fifth of the questions that have an answer, and not all can be changed.
    assert 0.05 < len(changed) / (40 * 2 * len(TOWNS)) < 0.25
    for example in changed:
        (labelled,) = example.passages
        assert (labelled.spans, labelled.answered) == ((), False)
        assert set(labelled.right) == {False}


def test_the_same_seed_gives_the_same_examples() -> None:
    data = towns()
    assert all_of(data, epochs=2) == all_of(towns(), epochs=2)
    assert all_of(data, epochs=1, first=1) != all_of(data, epochs=1, first=2)


def test_no_more_questions_than_are_wanted() -> None:
    data = towns()
    near = neighbours(data)
    asked = {each.question for each in data.asked}
    drawn = [
        {each.question for each in examples_of(data, near, random.Random(seed), questions=4)} & asked
        for seed in range(40)
    ]
    assert {len(each) for each in drawn} == {4}
    assert set.union(*drawn) == asked, "others in another epoch"


def test_neighbours_share_rare_words_with_the_question() -> None:
    data = towns()
    data.contexts.append(Context(("A ferry to Lund opened a new harbour.",), "", "other"))
    found = neighbours(data, count=3)
    assert len(found) == len(data.asked)
    for each, near in zip(data.asked, found, strict=True):
        assert each.context not in near
        assert 0 < len(near) <= 3
    assert found[0][0] == len(TOWNS), "the other text that names Lund"
    assert neighbours(DataSet("empty")) == []
    alone = DataSet("one", [Context(("Lund.",), "", "d")], [Asked("Lund?", 0, ())])
    assert neighbours(alone) == [[]]


# Changed questions


@pytest.mark.parametrize(
    "question",
    [
        "When did the oldest bridge in Lund open?",
        "What happened in 1962?",
        "How many of the 1,200 ships sank?",
        "Who won?",
        "Where is 1 bridge?",
        "What did Åse say about it?",
        "Who would buy Oslo?",
    ],
)
def test_a_twist_changes_the_question(question: str) -> None:
    twist = Twist([question, "Who came to Kalmar?", "Where was Bob Dahl?"])
    found = {twist(question, random.Random(seed)) for seed in range(40)}
    assert question not in found
    assert found != {None}
    assert {twist(question, random.Random(seed)) for seed in range(40)} == found


def test_ways_of_changing_a_question() -> None:
    twist = Twist(["Who came to Kalmar?", "Where was Bob Dahl?"])
    found = {twist("Did the first bridge in Lund open before 1962?", random.Random(seed)) for seed in range(300)}
    assert "Did the last bridge in Lund open before 1962?" in found
    assert "Did the first bridge in Lund open after 1962?" in found
    assert "Did the first bridge in Kalmar open before 1962?" in found
    assert "Did the first bridge in Bob Dahl open before 1962?" in found
    numbers = {each for each in found if each is not None and each.startswith("Did the first bridge in Lund open bef")}
    assert len(numbers) > 10
    assert not any("1962" in each for each in numbers)


@pytest.mark.parametrize(
    ("question", "denied"),
    [
        ("what did Putin demand?", {"what did Putin not demand?"}),
        ("when did the bridge open?", {"when did the bridge not open?"}),
        ("who is ill?", {"who is not ill?", "who is never ill?"}),
        ("who did?", {None}),
        ("who is not ill?", {None}),
    ],
)
def test_a_denial(question: str, denied: set[str | None]) -> None:
    assert {Twist([])(question, random.Random(seed)) for seed in range(30)} == denied


def test_a_number_is_never_its_own_opposite() -> None:
    twist = Twist([])
    for question in ("room 1", "room 01", "room 0", "room 2", "1,000 rooms"):
        number = int(question.replace("room", "").strip(" s").replace(",", ""))
        for seed in range(60):
            twisted = twist(question, random.Random(seed))
            if twisted is not None:
                assert int(twisted.replace("room", "").strip(" s").replace(",", "")) != number


def test_what_cannot_be_changed() -> None:
    assert {Twist(["Who?"])("Who?", random.Random(seed)) for seed in range(20)} == {None}


# Marked sentences

RANKED = Ranked(
    "Where is Lund?", tuple(f"Sentence {n}." for n in range(9)), tuple(n in {2, 5} for n in range(9)), in_order=True
)


def test_marked_sentences_are_examples_alone_or_in_runs() -> None:
    sizes = set()
    for seed in range(30):
        (example,) = ranked_examples([RANKED], random.Random(seed))
        held = [text for labelled in example.passages for text in labelled.passage.sentences]
        assert sorted(held) == list(RANKED.sentences)
        for labelled in example.passages:
            sizes.add(len(labelled.right))
            numbers = [RANKED.sentences.index(text) for text in labelled.passage.sentences]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
            assert labelled.right == tuple(RANKED.labels[at] for at in numbers)
            assert labelled.spans == ()
            assert labelled.answered is (None if any(labelled.right) else False)
    assert sizes == {1, 2, 3, 4}


def test_sentences_of_many_texts_are_read_alone_and_not_all_of_them() -> None:
    many = Ranked("Where?", tuple(f"Sentence {n}." for n in range(50)), tuple(n < 2 for n in range(50)), in_order=False)
    (example,) = ranked_examples([many], random.Random(1), longest=10)
    assert [len(labelled.right) for labelled in example.passages] == [1] * 10
    assert sum(labelled.right == (True,) for labelled in example.passages) == 2
    assert example == next(iter(ranked_examples([many], random.Random(1), longest=10)))


def test_a_question_that_no_sentence_answers_is_seldom_seen() -> None:
    none = Ranked("Where?", ("One.", "Two."), (False, False), in_order=False)
    assert 40 < len(list(ranked_examples([none] * 200, random.Random(1)))) < 120


# What an index hands over


@pytest.fixture
def engine(tmp_path: Path, tiny_encoder: Any) -> Iterator[Engine]:
    told = {
        "one": "The new bridge in Lund was opened on Monday, the city said.\n\nIt was Monday in the U.S. as well.\n",
        "two": "On Monday the bridge in Lund was opened, and MONDAYS are dull.\n",
        "three": "The bridge in Oslo was closed, people said in Lund.\n",
    }
    (tmp_path / "articles").mkdir()
    for name, text in told.items():
        (tmp_path / "articles" / f"{name}.txt").write_text(text, "utf-8")
    build_index([tmp_path / "articles"], tmp_path / "index", encoder=tiny_encoder)
    with Engine.open(tmp_path / "index", encoder=tiny_encoder, reader="none") as opened:
        yield opened


def by_article(found: Retrieved) -> dict[str, Labelled]:
    """The passages by a word of theirs."""
    names = {"the city": "one", "dull": "two", "Oslo": "three"}
    return {
        name: each
        for each in found.passages
        for word, name in names.items()
        if word in " ".join(each.passage.sentences)
    }


def test_what_is_retrieved_is_labelled_by_answer_and_article(engine: Engine) -> None:
    item = EvaluationQuestion("a", "When was the bridge in Lund opened?", ("Monday",), ("one.txt",))
    (found,) = retrieve_for(engine, [item])
    passages = by_article(found)
    # The second holds the answer in an article that is not known to answer: it may well do so.
    assert set(passages) == {"one", "three"}
    assert passages["one"].right == (True, True)
    assert texts(passages["one"]) == ["Monday", "Monday"]
    assert passages["one"].answered is True
    assert passages["three"] == Labelled(passages["three"].passage, (), False, (False,))


def test_an_answer_in_any_article_where_none_is_named(engine: Engine) -> None:
    item = EvaluationQuestion("a", "When was the bridge in Lund opened?", ("monday", "nowhere"))
    passages = by_article(next(iter(retrieve_for(engine, [item]))))
    assert texts(passages["two"]) == ["Monday"]
    assert passages["two"].spans == ((0, 3, 9),), "whole words: not in MONDAYS"


def test_words_that_are_written_otherwise_mark_the_sentence_only(engine: Engine) -> None:
    item = EvaluationQuestion("a", "Where was it Monday as well?", ("U.S", "u s"))
    passages = by_article(next(iter(retrieve_for(engine, [item]))))
    assert is_right("It was Monday in the U.S. as well.", ["u s"])
    assert texts(passages["one"]) == ["U.S"]
    item = EvaluationQuestion("a", "Where was it Monday as well?", ("u s",))
    labelled = by_article(next(iter(retrieve_for(engine, [item]))))["one"]
    assert (labelled.spans, labelled.answered, labelled.right) == ((), None, (False, True))


def labelled(number: int, right: bool) -> Labelled:
    return Labelled(Passage((f"Sentence {number}.",)), (), None if right else False, (right,))


def test_examples_of_an_index_are_drawn_from_the_head_of_the_list() -> None:
    found = Retrieved("When?", tuple(labelled(number, number in {3, 8, *range(20, 30)}) for number in range(40)))
    counts = [0] * 40
    for seed in range(200):
        (example,) = retrieved_examples([found], random.Random(seed))
        assert [each.answered for each in example.passages] == [None] * 5 + [False] * 9
        assert len(set(example.passages)) == 14
        for each in example.passages:
            counts[found.passages.index(each)] += 1
    wrong = [count for number, count in enumerate(counts) if number not in {3, 8, *range(20, 30)}]
    assert sum(wrong[:9]) > 2 * sum(wrong[-9:]) > 0
    right = [counts[number] for number in (3, 8, *range(20, 30))]
    assert min(right) > 40, "those that answer are drawn alike"


def test_a_question_for_which_nothing_was_retrieved_is_no_example() -> None:
    assert list(retrieved_examples([Retrieved("When?", ())], random.Random(1))) == []
    (example,) = retrieved_examples([Retrieved("When?", (labelled(1, False),))], random.Random(1))
    assert [each.answered for each in example.passages] == [False]
