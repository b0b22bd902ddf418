"""Text from outside as Markdown that renders as this very text: no link, picture, emphasis, heading or HTML of its own.

Safe in CommonMark and with what is common beyond it: bare addresses that become links, tables, footnotes, wiki links,
tags, formulas, emoji names, template braces. One thing no escape prevents: GitHub's renderer makes a `mailto:` link of
a bare e-mail address (`a@example.org`), which leads where it says.
"""

from __future__ import annotations

import re

from rag.sources import visible

__all__ = ["markdown_text"]

# A backslash takes a sign's meaning away; it may stand before any sign of ASCII. Those of running text (, ; ! ? ' " /
# and most dots, colons and dashes) have none, and stay readable in the Markdown itself.
_SIGNS = re.compile(
    r"""
    [\\`*_{}\[\]<>&|~$^=#@]     # markup wherever they stand
    | :(?=\S)                   # http://, mailto:, :emoji:
    | (?<=\w)\.(?=[^\W\d])      # example.org, which some renderers make a link of
    | (?<!:)/(?=/)              # //example.org
    | (?<=-)- | -(?=-)          # -- becomes a dash
    | (?<=\+)\+ | \+(?=\+)      # ++inserted++
    | (?<=%)% | %(?=%)          # %%comment%%
    | (?<=!)! | !(?=!)          # !!! admonitions
    """,
    re.VERBOSE,
)
# At the start of a block: what would make it a list, a heading, a quote, a rule or a definition.
_START = re.compile(r"(?=[!-/:-@\[-`{-~])|\w{1,9}(?=[.)](?:\s|\Z))")
# Two line ends make a paragraph, one becomes a space or a break; written as numbers, they are characters like others.
_LINE_ENDS = frozenset("\t\n\r\u2028\u2029")


def markdown_text(text: str) -> str:
    r"""The text, escaped, on one line; fit for the start of a paragraph, a heading or a list item, and for inside.

    Rendered it is `visible(text)`: control characters, which Markdown cannot carry, stand as U+FFFD, everything else
    as it is, line ends and spaces at the ends too.

    >>> print(markdown_text("![x](https://example.org/) <b>*90* minutes</b>, he said."))
    \!\[x\](https\://example\.org/) \<b\>\*90\* minutes\</b\>, he said.
    >>> markdown_text("1. Two\nlines ")
    '1\\. Two&#10;lines&#32;'
    """
    plain = visible(text)
    signs = {found.start() for found in _SIGNS.finditer(plain)}
    start = _START.match(plain)
    if start is not None:
        signs.add(start.end())
    first, last = len(plain) - len(plain.lstrip()), len(plain.rstrip())
    written = []
    for at, character in enumerate(plain):
        if character in _LINE_ENDS or not first <= at < last:
            written.append(f"&#{ord(character)};")
        else:
            written.append(f"\\{character}" if at in signs else character)
    return "".join(written)
