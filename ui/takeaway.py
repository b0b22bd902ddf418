"""What a reader takes along: an answer or the conversation as text, Markdown or JSON, a link, a vote."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import quote

from index.errors import CitewellError
from rag.feedback import Verdict, vote_on
from rag.formats import NotAsked, answer_as, conversation_as, standing_question
from ui.panel import asset
from ui.text import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rag.feedback import Vote
    from rag.formats import Format
    from rag.types import Answer

__all__ = [
    "QUESTION_IN_ADDRESS",
    "KeepsVotes",
    "asks_the_address",
    "take",
    "takeaway_template",
    "taker",
    "toolbar_markup",
]

logger = logging.getLogger(__name__)

QUESTION_IN_ADDRESS = "(question, turns) => [new URLSearchParams(location.search).get('q'), turns]"
"""The question of `/?q=QUESTION`, where the box would give its own. Here, for nobody but the page reads the address."""

_FORMATS = "text|markdown|json"
_ONE = re.compile(rf"(0|[1-9][0-9]{{0,8}}):({_FORMATS}|link|up|down|none)", re.ASCII)
_ALL = re.compile(rf"all:({_FORMATS})", re.ASCII)
_GREATEST_TICKET = 2**53

_GONE = "This answer is not kept any more. Ask again."
_NOTHING = "There is nothing to export yet. Ask something first."
_NO_SUCH_THING = "This cannot be taken along."
_BROKEN = "Something went wrong. The terminal that runs citewell says what."
_NOT_KEPT = "Votes are not kept here."
_KEPT = "Thank you. Vote, question and answer are kept beside the index, on the computer that runs citewell."
_TAKEN_BACK = "Your vote is taken back."


class KeepsVotes(Protocol):
    """Where votes go; called from several threads at once."""

    def keep(self, vote: Vote) -> None:
        """Keep a vote; a later one with the same id takes its place.

        Raises:
            CitewellError: it was not kept.
        """
        ...


class TurnLike(Protocol):
    """A turn of the conversation, as far as it is taken along (`ui.turns.Turn`)."""

    question: str
    answer: Answer | None
    problem: str | None
    number: int
    key: str
    vote: Verdict


def toolbar_markup(number: int, vote: Verdict) -> str:
    """The buttons under an answer. Nothing in them comes from outside.

    Args:
        number: the turn's; with the button's purpose it is all that a click sends.
        vote: what was thought of the answer so far.
    """

    def button(purpose: str, label: str, more: str = "", title: str = "") -> str:
        titled = f' title="{title}"' if title else ""
        return f'<button type="button" class="take{more}" value="{number}:{purpose}"{titled}>{label}</button>'

    def thumb(verdict: str, label: str) -> str:
        pressed = " pressed" if vote == verdict else ""
        return button(verdict, f"<span>{label}</span>", f" thumb {verdict}{pressed}", label)

    copies = button("text", "Text with footnotes") + button("markdown", "Markdown") + button("json", "JSON")
    return (
        '<div class="takes"><details class="take-menu"><summary>Copy</summary>'
        f'<div class="take-items">{copies}</div></details>'
        f"{button('link', 'Link', title='Copy the address that asks this question')}"
        f"{thumb('up', 'Right answer')}{thumb('down', 'Wrong answer')}</div>"
    )


def takeaway_template(*, votes: bool) -> str:
    """The export menu, what is said, and the place for a text that cannot be copied.

    Args:
        votes: whether votes are kept; the thumbs are hidden otherwise.
    """
    return asset("takeaway.html").replace("VOTES", "kept" if votes else "off")


def take(turns: Sequence[TurnLike], wanted: object, votes: KeepsVotes | None) -> dict[str, Any]:
    """What a click asked for.

    Args:
        turns: the conversation, as the server keeps it.
        wanted: `NUMBER:WHAT`, a turn and "text", "markdown", "json", "link", "up", "down" or "none", or `all:FORMAT`.
            It comes from the browser, so it may be anything.
        votes: where votes go; None: nowhere.

    Returns:
        `{text}`; for a vote `{said, vote, turn}`; or `{error}`: one line for the reader.
    """
    if not isinstance(wanted, str):
        return {"error": _NO_SUCH_THING}
    whole = _ALL.fullmatch(wanted)
    if whole is not None:
        done = [each for turn in list(turns) if (each := _to_export(turn)) is not None]
        return {"text": conversation_as(done, cast("Format", whole[1]))} if done else {"error": _NOTHING}
    one = _ONE.fullmatch(wanted)
    if one is None:
        return {"error": _NO_SUCH_THING}
    turn = next((each for each in list(turns) if each.number == int(one[1])), None)
    if turn is None or turn.answer is None:
        return {"error": _GONE}
    what = one[2]
    if what == "link":
        return {"text": "?q=" + quote(standing_question(turn.answer), safe="", errors="replace")}
    if what in ("up", "down", "none"):
        return _vote(turn, turn.answer, cast("Verdict", what), votes)
    return {"text": answer_as(turn.answer, cast("Format", what))}


def _to_export(turn: TurnLike) -> Answer | NotAsked | None:
    """None while the question is being answered."""
    if turn.answer is not None:
        return turn.answer
    return NotAsked(turn.question, turn.problem) if turn.problem is not None else None


def _vote(turn: TurnLike, answer: Answer, verdict: Verdict, votes: KeepsVotes | None) -> dict[str, Any]:
    if votes is None:
        return {"error": _NOT_KEPT}
    try:
        votes.keep(vote_on(answer, verdict, key=turn.key))
    except CitewellError as error:
        return {"error": visible(str(error))}
    turn.vote = verdict
    return {"said": _TAKEN_BACK if verdict == "none" else _KEPT, "vote": verdict, "turn": turn.number}


def taker(votes: KeepsVotes | None) -> Any:
    """What the page calls with the conversation and the data of a click; its answer has the click's `ticket`.

    Args:
        votes: where votes go; None: nowhere.
    """
    import gradio as gr

    # A direct call may come without any data, or with data of any kind.
    def give(turns: Any, event: Any = None) -> dict[str, Any]:
        data = getattr(event, "_data", None)
        data = data if isinstance(data, dict) else {}
        ticket = data.get("ticket")
        if type(ticket) is not int or not 0 <= ticket <= _GREATEST_TICKET:
            ticket = 0
        try:
            return {**take(turns, data.get("what"), votes), "ticket": ticket}
        except Exception:
            logger.exception("nothing to take along")
            return {"error": _BROKEN, "ticket": ticket}

    # Gradio looks for the type, and finds no name that is imported only here.
    give.__annotations__ = {"event": gr.EventData}
    return give


def asks_the_address(ask: Callable[[Any, Any], Iterator[Any]]) -> Any:
    """What the page calls when it is opened, with what `QUESTION_IN_ADDRESS` found: it asks that, if it is anything.

    Args:
        ask: `ui.turns.asker`.
    """
    import gradio as gr

    def ask_the_address(question: Any, turns: Any) -> Iterator[Any]:
        if question:
            yield from ask(question, turns)
        else:
            yield gr.skip()

    return ask_the_address
