"""Where things are: the user's data folder, the index to use, and the articles that ship with citewell.

Two environment variables move them: `CITEWELL_HOME` (the data folder) and `CITEWELL_INDEX` (the default index).
Nothing here creates a folder or writes a file.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from index.errors import CitewellError

__all__ = ["data_dir", "default_index_dir", "resolve", "seeds_dir"]

INDEX_FILE = "index.db"
"""The file that makes a folder an index."""

_SEEDS = ("share", "citewell", "seeds")


def data_dir() -> Path:
    """The folder for what citewell makes: `CITEWELL_HOME`, else the platform's folder for a user's data.

    Returns:
        An absolute path; nothing may stand there yet.
    """
    home = os.environ.get("CITEWELL_HOME")
    if home:
        return _absolute(Path(home))
    from platformdirs import user_data_path

    return user_data_path("citewell", appauthor=False)


def default_index_dir() -> Path:
    """The index that is meant when none is named: `CITEWELL_INDEX`, else `index` in the data folder."""
    index = os.environ.get("CITEWELL_INDEX")
    return _absolute(Path(index)) if index else data_dir() / "index"


def seeds_dir() -> Path:
    """The folder of the articles that ship with citewell.

    In a checkout (or an editable install) it stands beside this package; otherwise it is among the data files that
    the installer put under `share/citewell/seeds`, wherever its scheme has that.

    Raises:
        CitewellError: when neither is there.
    """
    beside = Path(__file__).resolve().parent.parent / "seeds"
    if _holds_articles(beside):
        return beside
    for folder in _installed_seeds():
        if _holds_articles(folder):
            return folder
    raise CitewellError(
        f"the sample articles are missing: found neither {beside} nor {'/'.join(_SEEDS)} among the files of the "
        "installed package; install it again (pip install --force-reinstall --no-deps .), "
        "or name your own articles with --articles"
    )


def resolve(index: Path | None, articles: Path | None) -> tuple[Path, Path | None]:
    """The index folder to open, and the articles to bring it up to date with first, if any.

    Args:
        index: the index folder that the user named; None when none was named.
        articles: the file or folder of articles that the user named; None when none was named.

    Returns:
        With `index`: both as given. With `articles` alone: a folder of their own in the data folder, the same one
        for the same absolute path. With neither: the default index if one stands there, else the sample.

    Raises:
        CitewellError: when the sample is wanted and its articles are missing.
    """
    if index is not None:
        return index, articles
    if articles is not None:
        return data_dir() / "by-path" / _folder_name(articles), articles
    default = default_index_dir()
    if (default / INDEX_FILE).is_file():
        return default, None
    return data_dir() / "sample", seeds_dir()


def _absolute(path: Path) -> Path:
    """The path without `~` and `..`; links are kept, for a link to articles may point elsewhere tomorrow."""
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - Path.absolute() keeps ".."


def _folder_name(articles: Path) -> str:
    """`<name>-<8 hexadecimal digits>`: to be recognised by a person, and different for each absolute path."""
    path = _absolute(articles)
    digits = hashlib.blake2b(os.fsencode(path), digest_size=4).hexdigest()
    name = re.sub(r"[^\w.-]+", "_", path.name, flags=re.ASCII).strip("._")[:40]
    return f"{name or 'articles'}-{digits}"


def _holds_articles(folder: Path) -> bool:
    return next(folder.glob("*.txt"), None) is not None


def _installed_seeds() -> list[Path]:
    """Where an installer may have put the data files, the most certain place first."""
    import sys
    from importlib.metadata import PackageNotFoundError, distribution

    folders: list[Path] = []
    try:
        installed = distribution("citewell")
    except PackageNotFoundError:
        pass
    else:
        folders.extend(
            Path(str(installed.locate_file(file))).resolve().parent
            for file in installed.files or ()
            if file.parts[-4:-1] == _SEEDS
        )
        # `pip install --target` moves the files after it has written the list of them.
        folders.append(Path(str(installed.locate_file(Path(*_SEEDS)))))
    folders.append(Path(sys.prefix, *_SEEDS))
    return folders
