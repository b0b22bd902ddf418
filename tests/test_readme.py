"""The README's examples, executed: Python as a doctest, the console lines in a shell of their own."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture
def workplace(tmp_path: Path, seeds: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `articles/`, as somebody who follows the README would have it."""
    shutil.copytree(seeds, tmp_path / "articles")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_python_examples(workplace):
    found = blocks("python")
    assert len(found) == 2
    test = doctest.DocTestParser().get_doctest("\n".join(found), {}, "README.md", "README.md", 0)
    assert len(test.examples) > 10
    report: list[str] = []
    result = doctest.DocTestRunner().run(test, out=report.append)
    assert result.failed == 0, "".join(report)


@pytest.mark.slow
def test_console_examples(workplace):
    console = "".join(blocks("console"))
    for name, content in re.findall(r"^\$ cat (\S+)\n((?:(?!\$ ).*\n)*)", console, re.MULTILINE):
        (workplace / name).write_text(content, "utf-8")
    runs = re.findall(r"^\$ citewell (.*)\n((?:(?!\$ ).*\n)*)", console, re.MULTILINE)
    assert len(runs) == 8
    for arguments, shown in runs:
        done = subprocess.run(
            [sys.executable, "-c", "from ui.cli import main; main()", *shlex.split(arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        )
        assert done.returncode == 0, done.stderr
        printed = [line.rstrip() for line in done.stdout.splitlines()]
        assert shown.splitlines() or "--report" in arguments, arguments
        for line in shown.splitlines():
            assert line.rstrip() in printed, f"{arguments}: {line!r} is not in {printed}"
    assert (workplace / "report.html").stat().st_size > 1_000


def test_the_two_commands_are_those_that_ci_uses():
    commands = blocks("sh")
    assert 'pip install -c constraints.txt ".[test]"' in commands[1]
    assert 'pip install --quiet -c constraints.txt ".[test]"' in (ROOT / ".ci" / "run").read_text("utf-8")
    assert "citewell serve" in commands[0]


def test_pictures_and_files_that_are_named_exist():
    for path in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).is_file(), path
    for path in re.findall(r"`((?:rag|tests|index|ui)/[\w./-]+)`", README):
        assert (ROOT / path).exists(), path


def test_the_project_speaks_of_itself_alone():
    """No path of a developer's machine and no registry's host stands in what is shipped."""
    private = re.compile("/wor" + "k/|pypi\\.or" + "g|registry\\.npm|files\\.pythonhoste" + "d")
    for file in subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines():
        path = ROOT / file
        if path.suffix in {".py", ".md", ".txt", ".toml", ".json", ".js", ".css", ".html"} and path.is_file():
            assert not private.search(path.read_text("utf-8")), file
