"""The cache of models made from others: exported, distilled or rewritten for a processor; each in its own folder."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from index.errors import EncoderError
from index.files import fsync

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["cache_dir", "made_from"]

_Made = TypeVar("_Made")
_log = logging.getLogger(__name__)


def cache_dir() -> Path:
    """Where they are kept: `$CITEWELL_HOME/cache`, else the user's cache folder."""
    home = os.environ.get("CITEWELL_HOME")
    if home:
        return Path(home) / "cache"
    import platformdirs

    return platformdirs.user_cache_path("citewell")


def made_from(
    folder: Path, kind: str, *, make: Callable[[Path], None], read: Callable[[Path], _Made], cache: Path | None = None
) -> _Made:
    """What was made from a model folder, from the cache or made now and kept there.

    A damaged cached one is made again. A cache that cannot be written costs the making anew each time, nothing else.

    Args:
        folder: the model.
        kind: what is made of it, with the version of how; a part of its name in the cache.
        make: makes it in an empty folder.
        read: reads it from a folder, and raises OSError, ValueError or KeyError when it is not there or damaged.
        cache: where it is kept; the user's cache folder when None.

    Raises:
        EncoderError: when the folder is missing, or as `make` does.
    """
    if not folder.is_dir():
        raise EncoderError(f"the encoder folder {folder} does not exist; expected a sentence-transformers model there")
    target = (cache_dir() if cache is None else cache) / "encoders" / _cache_key(folder, kind)
    try:
        return read(target)
    except (OSError, ValueError, KeyError) as error:
        _log.info("making the %s of the model %s (%s)", kind, folder, error)
    with tempfile.TemporaryDirectory(prefix="citewell-encoder-") as temporary:
        own = Path(temporary)
        make(own)
        made = read(own)
        try:
            _keep(own, target, read)
        except OSError as error:
            _log.warning("what was made of a model cannot be kept in %s (%s): it is made anew each time", target, error)
        return made


def _cache_key(folder: Path, kind: str) -> str:
    """Names the weights without reading them: their paths, sizes and times."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(kind.encode())
    for path in sorted(folder.rglob("*.*")):
        if path.is_file():
            stat = path.stat()
            digest.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _keep(made: Path, target: Path, read: Callable[[Path], object]) -> None:
    """Move what is finished into the cache in one step; whoever comes second leaves the first one's in place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".made-", dir=target.parent))
    try:
        for path in made.iterdir():
            shutil.copy2(path, staging / path.name)
        with contextlib.suppress(ValueError, KeyError, OSError):
            read(target)
            return
        if target.exists():
            shutil.rmtree(target)
        staging.rename(target)
        for path in (*target.iterdir(), target, target.parent):
            fsync(path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
