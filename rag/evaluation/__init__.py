"""Measuring answers: an index on a user's own questions, and a reader alone on public sets. `citewell evaluate`.

From the ground up: `files` and `ranking_files` read; `metrics` computes figures from plain numbers; `questions` says
what is asked and what a right sentence is; `outcomes` holds what came of each question, `run` asks an engine and
computes its figures, `compare` sets two runs side by side; `squad` and `sentences` measure a reader; `figures` names
figures for people; `report` is the page, of `cases`, `plots` and `style`; `cli` is the command, of `options` and
`output`.
"""
