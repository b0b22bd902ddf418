"""Measuring answers: on a user's own questions with `evaluate`, and readers on public sets of questions.

`citewell evaluate` is the command; what it prints and writes is made of the functions here. The modules from the ground
up: `files` and `ranking_files` read, `metrics` computes figures from plain numbers, `questions` says what a right
sentence is, `run` asks an engine, `squad` and `sentences` measure a reader alone, `compare` sets two runs side by side,
`report` and `plots` draw.
"""
