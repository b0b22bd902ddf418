"""The page under load: from `citewell serve` to the first answer, and many users at once, over real HTTP.

    python tests/bench/serving.py [--users 50] [--seconds 60] [--think 0] [--json FILE]

The server is a process of its own, with the real models over the sample articles; each user is a session that joins
Gradio's queue and reads its event stream, as the page's script does. A third process asks `/healthz` all the while.
All on this machine: the users take their share of its cores. The memory is the server's resident set.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.synchronize import Event

from common import ROOT, Report, percentile

from ui.admission import BUSY

QUESTIONS = ROOT / "tests" / "data" / "seed_questions.jsonl"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def resident(pid: int) -> float:
    """The resident set of a process, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024


@dataclass
class Start:
    """Seconds from `citewell serve` to each."""

    page: float = 0.0
    ready: float = 0.0
    answer: float = 0.0


@dataclass
class Load:
    """What the users saw."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class User:
    """One browser."""

    def __init__(self, client: httpx.AsyncClient, number: int) -> None:
        self._client = client
        self._session = f"bench{number}"

    async def open(self) -> None:
        """Loads the page and finds the event that answers."""
        page = await self._client.get("/")
        page.raise_for_status()
        self._client.cookies.update(page.cookies)
        config = (await self._client.get("/config")).json()
        components = {each["id"]: each for each in config["components"]}
        call = next(
            each
            for each in config["dependencies"]
            if any(
                trigger == "submit" and components[target]["props"].get("elem_id") == "question"
                for target, trigger in each["targets"]
                if target in components
            )
        )
        self._event = call["id"]
        # Behind the question: what the server keeps itself, and limits that are left empty.
        self._others = [None if components[each]["type"] == "state" else "" for each in call["inputs"][1:]]

    async def ask(self, question: str) -> tuple[str, str]:
        """What became of the question (answered, busy, problem), and what was shown."""
        call = {
            "fn_index": self._event,
            "data": [question, *self._others],
            "session_hash": self._session,
            "event_data": None,
            "trigger_id": None,
        }
        joined = await self._client.post("/gradio_api/queue/join", json=call)
        if joined.status_code == 503:
            return "busy", joined.text
        if joined.status_code != 200:
            return "problem", f"{joined.status_code} {joined.text[:200]}"
        event, last = joined.json()["event_id"], ""
        where = f"/gradio_api/queue/data?session_hash={self._session}"
        async with self._client.stream("GET", where) as stream:
            async for line in stream.aiter_lines():
                if not line.startswith("data:"):
                    continue
                message = json.loads(line[5:])
                if message.get("event_id") not in (event, None):
                    continue
                if message["msg"] in ("process_generating", "process_completed"):
                    last += json.dumps(message.get("output"), ensure_ascii=False)
                if message["msg"] == "process_completed" and not message.get("success"):
                    return "problem", last[:200]
                if message["msg"] == "unexpected_error":
                    return "problem", line[:200]
                if message["msg"] == "close_stream":
                    break
        if BUSY in last:
            return "busy", last
        if 'class=\\"answer' in last:
            return "answered", last
        return "problem", last[-300:]


async def use(url: str, number: int, questions: Sequence[str], until: float, think: float, load: Load) -> None:
    """One user, until the time is over."""
    async with httpx.AsyncClient(base_url=url, timeout=120) as client:
        user = User(client, number)
        await user.open()
        alive = asyncio.create_task(_heartbeat(client, f"bench{number}"))
        asked = number
        while time.perf_counter() < until:
            begin = time.perf_counter()
            try:
                outcome, text = await user.ask(questions[asked % len(questions)])
            except httpx.HTTPError as error:
                outcome, text = "problem", repr(error)
            if outcome == "answered":
                load.seconds.append(time.perf_counter() - begin)
            elif outcome == "problem":
                load.problems.append(text)
            load.outcomes[outcome] += 1
            asked += 7
            await asyncio.sleep(think if outcome != "busy" else max(think, 1.0))
        alive.cancel()


async def _heartbeat(client: httpx.AsyncClient, session: str) -> None:
    async with client.stream("GET", f"/gradio_api/heartbeat/{session}", timeout=None) as stream:
        async for _ in stream.aiter_raw():
            pass


def all_use(url: str, users: int, seconds: float, think: float, questions: Sequence[str], result: Any) -> None:
    """All users, in this process."""
    load = Load()

    async def run() -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(*(use(url, each, questions, until, think, load) for each in range(users)))

    asyncio.run(run())
    result.put(load)


def probe(host: str, port: int, over: Event, result: Any) -> None:
    """Asks `/healthz` ten times a second on one connection; puts the seconds of each."""
    connection = http.client.HTTPConnection(host, port, timeout=30)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found = []
    while not over.wait(0.1):
        begin = time.perf_counter()
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        answer.read()
        found.append(time.perf_counter() - begin)
        if answer.status != 200:
            raise SystemExit(f"/healthz answered {answer.status}")
    result.put(found)


def start(port: int, index: Path, log: Any) -> tuple[subprocess.Popen[bytes], Start]:
    """`citewell serve`, and how long it took until each thing was there."""
    command = [sys.executable, "-m", "ui.cli", "serve", "--port", str(port), "--index", str(index)]
    begin = time.perf_counter()
    server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    times = Start()
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, timeout=60) as client:
        while True:
            if server.poll() is not None:
                raise SystemExit("the server ended")
            try:
                if not times.page and client.get("/config").status_code == 200:
                    times.page = time.perf_counter() - begin
                if times.page and client.get("/healthz").json()["status"] == "ready":
                    times.ready = time.perf_counter() - begin
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.01)

    async def first() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=120) as client:
            user = User(client, 10**6)
            await user.open()
            outcome, text = await user.ask("What did Putin demand?")
            if outcome != "answered":
                raise SystemExit(text)

    asyncio.run(first())
    times.answer = time.perf_counter() - begin
    return server, times


def main() -> None:
    """Runs it and prints what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--think", type=float, default=0.0, help="seconds between an answer and the next question")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    options = parser.parse_args()
    report = Report.start(options)
    questions = [json.loads(line)["question"] for line in QUESTIONS.read_text("utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        index, log_file = Path(folder) / "index", Path(folder) / "log.txt"
        module = [sys.executable, "-m", "rag.cli", "index", str(ROOT / "seeds"), "--index", str(index)]
        subprocess.run(module, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        port = free_port()
        with log_file.open("wb") as log:
            server, times = start(port, index, log)
            try:
                _measure(server, port, options, questions, report)
            finally:
                server.terminate()
                server.wait(30)
        # Two lines say where the page is.
        lines = [line for line in log_file.read_text("utf-8").splitlines() if f":{port}" not in line]
    rows = [(name, getattr(times, name)) for name in ("page", "ready", "answer")]
    report.table("from `citewell serve` to", ["", "s"], rows)
    report.table("the server's log", ["", "lines"], [("other than where the page is", len(lines))])
    report.finish(options.json)
    print("\n".join(lines[:20]))


def _measure(
    server: subprocess.Popen[bytes], port: int, options: argparse.Namespace, questions: Sequence[str], report: Report
) -> None:
    spawn = multiprocessing.get_context("spawn")
    over, healthz, answers = spawn.Event(), spawn.Queue(), spawn.Queue()
    prober = spawn.Process(target=probe, args=("127.0.0.1", port, over, healthz))
    arguments = (f"http://127.0.0.1:{port}", options.users, options.seconds, options.think, questions, answers)
    users = spawn.Process(target=all_use, args=arguments)
    memory = [resident(server.pid)]
    cpu = _cpu_seconds(server.pid)
    users.start()
    prober.start()
    begin = time.perf_counter()
    while answers.empty() and users.exitcode in (None, 0):
        time.sleep(5)
        memory.append(resident(server.pid))
    seconds = time.perf_counter() - begin
    load: Load = answers.get(timeout=120)
    over.set()
    milliseconds = [1000 * each for each in healthz.get(timeout=60)]
    users.join()
    prober.join()
    report.table("outcomes", ["", "questions"], sorted(load.outcomes.items()))
    report.table(
        "answers",
        ["", "p50 s", "p95 s", "max s", "per second"],
        [
            (
                f"{options.users} users",
                percentile(load.seconds, 50),
                percentile(load.seconds, 95),
                max(load.seconds, default=float("nan")),
                len(load.seconds) / options.seconds,
            )
        ],
    )
    health = (percentile(milliseconds, share) for share in (50, 95, 99, 100))
    late = sum(each >= 50 for each in milliseconds)
    report.table(
        "/healthz meanwhile",
        ["", "p50 ms", "p95 ms", "p99 ms", "max ms", "of", "50 ms or more"],
        [("ten a second", *health, len(milliseconds), late)],
    )
    report.table("the server's memory", ["after s", "MiB"], [(5 * at, value) for at, value in enumerate(memory)])
    used = (_cpu_seconds(server.pid) - cpu) / seconds
    report.table("the machine", ["", "value"], [("cores the server used", used), ("load after", os.getloadavg()[0])])
    for problem in load.problems[:5]:
        print("problem:", problem)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
