"""What is on the page and what its buttons do."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from index.errors import CitewellError
from ui.panel import asset, source_loader
from ui.render import answer_markup, problem_markup, question_markup

if TYPE_CHECKING:
    from collections.abc import Sequence

    import gradio as gr

    from rag.types import Answer, ArticleView

__all__ = ["SAMPLE_QUESTIONS", "AnswersQuestions", "build_app", "load_gradio"]

logger = logging.getLogger(__name__)

SAMPLE_QUESTIONS = (
    "What did Putin demand?",
    "How long was the call between Putin and Trump?",
    "What did Rutte warn against?",
    "When and where is the NATO summit?",
)
"""Questions that the sample articles answer."""

MOST_TURNS = 50
"""Questions that one conversation keeps on the server; the oldest go first."""

_PENDING = '<p class="pending">Reading the articles …</p>'
_BROKEN = "Something went wrong while answering. The terminal that runs citewell says what."
_HEADER = """<header id="masthead"><h1>Citewell</h1>
<p>Answers in the articles’ own words, each cited to its place.</p></header>"""
_WELCOME = """<div class="welcome"><p class="welcome-head">Ask the articles.</p>
<p>Every answer is a sentence that stands in them, word for word. Where they do not say, you are told so.</p></div>"""


class AnswersQuestions(Protocol):
    """The engine, as far as the page needs it; called from several threads at once."""

    def ask(self, question: str, *, top: int = 5, min_confidence: float = 0.5) -> Answer:
        """The answer to one question.

        Raises:
            CitewellError: the question cannot be read, or the index cannot be used.
        """
        ...

    def article(self, article_id: str) -> ArticleView:
        """The article.

        Raises:
            ArticlesError: there is no such article.
        """
        ...


@dataclass(slots=True)
class Turn:
    """One question and what is shown below it, as markup."""

    question: str
    markup: str = _PENDING


def load_gradio() -> Any:
    """Gradio, imported with its own and its hub's telemetry off: both read the environment at import."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    # The figures for its monitoring page, which is closed: after every event, with pandas, over all events so far.
    os.environ.update(GRADIO_ANALYTICS_MAX_EVENTS="1", GRADIO_ANALYTICS_CACHE_FREQUENCY="1000000000")
    import gradio

    return gradio


def _messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    messages = []
    for turn in turns:
        if turn.question.strip():
            messages.append(_message("user", question_markup(turn.question)))
        messages.append(_message("assistant", turn.markup))
    return messages


def _message(role: str, markup: str) -> dict[str, Any]:
    # As a typed part: Gradio re-indents a plain string, and quotes keep their white space.
    return {"role": role, "content": [{"type": "text", "text": markup}]}


def _reply(engine: AnswersQuestions, question: str) -> str:
    try:
        return answer_markup(engine.ask(question))
    except CitewellError as error:
        return problem_markup(str(error))
    except Exception:
        logger.exception("no answer to %r", question)
        return problem_markup(_BROKEN)


def _asker(engine: AnswersQuestions) -> Any:
    # What comes in is what a browser sent: of any type. The conversation is kept here, never taken from the browser.
    def ask(question: Any, turns: Any) -> Any:
        turn = Turn(question if isinstance(question, str) else "")
        # Changed in place: two questions at once both find their turn in the one list of this conversation.
        turns.append(turn)
        del turns[:-MOST_TURNS]
        yield _messages(turns), turns, ""
        turn.markup = _reply(engine, turn.question)
        yield _messages(turns), turns, ""

    return ask


def build_app(engine: AnswersQuestions, *, examples: Sequence[str] = SAMPLE_QUESTIONS) -> gr.Blocks:
    """The page over `engine`, not yet served. Its style and its protection come with `launch`.

    Args:
        engine: answers the questions and gives the articles.
        examples: questions offered as buttons.
    """
    gr = load_gradio()
    ask = _asker(engine)
    with gr.Blocks(title="Citewell", analytics_enabled=False, fill_height=True, fill_width=True) as demo:
        turns = gr.State([])
        gr.HTML(_HEADER, elem_id="head", apply_default_css=False, js_on_load=None)
        with gr.Row(elem_id="page", equal_height=True):
            with gr.Column(elem_id="conversation", min_width=0):
                chat = gr.Chatbot(
                    elem_id="chat",
                    label="Questions and answers",
                    show_label=False,
                    container=False,
                    height="100%",
                    layout="panel",
                    render_markdown=False,
                    latex_delimiters=[],
                    allow_tags=False,
                    sanitize_html=True,
                    allow_file_downloads=False,
                    feedback_options=None,
                    autoscroll=False,  # to the end of the answer; the panel's script scrolls to its start
                    buttons=[],
                    placeholder=_WELCOME,
                )
                with gr.Row(elem_id="examples"):
                    chips = [gr.Button(example, size="sm", min_width=0, elem_classes="chip") for example in examples]
                with gr.Row(elem_id="composer"):
                    box = gr.Textbox(
                        elem_id="question",
                        label="Your question",
                        show_label=False,
                        container=False,
                        placeholder="Ask a question",
                        lines=1,
                        max_lines=4,
                        autofocus=True,
                        scale=1,
                        min_width=0,
                    )
                    send = gr.Button("Send", elem_id="send", variant="primary", scale=0, min_width=0)
                    clear = gr.Button("Clear", elem_id="clear", scale=0, min_width=0)
            with gr.Column(elem_id="beside", min_width=0):
                gr.HTML(
                    elem_id="source",
                    html_template=asset("panel.html"),
                    js_on_load=asset("panel.js"),
                    apply_default_css=False,
                    server_functions=[source_loader(engine)],
                )
        shown = [chat, turns, box]
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        gr.on([send.click, box.submit], ask, inputs=[box, turns], outputs=shown, **quiet)
        for chip in chips:
            chip.click(ask, inputs=[chip, turns], outputs=shown, **quiet)
        clear.click(lambda: ([], [], ""), outputs=shown, **quiet)
    demo.queue(api_open=False, max_size=64, default_concurrency_limit=4)
    return demo  # type: ignore[no-any-return]
