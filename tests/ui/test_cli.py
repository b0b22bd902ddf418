from __future__ import annotations

import gc
import subprocess
import sys
from contextlib import contextmanager

import pytest
from typer.testing import CliRunner


@pytest.fixture
def run():
    from rag import cli
    from ui import cli as with_serve

    assert with_serve.main is not None
    interval = sys.getswitchinterval()
    yield lambda *arguments: CliRunner().invoke(cli.app, [*arguments])
    sys.setswitchinterval(interval)  # serve sets these for its process
    gc.unfreeze()


def test_the_command_line_loads_nothing_heavy():
    script = (
        "import sys, ui, ui.cli; "
        "heavy = {'gradio', 'torch', 'faiss', 'onnxruntime', 'numpy', 'pandas', 'uvicorn', 'playwright'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_serve_is_a_command(run):
    result = run("serve", "--help")
    assert result.exit_code == 0
    for option in ("--index", "--articles", "--host", "--allow-host", "--port", "--insecure"):
        assert option in result.output
    assert "serve" in run("--help").output


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "::"])
def test_an_address_that_others_reach_needs_a_word(run, host):
    result = run("serve", "--host", host)
    assert result.exit_code == 1
    assert "--insecure" in result.stderr
    assert "there is no login" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_public_name_needs_a_word_too(run):
    result = run("serve", "--allow-host", "news.example.org")
    assert result.exit_code == 1
    assert "--allow-host news.example.org lets others" in result.stderr
    assert "--insecure" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    for value in ("https://news.example.org", "*.example.org", "news.example.org:443"):
        result = run("serve", "--insecure", "--allow-host", "news.example.org", "--allow-host", value)
        assert result.exit_code == 1
        assert f"found '{value}'" in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_serve_says_where_and_passes_its_options_on(run, monkeypatch, tmp_path):
    import rag.pipeline
    import ui.app

    seen = {}

    class App:
        url = "http://127.0.0.1:7999"

        def wait(self):
            seen["waited"] = True

    class Engine:
        def close(self):
            seen["closed"] = True

    def opened(index, articles, **options):
        seen["opened"] = (index, articles)
        return Engine()

    @contextmanager
    def launched(engine, **options):
        seen["launched"] = (engine, options)
        yield App()

    monkeypatch.setattr(rag.pipeline, "open_engine", opened)
    monkeypatch.setattr(ui.app, "launch", launched)
    result = run("serve", "--index", str(tmp_path), "--port", "7999")
    assert result.exit_code == 0, result.output
    assert result.stdout == "citewell is ready at http://127.0.0.1:7999 — press Ctrl+C to stop\n"
    assert seen["opened"] == (tmp_path, None)
    launched_with, options = seen["launched"]
    assert launched_with.status == "ready"
    assert (launched_with.changeable, launched_with.sample) == (True, False)
    assert launched_with.place == f"{tmp_path.name}-articles"
    assert (options["host"], options["port"], options["open_browser"]) == ("127.0.0.1", 7999, False)
    assert options["examples"] == ()
    assert options["login"] is None
    assert options["allow_hosts"] == []
    assert sys.getswitchinterval() < 0.005
    assert gc.get_freeze_count() > 0
    assert seen["waited"]
    assert seen["closed"]
    for others, changeable in {
        "--read-only": False,
        "--host 0.0.0.0 --insecure": False,
        "--host 0.0.0.0 --insecure --allow-changes": True,
        "--host 0.0.0.0 --insecure --read-only": False,
        "--allow-host News.example --allow-host box --insecure": False,
        "--allow-host News.example --allow-host box --insecure --allow-changes": True,
    }.items():
        assert run("serve", "--index", str(tmp_path), *others.split()).exit_code == 0
        assert seen["launched"][0].changeable is changeable
    assert seen["launched"][1]["allow_hosts"] == ["news.example", "box"]
    assert run("serve", "--read-only", "--allow-changes").exit_code == 2


def test_the_sample_questions_come_with_the_sample_articles(monkeypatch, tmp_path):
    from rag.locations import seeds_dir
    from ui.cli import _is_sample

    monkeypatch.setenv("CITEWELL_HOME", str(tmp_path))
    monkeypatch.delenv("CITEWELL_INDEX", raising=False)
    assert _is_sample(None, None)
    assert _is_sample(None, seeds_dir())
    assert not _is_sample(tmp_path, None)
    assert not _is_sample(None, tmp_path)
