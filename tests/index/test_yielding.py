"""What is added to an index that is asked stands back for others, and nothing else does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from index.yielding import NICE, session_yields

ROOT = Path(__file__).parents[2]
SESSION = Path("/proc/self/autogroup")

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux weighs single threads")


def run(program: str, *arguments: object) -> Any:
    """What a program prints as JSON that runs in a session of its own."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(not SESSION.exists(), reason="sessions are not grouped here")
def test_a_session_stands_back_only_within() -> None:
    program = """
        import json
        from index.yielding import session_yields

        def weight():
            return open("/proc/self/autogroup").read().split()[-1]

        seen = [weight()]
        for _ in range(2):
            try:
                with session_yields():
                    seen.append(weight())
                    with session_yields():
                        seen.append(weight())
                    raise ValueError
            except ValueError:
                seen.append(weight())
        print(json.dumps(seen))
    """
    assert run(program) == ["0", *2 * [str(NICE), str(NICE), "0"]]


def test_where_sessions_are_not_grouped_nothing_is_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("index.yielding._SESSION", tmp_path / "autogroup")
    with session_yields():
        assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_what_is_added_later_is_embedded_on_threads_that_stand_back(tmp_path: Path) -> None:
    program = """
        import json, os, sys
        from pathlib import Path

        import numpy as np

        from index.build import build_index
        from index.encoder import load_encoder, standing_back

        folder, index = Path(sys.argv[1]) / "articles", Path(sys.argv[1]) / "index"
        folder.mkdir()

        def nice():
            return sorted(os.getpriority(os.PRIO_PROCESS, int(each)) for each in os.listdir("/proc/self/task"))

        def add(name, text):
            (folder / name).write_text(text)
            build_index([folder], index)
            return nice()

        first = add("a.txt", "The ferry sank in the harbour on Monday. Nobody was hurt.")
        second = add("b.txt", "The council closed the bridge on Friday. It will open again in May.")
        texts = ["The ferry sank.", "The bridge was closed in the evening.", "It rained."]
        encoder = load_encoder()
        same = bool(np.array_equal(encoder.encode(texts), standing_back(encoder).encode(texts)))
        one = bool(np.array_equal(encoder.encode(texts[:1]), standing_back(encoder, session=True).encode(texts[:1])))
        own = os.getpriority(os.PRIO_PROCESS, 0)
        print(json.dumps({"first": first, "second": second, "own": own, "same": [same, one]}))
    """
    found = run(program, tmp_path)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert set(found["first"]) == {own}
    assert set(found["second"]) == {own, NICE}
    assert found["own"] == own
    assert found["same"] == [True, True]
