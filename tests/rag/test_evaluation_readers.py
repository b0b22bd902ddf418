"""A reader alone on SQuAD and on ranked sentences, with a small reader whose every reading can be foretold."""

from __future__ import annotations

import gzip
import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import EvaluationError
from rag.evaluation.sentences import evaluate_sentences, sentence_scores
from rag.evaluation.squad import best_score, evaluate_squad, predict, read_squad, sentences_of

if TYPE_CHECKING:
    from pathlib import Path


CONTEXT = "Rain fell in Lund. The bridge opened in 1962.\nThe old bridge carried Bob home."
OTHER = "Nobody came."


def squad(*paragraphs: tuple[str, list[dict[str, Any]]]) -> dict[str, Any]:
    return {
        "version": "v2.0",
        "data": [{"title": "T", "paragraphs": [{"context": c, "qas": q} for c, q in paragraphs]}],
    }


def asked(name: str, question: str, *answers: str, context: str = CONTEXT, **more: Any) -> dict[str, Any]:
    found = [{"text": text, "answer_start": context.index(text)} for text in answers]
    return {"id": name, "question": question, "answers": found, **more}


OPENED = asked("opened", "When was the bridge opened?", "1962", "in 1962")  # "1962": 4 words in common, margin 1
CARRIED = asked("carried", "Which bridge carried whom home?", "Lund")  # "Bob", wrong: margin 1
FELL = asked("fell", "Where fell rain?", "in Lund")  # "Lund", half right: margin 0
HOPELESS = asked("hopeless", "Who?", is_impossible=True)  # "Rain": margin -2
NOBODY = asked("nobody", "Who came?", is_impossible=True, context=OTHER)  # "Nobody": margin -1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "dev.json"


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_a_paragraph_is_cut_as_an_index_cuts_it() -> None:
    assert sentences_of(CONTEXT) == (
        "Rain fell in Lund.",
        "The bridge opened in 1962.",
        "The old bridge carried Bob home.",
    )
    assert sentences_of("") == ()


def test_the_prediction_is_the_span_with_the_widest_margin(tiny_reader: Any) -> None:
    assert predict("When was the bridge opened?", sentences_of(CONTEXT), tiny_reader) == ("1962", 1.0)
    assert predict("Who?", (), tiny_reader) == ("", float("-inf"))
    assert predict("Who?", ("nobody",), tiny_reader) == ("", float("-inf"))


def test_squad_1(file: Path, tiny_reader: Any) -> None:
    figures = evaluate_squad(write(file, squad((CONTEXT, [OPENED, CARRIED, FELL]))), tiny_reader)
    assert figures["exact_match"] == pytest.approx(100 * 1 / 3)
    assert figures["f1"] == pytest.approx(100 * (1 + 0 + 2 / 3) / 3)
    assert figures["answerability_auroc"] is None
    assert (figures["questions"], figures["answerable"], figures["reader"]) == (3, 3, "tiny")
    assert (figures["malformed"], figures["misplaced_answers"], figures["problems"]) == (0, 0, [])
    assert figures["questions_per_second"] == pytest.approx(3 / figures["seconds"])
    assert "best_f1" not in figures
    assert [passage.sentences for passage in tiny_reader.read_passages] == [sentences_of(CONTEXT)] * 3


def test_squad_2(file: Path, tiny_reader: Any) -> None:
    content = squad((CONTEXT, [OPENED, CARRIED, HOPELESS]), (OTHER, [NOBODY]))
    figures = evaluate_squad(write(file, content), tiny_reader)
    assert (figures["questions"], figures["answerable"]) == (4, 2)
    assert figures["exact_match"] == figures["f1"] == 50.0, "of the answerable ones"
    assert figures["answerability_auroc"] == 1.0
    # Answering the two of margin 1: one of them right, and the two others rightly left.
    assert figures["best_exact"] == figures["best_f1"] == 75.0
    assert figures["best_exact_threshold"] == figures["best_f1_threshold"] == 1.0


def test_where_never_answering_is_best_there_is_no_threshold(file: Path, tiny_reader: Any) -> None:
    figures = evaluate_squad(write(file, squad((CONTEXT, [CARRIED, HOPELESS]))), tiny_reader)
    assert (figures["best_f1"], figures["best_f1_threshold"]) == (50.0, None)
    json.dumps(figures, allow_nan=False)


def test_a_limit_reads_the_same_questions_each_time(file: Path, tmp_path: Path, tiny_reader: Any) -> None:
    qas = [asked(str(n), "When was the bridge opened?", "1962" if n % 3 else "Lund") for n in range(40)]
    first = evaluate_squad(write(file, squad((CONTEXT, qas))), tiny_reader, limit=10)
    again = evaluate_squad(write(tmp_path / "b.json", squad((CONTEXT, qas[::-1]))), tiny_reader, limit=10)
    assert first["questions"] == again["questions"] == 10
    assert first["exact_match"] == again["exact_match"]


def test_progress_is_told(file: Path, tiny_reader: Any) -> None:
    seen: list[tuple[int, int]] = []
    path = write(file, squad((CONTEXT, [OPENED, CARRIED])))
    evaluate_squad(path, tiny_reader, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_what_is_malformed_or_misplaced_is_counted_and_named(file: Path, tiny_reader: Any) -> None:
    content = squad(
        (
            CONTEXT,
            [
                OPENED,
                {**OPENED, "answers": [{"text": "1962", "answer_start": 0}]},
                {**OPENED, "answers": [{"text": "1962"}, {"text": "1962", "answer_start": -4}]},
                {**OPENED, "question": " "},
                {**OPENED, "answers": ["1962"]},
                {"id": "none", "question": "When?"},
                "nothing",
            ],
        ),
    )
    content["data"] += [{"title": "no paragraphs"}, {"paragraphs": [{"qas": []}, {"context": "x"}]}]
    path = file.with_suffix(".json.gz")
    path.write_bytes(gzip.compress(json.dumps(content).encode()))
    read = read_squad(path)
    assert (len(read.questions), read.malformed, read.misplaced) == (3, 7, 3)
    assert read.problems[0] == "data[0].paragraphs[0].qas[1]: the answer '1962' does not stand at its place"
    assert "data[0].paragraphs[0].qas[3]: no question" in read.problems
    assert len(read.problems) == 10
    figures = evaluate_squad(path, tiny_reader)
    assert (figures["questions"], figures["malformed"], figures["misplaced_answers"]) == (3, 7, 3)
    assert figures["exact_match"] == 100.0, "texts are compared, wherever they stand"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "is no JSON"),
        ("[]", 'no list "data"'),
        ('{"data": {}}', 'no list "data"'),
        ('{"data": []}', "no entry at all"),
        ('{"data": [{"paragraphs": [{"context": "x", "qas": [{}]}]}]}', "1 malformed entries"),
    ],
)
def test_what_is_no_squad(file: Path, text: str, what: str, tiny_reader: Any) -> None:
    file.write_text(text, "utf-8")
    with pytest.raises(EvaluationError, match=what):
        evaluate_squad(file, tiny_reader)


@given(
    st.lists(
        st.tuples(st.sampled_from([-1.0, 0.0, 0.5, 2.0]), st.sampled_from([0.0, 0.5, 1.0]), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_the_best_threshold_is_the_best_of_all(rows: list[tuple[float, float, bool]]) -> None:
    # A prediction for a question without an answer is worth nothing.
    rows = [(margin, score if has_answer else 0.0, has_answer) for margin, score, has_answer in rows]

    def total(threshold: float) -> float:
        return sum(score if margin >= threshold else float(not has_answer) for margin, score, has_answer in rows) / len(
            rows
        )

    thresholds = [float("inf"), *sorted({margin for margin, _, _ in rows}, reverse=True)]
    best, threshold = best_score(*zip(*rows, strict=True))
    assert best == pytest.approx(max(map(total, thresholds)))
    assert best == pytest.approx(total(float("inf") if threshold is None else threshold))


# Ranked sentences

RANKED = [
    # 2 and 1 words in common, in the wrong order; then a tie, which is lost.
    {
        "id": "a",
        "question": "When was the bridge opened?",
        "sentences": ["It opened.", "The bridge."],
        "labels": [1, 0],
    },
    {"id": "b", "question": "Where is Lund?", "sentences": ["In Lund.", "Not Lund.", "Oslo."], "labels": [1, 0, 0]},
    {"id": "c", "question": "Where is Lund?", "sentences": ["Lund is here."], "labels": [1]},
    {"id": "d", "question": "Where is Oslo?", "sentences": ["Lund is here."], "labels": [0]},
    {"id": "e", "question": "Where is Lund?", "sentences": ["Oslo.", "Lund is here."], "labels": [0, 1]},
]


def test_sentences_are_ranked_each_by_itself(tmp_path: Path, tiny_reader: Any) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, RANKED)), "utf-8")
    figures = evaluate_sentences(path, tiny_reader)
    assert figures["map"] == figures["mrr"] == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)
    assert figures["map_all"] == figures["mrr_all"] == pytest.approx((1 / 2 + 1 / 2 + 1 + 1) / 4)
    counted = ("questions", "ranked", "without_right", "without_wrong", "sentences")
    assert [figures[name] for name in counted] == [5, 3, 1, 1, 8]
    assert {len(passage.sentences) for passage in tiny_reader.read_passages} == {1}
    assert figures["reader"] == "tiny"
    assert evaluate_sentences(path, tiny_reader, limit=2)["questions"] == 2


def test_the_order_of_a_file_is_of_no_matter(tmp_path: Path, tiny_reader: Any) -> None:
    path = tmp_path / "own.jsonl"
    found = set()
    for order in itertools.permutations(range(3)):
        record = RANKED[1]
        shuffled = {name: [record[name][at] for at in order] for name in ("sentences", "labels")}
        path.write_text(json.dumps({**record, **shuffled}), "utf-8")
        found.add(evaluate_sentences(path, tiny_reader)["map"])
    assert found == {0.5}


def test_scores_are_the_readers_own(tiny_reader: Any) -> None:
    assert sentence_scores("Where is Lund?", ("Lund is here.", "nowhere"), tiny_reader) == [2.0, 0.0]


def test_a_file_with_nothing_to_rank_has_no_figures(tmp_path: Path, tiny_reader: Any) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(RANKED[3]), "utf-8")
    figures = evaluate_sentences(path, tiny_reader)
    assert [figures[name] for name in ("map", "mrr", "map_all", "mrr_all", "sentences_per_second")] == [None] * 5
