"""What the benchmarks share: where and on what they ran, workers in processes of their own, tables and JSON."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import multiprocessing
import os
import platform
import resource
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = (
    "citewell",
    "faiss-cpu",
    "numpy",
    "onnxruntime",
    "sentence-transformers",
    "tantivy",
    "tokenizers",
    "torch",
    "transformers",
)


class Worker:
    """One process of its own, started afresh, that runs functions of the calling script one after the other.

    Rivals that are compared run in two of these: the threads that one library leaves spinning do not slow the other,
    and the peak memory is one's own. What a function keeps in a module global is there for the next call.
    """

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call `function` there and wait for what it returns."""
        return self._pool.submit(function, *arguments).result()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown()


@dataclass
class Report:
    """The header, taken when it is made (so make it first), and the tables of one run."""

    name: str
    arguments: dict[str, Any]
    header: dict[str, Any] = field(default_factory=lambda: header())
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    columns: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def start(cls, given: argparse.Namespace) -> Report:
        """Take the header and print it."""
        report = cls(Path(sys.argv[0]).name, {key: _plain(value) for key, value in vars(given).items()})
        print(f"{report.name}: {json.dumps(report.arguments)}")
        for key, value in report.header.items():
            text = ", ".join(f"{name} {number}" for name, number in value.items()) if isinstance(value, dict) else value
            print(f"  {key}: {text}")
        sys.stdout.flush()
        return report

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Add a table; the first column names the rows."""
        self.columns[title] = list(columns)
        self.tables[title] = [dict(zip(columns, map(_plain, row), strict=True)) for row in rows]

    def finish(self, file: Path | None) -> None:
        """Print the tables, aligned, and write everything to `file` as JSON."""
        for title, rows in self.tables.items():
            columns = self.columns[title]
            cells = [columns, *([_show(row[column]) for column in columns] for row in rows)]
            widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
            print(f"\n{title}")
            for row in cells:
                first, rest = row[0].ljust(widths[0]), [c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)]
                print("  " + "  ".join([first, *rest]).rstrip())
        if file is not None:
            data = {
                "script": self.name,
                "arguments": self.arguments,
                "header": self.header,
                "tables": self.tables,
            }
            file.write_text(json.dumps(data, indent=1) + "\n", "utf-8")


def header() -> dict[str, Any]:
    """The machine, the versions, the date, the commit and the load average (1, 5 and 15 minutes) at this moment."""
    load = ", ".join(f"{each:.2f}" for each in os.getloadavg())
    versions = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "-"
    return {
        "machine": f"{_processor()}, {cores()} of {os.cpu_count()} cores, {platform.system()}",
        "versions": versions,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "load": load,
    }


def commit() -> str:
    """The checkout's commit, short, "+dirty" behind it when tracked files differ; "unknown" outside of git."""
    try:
        name, changes = (
            subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, text=True, check=True).stdout
            for command in (
                ("rev-parse", "--short", "HEAD"),
                ("status", "--porcelain", "--untracked-files=no"),
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name.strip() + ("+dirty" if changes.strip() else "")


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_megabytes() -> float:
    """The most memory that this process has had resident, in units of 1,000,000 bytes.

    `ru_maxrss` only where /proc is missing: Linux hands the parent's peak down to it when a process is started.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 100) of the values lie, interpolated; NaN of none."""
    import numpy as np

    return float(np.percentile(values, share)) if len(values) else float("nan")


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean; NaN of none."""
    return sum(values) / len(values) if len(values) else float("nan")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file, gzipped when its name ends in .gz."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    return [json.loads(line) for line in text.split("\n") if line.strip()]


def by_hash(key: str) -> str:
    """The sha256 of a text: sorted by it, things stand in an order that is arbitrary and always the same."""
    return hashlib.sha256(key.encode()).hexdigest()


def write_some(articles: Path, count: int | None, file: Path) -> int:
    """Write so many articles of a collection (all when None), by the hash of their URL, as JSON Lines; how many."""
    records = sorted(read_lines(articles), key=lambda each: by_hash(str(each.get("url"))))[:count]
    if count is not None and len(records) < count:
        raise SystemExit(f"{articles} holds {len(records):,} articles, not {count:,}")
    with file.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    return len(records)


def load_plain_model() -> Any:
    """The default encoder's own weights on torch in fp32, as sentence-transformers loads them, on the CPU."""
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    from index.encoder import default_model_folder

    logging.disable_progress_bar()
    return SentenceTransformer(str(default_model_folder()), device="cpu").float().eval()


def say(text: str) -> None:
    """A line on standard error: what is going on."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _plain(value: Any) -> Any:
    """A value as JSON knows it; NaN is None."""
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 6)
    return str(value) if isinstance(value, Path) else value


def _show(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
