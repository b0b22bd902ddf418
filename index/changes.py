"""Waits for changes in files and folders: told of them by the system, or looking for them again and again.

The system tells of folders, through `watchfiles`, which is asked for no more than that: where a folder is watched with
all below it, the library goes through links into other trees, and its own polling sees no two changes within a second.
Files that were named themselves are looked at, for a watch on a file ends when another one is renamed over it.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from index.articles import SUFFIXES, find_files
from index.errors import ArticlesError, CitewellError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence

    from watchfiles._rust_notify import RustNotify

__all__ = ["Changes"]

_EACH_FOLDER = sys.platform == "linux"
"""Whether each folder is watched on its own; elsewhere the system itself tells of all below a folder."""
_FILE = ()
_STEP_MS = 50
_RETRIES = 5
_SHARE = 20
"""Looking takes at most one part in so many of the time."""
_BLIND_AGAIN = 600.0
"""Seconds within which a second failure of the system's ends the use of it."""


class Changes:
    """What changes at and below some paths, from the moment that this is made.

    Args:
        roots: files and folders, as absolute paths. They may go and come back.
        own: a folder in which nothing counts.
        stop: ends all waiting when it is set.
        quiet: seconds; see `wait`.
        poll: look for changes rather than be told: for disks of other machines, whose changes the system does not see.
        on_problem: called when the system does not tell of changes, and they are looked for from then on.
    """

    def __init__(
        self,
        roots: Sequence[Path],
        *,
        own: Path,
        stop: threading.Event,
        quiet: float,
        poll: bool,
        on_problem: Callable[[CitewellError], None],
    ) -> None:
        self._roots = roots
        self._own = own
        self._stop = stop
        self._quiet = quiet
        self._poll = poll
        self._on_problem = on_problem
        self._look_at = 0.0
        self._blind: float | None = None
        self._notify: RustNotify | None = None
        self._watched: set[str] = set()
        self._tops: list[tuple[Path, Path]] = []
        self._stale: set[Path] = set()
        self._kinds = {root: _kind(root) for root in roots}
        self._seen: dict[Path, tuple[int, int, int]] = {}
        if not poll:
            self._open()
        self._look()

    def wait(self) -> set[Path]:
        """The paths, at or below the roots, where something was added, changed or removed since the last call.

        A folder stands for all below it. Returns soon after a change, and with nothing after `quiet` seconds without
        one, or when told to stop. Hidden files, files of another format and files that cannot be named are left out.

        Raises:
            KeyboardInterrupt: on Ctrl+C.
        """
        found = self._open() if self._stale and not self._poll else set()
        found |= self._told() if self._notify is not None else self._slept()
        kinds = {root: _kind(root) for root in self._roots}
        for root in self._roots:
            if kinds[root] != self._kinds[root]:
                found.add(root)
                self._stale.add(root)
        self._kinds = kinds
        return found | (self._look() if time.monotonic() >= self._look_at else set())

    def close(self) -> None:
        """Let go of what the system keeps for this."""
        if self._notify is not None:
            self._notify.close()
            self._notify = None

    # Being told

    def _told(self) -> set[Path]:
        from watchfiles._rust_notify import WatchfilesRustInternalError

        if self._notify is None:
            return set()
        try:
            told = self._notify.watch(_STEP_MS, _STEP_MS, max(1, int(self._quiet * 1000)), self._stop)
        except WatchfilesRustInternalError as error:  # a name that is no text, for one; it ends this watch for good
            return self._after_failure(error)
        if told == "signal":
            raise KeyboardInterrupt
        return set() if isinstance(told, str) else self._named(name for _, name in told)

    def _named(self, names: Iterable[str]) -> set[Path]:
        """The paths that are meant, as they are known below the roots."""
        found = set()
        for name in names:
            for root, top in self._tops:
                inner = _inner(name, top)
                if inner is None or any(part.startswith(".") for part in inner.parts):
                    continue
                path = root / inner
                if path.is_relative_to(self._own) and not root.is_relative_to(self._own):
                    continue
                # os.path: what may not be looked at is simply none of these
                folder = os.path.isdir(path) and not os.path.islink(path)  # noqa: PTH112, PTH114
                if path == root or (folder and _EACH_FOLDER):
                    self._stale.add(path)
                if folder or path == root or name.lower().endswith(SUFFIXES) or not os.path.lexists(path):
                    found.add(path)
        return found

    def _open(self) -> set[Path]:
        """Watch the folders that there are now; returns what changed meanwhile, and the folders that are new.

        New are also those that were made again: what happened in them before they were watched was not told.
        """
        from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

        self._tops = [(root, root if _EACH_FOLDER else root.resolve()) for root in self._roots if _is_folder(root)]
        folders = self._folders()
        problem: Exception | None = None
        notify: RustNotify | None = None
        for _ in range(_RETRIES):
            if notify is not None:
                notify.close()
            try:
                notify = RustNotify(sorted(folders), False, False, 0, not _EACH_FOLDER, True)
            except (OSError, WatchfilesRustInternalError) as error:  # a folder has just gone, or there are too many
                notify, problem = None, error
            watched, folders = folders, self._folders()
            if notify is not None and folders <= watched:
                break  # else one was made after its parent was looked at, and before that was watched
        if notify is None:
            return self._poll_from_now(problem)
        found: set[Path] = set()
        if self._notify is not None:
            with suppress(WatchfilesRustInternalError):  # where that was why, all is looked through
                told = self._notify.watch(1, 1, 1, None)
                found = set() if isinstance(told, str) else self._named(name for _, name in told)
            self._notify.close()
            found |= self._named(folders - self._watched)
        found |= self._stale
        self._notify, self._watched = notify, watched
        self._stale = set() if folders <= watched else self._named(folders - watched)
        return found

    def _after_failure(self, error: Exception) -> set[Path]:
        """Begin again, and have all looked through; the second time, trust in looking."""
        again = self._blind is not None and time.monotonic() - self._blind < _BLIND_AGAIN
        self._blind = time.monotonic()
        return self._poll_from_now(error) if again else {*self._open(), *self._roots}

    def _poll_from_now(self, problem: Exception | None) -> set[Path]:
        self.close()
        self._poll = True
        self._look()
        self._on_problem(
            CitewellError(
                f"the system does not tell of all changes ({problem}); the files are looked at again and again"
            )
        )
        return set(self._roots)

    def _folders(self) -> set[str]:
        """The folders to be watched, by the names that the system is given."""
        found: set[str] = set()
        for root, top in self._tops:
            if not _EACH_FOLDER:
                found.add(str(top))
                continue
            own = self._own if not root.is_relative_to(self._own) else None
            for folder, names, _ in os.walk(top):
                found.add(folder)
                names[:] = [
                    name
                    for name in names
                    if not name.startswith(".") and _is_text(name) and (own is None or Path(folder, name) != own)
                ]
        return found

    # Looking

    def _slept(self) -> set[Path]:
        end = time.monotonic() + self._quiet
        # In short waits: on Windows, Ctrl+C does not end a long one.
        while (left := end - time.monotonic()) > 0 and not self._stop.wait(min(left, 1.0)):
            pass
        return set()

    def _look(self) -> set[Path]:
        """Look at the files that the system tells nothing of; returns those that are not as they were seen last."""
        started = time.monotonic()
        seen = {}
        for root in self._roots:
            if self._poll or self._kinds[root] == _FILE:
                with suppress(ArticlesError):
                    for item in find_files(root):
                        with suppress(OSError):
                            if isinstance(item, Path):
                                status = item.stat()
                                seen[item] = (status.st_ino, status.st_size, status.st_mtime_ns)
        before, self._seen = self._seen, seen
        now = time.monotonic()
        self._look_at = now + _SHARE * (now - started)
        return {path for path in seen.keys() | before.keys() if seen.get(path) != before.get(path)}


def _kind(root: Path) -> tuple[int, ...] | None:
    """What tells a folder from another one of the same name; `_FILE` for a file; None when there is nothing.

    A disk that is taken away leaves a folder behind, on the disk below.
    """
    try:
        status = root.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else _FILE


def _is_folder(root: Path) -> bool:
    return os.path.isdir(root) and _is_text(str(root))  # noqa: PTH112 - false where it may not be looked at


def _inner(name: str, top: Path) -> Path | None:
    path = Path(name)
    return path.relative_to(top) if path.is_relative_to(top) else None


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
