"""The report's style sheet: paper and ink as on the page (`ui/assets/page.css`), light or dark as the system is."""

from __future__ import annotations

__all__ = ["STYLE"]

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfaf7; --side: #f4f2ec; --ink: #1f1e1b; --soft: #66625a; --rule: #dcd8ce; --accent: #7a1f23;
  --mark: #ffe79a; --right: #5d7f72; --wrong: #c98d84; --stage: #b5b0a3;
  --serif: "Iowan Old Style", "Charter", "Source Serif 4", "Source Serif Pro", Georgia, "Noto Serif",
    "DejaVu Serif", serif;
  --sans: ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #171716; --side: #1d1d1b; --ink: #e6e2d8; --soft: #a29d92; --rule: #383631; --accent: #e0a49a;
    --mark: #6a5514; --right: #6f9a8a; --wrong: #a9635b; --stage: #5c5850;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.55 var(--sans); }
header, main, footer { max-width: 62rem; margin: 0 auto; padding: 0 1.75rem; }
header { padding-top: 2.5rem; }
.name { margin: 0; font: 700 1.125rem/1.2 var(--serif); letter-spacing: -0.01em; }
h1 {
  margin: 0.5rem 0 0; font: 700 2rem/1.2 var(--serif); letter-spacing: -0.015em; max-width: 46rem;
  text-wrap: balance; overflow-wrap: anywhere;
}
.stand { margin: 0.75rem 0 0; max-width: 46rem; font: 1.1875rem/1.5 var(--serif); color: var(--soft); }
.settings {
  margin: 1.5rem 0 0; padding: 1rem 0; border: solid var(--rule); border-width: 1px 0; display: grid;
  grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 0.625rem 2rem;
  font-size: 0.875rem;
}
.settings dt { color: var(--soft); font-size: 0.8125rem; }
.settings dd { margin: 0; overflow-wrap: anywhere; }
nav { margin-top: 1rem; font-size: 0.875rem; }
nav ul { margin: 0; padding: 0; list-style: none; display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; }
a { color: var(--accent); text-underline-offset: 3px; text-decoration-thickness: 1px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
section { margin-top: 3.25rem; }
h2 { margin: 0 0 1rem; font: 700 1.5rem/1.25 var(--serif); letter-spacing: -0.01em; }
h2 + p { margin: -0.5rem 0 1.25rem; max-width: 44rem; color: var(--soft); }

.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.9375rem; }
caption { padding: 0 0 0.5rem; text-align: left; color: var(--soft); font-size: 0.875rem; }
th, td { padding: 0.375rem 1rem 0.375rem 0; text-align: left; vertical-align: baseline; font-weight: 400; }
thead th { color: var(--soft); font-size: 0.8125rem; border-bottom: 1px solid var(--ink); }
tbody th[scope=rowgroup] { padding-top: 1.25rem; font: 700 1.0625rem/1.3 var(--serif); }
tbody th[scope=row] { white-space: nowrap; }
tbody tr:not(.group) > * { border-bottom: 1px solid var(--rule); }
.figure { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums lining-nums; }
td.figure:not(.before) { font-weight: 600; }
.about { color: var(--soft); font-size: 0.875rem; }
.good { color: var(--right); }
.bad { color: var(--accent); }
.narrow { width: auto; min-width: 26rem; }

.plots {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr));
  gap: 2rem 2.5rem;
}
figure { margin: 0; }
figcaption { margin-bottom: 0.5rem; font-size: 0.875rem; color: var(--soft); }
figcaption b { display: block; color: var(--ink); font: 700 1.0625rem/1.4 var(--serif); }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 12px var(--sans); }
svg .number { text-anchor: middle; font-variant-numeric: tabular-nums; font-size: 11px; }
svg .middle { text-anchor: middle; }
svg .end { text-anchor: end; }
svg .start { text-anchor: start; }
svg .grid { stroke: var(--rule); }
svg .axis { stroke: var(--soft); }
svg .even { stroke: var(--soft); stroke-dasharray: 4 4; }
svg .limit { stroke: var(--ink); stroke-dasharray: 2 3; }
svg .right { fill: var(--right); }
svg .right:has(+ .point) { opacity: 0.6; }
svg .wrong { fill: var(--wrong); }
svg .stage { fill: var(--stage); }
svg .slow { stroke: var(--soft); stroke-width: 1.5; }
svg .curve { fill: none; stroke: var(--accent); stroke-width: 2; stroke-linejoin: round; }
svg .before { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 5 4; }
svg .point { fill: var(--accent); stroke: var(--paper); stroke-width: 1.5; }

ol.cases { list-style: none; margin: 0; padding: 0; }
.case { padding: 1.375rem 0; border-top: 1px solid var(--rule); break-inside: avoid; }
.case h3 { margin: 0; font: 600 1.0625rem/1.45 var(--sans); overflow-wrap: anywhere; }
.case p { margin: 0; }
.facts { margin-top: 0.125rem; font-size: 0.875rem; color: var(--soft); }
.facts b { color: var(--ink); font-weight: 600; }
.sentence { margin-top: 0.75rem; padding-left: 1rem; border-left: 3px solid var(--wrong); }
.sentence.is-right { border-color: var(--right); }
.sentence .rank { font-size: 0.8125rem; color: var(--soft); }
blockquote { margin: 0; font: 1.0625rem/1.55 var(--serif); overflow-wrap: anywhere; max-width: 46rem; }
mark {
  color: inherit; background: var(--mark); border-radius: 2px; padding: 0.05em 0;
  -webkit-box-decoration-break: clone; box-decoration-break: clone;
}
.where { margin-top: 0.125rem; font-size: 0.8125rem; color: var(--soft); overflow-wrap: anywhere; }
.where .title { font-weight: 600; }
.none { margin-top: 0.75rem !important; font-size: 0.875rem; color: var(--soft); font-style: italic; }
footer {
  margin-top: 4rem; padding-top: 1rem; padding-bottom: 3rem; font-size: 0.8125rem;
  color: var(--soft);
}
@media print { nav { display: none; } section { break-before: auto; } }
@media (max-width: 600px) {
  header, main, footer { padding-left: 1rem; padding-right: 1rem; }
  h1 { font-size: 1.625rem; }
  .about { display: none; }
}
"""
