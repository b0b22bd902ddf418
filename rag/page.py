"""A page that is read from a file: its style stands in it, it needs no script, and its policy forbids the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from index.outlet import web_address
from rag.evaluation.cases import escape

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["POLICY", "page", "web_link"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(
    title: str,
    stand: str,
    sections: Sequence[tuple[str, str, int | None, str]],
    *,
    style: str,
    lead: str = "",
    footer: str = "",
) -> str:
    """The page.

    Args:
        title: of the page; text.
        stand: what comes right below it; text.
        sections: for each the name of its anchor, its heading as text, how many there are in it, and its markup.
        style: the style sheet.
        lead: markup between `stand` and the list of sections.
        footer: text at the end.
    """
    links = "".join(
        f'<li><a href="#{name}">{escape(heading)}{"" if count is None else f" ({count:,})"}</a></li>'
        for name, heading, count, _ in sections
    )
    body = "".join(
        f'<section id="{name}"><h2>{escape(heading)}{"" if count is None else f": {count:,}"}</h2>{content}</section>'
        for name, heading, count, content in sections
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)} · citewell</title><style>{style}</style></head>\n"
        f'<body><header><p class="name">citewell</p><h1>{escape(title)}</h1><p class="stand">{escape(stand)}</p>'
        f'{lead}<nav aria-label="Sections"><ul>{links}</ul></nav></header>\n<main>{body}</main>\n'
        f"<footer>{escape(footer)}</footer></body></html>\n"
    )


def web_link(url: str | None, markup: str) -> str:
    """Markup as a link to an http or https address; the markup alone where there is none."""
    address = None if url is None else web_address(url)
    return markup if address is None else f'<a href="{escape(address)}">{markup}</a>'
