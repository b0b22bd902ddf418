"""Runs over collections of every size on disk: whole ones, and those that are not finished yet.

An unfinished run stands beside its file in `FILE.part`: a line of JSON with what is asked of what, and one for each
collection that was asked. It is added to and never rewritten, so that a run which is killed loses one collection.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from index.errors import EvaluationError, first_line
from rag.evaluation.files import read_text
from rag.evaluation.sizes import SizeOutcome, SizesRun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Unfinished", "differing", "read_run", "saved_run", "to_dict"]

_KIND = "citewell sizes"
_VERSION = 1
_PASSING = frozenset({"date"})
"""Settings that two parts of one run may differ in."""


def to_dict(run: SizesRun) -> dict[str, Any]:
    """A run as plain values for JSON: what it was, its figures, and what came of each question."""
    return {
        "kind": _KIND,
        "version": _VERSION,
        "settings": dict(run.settings),
        "threshold": run.threshold,
        "figures": run.figures(),
        "questions": [each.to_dict() for each in run.outcomes],
    }


def read_run(path: Path) -> SizesRun:
    """A run that `citewell evaluate sizes --save` wrote; its figures are made anew.

    Raises:
        EvaluationError: when it cannot be read, or is none.
    """
    try:
        content = json.loads(read_text(path))
        found = content["kind"], content["version"]
        if found != (_KIND, _VERSION):
            raise ValueError(f"its kind is {found[0]!r} and its version {found[1]!r}")
        outcomes = tuple(map(SizeOutcome.from_dict, content["questions"]))
        return SizesRun(outcomes, float(content["threshold"]), dict(content["settings"]))
    except (KeyError, TypeError, ValueError) as error:
        raise EvaluationError(
            f"{path} is no saved run over collections of several sizes ({type(error).__name__}: {first_line(error)}); "
            f"expected a file that `citewell evaluate sizes --save` of this version wrote (version {_VERSION})"
        ) from error


def saved_run(path: Path, settings: Mapping[str, Any]) -> SizesRun | None:
    """The finished run with these settings that a file holds; None where there is no such file yet.

    Raises:
        EvaluationError: when it holds something else, which is not written over.
    """
    if not path.exists() or not path.stat().st_size:
        return None
    run = read_run(path)
    _check(path, run.settings, settings)
    return run


def differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The names of the settings in which two runs differ, but for when they were made.

    >>> differing({"seed": 1, "date": "today"}, {"seed": 2, "date": "tomorrow"})
    ['seed']
    """
    plain = json.loads(json.dumps(dict(new)))
    return [name for name in dict.fromkeys([*plain, *old]) if name not in _PASSING and old.get(name) != plain.get(name)]


def _check(path: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    names = differing(old, new)
    if names:
        told = "; ".join(f"{name}: {old.get(name)!r} there, {new.get(name)!r} now" for name in names)
        raise EvaluationError(
            f"{path} holds a run with other settings ({told}); run the command with those settings to go on with it, "
            "or name another file with --save, or remove this one"
        )


class Unfinished:
    """The part of a run that is done, beside the file that the whole run will be saved to.

    Args:
        save: that file.
        settings: what is asked of what; two parts of a run must agree in it.

    Raises:
        EvaluationError: when what is there has other settings or is no part of a run, or nothing can be written.
    """

    def __init__(self, save: Path, settings: Mapping[str, Any]) -> None:
        self.path = save.with_name(f"{save.name}.part")
        self.done: dict[str, list[SizeOutcome]] = {}
        try:
            data = self.path.read_bytes() if self.path.exists() else b""
            # The last line may have been cut off: it is asked again.
            whole = data[: data.rfind(b"\n") + 1]
            if whole:
                self._read(whole, settings)
                if len(whole) < len(data):
                    os.truncate(self.path, len(whole))
            else:
                self.path.write_bytes(b"")
                self._add({"kind": _KIND, "version": _VERSION, "settings": dict(settings)})
        except OSError as error:
            raise self._unwritten(error) from error

    def _read(self, data: bytes, settings: Mapping[str, Any]) -> None:
        try:
            head, *lines = map(json.loads, data.decode().splitlines())
            if (head["kind"], head["version"]) != (_KIND, _VERSION):
                raise ValueError(f"its kind is {head['kind']!r} and its version {head['version']!r}")
            self.done = {
                line["collection"]: [SizeOutcome.from_dict(each) for each in line["outcomes"]] for line in lines
            }
        except (KeyError, TypeError, ValueError) as error:
            raise EvaluationError(
                f"{self.path} is no unfinished run ({type(error).__name__}: {first_line(error)}); expected what "
                "`citewell evaluate sizes --save` writes: remove it, or name another file with --save"
            ) from error
        _check(self.path, head["settings"], settings)

    def add(self, key: str, outcomes: Sequence[SizeOutcome]) -> None:
        """Keep what came of a collection.

        Raises:
            EvaluationError: when it cannot be written.
        """
        try:
            self._add({"collection": key, "outcomes": [each.to_dict() for each in outcomes]})
        except OSError as error:
            raise self._unwritten(error) from error

    def _add(self, content: Mapping[str, Any]) -> None:
        # In ASCII: no line is cut where a character is, nor at U+2028.
        with self.path.open("a", encoding="ascii") as file:
            file.write(json.dumps(content) + "\n")

    def _unwritten(self, error: OSError) -> EvaluationError:
        return EvaluationError(
            f"{self.path} cannot be written ({first_line(error)}); name a file with --save in a folder that can be "
            "written to"
        )

    def remove(self) -> None:
        """Remove it: the whole run is saved."""
        self.path.unlink(missing_ok=True)
