"""What is on the page and what its buttons do."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from ui.admission import MOST_EVENTS
from ui.articles import SCOPED, articles_view, scope_input
from ui.panel import asset, panel_functions, script
from ui.takeaway import QUESTION_IN_ADDRESS, asks_the_address, takeaway_template, taker
from ui.turns import asker, literal_asker, rereader

if TYPE_CHECKING:
    from collections.abc import Sequence

    import gradio as gr

    from ui.takeaway import KeepsVotes
    from ui.turns import AnswersQuestions

__all__ = ["SAMPLE_QUESTIONS", "build_app", "load_gradio"]

SAMPLE_QUESTIONS = (
    "What did Putin demand?",
    "How long was the call between Putin and Trump?",
    "What did Rutte warn against?",
    "When and where is the NATO summit?",
)
"""Questions that the sample articles answer."""

_HEADER = """<header id="masthead"><h1>Citewell</h1>
<p>Answers in the articles’ own words, each cited to its place.</p></header>"""
_WELCOME = """<div class="welcome"><p class="welcome-head">Ask the articles.</p>
<p>Every answer is a sentence that stands in them, word for word. Where they do not say, you are told so.</p></div>"""


def load_gradio() -> Any:
    """Gradio, imported with its own and its hub's telemetry off: both read the environment at import."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    # The figures for its monitoring page, which is closed: after every event, with pandas, over all events so far.
    os.environ.update(GRADIO_ANALYTICS_MAX_EVENTS="1", GRADIO_ANALYTICS_CACHE_FREQUENCY="1000000000")
    import gradio

    return gradio


def build_app(
    engine: AnswersQuestions, *, examples: Sequence[str] = SAMPLE_QUESTIONS, votes: KeepsVotes | None = None
) -> gr.Blocks:
    """The page over `engine`, not yet served. Its style and its protection come with `launch`.

    Args:
        engine: answers the questions and gives the articles.
        examples: questions offered as buttons.
        votes: where votes on answers go; None: the page asks for none.
    """
    gr = load_gradio()
    ask = asker(engine)
    with gr.Blocks(title="Citewell", analytics_enabled=False, fill_height=True, fill_width=True) as demo:
        turns = gr.State([])
        gr.HTML(_HEADER, elem_id="head", apply_default_css=False, js_on_load=None)
        articles_view(gr)
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
                scope = scope_input(gr)
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
                    takeaway = gr.HTML(
                        elem_id="takeaway",
                        html_template=takeaway_template(votes=votes is not None),
                        js_on_load=asset("takeaway.js"),
                        apply_default_css=False,
                        min_width=0,
                    )
            with gr.Column(elem_id="beside", min_width=0):
                gr.HTML(
                    elem_id="source",
                    html_template=asset("panel.html"),
                    js_on_load=script(),
                    apply_default_css=False,
                    server_functions=panel_functions(engine),
                )
        shown = [chat, turns]
        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        gr.on([send.click, box.submit], ask, inputs=[box, turns, scope], outputs=shown, js=SCOPED, **quiet)
        for chip in chips:
            chip.click(ask, inputs=[chip, turns, scope], outputs=shown, js=SCOPED, **quiet)
        # Clicked by conversation.js, which says which turn is meant.
        turn = gr.JSON(visible=False)
        for label, name, again in (
            ("Ask as it stands", "ask-literally", literal_asker),
            ("Read it that way again", "ask-as-read", rereader),
        ):
            gr.Button(label, elem_id=name, visible="hidden").click(
                again(engine),
                inputs=[turn, turns],
                outputs=shown,
                js="(turn, turns) => [Number(document.documentElement.dataset.turn), turns]",
                **quiet,
            )
        clear.click(lambda: ([], [], ""), outputs=[*shown, box], **quiet)
        takeaway.submit(taker(votes), inputs=[turns], outputs=[takeaway], **quiet)
        demo.load(asks_the_address(ask), inputs=[box, turns], outputs=shown, js=QUESTION_IN_ADDRESS, **quiet)
    # How many are answered at once, and who is told that the page is busy: `ui.admission`.
    demo.queue(api_open=False, max_size=2 * MOST_EVENTS, default_concurrency_limit=MOST_EVENTS)
    return demo  # type: ignore[no-any-return]
