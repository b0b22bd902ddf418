"""A conversation: its turns, and how a question that was sent becomes the next one."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from index.errors import CitewellError
from rag.types import MIN_CONFIDENCE, TOP
from ui.articles import read_scope, scope_markup
from ui.render import PENDING, answer_markup, problem_markup, question_markup, reading_markup
from ui.takeaway import toolbar_markup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from index.scope import Scope
    from rag.feedback import Verdict
    from rag.types import Answer, ArticleView

__all__ = ["AnswersQuestions", "Turn", "asker", "literal_asker", "messages", "rereader"]

logger = logging.getLogger(__name__)

MOST_TURNS = 50
"""Questions that one conversation keeps on the server; the oldest go first."""

_BROKEN = "Something went wrong while answering. The terminal that runs citewell says what."


class AnswersQuestions(Protocol):
    """The engine, as far as the page needs it; called from several threads at once."""

    def ask(
        self,
        question: str,
        *,
        top: int = TOP,
        min_confidence: float = MIN_CONFIDENCE,
        history: Sequence[Answer | str] = (),
        scope: Scope | None = None,
    ) -> Answer:
        """The answer to one question, read in the light of the earlier answers or questions.

        Raises:
            CitewellError: the question cannot be read, nothing lies in its scope, or the index cannot be used.
        """
        ...

    def article(self, article_id: str) -> ArticleView:
        """The article.

        Raises:
            ArticlesError: there is no such article.
        """
        ...


def _new_key() -> str:
    return secrets.token_hex(16)


@dataclass(slots=True)
class Turn:
    """One question of a conversation.

    Attributes:
        question: as it was sent.
        scope: the articles that it is limited to; None: all.
        answer: what the engine gave; None while it is read, and when there was a problem.
        markup: what is shown below the question.
        problem: why it could not be answered; None when it was, or is being read.
        number: of the turn in its conversation, counted from 0; it stays when older turns go.
        key: tells its answer from all others.
        vote: what the reader thought of the answer.
        limit: the scope as the browser sent it, which may be anything.
        reading: the question as it was read after others; None when it was read as it stands from the first.
        literal: whether that reading was taken back.
    """

    question: str
    scope: Scope | None = None
    answer: Answer | None = None
    markup: str = PENDING
    problem: str | None = None
    number: int = 0
    key: str = field(default_factory=_new_key)
    vote: Verdict = "none"
    limit: object = None
    reading: str | None = None
    literal: bool = False


def messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """The conversation as the chat shows it."""
    shown = []
    for turn in turns:
        if turn.question.strip():
            shown.append(_message("user", question_markup(turn.question) + scope_markup(turn.scope)))
        toolbar = toolbar_markup(turn.number, turn.vote) if turn.answer is not None else ""
        shown.append(_message("assistant", turn.markup + toolbar))
    return shown


def _message(role: str, markup: str) -> dict[str, Any]:
    # As a typed part: Gradio re-indents a plain string, and quotes keep their white space.
    return {"role": role, "content": [{"type": "text", "text": markup}]}


def _reply(engine: AnswersQuestions, turn: Turn, history: Sequence[Answer]) -> None:
    """Complete a turn with the answer to its question, or with what was wrong.

    A turn that has a reading keeps it: it is asked with that, or as it stands when that was taken back.
    """
    turn.answer, turn.problem, turn.vote, turn.key = None, None, "none", _new_key()  # another answer, another vote
    try:
        turn.scope = read_scope(turn.limit)
        if turn.reading is None:
            turn.answer = engine.ask(turn.question, history=history, scope=turn.scope)
            turn.reading = turn.answer.read_as
        elif turn.literal:
            turn.answer = engine.ask(turn.question, scope=turn.scope)
        else:
            answer = engine.ask(turn.reading, scope=turn.scope)
            turn.answer = replace(answer, question=turn.question, read_as=turn.reading)
    except CitewellError as error:
        turn.problem = str(error)
    except Exception:
        logger.exception("no answer to %r", turn.question)
        turn.problem = _BROKEN
    below = answer_markup(turn.answer) if turn.answer is not None else problem_markup(turn.problem or _BROKEN)
    turn.markup = reading_markup(turn.reading, turn.number, literal=turn.literal) + below


def asker(engine: AnswersQuestions) -> Any:
    """What the page calls with a question and the conversation so far; it gives what to show, again and again.

    Args:
        engine: answers.
    """

    # What comes in is what a browser sent: of any type. The conversation is kept here, never taken from the browser.
    def ask(question: Any, turns: Any, scope: Any = None) -> Any:
        turn = Turn(question if isinstance(question, str) else "", number=turns[-1].number + 1 if turns else 0)
        turn.limit = scope
        history = _answers(turns)
        # Changed in place: two questions at once both find their turn in the one list of this conversation.
        turns.append(turn)
        del turns[:-MOST_TURNS]
        yield messages(turns), turns
        _reply(engine, turn, history)
        yield messages(turns), turns

    return ask


def literal_asker(engine: AnswersQuestions) -> Any:
    """What the page calls to take back how a question was read: it is asked again as it stands, and answered in place.

    Args:
        engine: answers.
    """
    return _again(engine, literal=True)


def rereader(engine: AnswersQuestions) -> Any:
    """What the page calls to read a question again as it was before that was taken back; it is answered in place.

    Args:
        engine: answers.
    """
    return _again(engine, literal=False)


def _again(engine: AnswersQuestions, *, literal: bool) -> Any:
    # The browser sends the number of a turn and nothing else; which question that is, the conversation kept here says.
    def ask_again(number: Any, turns: Any) -> Any:
        chosen = number if isinstance(number, int) and not isinstance(number, bool) else None
        turn = next((each for each in turns if each.number == chosen), None)
        if turn is not None and turn.reading is not None and turn.literal is not literal:
            turn.literal = literal
            _reply(engine, turn, ())
        return messages(turns), turns

    return ask_again


def _answers(turns: Sequence[Turn]) -> list[Answer]:
    return [turn.answer for turn in turns if turn.answer is not None]
