"""Runs the workload in children of a process that the shim is preloaded into, each with one fault; prints what came.

    LD_PRELOAD=shim.so python -m tests.index.faults.runner FOLDER SHIM KIND [EVERY]

KIND: `errors` (each operation fails with EIO or ENOSPC, once or from then on, or the process is killed there), or
`power` (the power goes behind each operation). EVERY: only each so manieth operation. One JSON object on standard
output.
"""

from __future__ import annotations

import ctypes
import errno
import json
import logging
import os
import random
import shutil
import signal
import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from index.errors import CitewellError
from tests.index.faults.powerloss import Disk, keeping, read_trace
from tests.index.faults.workload import STATES, begin, check, work

_FAULTS = {
    "EIO once": (errno.EIO, 0),
    "EIO from then on": (errno.EIO, 1),
    "ENOSPC once": (errno.ENOSPC, 0),
    "ENOSPC from then on": (errno.ENOSPC, 1),
    "killed": (0, 0),
}
_REPORTED, _UNEXPECTED = 10, 11


def main(folder: Path, shim: str, kind: str, every: int) -> dict[str, Any]:
    """Every fault, and what is wrong with the index after it, if anything."""
    logging.disable(logging.WARNING)  # that search files are made again is expected
    library = ctypes.CDLL(shim)
    library.fault_count.restype = ctypes.c_long
    start = folder / "start"
    begin(start)
    return errors(folder, library, every) if kind == "errors" else power(folder, library, every)


def run(
    folder: Path, library: Any, *, trace: str = "", at: int = 0, error: int = 0, sticky: int = 0
) -> tuple[int, int, int]:
    """The workload in a child: the number of steps it reported, how it ended, and how many operations it made."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        status = 0

        def done(step: int) -> None:
            library.fault_mark(f"step {step}".encode())
            os.write(sending, b"s")

        library.fault_begin(str(folder).encode(), trace.encode(), ctypes.c_long(at), error, sticky)
        try:
            work(folder, done)
        except CitewellError:
            status = _REPORTED
        except BaseException:  # noqa: BLE001 - what else comes is what is looked for
            traceback.print_exc()
            status = _UNEXPECTED
        os.write(sending, b"n" + str(library.fault_count()).encode())
        os._exit(status)
    os.close(sending)
    said = b""
    while part := os.read(receiving, 4096):
        said += part
    os.close(receiving)
    _, status = os.waitpid(child, 0)
    steps, _, operations = said.partition(b"n")
    return len(steps), status, int(operations or 0)


def errors(folder: Path, library: Any, every: int) -> dict[str, Any]:
    """Each operation fails in each way."""
    own = folder / "index"
    shutil.copytree(folder / "start", own)
    _, status, operations = run(own, library)
    assert status == 0
    check(own, len(STATES) - 1)
    wrong: list[str] = []
    ends: Counter[str] = Counter()
    points = 0
    for name, (code, sticky) in _FAULTS.items():
        for at in range(1, operations + 1, every):
            shutil.rmtree(own)
            shutil.copytree(folder / "start", own)
            steps, status, _ = run(own, library, at=at, error=code, sticky=sticky)
            points += 1
            if os.WIFSIGNALED(status):
                end = "killed" if os.WTERMSIG(status) == signal.SIGKILL else f"signal {os.WTERMSIG(status)}"
            else:
                end = {0: "all done", _REPORTED: "error reported"}.get(os.WEXITSTATUS(status), "another exception")
            ends[f"{name}: {end}"] += 1
            if end not in {"killed", "all done", "error reported"} or (end == "killed") != (name == "killed"):
                wrong.append(f"{name} at {at}: {end}")
            if end == "all done" and steps != len(STATES) - 1:
                wrong.append(f"{name} at {at}: no error, and {steps} steps")
            try:
                check(own, steps)
            except (AssertionError, CitewellError) as error:
                wrong.append(f"{name} at {at}, {steps} steps reported: {error}"[:2000])
    return {"operations": operations, "points": points, "ends": dict(sorted(ends.items())), "wrong": wrong}


def power(folder: Path, library: Any, every: int) -> dict[str, Any]:
    """The power goes behind each operation, and what was not synced is lost, kept, or half of it kept."""
    own, trace = folder / "index", folder / "trace"
    shutil.copytree(folder / "start", own)
    disk = Disk(own)
    _, status, _ = run(own, library, trace=str(trace))
    assert status == 0
    operations = list(read_trace(trace))
    wrong: list[str] = []
    states: Counter[str] = Counter()
    points = steps = 0
    for number, operation in enumerate(operations, 1):
        if operation.name == "mark":
            steps = int(operation.path.split()[1])
        else:
            disk.apply(operation)
        if number % every:
            continue
        generator = random.Random(number)
        for way, keep in {
            "lost": lambda: False,
            "kept": lambda: True,
            "half of it kept": keeping(generator),
            "another half kept": keeping(generator),
        }.items():
            target = folder / "after"
            shutil.rmtree(target, ignore_errors=True)
            disk.after(target, keep)
            points += 1
            try:
                states[f"{steps} reported, state {check(target, steps)}"] += 1
            except (AssertionError, CitewellError) as error:
                wrong.append(f"behind {number} ({operation.name} {operation.path}), {way}: {error}"[:2000])
    return {"operations": len(operations), "points": points, "ends": dict(sorted(states.items())), "wrong": wrong}


if __name__ == "__main__":
    arguments = sys.argv[1:]
    result = main(Path(arguments[0]), arguments[1], arguments[2], int(arguments[3]) if len(arguments) > 3 else 1)
    sys.stdout.write(json.dumps(result) + "\n")
