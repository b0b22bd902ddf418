"""The commands that manage an index, on small real indexes: what they print, what they do, how they end."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from index.build import build_index
from index.check import CheckReport, Problem
from index.store.database import DATABASE
from index.store.mend import Mended
from index.store.writer import write_lock
from rag import index_cli
from rag.cli import app
from rag.index_text import check_text, removal_question

ROOT = Path(__file__).resolve().parents[2]
SENTENCES = {
    "ferry.txt": "The harbour of Lindesnes was closed on Monday after a ferry ran aground in heavy fog.",
    "copy.txt": "The harbour of Lindesnes was closed on Monday after a ferry ran aground in heavy fog.",
    "glass.txt": "A museum of glass opened its doors to the public in Murano on Friday.",
}


def run(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    folder.mkdir()
    for name, sentence in SENTENCES.items():
        (folder / name).write_text(f"A Headline of Some Words\n\n{sentence}\n", "utf-8")
    return folder


@pytest.fixture
def index(corpus: Path, tmp_path: Path, tiny_encoder, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CITEWELL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CITEWELL_INDEX", raising=False)
    monkeypatch.delenv("CITEWELL_DEBUG", raising=False)
    build_index([corpus], tmp_path / "index", encoder=tiny_encoder)
    return tmp_path / "index"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input counts as a terminal; what it says is still what the test gives."""
    monkeypatch.setattr(index_cli, "_can_ask", lambda: True)


def rows(index: Path, sql: str) -> list[tuple]:
    connection = sqlite3.connect(index / DATABASE)
    found = connection.execute(sql).fetchall()
    connection.commit()
    connection.close()
    return found


def files(index: Path) -> set[str]:
    return {Path(path).name for (path,) in rows(index, "SELECT path FROM articles JOIN files ON files.id = file")}


def test_the_commands_in_their_order() -> None:
    shown = re.findall(r"^│ (\w+) {2,}", run("--help").stdout, flags=re.MULTILINE)
    order = ["ask", "index", "info", "check", "remove", "export", "backup", "evaluate", "train"]
    assert [name for name in shown if name in order] == order


# check


def test_check_of_a_sound_index(index: Path) -> None:
    result = run("check", "--index", index)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[:2] == [
        "checked    3 articles, 3 sentences, 0 repeated places, 3 passages, 2 vectors, 2 texts, 8 search files",
        "problems   none",
    ]
    assert result.stdout.splitlines()[-1] == f"index      {index}"


def test_check_mends_and_says_so(index: Path, corpus: Path, tiny_encoder) -> None:
    rows(index, "UPDATE articles SET title = 'x' || char(27) || '[2J' WHERE id = 2")
    rows(index, "UPDATE sentences SET line = 9 WHERE article = 3")
    result = run("check", "--index", index)
    assert result.exit_code == 0
    assert "problems   2 found, and all mended\n" in result.stdout
    assert "\x1b" not in result.stdout
    assert re.search(
        r"^  article +\w{32} in .*ferry\.txt: its title, .*; taken out; the next", result.stdout, re.MULTILINE
    )
    assert re.search(r"^  sentence +sentence 3 of .*; made the article again", result.stdout, re.MULTILINE)
    assert f"To be read again (1 file):\n  {corpus / 'ferry.txt'}\n" in result.stdout
    assert f"Next: citewell index PATH... --index {index}" in result.stdout
    assert files(index) == {"copy.txt", "glass.txt"}
    build_index([corpus], index, encoder=tiny_encoder)
    assert run("check", "--index", index).stdout.splitlines()[1] == "problems   none"
    assert files(index) == set(SENTENCES)


def test_check_without_mending(index: Path) -> None:
    rows(index, "UPDATE articles SET title = 'x' WHERE id = 2")
    for _ in range(2):
        result = run("check", "--index", index, "--no-mend")
        assert (result.exit_code, result.stderr) == (4, "")
        assert "problems   1 found; nothing was changed" in result.stdout
        assert "ferry.txt" in result.stdout
        assert "Next:" not in result.stdout
    assert files(index) == set(SENTENCES)


def test_check_as_json(index: Path, corpus: Path) -> None:
    assert json.loads(run("check", "--index", index, "--json").stdout)["problems"] == []
    rows(index, "UPDATE articles SET url = 'x' WHERE id = 3")
    result = run("check", "--index", index, "--json", "--no-mend")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["mended"], found["articles"]) == (4, False, 3)
    assert [(each["kind"], each["done"]) for each in found["problems"]] == [("article", "nothing")]
    result = run("check", "--index", index, "--json")
    found = json.loads(result.stdout)
    assert (result.exit_code, found["mended"], found["incomplete"]) == (0, True, [str(corpus / "glass.txt")])


def test_check_that_could_not_mend(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows(index, "DELETE FROM bands WHERE wording = (SELECT copy_key FROM passages WHERE id = 1)")
    monkeypatch.setattr("index.store.mend.Mender.mend", lambda *_: Mended(frozenset(), ()))
    result = run("check", "--index", index)
    assert result.exit_code == 4
    assert "problems   1 found, 1 could not be mended: keep the folder" in result.stdout


def test_a_report_of_much_damage_fits_one_screen() -> None:
    problems = tuple(Problem("sentence", f"sentence {n}", "it\nis wrong\x1b[1m", "taken out") for n in range(1_000))
    gone = tuple(f"/gone/{n}.txt" for n in range(30))
    counts = dict.fromkeys(("articles", "sentences", "copies", "passages", "vectors", "texts", "search_files"), 1_000)
    report = CheckReport("/i", **counts, waiting=2, problems=problems, mended=True, incomplete=gone, seconds=0.5)
    shown = check_text(report, index=Path("my index"), mend=True)
    assert len(shown.splitlines()) < 60
    assert "\x1b" not in shown
    assert "  sentence  sentence 19: it is wrong�[1m; taken out\n  and 980 more\n" in shown
    assert "  /gone/19.txt (gone from the disk)\n  and 10 more\n" in shown
    assert "waiting    2 passages that `citewell index` has to embed\n" in shown
    assert "Next: citewell index PATH... --index 'my index'," in shown


@pytest.mark.parametrize("command", [("check",), ("remove", "a.txt", "--yes"), ("export",), ("backup", "copy")])
def test_where_there_is_no_index(tmp_path: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*command, "--index", tmp_path / "nowhere")
    assert (result.exit_code, result.stdout) == (4, "")
    assert re.fullmatch(r"citewell: .* holds no index; make one with [^\n]*\n", result.stderr)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("check",), ("remove", "articles/glass.txt", "--yes")])
def test_while_another_process_writes(
    index: Path, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with write_lock(index):
        result = run(*command, "--index", index)
    assert (result.exit_code, result.stdout) == (4, "")
    assert f"is being written by process {os.getpid()}" in result.stderr
    assert files(index) == set(SENTENCES)


# remove


def test_remove_without_a_terminal_needs_yes(index: Path, corpus: Path) -> None:
    result = run("remove", corpus / "glass.txt", "--index", index, stdin="y\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--yes" in result.stderr
    assert files(index) == set(SENTENCES)


def test_remove(index: Path, corpus: Path) -> None:
    number = rows(index, "SELECT article_id FROM articles WHERE id = 1")[0][0]
    (corpus / "copy.txt").unlink()
    result = run("remove", number, "--index", index, "--yes")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[:2] == ["articles   2 removed", "files      2"]
    assert re.search(rf"^index +{re.escape(str(index))} \(1 article, 1 passage, ", result.stdout, re.MULTILINE)
    assert f"Still on the disk (1 file):\n  {corpus / 'ferry.txt'}\n  When `citewell index` reads" in result.stdout
    assert files(index) == {"glass.txt"}


def test_remove_of_what_is_gone_from_the_disk_says_nothing_of_it(index: Path, corpus: Path) -> None:
    (corpus / "glass.txt").unlink()
    assert "disk" not in run("remove", corpus / "glass.txt", "--index", index, "--yes").stdout


@pytest.mark.parametrize(("said", "left"), [("y\n", {"glass.txt"}), ("n\n", set(SENTENCES)), ("\n", set(SENTENCES))])
@pytest.mark.usefixtures("terminal")
def test_remove_asks(index: Path, corpus: Path, said: str, left: set[str]) -> None:
    result = CliRunner().invoke(
        app, ["remove", str(corpus / "ferry.txt"), str(corpus / "copy.txt"), "--index", str(index)], input=said
    )
    assert result.exit_code == 0
    assert f"Remove 1 article at 2 places (2 files) from the index in {index}? [y/N]" in result.stderr
    assert ("nothing was removed" in result.stderr) == (left == set(SENTENCES))
    assert ("articles   2 removed" in result.stdout) == (left != set(SENTENCES))
    assert files(index) == left


def test_the_question_for_one_article() -> None:
    removal = SimpleNamespace(keys=(1,), articles=("0" * 32,), files=("/a\x1b.txt",))
    assert removal_question(removal, Path("/i")) == "Remove 1 article (/a�.txt) from the index in /i?"  # type: ignore[arg-type]


def test_one_unknown_name_and_nothing_is_removed(index: Path, corpus: Path) -> None:
    result = run("remove", corpus / "glass.txt", "f" * 32, "--index", index, "--yes")
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.count("\n") == 1
    assert "f" * 32 in result.stderr
    assert files(index) == set(SENTENCES)


# export


def test_export_to_standard_output_is_lines_and_nothing_else(index: Path) -> None:
    result = run("export", "--index", index)
    assert (result.exit_code, result.stderr) == (0, "")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert {Path(record["path"]).name: record["text"].splitlines()[-1] for record in records} == SENTENCES


def test_export_to_a_file(index: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.jsonl"
    result = run("export", "--index", index, "--out", out)
    assert (result.exit_code, result.stdout) == (0, f"articles   3 exported\nfile       {out}\n")
    assert out.read_text("utf-8") == run("export", "--index", index).stdout
    assert run("export", "--index", index, "--out", tmp_path).exit_code == 2
    assert run("export", "--index", index, "--out", index / DATABASE).exit_code == 4
    assert files(index) == set(SENTENCES)


def test_export_in_a_process_of_its_own(index: Path) -> None:
    """UTF-8 whatever the console's encoding; quiet when the reader goes away."""
    rows(index, "SELECT 1")
    command = [sys.executable, "-c", "from rag.cli import main; main()", "export", "--index", str(index)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, env=environment, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    assert len([json.loads(line.decode("utf-8")) for line in done.stdout.splitlines()]) == 3
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(timeout=60) == 141


# backup


def test_backup(index: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copies" / "monday"
    result = run("backup", copy, "--index", index)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[:2] == ["articles   3, as of change 1", "search     copied"]
    assert re.search(rf"^copy +{re.escape(str(copy))} \(\d", result.stdout, re.MULTILINE)
    assert files(copy) == set(SENTENCES)
    assert run("check", "--index", copy, "--no-mend").exit_code == 0
    again = run("backup", copy, "--index", index)
    assert (again.exit_code, again.stdout) == (4, "")
    assert "is not empty" in again.stderr
    inside = run("backup", index / "copy", "--index", index)
    assert (inside.exit_code, inside.stdout) == (4, "")


def test_the_index_that_is_meant_when_none_is_named(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITEWELL_INDEX", str(index))
    assert f"index      {index}" in run("check").stdout
    assert len(run("export").stdout.splitlines()) == 3
    assert run("backup", tmp_path / "copy").exit_code == 0
    assert run("remove", tmp_path / "articles", "--yes").exit_code == 0
    assert files(index) == set()
    assert files(tmp_path / "copy") == set(SENTENCES)
