"""What a disk may hold after the power went: a recorded run replayed, with what was not synced kept, dropped or mixed.

The rules are those of POSIX, no kinder: the bytes of a file last when the file was synced, and its name when the folder
was. Of the rest, any part may have reached the disk, in any order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

__all__ = ["Disk", "Operation", "read_trace"]


@dataclass(frozen=True, slots=True)
class Operation:
    """A recorded file operation: its name, one or two paths, an offset (or a length), and data."""

    name: str
    path: str
    other: str
    offset: int
    data: bytes


def read_trace(path: Path) -> Iterator[Operation]:
    """The operations of a file that `shim.c` wrote."""
    content, at = path.read_bytes(), 0
    while at < len(content):
        fields = []
        for _ in range(5):
            end = content.index(b"\0", at)
            fields.append(content[at:end].decode("utf-8", "surrogateescape"))
            at = end + 1
        size = int(fields[4])
        yield Operation(fields[0], fields[1], fields[2], int(fields[3]), content[at : at + size])
        at += size


@dataclass(eq=False, slots=True)
class _File:
    """The bytes that a program sees, those on the disk, and the writes between them."""

    live: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)

    def write(self, offset: int, data: bytes | None) -> None:
        self.pending.append((offset, data))
        _apply(self.live, offset, data)

    def sync(self) -> None:
        self.durable = bytes(self.live)
        self.pending = []

    def after(self, keep: Callable[[], bool]) -> bytes:
        content = bytearray(self.durable)
        for offset, data in self.pending:
            if keep():
                _apply(content, offset, data)
        return bytes(content)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    """Write, or with no data cut or fill up to a length."""
    if len(content) < offset:
        content.extend(b"\0" * (offset - len(content)))
    if data is None:
        del content[offset:]
    else:
        content[offset : offset + len(data)] = data


@dataclass(eq=False, slots=True)
class _Folder:
    live: dict[str, _File | _Folder] = field(default_factory=dict)
    durable: dict[str, _File | _Folder] = field(default_factory=dict)


_Change = tuple[_Folder, str, "_File | _Folder | None"]
"""A name that is given to a file or folder, or taken away."""


class Disk:
    """A folder and all that is done to it.

    Args:
        folder: what it is at the beginning, all of it on the disk.
    """

    def __init__(self, folder: Path) -> None:
        self._place = PurePosixPath(folder)
        self._root = _read(folder)
        self._pending: list[list[_Change]] = []

    def apply(self, operation: Operation) -> None:
        """Do what was recorded."""
        name, path = operation.name, operation.path
        if name in {"create", "create-empty"}:
            parent, own = self._parent(path)
            known = parent.live.get(own)
            if isinstance(known, _File):
                if name == "create-empty":
                    known.write(0, None)
            else:
                self._change([(parent, own, _File())])
        elif name == "mkdir":
            parent, own = self._parent(path)
            self._change([(parent, own, _Folder())])
        elif name == "unlink":
            parent, own = self._parent(path)
            self._change([(parent, own, None)])
        elif name in {"rename", "link"}:
            parent, own = self._parent(path)
            target, other = self._parent(operation.other)
            moved: list[_Change] = [(target, other, parent.live[own])]
            self._change([*moved, (parent, own, None)] if name == "rename" else moved)
        elif name == "write":
            self._file(path).write(operation.offset, operation.data)
        elif name == "truncate":
            self._file(path).write(operation.offset, None)
        elif name == "sync":
            found = self._find(path)
            if isinstance(found, _File):
                found.sync()
            elif found is not None:
                self._sync_names(found)

    def after(self, target: Path, keep: Callable[[], bool]) -> None:
        """Write to a new folder what is on the disk when the power goes now.

        Args:
            target: the folder.
            keep: says of each thing that was not synced whether it reached the disk all the same.
        """
        names: dict[int, dict[str, _File | _Folder]] = {}

        def names_of(folder: _Folder) -> dict[str, _File | _Folder]:
            return names.setdefault(id(folder), dict(folder.durable))

        for changes in self._pending:
            if keep():
                for folder, name, what in changes:
                    if what is None:
                        names_of(folder).pop(name, None)
                    else:
                        names_of(folder)[name] = what
        written: dict[int, Path] = {}

        def write(folder: _Folder, place: Path) -> None:
            place.mkdir()
            for name, what in names_of(folder).items():
                if isinstance(what, _Folder):
                    write(what, place / name)
                elif id(what) in written:
                    (place / name).hardlink_to(written[id(what)])
                else:
                    (place / name).write_bytes(what.after(keep))
                    written[id(what)] = place / name

        write(self._root, target)

    def _change(self, changes: list[_Change]) -> None:
        for folder, name, what in changes:
            if what is None:
                folder.live.pop(name, None)
            else:
                folder.live[name] = what
        self._pending.append(changes)

    def _sync_names(self, folder: _Folder) -> None:
        left = []
        for changes in self._pending:
            if any(changed is folder for changed, _, _ in changes):
                for changed, name, what in changes:
                    if what is None:
                        changed.durable.pop(name, None)
                    else:
                        changed.durable[name] = what
            else:
                left.append(changes)
        self._pending = left

    def _find(self, path: str) -> _File | _Folder | None:
        found: _File | _Folder | None = self._root
        for part in PurePosixPath(path).relative_to(self._place).parts:
            found = found.live.get(part) if isinstance(found, _Folder) else None
        return found

    def _file(self, path: str) -> _File:
        found = self._find(path)
        return found if isinstance(found, _File) else _File()  # one without a name: nobody will find it again

    def _parent(self, path: str) -> tuple[_Folder, str]:
        parent = self._find(str(PurePosixPath(path).parent))
        if not isinstance(parent, _Folder):
            raise TypeError(f"{path} is in no folder")
        return parent, PurePosixPath(path).name


def _read(folder: Path) -> _Folder:
    found = _Folder()
    for path in folder.iterdir():
        content = path.read_bytes() if path.is_file() else b""
        entry = _File(bytearray(content), content) if path.is_file() else _read(path)
        found.live[path.name] = found.durable[path.name] = entry
    return found


def keeping(generator: random.Random) -> Callable[[], bool]:
    """Half of what was not synced."""
    return lambda: generator.random() < 0.5
