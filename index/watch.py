"""Keeps an index in step with files and folders, while others ask from it.

All is looked through at the start, by size and time; after that what changes. A change is read when nothing has changed
for a moment, so that a file which is being written, or saved by renaming another one over it, is found whole. What is
stored of a file stays until there is something to put in its place, or the file is certainly gone; and of a folder from
which suspiciously many articles are gone at once nothing is removed (`index.missing`).
"""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from index.articles import absolute, find_files
from index.build import encoder_of, update_index
from index.changes import Changes
from index.encoder import load_encoder
from index.errors import (
    ArticlesError,
    CitewellError,
    EncoderMismatch,
    StoreDamaged,
    StoreError,
    StoreLocked,
    StoreVersionMismatch,
)
from index.missing import is_gone
from index.store.database import check_folder

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from index.build import BuildReport, Progress
    from index.encoder import Encoder
    from index.types import Skipped

__all__ = ["watch"]

_LONGEST = 10.0
"""Seconds after which changes are read even though there is no quiet moment."""
_LOOK = 600.0
"""Seconds after which all is looked through again: the system may drop events, and tells of no disk mounted below."""
_LOOK_SHARE = 100
"""Looking through all takes at most one part in so many of the time."""
_RETRY = (0.5, 10.0)
"""Seconds until a step that failed is tried again: at first, and at most; doubled each time."""
_HOPELESS = (EncoderMismatch, StoreVersionMismatch, StoreDamaged)


def watch(
    paths: Sequence[Path | str],
    index_dir: Path | str,
    *,
    stop: threading.Event,
    on_update: Callable[[BuildReport], None],
    on_problem: Callable[[CitewellError], None],
    encoder: Encoder | None = None,
    progress: Callable[[Progress], None] | None = None,
    yes_remove: bool = False,
    debounce: float = 0.5,
    poll: bool = False,
    background: bool = False,
) -> None:
    """Bring an index in step with files and folders, and keep it so until `stop` is set.

    A path that goes is waited for, and what is stored of it is kept. Others may ask from the index all the time, and
    write to it between two steps. All callbacks are called from this thread.

    Args:
        paths: files and folders with articles (`index.articles`).
        index_dir: the index folder; made when it is not there.
        stop: ends the watch, promptly; what was stored until then stays.
        on_update: called when the index was first in step, and after each step that changed it or left out something
            new; of what was left out the report has only that.
        on_problem: called, once until it is over, with what keeps the index from being in step: another process writes
            to it, a path is gone, more articles would be removed at once than is safe, a step failed and is repeated.
        encoder: what embeds; when None the one that the index names, or the default one for a new index.
        progress: called now and then while a step is under way.
        yes_remove: remove the articles of files that are gone however many they are; not those of a path that is gone.
        debounce: seconds without a change after which changes are read.
        poll: look for changes rather than have the system tell of them, for disks of other machines.
        background: as for `index.build.update_index`.

    Raises:
        ArticlesError: when a path is missing at the start.
        EncoderMismatch, StoreVersionMismatch, StoreDamaged: when the index cannot be written to, ever.
        StoreError, EncoderError: when the very first step fails; later such errors are problems that may pass.
        KeyboardInterrupt: on Ctrl+C; what was stored until then stays.
    """
    roots = [absolute(Path(path).expanduser()) for path in paths]
    folder = absolute(Path(index_dir).expanduser())
    for root in roots:
        next(find_files(root), None)  # raises where there is nothing
    check_folder(folder)
    chosen = load_encoder(encoder_of(folder)) if encoder is None else encoder
    changes = Changes(roots, own=folder, stop=stop, quiet=debounce, poll=poll, on_problem=on_problem)
    with closing(changes):
        _Watch(roots, folder, chosen, stop, on_update, on_problem, progress, yes_remove, background=background).run(
            changes
        )


class _Stopped(Exception):
    """Raised inside a step that is not to be finished."""


@dataclass(slots=True)
class _Watch:
    """A watch under way.

    Attributes:
        whole: whether all is to be looked through.
        waiting: what changed and was not read yet.
        kept: stored files that are gone and were not removed.
        reported: the problems that are not over.
        left_out: what was reported as left out.
    """

    roots: Sequence[Path]
    folder: Path
    encoder: Encoder
    stop: threading.Event
    on_update: Callable[[BuildReport], None]
    on_problem: Callable[[CitewellError], None]
    progress: Callable[[Progress], None] | None
    yes_remove: bool
    background: bool = False
    whole: bool = True
    waiting: set[Path] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    reported: set[str] = field(default_factory=set)
    left_out: set[Skipped] = field(default_factory=set)
    in_step: bool = False
    delay: float = _RETRY[0]
    not_before: float = 0.0
    look_at: float = 0.0

    def run(self, changes: Changes) -> None:
        """Wait and store by turns until told to stop."""
        since = time.monotonic()
        quiet = True
        while not self.stop.is_set():
            now = time.monotonic()
            if self.in_step and now >= self.look_at:
                self.whole = True
            if (self.whole or self.waiting) and now >= self.not_before and (quiet or now - since > _LONGEST):
                self._step()
            if not self.waiting:
                since = time.monotonic()
            found = changes.wait()
            quiet = not found
            if found:
                self.waiting |= found
                self.not_before = 0.0  # what failed may succeed now

    def _step(self) -> None:
        """Bring the index in step with what changed."""
        whole, changed = self.whole, self.waiting
        self.whole, self.waiting = False, set()
        roots = self._present()
        if not roots:
            return  # one that comes back is a change
        started = time.monotonic()
        try:
            report = update_index(
                roots,
                self.folder,
                encoder=self.encoder,
                changed=None if whole else changed,
                progress=self._progress,
                yes_remove=self.yes_remove,
                background=self.background,
            )
        except _Stopped:
            return
        except _HOPELESS:
            raise
        except (CitewellError, OSError) as error:
            self.whole, self.waiting = whole, changed
            self._failed(error)
            return
        self._succeeded(report, whole=whole, seconds=time.monotonic() - started)

    def _progress(self, progress: Progress) -> None:
        if self.stop.is_set():
            raise _Stopped
        if self.progress is not None:
            self.progress(progress)

    def _present(self) -> list[Path]:
        """The roots that are there."""
        present = []
        for root in self.roots:
            problem = f"gone: {root}"
            if os.path.exists(root):  # noqa: PTH110 - false where it may not be looked at, rather than an error
                present.append(root)
                self.reported.discard(problem)
            else:
                self._report(
                    problem, ArticlesError(f"{root} is gone; what is stored of it is kept, and it is waited for")
                )
        return present

    def _failed(self, error: CitewellError | OSError) -> None:
        if not self.in_step and not isinstance(error, (StoreLocked, ArticlesError)):
            raise error
        if isinstance(error, OSError):
            error = StoreError(f"the index in {self.folder} cannot be used now ({error.strerror or error})")
        self._report(f"failed: {type(error).__name__}", error)
        # Where there is no article yet, only a change can help.
        self.not_before = time.monotonic() + (_LOOK if isinstance(error, ArticlesError) else self.delay)
        self.delay = min(2 * self.delay, _RETRY[1])

    def _succeeded(self, report: BuildReport, *, whole: bool, seconds: float) -> None:
        self.delay = _RETRY[0]
        self.reported = {problem for problem in self.reported if not problem.startswith("failed")}
        # Those that are back have been read as changes; all together are judged again when all is looked through.
        still = set() if whole else {path for path in self.kept if is_gone(path)}
        self.kept = still.union(report.missing)
        if report.kept is not None:
            self._report("kept", ArticlesError(report.kept))
        elif not self.kept:
            self.reported.discard("kept")
        new = tuple(each for each in report.skipped if each not in self.left_out)
        if whole:
            self.look_at = time.monotonic() + max(_LOOK, _LOOK_SHARE * seconds)
            self.left_out.clear()
        self.left_out.update(report.skipped)
        if not self.in_step or new or report.articles_added or report.articles_removed:
            self.in_step = True
            self.on_update(replace(report, skipped=new))

    def _report(self, problem: str, error: CitewellError) -> None:
        """Report a problem, unless it was reported and is not over."""
        if problem not in self.reported:
            self.reported.add(problem)
            self.on_problem(error)
