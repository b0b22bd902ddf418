"""Whether a confidence means the same in collections of every size: each is built and asked, and what came of it kept.

An answer counts as right as in `rag.evaluation.run.judge`. Where no article is known to answer, none does.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from index.errors import ArticlesError, EvaluationError
from index.scope import Scope
from rag.engine import Engine
from rag.evaluation.collections import build_collection, draw_collections
from rag.evaluation.outcomes import Outcome
from rag.evaluation.run import figures_of, judge
from rag.reader import NO_READER
from rag.types import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from index.encoder import Encoder
    from rag.evaluation.collections import ArticleText, Collection, Known
    from rag.evaluation.questions import EvaluationQuestion
    from rag.reader import Reader

__all__ = ["KINDS", "TOGETHER", "Asking", "SizeOutcome", "SizesRun", "ask_all", "key_of", "plan", "shared"]

KINDS = ("with", "without", "trap")
"""How a question is asked: with an article that answers it in the collection; without; and, where it has no answer,
with the article that it is about, which does not say."""
TOGETHER = "together"
"""What the figures of all kinds of a size are called."""

_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
_SMALL = 1_000
"""Articles of a collection that is kept in memory, at most."""
_LACKING = 0.1
"""The share of the articles which answer that an index of all articles may lack."""
_KEPT = ("answered_share", "accuracy_answered", "calibration_error", "auroc", "mean_confidence")


@dataclass(frozen=True, slots=True)
class SizeOutcome:
    """What came of a question in a collection.

    Attributes:
        size: how many articles there were.
        kind: one of `KINDS`.
        outcome: with the first sentence alone of those that were given. A question that is asked without an article
            that answers it has no answers here.
    """

    size: int
    kind: str
    outcome: Outcome

    def to_dict(self) -> dict[str, Any]:
        """Its fields as plain values, those of the outcome among them."""
        return {"size": self.size, "kind": self.kind, **asdict(self.outcome)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> SizeOutcome:
        """From what `to_dict` gave, read from JSON or not.

        Raises:
            KeyError, TypeError: when it is no such thing.
        """
        rest = {name: value for name, value in content.items() if name not in ("size", "kind")}
        return cls(content["size"], content["kind"], Outcome.from_dict(rest))


@dataclass(frozen=True, slots=True)
class SizesRun:
    """A run over collections of several sizes.

    Attributes:
        outcomes: in the order of the sizes.
        threshold: the confidence in [0, 1] from which an answer counts as given.
        settings: what was run on what, in plain values for a person and for JSON.
    """

    outcomes: tuple[SizeOutcome, ...]
    threshold: float
    settings: Mapping[str, Any] = field(default_factory=dict)

    def figures(self) -> list[dict[str, Any]]:
        """For each size and each way of asking, and for a size's questions together, in order.

        Returns:
            `size`, `asked` (one of `KINDS`, or `TOGETHER`), `questions`, and as in `rag.evaluation.run.figures_of`
            `answered_share`, `accuracy_answered` (None where none can be right), `calibration_error`, `auroc`,
            `mean_confidence` and, of the questions together, `answered_without`: the share that is answered of those
            that no article is known to answer. None where there is nothing to measure.
        """
        by_size: dict[int, dict[str, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
        for each in self.outcomes:
            by_size[each.size][each.kind].append(each.outcome)
            by_size[each.size][TOGETHER].append(each.outcome)
        return [
            {"size": size, "asked": kind, **self._of(kind, by_size[size][kind])}
            for size in sorted(by_size)
            for kind in (*KINDS, TOGETHER)
            if kind in by_size[size]
        ]

    def _of(self, kind: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
        figures = figures_of(outcomes, self.threshold)
        found = {"questions": len(outcomes), **{name: figures[name] for name in _KEPT}}
        if kind == TOGETHER:
            found["answered_without"] = figures["wrongly_answered"]
        elif kind != "with":
            found["accuracy_answered"] = None
        return found


def shared(new: SizesRun, old: SizesRun) -> tuple[SizesRun, SizesRun]:
    """Both runs with what was asked in both alone: the same questions, in the same way, of collections of one size.

    Raises:
        EvaluationError: when the runs share nothing.
    """

    def key(each: SizeOutcome) -> tuple[int, str, str, str]:
        return each.size, each.kind, each.outcome.id, each.outcome.question

    both = {key(each) for each in new.outcomes} & {key(each) for each in old.outcomes}
    if not both:
        raise EvaluationError(
            "the two runs share no question that is asked of collections of one size; expected a run that --save wrote "
            "on the same questions and sizes"
        )
    now, before = (tuple(each for each in run.outcomes if key(each) in both) for run in (new, old))
    return replace(new, outcomes=now), replace(old, outcomes=before)


def plan(
    questions: Sequence[EvaluationQuestion],
    articles: Sequence[ArticleText],
    sizes: Iterable[int | None],
    *,
    near: Sequence[Sequence[int]],
    known: Known,
    seed: int,
) -> list[Collection]:
    """The collections of all sizes, the smallest first; None, and what is greater than all there are, means all.

    For the rest see `rag.evaluation.collections.draw_collections`.
    """
    total = len(articles)
    wanted = sorted({total if size is None else min(size, total) for size in sizes})
    return [
        each
        for size in wanted
        for each in draw_collections(questions, articles, size, near=near, seed=seed, known=known)
    ]


def key_of(collection: Collection) -> str:
    """32 hexadecimal digits that tell a collection and its questions from all others of a plan."""
    content = json.dumps([collection.size, collection.articles, collection.asked, collection.left_out])
    return hashlib.sha256(content.encode()).hexdigest()[:32]


class Asking:
    """Builds collections and asks them; the models are loaded once. A context manager.

    Where articles are left out, the question is asked within the scope of all others: that is exact in what is found,
    compared and cited, and only the counts of words (BM25, `rag.rarity`) still know what was left out.

    Args:
        questions: those that the numbers in collections mean.
        articles: likewise.
        known: what is known of both.
        encoder: embeds; best a `rag.evaluation.collections.RememberingEncoder`.
        reader: reads; none when None.
        index: an index of all the articles, for the collection of all; made when None.
        min_confidence: the confidence in [0, 1] from which an answer counts as given.
    """

    def __init__(
        self,
        questions: Sequence[EvaluationQuestion],
        articles: Sequence[ArticleText],
        known: Known,
        encoder: Encoder,
        reader: Reader | None,
        *,
        index: Path | None = None,
        min_confidence: float,
    ) -> None:
        self._questions = questions
        self._articles = articles
        self._known = known
        self._encoder = encoder
        self._reader = reader
        self._index = index
        self._min_confidence = min_confidence
        self._opened = ExitStack()
        self._engine: Engine | None = None
        self._articles_open: tuple[int, ...] = ()
        self._ids: dict[str | None, set[str]] | None = None

    def __call__(self, collection: Collection) -> list[SizeOutcome]:
        """Ask a collection its questions.

        Raises:
            EvaluationError: when the index that was given lacks sources of the questions.
            StoreError: when no index can be written, and as `Engine.open` where one was given.
        """
        self._open(collection)
        scope = self._scope(collection.left_out)
        inside = set(collection.articles).difference(collection.left_out)
        outcomes = []
        for number, is_known in collection.asked:
            item = self._questions[number]
            kind = "with" if is_known else "without"
            if not is_known:
                if not item.answers and not inside.isdisjoint(self._known.sources[number]):
                    kind = "trap"
                item = replace(item, answers=(), sources=())
            start = time.perf_counter()
            answer = self._ask(item.question, scope)
            seconds = time.perf_counter() - start
            outcome = judge(item, answer, seconds, min_confidence=self._min_confidence)
            outcomes.append(SizeOutcome(collection.size, kind, replace(outcome, ranked=outcome.ranked[:1])))
        return outcomes

    def _ask(self, question: str, scope: Scope | None) -> Answer:
        if self._engine is None or (scope is not None and not scope):
            return Answer(question, answered=False, confidence=0.0)
        return self._engine.ask(question, min_confidence=0.0, scope=scope)

    def _open(self, collection: Collection) -> None:
        """Have the engine over the collection's articles open; none where they hold no sentence."""
        if collection.articles == self._articles_open:
            return
        self.close()
        opened = ExitStack()
        self._opened = opened
        if self._index is not None and len(collection.articles) == len(self._articles):
            folder = self._index
        else:
            within = _IN_MEMORY if len(collection.articles) <= _SMALL and _IN_MEMORY.is_dir() else None
            temporary = opened.enter_context(tempfile.TemporaryDirectory(prefix="citewell-sizes-", dir=within))
            articles = (self._articles[number] for number in collection.articles)
            try:
                folder = build_collection(articles, Path(temporary), self._encoder)
            except ArticlesError:
                # Not one sentence, as in the caption of a photograph: there is nothing that could be cited.
                self._articles_open = collection.articles
                return
        reader = NO_READER if self._reader is None else self._reader
        self._engine = opened.enter_context(Engine.open(folder, encoder=self._encoder, reader=reader, calibrated=False))
        if folder == self._index:
            self._check()
        self._articles_open = collection.articles

    def _check(self) -> None:
        """Refuse an index that is of other articles."""
        listed = self._listed()
        answering = {number for own in self._known.answering for number in own}
        missing = [each for each in sorted(answering) if self._articles[each].url not in listed]
        # A few may be left out of any index, for they hold no sentence.
        if len(missing) > _LACKING * len(answering):
            raise EvaluationError(
                f"the index {self._index} lacks {len(missing):,} of the {len(answering):,} articles that answer, such "
                f"as {self._articles[missing[0]].url}; expected an index of the articles that --articles names"
            )

    def _listed(self) -> Mapping[str | None, set[str]]:
        """The ids of the open index's articles, by URL."""
        if self._ids is None:
            self._ids = defaultdict(set)
            if self._engine is not None:
                for each in self._engine.articles(limit=self._engine.info().articles).articles:
                    self._ids[each.article.url].add(each.article.id)
        return self._ids

    def _scope(self, left_out: Sequence[int]) -> Scope | None:
        """All articles but some; an empty scope when none are left, None when none are left out."""
        if not left_out:
            return None
        listed = self._listed()
        without = set().union(*(listed.get(self._articles[number].url, ()) for number in left_out))
        return Scope(articles=frozenset().union(*listed.values()) - without)

    def close(self) -> None:
        """Let go of what is open, and remove what was built."""
        self._engine, self._ids, self._articles_open = None, None, ()
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def ask_all(
    collections: Sequence[Collection],
    ask: Callable[[Collection], Sequence[SizeOutcome]],
    *,
    done: Mapping[str, Sequence[SizeOutcome]],
    keep: Callable[[str, Sequence[SizeOutcome]], None],
    progress: Callable[[int, int], None] | None = None,
) -> list[SizeOutcome]:
    """What comes of all collections, in order; what is done already is not asked again.

    Args:
        collections: what is asked (`plan`).
        ask: asks one, such as an `Asking`.
        done: what came of some of them before, by `key_of`.
        keep: takes what came of each other one, with its key, as soon as it is asked.
        progress: called with the number of questions done and of all.
    """
    total = sum(len(each.asked) for each in collections)
    outcomes: list[SizeOutcome] = []
    for collection in collections:
        key = key_of(collection)
        found = done.get(key)
        if found is None:
            found = ask(collection)
            keep(key, found)
        outcomes += found
        if progress is not None:
            progress(len(outcomes), total)
    return outcomes
