"""Where data, indexes and the sample articles are looked for."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from index.errors import CitewellError
from rag import locations

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CITEWELL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CITEWELL_INDEX", raising=False)


def test_data_dir_is_what_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locations.data_dir() == tmp_path / "home"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CITEWELL_HOME", "here")
    assert locations.data_dir() == tmp_path / "here"
    monkeypatch.setenv("CITEWELL_HOME", "~/there")
    assert locations.data_dir() == Path.home() / "there"


@pytest.mark.parametrize("value", [None, ""])
def test_data_dir_is_else_the_users(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CITEWELL_HOME")
    if value is not None:
        monkeypatch.setenv("CITEWELL_HOME", value)
    found = locations.data_dir()
    assert found.is_absolute()
    assert found.name == "citewell"


def test_default_index_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert locations.default_index_dir() == tmp_path / "home" / "index"
    monkeypatch.setenv("CITEWELL_INDEX", str(tmp_path / "x" / ".." / "named"))
    assert locations.default_index_dir() == tmp_path / "named"


def test_seeds_of_the_checkout() -> None:
    assert locations.seeds_dir() == ROOT / "seeds"


def _pretend_installed(site: Path, monkeypatch: pytest.MonkeyPatch, files: list[str] | None) -> None:
    """Make the package look installed in `site`, with these entries in its list of files."""
    package = site / "rag"
    package.mkdir(parents=True)
    monkeypatch.setattr(locations, "__file__", str(package / "locations.py"))
    monkeypatch.setattr(sys, "prefix", str(site / "no-prefix"))
    listed = None if files is None else [importlib.metadata.PackagePath(file) for file in files]
    fake = SimpleNamespace(files=listed, locate_file=lambda path: site / path)
    monkeypatch.setattr(importlib.metadata, "distribution", lambda name: fake)


def _article(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text("An article.", encoding="utf-8")
    return path.parent


def test_seeds_of_a_virtual_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "lib" / "python3" / "site-packages"
    _pretend_installed(site, monkeypatch, ["rag/cli.py", "../../../share/citewell/seeds/a.txt"])
    expected = _article(tmp_path / "share" / "citewell" / "seeds" / "a.txt")
    assert locations.seeds_dir() == expected


def test_seeds_of_an_installation_into_a_target_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # pip's list of files is wrong there: it is written before the files are moved.
    _pretend_installed(tmp_path, monkeypatch, ["../../share/citewell/seeds/a.txt"])
    expected = _article(tmp_path / "share" / "citewell" / "seeds" / "a.txt")
    assert locations.seeds_dir() == expected


def test_seeds_beside_the_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend_installed(tmp_path / "site", monkeypatch, None)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    expected = _article(tmp_path / "prefix" / "share" / "citewell" / "seeds" / "a.txt")
    assert locations.seeds_dir() == expected


@pytest.mark.parametrize("installed", [True, False])
def test_missing_seeds_say_what_to_do(installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend_installed(tmp_path, monkeypatch, ["share/citewell/seeds/a.txt"])
    if not installed:

        def missing(name: str) -> None:
            raise importlib.metadata.PackageNotFoundError(name)

        monkeypatch.setattr(importlib.metadata, "distribution", missing)
    with pytest.raises(CitewellError, match=r"sample articles are missing: .*pip install.*--articles"):
        locations.seeds_dir()


def test_an_index_that_is_named_is_taken_as_it_is(tmp_path: Path) -> None:
    index, articles = tmp_path / "i", tmp_path / "a"
    assert locations.resolve(index, None) == (index, None)
    assert locations.resolve(index, articles) == (index, articles)


def test_articles_alone_get_an_index_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    articles = tmp_path / "my news\x1b[1m"
    index, to_index = locations.resolve(None, articles)
    assert to_index == articles
    assert index.parent == tmp_path / "home" / "by-path"
    assert index.name.startswith("my_news_1m-")
    assert len(index.name.rpartition("-")[2]) == 8

    monkeypatch.chdir(tmp_path)
    assert locations.resolve(None, Path(articles.name))[0] == index
    assert locations.resolve(None, tmp_path / "x" / ".." / articles.name)[0] == index
    assert locations.resolve(None, tmp_path / "x" / articles.name)[0] != index


@pytest.mark.parametrize("name", ["/", "/...", "/" + "é" * 200, "/\udcff"])
def test_any_name_gives_a_folder_name(name: str, tmp_path: Path) -> None:
    index, _ = locations.resolve(None, Path(name))
    assert index.parent == tmp_path / "home" / "by-path"
    assert index.name.isascii()
    assert 0 < len(index.name) <= 49


def test_with_nothing_named_the_default_index_goes_before_the_sample(tmp_path: Path) -> None:
    assert locations.resolve(None, None) == (tmp_path / "home" / "sample", ROOT / "seeds")

    default = tmp_path / "home" / "index"
    default.mkdir(parents=True)
    assert locations.resolve(None, None)[0] == tmp_path / "home" / "sample"
    (default / "index.db").touch()
    assert locations.resolve(None, None) == (default, None)


def test_nothing_is_made_on_disk(tmp_path: Path) -> None:
    locations.resolve(None, tmp_path / "a")
    locations.resolve(None, None)
    assert list(tmp_path.iterdir()) == []
