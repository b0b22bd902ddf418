"""What an import may load, how fast the help comes, and which package may import which."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {
    "docx",
    "faiss",
    "fastwarc",
    "feedparser",
    "gradio",
    "onnx",
    "lxml",
    "onnxruntime",
    "pypdfium2",
    "rensa",
    "sentence_transformers",
    "tantivy",
    "tokenizers",
    "torch",
    "trafilatura",
    "transformers",
}
MODULES = (
    "rag",
    "rag.cli",
    "rag.console",
    "rag.display",
    "rag.index_cli",
    "rag.locations",
    "rag.types",
    "index",
    "index.errors",
    "index.types",
    "ui.cli",
)

LOADED = """
import json, sys
{statement}
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after the statement."""
    program = LOADED.format(statement=statement)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", MODULES)
def test_an_import_loads_nothing_heavy(module: str) -> None:
    if module == "ui.cli" and importlib.util.find_spec(module) is None:
        pytest.skip("the page's command line is not there")
    assert not loaded_by(f"import {module}") & HEAVY


def test_public_names_are_found_without_loading_anything_heavy() -> None:
    assert not loaded_by("import rag; dir(rag); getattr(rag, '__all__', None)") & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["ask", "--help"], ["--version"]], ids=" ".join)
def test_the_command_line_answers_about_itself_with_nothing_heavy_loaded(arguments: list[str]) -> None:
    statement = f"""
import contextlib, io
from rag.cli import app
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    app({arguments!r})
"""
    assert not loaded_by(statement) & (HEAVY | {"numpy", "platformdirs"})


def test_the_installed_command_shows_its_help() -> None:
    command = shutil.which("citewell", path=sysconfig.get_path("scripts"))
    assert command is not None, "the package is not installed: pip install -e '.[test]'"
    done = subprocess.run([command, "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Exit codes:" in done.stdout


def test_the_packages_import_one_another_one_way_only() -> None:
    command = shutil.which("lint-imports", path=sysconfig.get_path("scripts"))
    assert command is not None, "import-linter is not installed: pip install '.[test]'"
    done = subprocess.run(
        [command, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kept, 0 broken" in done.stdout


def test_no_module_uses_relative_imports() -> None:
    for package in ("index", "rag", "ui"):
        for path in (ROOT / package).rglob("*.py"):
            lines = path.read_text(encoding="utf-8").splitlines()
            assert not [line for line in lines if line.lstrip().startswith("from .")], path
