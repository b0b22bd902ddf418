"""Archives (.zip, .tar, .tar.gz, .tgz, .tar.bz2, .tar.xz, .gz): their members, read in memory and by their suffix.

Nothing is unpacked to disk, so that the names in an archive cannot lead anywhere. What they unpack to is counted as it
comes out (`Reading.unpack`), whatever an archive says of itself.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from typing import IO, TYPE_CHECKING

from index.formats import base
from index.formats.base import Bounded, TooMuch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from index.formats.base import Origin, Reading
    from index.types import Skipped, Source

__all__ = ["read_gzip", "read_tar", "read_zip"]


def read_gzip(name: str, file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """Read the one file that is packed in a .gz; it goes by the name of that, without the suffix."""
    with gzip.open(file, "rb") as unpacked:
        yield from reading.read(name[: -len(".gz")], _stream(unpacked, reading), origin, reading)


def read_zip(file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """Read the members of a .zip, in its order."""
    seekable = file if file.seekable() else io.BytesIO(base.read_whole(file))
    with zipfile.ZipFile(seekable) as archive:
        for member in archive.infolist():
            if member.is_dir() or _hidden(member.filename):
                continue
            reading.member()
            within = origin.inside(member.filename)
            try:
                with archive.open(member) as packed:
                    yield from reading.read(member.filename, _stream(packed, reading), within, reading)
            except (RuntimeError, NotImplementedError) as error:  # locked, or packed in a way that is not known
                yield within.skipped(f"cannot be unpacked: {error}")


def read_tar(file: IO[bytes], origin: Origin, reading: Reading) -> Iterator[Source | Skipped]:
    """Read the members of a .tar, packed or not, in its order."""
    # As a stream: an index of all members would be made first, of however many there are.
    with tarfile.open(fileobj=_stream(file, reading), mode="r|*") as archive:
        for member in archive:
            reading.member()
            if not member.isreg() or _hidden(member.name):
                continue
            packed = archive.extractfile(member)
            if packed is not None:
                stream = _stream(packed, reading)
                yield from reading.read(member.name, stream, origin.inside(member.name), reading)


def _stream(file: IO[bytes] | io.BufferedIOBase, reading: Reading) -> IO[bytes]:
    if reading.depth > base.MAX_DEPTH:
        raise TooMuch(f"archives within archives, more than {base.MAX_DEPTH} deep; unpack it and name the folder")
    return io.BufferedReader(Bounded(file, reading))


def _hidden(name: str) -> bool:
    """Whether a member is hidden, or is in a hidden folder, or in the one that macOS adds."""
    return any(
        (part.startswith(".") and part.strip(".")) or part == "__MACOSX" for part in name.replace("\\", "/").split("/")
    )
