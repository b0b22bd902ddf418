"""The question-answering pipeline: an `Engine` holds an open index and its models, and answers from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from index.boilerplate import EVERY_RULE
from index.errors import ArticlesError
from rag.answer import cite, near_copies, select
from rag.calibration import load_calibration
from rag.clock import Clock
from rag.confidence import READ_AGAIN
from rag.conversation import best_reading, readings
from rag.logistic import scoring_for
from rag.question import read_question
from rag.ranking import READ_PASSAGES, rank_by_encoder, rank_by_reader, readers_of
from rag.reader import NO_READER
from rag.retrieve import Evidence, Retriever
from rag.sentence_vectors import SentenceVectors
from rag.speech import any_words_answer
from rag.types import MIN_CONFIDENCE, TOP, Answer, ArticleView

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from index.boilerplate import Rules
    from index.encoder import Encoder
    from index.scope import Scope
    from index.store.base import ArticlePage, IndexInfo, SourceCount
    from index.store.local import LocalStore
    from rag.calibration import Calibration
    from rag.candidates import Candidate
    from rag.logistic import Scoring
    from rag.question import Question
    from rag.reader import Reader
    from rag.types import Citation

__all__ = ["MIN_CONFIDENCE", "TOP", "Engine"]


class Engine:
    """Answers questions from one index; safe to use from several threads.

    Args:
        store: an open index.
        encoder: the encoder that made its vectors.
        reader: reads the retrieved passages; None: the encoder alone ranks their sentences.
        scoring: the models that weigh what they say; those that belong to the reader when None.
        calibration: brings the confidence into line with the user's own questions.
        rules: whether lines that recur in their source are left out.

    Use `Engine.open` for an index folder:

        with Engine.open("DIR") as engine:
            engine.ask("what did Putin demand?")
    """

    def __init__(
        self,
        store: LocalStore,
        encoder: Encoder,
        reader: Reader | None = None,
        *,
        scoring: Scoring | None = None,
        calibration: Calibration | None = None,
        rules: Rules = EVERY_RULE,
    ) -> None:
        self._store = store
        self._reader = reader
        self._calibration = calibration
        self._scoring = scoring or scoring_for(reader.folder if reader is not None else None, reader is not None)
        self._retriever = Retriever(store, encoder, rules=rules)
        self._sentences = SentenceVectors(encoder)

    @classmethod
    def open(
        cls,
        index: Path | str,
        *,
        encoder: Encoder | str | None = None,
        reader: Reader | str | None = None,
        calibrated: bool = True,
        scoring: Scoring | None = None,
    ) -> Engine:
        """Open an index folder.

        Args:
            index: the folder.
            encoder: the encoder or its name; the one that the index names when None.
            reader: the reader, its name or its folder; the shipped one when None, and none when "none".
            calibrated: whether a calibration that is kept with the index is used.
            scoring: the models that weigh what is read; those that belong to the reader when None.

        Raises:
            StoreNotFound, StoreVersionMismatch, StoreDamaged: when the folder cannot be used.
            EncoderMismatch: when another encoder made its vectors.
            EncoderError, ReaderError: when a model cannot be loaded.
        """
        from index.encoder import load_encoder
        from index.store.database import Database
        from index.store.local import LocalStore
        from rag.reader_models import load_reader

        folder = Path(index).expanduser()
        database = Database.open(folder)
        try:
            if encoder is None or isinstance(encoder, str):
                encoder = load_encoder(encoder or database.encoder().name)
            database.check_encoder(encoder.identity)
        finally:
            database.close()
        if reader is None or isinstance(reader, str):
            reader = load_reader(reader)
        name = reader.name if reader is not None else NO_READER
        calibration = load_calibration(folder, reader=name) if calibrated else None
        return cls(LocalStore.open(folder), encoder, reader, scoring=scoring, calibration=calibration)

    def ask(
        self,
        question: str,
        *,
        top: int = TOP,
        min_confidence: float = MIN_CONFIDENCE,
        history: Sequence[Answer | str] = (),
        scope: Scope | None = None,
    ) -> Answer:
        """Answer a question with quoted sentences.

        Args:
            question: up to 1,000 characters.
            top: the greatest number of citations, at least 1.
            min_confidence: the confidence in [0, 1] below which the answer is that the articles do not say.
            history: the earlier answers of the conversation, or bare earlier questions, oldest first. A question that
                leans on them ("Who did he tell?") is read in their light; `Answer.read_as` says how.
            scope: the articles that are asked; all when None. Only they are searched, and nothing else is cited.

        Raises:
            QuestionError: when the question is empty, too long, or no text.
            ArticlesError: when no article lies in the scope.
            ValueError: when `top` or `min_confidence` is out of range.
        """
        if top < 1:
            raise ValueError(f"top must be at least 1, found {top}")
        if not 0.0 <= min_confidence <= 1.0:
            raise ValueError(f"min_confidence must be in [0, 1], found {min_confidence}")
        clock = Clock()
        own = read_question(question).text
        found: dict[str, Evidence] = {}

        def confidence(text: str) -> float:
            found[text] = self._retrieve(text, READ_PASSAGES, clock, scope)
            tried = self.rank(found[text], again=False)
            clock.lap("read")
            return self.confidence(found[text], tried)

        taken = best_reading(readings(own, history), confidence).text
        evidence = found[taken] if taken in found else self._retrieve(taken, READ_PASSAGES, clock, scope)
        ranked = self.rank(evidence)
        clock.lap("read")
        asked = evidence.question
        chosen = select(
            ranked,
            self._confidence,
            top=top,
            min_confidence=min_confidence,
            searched=evidence.searched,
            any_words=any_words_answer(asked.text),
        )

        given = {each.sentence.id for each in (*chosen.cited, *chosen.related)}

        def citations(candidates: Sequence[Candidate]) -> tuple[Citation, ...]:
            found = []
            for number, each in enumerate(candidates, 1):
                same = (*chosen.same.get(each.sentence.id, ()), *near_copies(each, evidence.hits, given))
                found.append(cite(number, each, asked, same, evidence.places, shown=chosen.cited))
            return tuple(found)

        answer = Answer(
            question=own,
            read_as=taken if taken != own else None,
            answered=bool(chosen.cited),
            confidence=chosen.confidence,
            citations=citations(chosen.cited),
            related=citations(chosen.related),
            readers=readers_of(ranked),
            timings=clock.laps,
        )
        clock.lap("cite")
        return answer

    def confidence(self, evidence: Evidence, ranked: Sequence[Candidate]) -> float:
        """The probability in [0, 1] that the first of ranked sentences answers; 0 when there is none."""
        return select(ranked, self._confidence, top=1, min_confidence=0.0, searched=evidence.searched).confidence

    def _confidence(self, features: Mapping[str, float]) -> float:
        again = self._scoring.again if features[READ_AGAIN] else None
        model = self._scoring.confidence if again is None else again.confidence
        confidence = model.probability(features)
        return confidence if self._calibration is None else self._calibration(confidence)

    @property
    def reader(self) -> str:
        """The name of the reader; "none" without one."""
        return self._reader.name if self._reader is not None else NO_READER

    def ask_many(
        self, questions: Iterable[str], *, top: int = TOP, min_confidence: float = MIN_CONFIDENCE
    ) -> list[Answer]:
        """Answer several questions, in order; see `ask`."""
        return [self.ask(question, top=top, min_confidence=min_confidence) for question in questions]

    def candidates(self, question: str, *, thorough: bool = False) -> tuple[Question, list[Candidate]]:
        """The question as it was read, and the sentences that may answer it, scored, the best first.

        For measuring and fitting; `ask` chooses among them.

        Args:
            question: up to 1,000 characters.
            thorough: whether all retrieved passages are read, and all their sentences compared.

        Raises:
            QuestionError: as `ask`.
        """
        evidence = self.retrieve(question)
        return evidence.question, self.rank(evidence, thorough=thorough)

    def retrieve(self, question: str, *, top_k: int = READ_PASSAGES) -> Evidence:
        """What is found for a question, before anything is read.

        Args:
            question: up to 1,000 characters.
            top_k: how many passages; near copies of them come behind.

        Raises:
            QuestionError: as `ask`.
        """
        return self._retrieve(question, top_k, Clock())

    @property
    def store(self) -> LocalStore:
        """The index that is searched."""
        return self._store

    def _retrieve(self, text: str, top_k: int, clock: Clock, scope: Scope | None = None) -> Evidence:
        question = read_question(text)
        vector = self._retriever.encode(question)
        clock.lap("encode")
        evidence = self._retriever.retrieve(question, vector, top_k=top_k, scope=scope)
        clock.lap("retrieve")
        return evidence

    def rank(self, evidence: Evidence, *, thorough: bool = False, again: bool = True) -> list[Candidate]:
        """The sentences of retrieved passages, the most likely answer first.

        Args:
            evidence: what `retrieve` found.
            again: whether a second reader, where there is one, reads the best passages again.
            thorough: whether all of it is read, and all its sentences compared.
        """
        if self._reader is not None:
            return rank_by_reader(evidence, self._reader, self._scoring, thorough=thorough, again=again)
        return rank_by_encoder(evidence, self._sentences, self._scoring, thorough=thorough)

    def article(self, article_id: str) -> ArticleView:
        """An article's text and title.

        Raises:
            ArticlesError: when it is not in the index.
        """
        found = self._store.article(article_id)
        if found is None:
            raise ArticlesError(f"the index holds no article {article_id!r}; it may have been removed since")
        record, text = found
        return ArticleView(
            article_id=record.id,
            title=record.title,
            source=record.url or record.path,
            published=record.published,
            path=record.path,
            place=record.place,
            agency=record.agency,
            text=record.extent.of(text),
            start=record.extent.start,
            end=record.extent.end,
        )

    def articles(
        self, *, search: str = "", scope: Scope | None = None, limit: int = 50, offset: int = 0
    ) -> ArticlePage:
        """A page of the list of articles; see `index.store.base.Store.articles`."""
        return self._store.articles(search=search, scope=scope, limit=limit, offset=offset)

    def sources(self, *, search: str = "", scope: Scope | None = None) -> list[SourceCount]:
        """How many articles are from each outlet, the most first."""
        return self._store.sources(search=search, scope=scope)

    def over(self, index: Path | str) -> Engine:
        """An engine with the same models over another index, to be closed by itself; raises as `Engine.open`."""
        return Engine.open(index, encoder=self.encoder, reader=self._reader if self._reader is not None else NO_READER)

    @property
    def encoder(self) -> Encoder:
        """What embeds questions, and made the index's vectors."""
        return self._retriever.encoder

    def info(self) -> IndexInfo:
        """What the index holds."""
        return self._store.info()

    def close(self) -> None:
        """Let go of the index's files."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
