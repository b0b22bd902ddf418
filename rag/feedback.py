"""Votes on answers, kept in a file beside the index; and what they say to an evaluation.

`<index-dir>/feedback.jsonl` is JSON Lines, a vote in each, only ever added to: the last line with an `id` is what
counts, so that changing a vote can lose nothing. The index itself is not touched.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from index.errors import StoreError, first_line
from index.files import fsync
from rag.formats import standing_question

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rag.types import Answer, Citation

__all__ = ["FEEDBACK_FILE", "FeedbackFile", "Verdict", "Vote", "VotedQuote", "vote_on"]

FEEDBACK_FILE = "feedback.jsonl"

Verdict = Literal["up", "down", "none"]
"""Right, wrong, or taken back."""

MOST_BYTES = 16 * 1024 * 1024
"""The file grows no longer: some thousands of votes."""
_MOST_BYTES_OF_A_VOTE = 256 * 1024
_MOST_SOURCES = 20
_SECONDS_TO_WAIT = 10.0
_LOCK = ".feedback.lock"
_PART = ".feedback.part"


@dataclass(frozen=True, slots=True)
class VotedQuote:
    """A citation of the answer that was voted on.

    Attributes:
        article_id, start, end, quote, highlight: as in `Citation`.
        sources: URL, or else path, of the article and of the others that the citation stands in, 20 at most.
    """

    article_id: str
    start: int
    end: int
    quote: str
    highlight: tuple[int, int] | None
    sources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vote:
    """What somebody thought of an answer.

    Attributes:
        id: tells the answer from all others; a later vote with the same id takes the place of this one.
        time: when, in UTC, ISO 8601.
        version: of citewell; empty when it is not installed.
        verdict: "up": the answer is right; "down": it is not; "none": the vote was taken back.
        question: as it was read, in words that stand without the conversation.
        answered: whether the answer was more than that the articles do not say.
        confidence: as in `Answer`.
        citations: the answer's, in order.
    """

    id: str
    time: str
    version: str
    verdict: Verdict
    question: str
    answered: bool
    confidence: float
    citations: tuple[VotedQuote, ...]

    def to_dict(self) -> dict[str, Any]:
        """The vote as plain values for JSON, the field names as in this class."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Any) -> Vote:
        """The vote that `to_dict` made plain.

        Raises:
            ValueError: when the values are those of no vote.
        """
        try:
            values = {each.name: record[each.name] for each in fields(cls)}
            values["citations"] = tuple(_quote_from(each) for each in values["citations"])
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"no vote: {first_line(error)}") from error
        texts = (values["id"], values["time"], values["version"], values["question"])
        usable = all(isinstance(each, str) for each in texts) and isinstance(values["confidence"], int | float)
        if not usable or values["verdict"] not in get_args(Verdict):
            raise ValueError("no vote: a field is of another kind")
        if values["answered"] is not bool(values["citations"]):
            raise ValueError("no vote: an answer has citations, and nothing else has")
        return cls(**values)


def _quote_from(record: Any) -> VotedQuote:
    quote, highlight = record["quote"], record["highlight"]
    if highlight is not None:
        start, end = highlight
        highlight = (int(start), int(end))
    sources = tuple(map(str, record["sources"]))
    return VotedQuote(
        str(record["article_id"]), int(record["start"]), int(record["end"]), str(quote), highlight, sources
    )


def vote_on(answer: Answer, verdict: Verdict, *, key: str) -> Vote:
    """A vote on an answer, made now.

    Args:
        answer: what was shown.
        verdict: what somebody thinks of it.
        key: tells the answer from all others (`Vote.id`).
    """
    return Vote(
        key,
        f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        _version(),
        verdict,
        standing_question(answer),
        answer.answered,
        answer.confidence,
        tuple(map(_voted, answer.citations)),
    )


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("citewell")
    except PackageNotFoundError:  # run in a checkout that is not installed
        return ""


def _voted(citation: Citation) -> VotedQuote:
    sources = dict.fromkeys([citation.source, *(place.source for place in citation.also_in)])
    return VotedQuote(
        citation.article_id,
        citation.start,
        citation.end,
        citation.quote,
        citation.highlight,
        tuple(sources)[:_MOST_SOURCES],
    )


class FeedbackFile:
    """The votes on the answers of one index; safe to use from several threads and processes.

    Args:
        folder: the index folder.
        most_bytes: how long the file may become.
    """

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self.path = folder / FEEDBACK_FILE
        self._most_bytes = most_bytes

    def keep(self, vote: Vote) -> None:
        """Add a vote; when this returns, it is on the disk, and when this raises, the file is as before.

        Raises:
            StoreError: when it cannot be written, or the file is full.
        """
        line = json.dumps(vote.to_dict()).encode("ascii") + b"\n"
        if len(line) > _MOST_BYTES_OF_A_VOTE:
            raise StoreError(
                f"the vote was not kept: with its quotes it takes {len(line):,} bytes; expected at most "
                f"{_MOST_BYTES_OF_A_VOTE:,}"
            )
        try:
            with self._locked():
                if self._size() + len(line) >= self._most_bytes:
                    self._shorten()
                    if self._size() + len(line) >= self._most_bytes:
                        raise StoreError(
                            f"the vote was not kept: {self.path} is full ({self._size():,} bytes); export it with "
                            "`citewell feedback`, and move it elsewhere"
                        )
                _append(self.path, line)
        except OSError as error:
            reason = error.strerror or first_line(error)
            raise StoreError(
                f"the vote was not kept: {self.path} cannot be written ({reason}); free some space, or make the "
                "folder one that can be written to"
            ) from error

    def read(self) -> tuple[list[Vote], int]:
        """The votes that count, the last of each answer, in the order of their time; and how many lines are no votes.

        Raises:
            StoreError: when the file cannot be read.
        """
        latest: dict[str, Vote] = {}
        unreadable = 0
        for line in self._lines():
            vote = _vote_of(line)
            if vote is None:
                unreadable += 1
                continue
            latest.pop(vote.id, None)
            latest[vote.id] = vote
        return [vote for vote in latest.values() if vote.verdict != "none"], unreadable

    def _lines(self) -> list[bytes]:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be read ({error.strerror or first_line(error)}); expected the votes that the page "
                "keeps there"
            ) from error
        return [line for line in data.split(b"\n") if line.strip()]

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def _shorten(self) -> None:
        """Leave out the votes that later ones have taken the place of; all else stays as it is, lines of others too."""
        kept: dict[object, bytes] = {}
        for number, line in enumerate(self._lines()):
            vote = _vote_of(line)
            name: object = number if vote is None else vote.id
            kept.pop(name, None)
            if vote is None or vote.verdict != "none":
                kept[name] = line
        beside = self.path.with_name(_PART)
        try:
            beside.write_bytes(b"".join(line + b"\n" for line in kept.values()))
            beside.chmod(0o600)
            fsync(beside)
            beside.replace(self.path)
            fsync(self.path.parent)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        if not self.path.parent.is_dir():  # the lock would make it
            raise FileNotFoundError(errno.ENOENT, "there is no such folder")
        try:
            with FileLock(self.path.with_name(_LOCK), timeout=_SECONDS_TO_WAIT):
                yield
        except Timeout as error:
            raise StoreError(
                f"the vote was not kept: another process has held {self.path} for {_SECONDS_TO_WAIT:.0f} s; try again"
            ) from error


def _vote_of(line: bytes) -> Vote | None:
    try:
        return Vote.from_dict(json.loads(line))
    except (ValueError, RecursionError):
        return None


def _append(path: Path, line: bytes) -> None:
    """Add a line to a file that only its owner may read, all of it or nothing.

    Raises:
        OSError: when it cannot be written.
    """
    new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
    try:
        size = os.fstat(handle).st_size
        try:
            if size:
                os.lseek(handle, -1, os.SEEK_END)
                if os.read(handle, 1) != b"\n":  # a power cut, or an editor, has left the last line without its end
                    line = b"\n" + line
            left = memoryview(line)
            while left:  # a disk that fills up takes a part and says so the next time
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
    if new:
        fsync(path.parent)
