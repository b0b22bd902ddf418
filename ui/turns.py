"""A conversation: its turns, and how a question that was sent becomes the next one."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from index.errors import CitewellError
from ui.articles import read_scope, scope_markup
from ui.render import PENDING, answer_markup, problem_markup, question_markup
from ui.takeaway import toolbar_markup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from index.scope import Scope
    from rag.feedback import Verdict
    from rag.types import Answer, ArticleView

__all__ = ["AnswersQuestions", "Turn", "asker", "messages"]

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
        top: int = 5,
        min_confidence: float = 0.5,
        scope: Scope | None = None,
    ) -> Answer:
        """The answer to one question.

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
    """

    question: str
    scope: Scope | None = None
    answer: Answer | None = None
    markup: str = PENDING
    problem: str | None = None
    number: int = 0
    key: str = field(default_factory=_new_key)
    vote: Verdict = "none"


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


def _reply(engine: AnswersQuestions, turn: Turn, scope: object) -> None:
    """Complete a turn with the answer to its question, or with what was wrong."""
    turn.problem, turn.vote, turn.key = None, "none", _new_key()  # another answer, another vote
    try:
        turn.scope = read_scope(scope)
        answer = engine.ask(turn.question, scope=turn.scope)
        turn.markup, turn.answer = answer_markup(answer), answer
    except CitewellError as error:
        turn.problem = str(error)
    except Exception:
        logger.exception("no answer to %r", turn.question)
        turn.problem = _BROKEN
    if turn.problem is not None:
        turn.markup = problem_markup(turn.problem)


def asker(engine: AnswersQuestions) -> Any:
    """What the page calls with a question and the conversation so far; it gives what to show, again and again.

    Args:
        engine: answers.
    """

    # What comes in is what a browser sent: of any type. The conversation is kept here, never taken from the browser.
    def ask(question: Any, turns: Any, scope: Any = None) -> Any:
        turn = Turn(question if isinstance(question, str) else "", number=turns[-1].number + 1 if turns else 0)
        # Changed in place: two questions at once both find their turn in the one list of this conversation.
        turns.append(turn)
        del turns[:-MOST_TURNS]
        yield messages(turns), turns, ""
        _reply(engine, turn, scope)
        yield messages(turns), turns, ""

    return ask
