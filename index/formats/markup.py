"""The text of a piece of HTML, as a browser would set it: a paragraph for each block, white space folded.

For what is an article already (the body of a feed's entry, of a mail). Pages are `index.formats.html`'s: they hold
more than their article.
"""

from __future__ import annotations

from html.parser import HTMLParser

__all__ = ["plain_text"]

_HIDDEN = frozenset({"script", "style", "template", "noscript", "head", "title", "svg", "iframe", "object"})
_BLOCKS = frozenset(
    """
    address article aside blockquote br caption center dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4
    h5 h6 header hr li main nav ol p pre section table tbody td tfoot th thead tr ul
    """.split()  # noqa: SIM905 - a column of quotes says no more
)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[str] = []
        self._words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag in _BLOCKS:
            self.end_block()

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        elif tag in _BLOCKS:
            self.end_block()

    def handle_startendtag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        if tag in _BLOCKS:
            self.end_block()

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._words.append(data)

    def end_block(self) -> None:
        block = " ".join("".join(self._words).split())
        if block:
            self.blocks.append(block)
        self._words = []


def plain_text(markup: str) -> str:
    r"""The text of some HTML, a blank line between two blocks.

    >>> plain_text("<p>Rates  <b>rose</b> &amp; fell.</p><script>x</script><p>Then<br>nothing.")
    'Rates rose & fell.\n\nThen\n\nnothing.'
    """
    parser = _Text()
    parser.feed(markup)
    parser.close()
    parser.end_block()
    return "\n\n".join(parser.blocks)
