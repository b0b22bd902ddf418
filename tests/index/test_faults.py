"""An index while everything goes wrong: failing file operations, power cuts, kills, flipped bits, a full disk.

Each test prints how many points it tried and what came of them. Every one of them must leave a state that was reported,
or the one that was under way; an error is reported and never swallowed; a quote that is given stands in its article.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from index.build import build_index
from index.errors import CitewellError, StoreError
from index.store.local import LocalStore
from rag.engine import Engine
from tests.index.stores import Local, file_of, files_behind, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="faults are made in forked processes")

ROOT = Path(__file__).parents[2]


# File operations that fail, and power cuts


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that fails and records file operations, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    source = ROOT / "tests" / "index" / "faults" / "shim.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-w", "-o", library, source, "-ldl", "-lpthread"], check=True)
    return library


def run(shim: Path, folder: Path, kind: str, every: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.index.faults.runner", folder, shim, kind, str(every)],
        cwd=ROOT,
        env=os.environ | {"LD_PRELOAD": str(shim), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    sys.stdout.write(
        f"\n{kind}: {result['points']} points of {result['operations']} file operations; {result['ends']}; "
        f"{len(result['wrong'])} wrong\n"
    )
    return result


@pytest.mark.parametrize(
    ("kind", "every"),
    [
        ("errors", 53),
        ("power", 29),
        pytest.param("errors", 1, marks=[pytest.mark.exhaustive, pytest.mark.timeout(7200)]),
        pytest.param("power", 1, marks=[pytest.mark.exhaustive, pytest.mark.timeout(7200)]),
    ],
)
def test_failing_operations_and_power_cuts(shim: Path, tmp_path: Path, kind: str, every: int) -> None:
    result = run(shim, tmp_path, kind, every)
    assert result["wrong"] == []
    assert result["points"] >= (5 if kind == "errors" else 4) * (result["operations"] // every - 1)
    if kind == "errors":
        assert sum(count for end, count in result["ends"].items() if end.endswith("error reported")) > 20


# Kills


def killed(folder: Path, first: int, reports: int, seconds: float) -> int:
    """Write on from a step in a child, and kill it some time after so many reports; how many there were."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            local = Local(folder, merged_below=0)
            for step in range(first, first + 1000):
                os.write(sending, b"s")
                local.put(file_of(step))
        finally:
            os._exit(1)
    os.close(sending)
    said = b""
    while len(said) <= reports:
        part = os.read(receiving, 1)
        assert part, "the writer ended by itself"
        said += part
    threading.Event().wait(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    while part := os.read(receiving, 4096):
        said += part
    os.close(receiving)
    return len(said) - 1  # one more is under way


@pytest.mark.parametrize("runs", [200, pytest.param(3000, marks=[pytest.mark.exhaustive, pytest.mark.timeout(7200)])])
def test_a_writer_that_is_killed(tmp_path: Path, runs: int) -> None:
    folder = tmp_path / "index"
    apart(begun, folder)
    generator = random.Random(1)
    step, ends = 1, Counter[str]()
    for _ in range(runs):
        before = step
        step += killed(folder, step + 1, generator.choice((0, 0, 1, 2)), generator.uniform(0.0, 0.05))
        held = apart(contents, folder)
        assert held in (files_behind(step), files_behind(step + 1)), f"{step - before} steps were reported"
        ends["the step under way is there" if held == files_behind(step + 1) else "it is not"] += 1
        step += held == files_behind(step + 1)
    sys.stdout.write(f"\n{runs} kills, {step} steps: 0 lost, 0 phantom, 0 duplicate; {dict(ends)}\n")
    assert step > runs // 2, "it was killed at work, and not before it had begun"


def apart(function: Callable[[Path], T], folder: Path) -> T:
    """What a function gives in a process of its own, as JSON.

    A thread of Tantivy's that holds a lock while this process forks leaves it to the child for good, which then waits
    for itself; so nothing is opened here.
    """
    kind, value = in_a_child(function, folder)
    assert kind == "given", f"{function.__name__}: {kind} {value}"
    result: T = value
    return result


def begun(folder: Path) -> None:
    """Make an index as of the first step."""
    local = Local(folder, merged_below=0)
    local.put(files_behind(1))
    local.close()


def contents(folder: Path) -> dict[str, str]:
    """The articles that are found, by path; each is there once."""
    store = LocalStore.open(folder)
    try:
        with store.reading():
            records = [store.passages([number])[0] for number in store.leading_passages()]
            found = store.search_lexical(["seen"], top_k=1000)
        assert {each.passage for each in found} == {record.id for record in records}
        assert len({record.article.path for record in records}) == len(records)
        return {record.article.path: record.text for record in records}
    finally:
        store.close()


# Damage


QUESTIONS = ("Who was seen by all of them?", "What was seen in town3?", "Where was the ferry?")


@pytest.fixture
def whole(tmp_path: Path, tiny_encoder: Any) -> Path:
    articles = tmp_path / "articles"
    articles.mkdir()
    for number in range(12):
        (articles / f"{number}.txt").write_text(f"Headline number {number}\n\n{text_of(number)}", "utf-8")
    (articles / "copy.txt").write_text(f"Another headline\n\n{text_of(3)}", "utf-8")
    build_index([articles], tmp_path / "whole", encoder=tiny_encoder)
    return tmp_path / "whole"


def answers(folder: Path, encoder: Any) -> list[dict[str, Any]]:
    """All that is quoted for the questions, and the whole articles that it is quoted from."""
    with Engine.open(folder, encoder=encoder, reader="none") as engine:
        found = []
        for question in QUESTIONS:
            answer = engine.ask(question, min_confidence=0.0).to_dict()
            for citation in (*answer["citations"], *answer["related"]):
                citation.pop("confidence", None)
                view = engine.article(citation["article_id"])
                found.append({"citation": citation, "article": view.text, "title": view.title})
        return found


def in_a_child(function: Callable[..., Any], *given: Any) -> tuple[str, Any]:
    """What a function gives, as JSON, in a process of its own: "given", "refused" with the error, or how it ended."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        signal.alarm(60)
        try:
            result = ["given", function(*given)]
        except CitewellError as error:
            result = ["refused", str(error)]
        except BaseException as error:  # noqa: BLE001 - what else comes is what is looked for
            result = ["exception", repr(error)]
        with os.fdopen(sending, "w") as pipe:
            json.dump(result, pipe)
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}", None
    kind, value = json.loads(said)
    return kind, value


def facts(found: list[dict[str, Any]]) -> set[str]:
    """What citations say, each on its own: quote, place, title and all, and the article that it is from."""
    kept = ("quote", "start", "end", "title", "source", "published", "path", "line", "article_id")
    return {
        json.dumps([{name: each["citation"].get(name) for name in kept}, each["article"], each["title"]])
        for each in found
    }


@pytest.mark.parametrize("count", [300, pytest.param(2000, marks=[pytest.mark.exhaustive, pytest.mark.timeout(7200)])])
def test_flipped_bits_and_truncated_files(whole: Path, tmp_path: Path, tiny_encoder: Any, count: int) -> None:
    true = facts(all_sentences(whole, tiny_encoder))
    assert facts(answers(whole, tiny_encoder)) <= true
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    generator = random.Random(7)
    ends, wrong = Counter[str](), []
    for _ in range(count):
        damaged = tmp_path / "damaged"
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(whole, damaged)
        name = generator.choice(["index.db", "index.db", *map(str, files)])
        content = bytearray((damaged / name).read_bytes())
        if generator.random() < 0.15 or not content:
            at = generator.randrange(len(content) + 1)
            what = f"{name} cut at {at}"
            content = content[:at]
        else:
            at, bit = generator.randrange(len(content)), generator.randrange(8)
            what = f"{name}: bit {bit} of byte {at}"
            content[at] ^= 1 << bit
        (damaged / name).write_bytes(content)
        kind, value = in_a_child(answers, damaged, tiny_encoder)
        if kind == "given":
            other = facts(value) - true
            if other:
                wrong.append(f"{what}: {min(other)[:400]}")
                kind = "wrong"
        elif kind != "refused":
            wrong.append(f"{what}: {kind} {value}")
        elif len(value.split()) < 6:
            wrong.append(f"{what}: {value}")
        ends[kind] += 1
    sys.stdout.write(f"\n{count} flips and truncations: {dict(ends)}\n")
    assert wrong == []
    assert ends["refused"] > 0


def all_sentences(folder: Path, encoder: Any) -> list[dict[str, Any]]:
    """Every sentence of an index as it might be cited, true by definition."""
    with Engine.open(folder, encoder=encoder, reader="none") as engine:
        store = engine.store
        found = []
        with store.reading():
            for record in store.passages(range(1, 1000)):
                view = engine.article(record.article.id)
                found += [
                    {
                        "citation": {
                            "quote": each.span.of(record.text),
                            "start": each.span.start,
                            "end": each.span.end,
                            "title": record.article.title,
                            "source": record.article.url or record.article.path,
                            "published": record.article.published,
                            "path": record.article.path,
                            "line": each.line,
                            "article_id": record.article.id,
                        },
                        "article": view.text,
                        "title": view.title,
                    }
                    for each in record.sentences
                ]
        return found


# A full disk


def test_a_disk_that_is_really_full(tmp_path: Path, tiny_encoder: Any) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system may be mounted here")
    try:
        articles = tmp_path / "articles"
        articles.mkdir()
        for number in range(40):
            (articles / f"{number}.txt").write_text(f"Headline {number}\n\n{text_of(number)}", "utf-8")
        build_index([articles], disk / "index", encoder=tiny_encoder)
        with (disk / "filler").open("wb") as filler:
            try:
                while filler.write(b"\0" * 65536):
                    filler.flush()
            except OSError:
                pass
        for number in range(40, 400):
            (articles / f"{number}.txt").write_text(f"Headline {number}\n\n{text_of(number)}", "utf-8")
        with pytest.raises(StoreError, match=r"free some space|cannot be"):
            build_index([articles], disk / "index", encoder=tiny_encoder)
        with Engine.open(disk / "index", encoder=tiny_encoder, reader="none") as engine:
            assert engine.info().articles >= 40
            assert engine.ask("Who was seen in town3?", min_confidence=0.0).citations
        (disk / "filler").unlink()
        report = build_index([articles], disk / "index", encoder=tiny_encoder)
        assert report.info.articles == 400
    finally:
        subprocess.run(["umount", "-l", disk], check=False)
