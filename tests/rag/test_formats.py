"""Answers as text, Markdown and JSON; the Markdown is read by a real renderer."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rag.formats import NotAsked, answer_as, conversation_as
from rag.markdown import markdown_text
from rag.sources import link_to_words, target_of, visible
from rag.types import Answer, Citation, Excerpt, Place

QUOTE = "The harbour of Port Ellis closes on 14 November, the mayor said."
ADDRESS = "https://www.example.org/harbour?id=1"
RENDERERS = {
    "commonmark": MarkdownIt("commonmark", {"html": True}),
    "gfm": MarkdownIt("gfm-like", {"html": True}).enable(["table", "strikethrough", "linkify"]),
}
HOSTILE = [
    "<script>window.hacked=1</script>",
    '<img src=x onerror="window.hacked=1">',
    "<svg/onload=alert(1)>",
    "<!-- a comment -->",
    "<![CDATA[x]]> <?php x ?>",
    "</blockquote></ol><h1>Planted</h1>",
    "![picture](https://evil.example/pixel.png)",
    "[click](javascript:alert(1))",
    "[click][1]\n\n[1]: https://evil.example/",
    "[click]: https://evil.example/ 'x'",
    "<https://evil.example/> and <a@evil.example>",
    "https://evil.example/path?x=1 and www.evil.example and evil.example/x and //evil.example",
    "mailto:a@evil.example a@evil.example ftp://evil.example",
    "`code` ``code`` ```\ncode\n```",
    "~~~\ncode\n~~~",
    "    indented code",
    "\tindented code",
    "# Heading #",
    "Heading\n===",
    "Heading\n---",
    "> quote",
    "- item\n* item\n+ item",
    "1. item\n2) item",
    "***",
    "- - -",
    "| a | b |\n| - | - |\n| c | d |",
    "*a* **b** _c_ __d__ ~~e~~ ***f***",
    "**bold",
    "back\\slash \\[x\\] \\",
    "two spaces  \nbreak\\\nbreak",
    "&lt;b&gt; &amp;amp; &#60;i&#62; &nbsp;",
    "$E=mc^2$ $$x$$ \\(y\\) ==mark== ^up^ ++in++ %%out%% :smile: ${x} {{x}} {% x %}",
    "[[wiki]] [^1] #tag @somebody !!! note ??? note : definition",
    "[1] [^1]: note",
    "\n\n\nblank lines\n\n\n",
    "  spaces at both ends  ",
    "\u00a0no-break\u3000ideographic\u2028line\u2029paragraph",
    "a\x00b\x1b[31mc\u202ed\ue000\ud800",
    "a\r\nb\rc",
    "-- --- ... 'x' \"y\" (c) (tm)",
    "]()",
    "](<https://evil.example/>)",
    "\\[2\\] > x",
    " ",
]


def citation(number: int = 1, quote: str = QUOTE, **changes: Any) -> Citation:
    values: dict[str, Any] = {
        "article_id": "0" * 32,
        "title": "Harbour to close",
        "source": ADDRESS,
        "published": "March 20, 2025",
        "start": 10,
        "end": 10 + len(quote),
        "path": "news/a.jsonl",
        "line": 12,
        "number": number,
        "quote": quote,
    }
    return Citation(**{**values, **changes})


COPY = Place("1" * 32, "Port Ellis shuts", "b/copy.txt", None, 3, 67, "b/copy.txt", 49)
ANSWER = Answer(
    "When does the harbour close?",
    True,
    0.876,
    (
        citation(also_in=(COPY,), context=Excerpt(0, 9, "The mayor spoke.")),
        citation(2, "It reopens in April.", source="b/copy.txt", path="b/copy.txt", published=None),
    ),
    (citation(3, "Another sentence."),),
)
SILENT = Answer("Who won?", False, 0.031, (), (citation(1, "A close sentence."),))


def hostile_answer(text: str) -> Answer:
    given = citation(
        1,
        text,
        title=text,
        published=text,
        source=f"{text}/a.txt",
        path=f"{text}/a.txt",
        context=Excerpt(0, 1, text),
        also_in=(Place("1" * 32, text, f"https://example.org/{text}", text, 0, 1, text, 1),),
    )
    return Answer(text, True, 0.5, (given,))


def texts(markdown: str, renderer: MarkdownIt) -> list[tuple[str, str]]:
    """Each block of text with the kind of block it is in; fails on anything but text, emphasis of no kind included."""
    found, kinds = [], []
    for token in renderer.parse(markdown):
        if token.nesting == 1:
            kinds.append(token.type.removesuffix("_open"))
        elif token.nesting == -1:
            kinds.pop()
        elif token.type == "inline":
            assert all(each.type in ("text", "link_open", "link_close") for each in token.children), markdown
            found.append(("/".join(kinds), "".join(each.content for each in token.children)))
        else:
            assert token.type == "hr", markdown
            found.append(("hr", ""))
    return found


def links(markdown: str) -> list[str]:
    inside = [each for token in RENDERERS["gfm"].parse(markdown) for each in token.children or ()]
    return [str(each.attrs["href"]) for each in inside if each.type == "link_open"]


def test_text_has_quotes_with_numbers_and_then_the_notes() -> None:
    assert answer_as(ANSWER, "text") == (
        "When does the harbour close?\n\n"
        f"{QUOTE} [1]\n\n"
        "It reopens in April. [2]\n\n"
        f"[1] Harbour to close, example.org, March 20, 2025, {ADDRESS}, characters 10-74\n"
        "    Before it: The mayor spoke.\n"
        "    Also in: Port Ellis shuts, b/copy.txt:49, characters 3-67\n\n"
        "[2] Harbour to close, b/copy.txt:12, characters 10-30\n\n"
        "Answer: likely (87%)\n"
    )


def test_no_answer_says_so_and_gives_the_closest_as_such() -> None:
    for form in ("text", "markdown"):
        said = answer_as(SILENT, form)
        assert said.index("Not in these articles.") < said.index("none of which answers") < said.index("A close")
    assert "none of which" not in answer_as(Answer("Who won?", False, 0.0), "text")


def test_markdown_renders_as_the_same_things() -> None:
    rendered = texts(answer_as(ANSWER, "markdown"), RENDERERS["gfm"])
    assert rendered == [
        ("heading", "When does the harbour close?"),
        ("blockquote/paragraph", f"{QUOTE} [1]"),
        ("blockquote/paragraph", "It reopens in April. [2]"),
        (
            "ordered_list/list_item/paragraph",
            f"Harbour to close, example.org, March 20, 2025, {ADDRESS}, characters 10-74",
        ),
        ("ordered_list/list_item/bullet_list/list_item/paragraph", "Before it: The mayor spoke."),
        (
            "ordered_list/list_item/bullet_list/list_item/paragraph",
            "Also in: Port Ellis shuts, b/copy.txt:49, characters 3-67",
        ),
        ("ordered_list/list_item/paragraph", "Harbour to close, b/copy.txt:12, characters 10-30"),
        ("paragraph", "Answer: likely (87%)"),
    ]
    (address,) = links(answer_as(ANSWER, "markdown"))
    assert unquote(address) == f"{ADDRESS}#:~:text={QUOTE}"


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_markdown(name: str, text: str) -> None:
    rendered = texts(answer_as(hostile_answer(text), "markdown"), RENDERERS[name])
    shown = visible(text)
    assert ("blockquote/paragraph", f"{shown} [1]") in rendered
    assert [kind for kind, _ in rendered] == [
        "heading",
        "blockquote/paragraph",
        "ordered_list/list_item/paragraph",
        "ordered_list/list_item/bullet_list/list_item/paragraph",
        "ordered_list/list_item/bullet_list/list_item/paragraph",
        "paragraph",
    ]
    assert shown in rendered[2][1]
    assert rendered[3][1] == f"Before it: {shown}"
    for address in links(answer_as(hostile_answer(text), "markdown")):
        assert urlsplit(address).hostname == "example.org"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_adds_no_line_to_the_text(text: str) -> None:
    plain = len(answer_as(hostile_answer("harmless"), "text").splitlines())
    said = answer_as(hostile_answer(text), "text")
    assert len(said.splitlines()) == plain
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", said)


@pytest.mark.parametrize("text", HOSTILE)
def test_json_has_every_character(text: str) -> None:
    answer = hostile_answer(text)
    assert json.loads(answer_as(answer, "json")) == json.loads(json.dumps(answer.to_dict()))
    assert answer_as(answer, "json").count("\n") == 1
    assert json.loads(conversation_as([answer, answer], "json"))[1]["citations"][0]["quote"] == text
    assert conversation_as([answer], "json").encode().isascii() or "\ud800" not in text


AWKWARD = st.text(
    st.sampled_from("\\`*_{}[]<>&|~$^=#@:./-+%!?\"'()\n\t\r ab1.w\u00a0\u2028ßé"), min_size=1, max_size=40
)


@given(AWKWARD | st.text(min_size=1, max_size=40), st.sampled_from(sorted(RENDERERS)))
def test_any_text_is_shown_as_it_is(text: str, name: str) -> None:
    escaped = markdown_text(text)
    assert "\n" not in escaped
    for before, after in (("", "x"), ("## ", ""), ("> ", " \\[1\\]"), ("1. ", ""), ("- Also in: ", ", x")):
        rendered = texts(f"{before}{escaped}{after}", RENDERERS[name])
        shown = "".join(part for _, part in rendered)
        lead = "Also in: " if before.startswith("- ") else ""
        assert shown == lead + visible(text) + after.replace("\\", "")


def test_a_conversation_has_every_answer_once_and_the_refused_questions() -> None:
    refused = NotAsked("<b>?", "the question holds\nno letter")
    answers = [ANSWER, SILENT, refused]
    text = conversation_as(answers, "text")
    assert text.count("\n---\n") == 2
    assert text.endswith("<b>?\n\nNot asked: the question holds no letter\n")
    assert [kind for kind, _ in texts(conversation_as(answers, "markdown"), RENDERERS["commonmark"])].count("hr") == 2
    assert json.loads(conversation_as(answers, "json"))[2] == {
        "question": "<b>?",
        "error": "the question holds\nno letter",
    }
    assert json.loads(conversation_as(answers, "json"))[0] == json.loads(json.dumps(ANSWER.to_dict()))


@pytest.mark.parametrize(
    ("source", "words", "target"),
    [
        ("https://example.org/a#b", "x", "https://example.org/a#b:~:text=x"),
        ("https://example.org/a#:~:text=old", "new", "https://example.org/a#:~:text=new"),
        ("https://example.org/a", "a-b, c & d\n e", "https://example.org/a#:~:text=a%2Db%2C%20c%20%26%20d%20e"),
        ('https://example.org/"><script>', ")>", "https://example.org/%22%3E%3Cscript%3E#:~:text=%29%3E"),
        ("https://example.org/ä%20", "é \ud800", "https://example.org/%C3%A4%20#:~:text=%C3%A9%20%3F"),
        ("news/a.txt", "x", None),
        ("javascript:alert(1)", "x", None),
    ],
)
def test_a_link_to_words_is_encoded_to_the_last_sign(source: str, words: str, target: str | None) -> None:
    assert link_to_words(source, words) == target


def test_a_long_passage_is_named_by_its_ends() -> None:
    words = " ".join(f"w{number}" for number in range(40))
    target = link_to_words("https://example.org/", words)
    assert target is not None
    assert unquote(target).endswith("#:~:text=w0 w1 w2 w3 w4,w35 w36 w37 w38 w39")


@given(st.text(max_size=60))
def test_a_target_has_nothing_that_ends_a_link(address: str) -> None:
    assert re.fullmatch(r"[!#-;=?-Z_a-z~]*", target_of(address))
