"""HTTP as an attacker writes it: nothing is added, nothing is mended."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Wire:
    """A client of one server. `headers` go with every request."""

    url: str
    headers: dict[str, str] = field(default_factory=dict)
    received: list[bytes] = field(default_factory=list)

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 80)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        connection = HTTPConnection(*self.address, timeout=60)
        connection._validate_path = lambda _: None  # type: ignore[attr-defined] # any path goes out
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body=body, headers={**self.headers, **named})
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            reply = Reply(answer.status, found, answer.read())
        finally:
            connection.close()
        self.received.append(reply.body + repr(reply.headers).encode())
        return reply

    def get(self, path: str, **headers: str) -> Reply:
        return self.request("GET", path, **headers)

    def post(self, path: str, payload: Any, **headers: str) -> Reply:
        body = payload if isinstance(payload, (bytes, str)) else json.dumps(payload)
        return self.request("POST", path, body, **{"Content_Type": "application/json", **headers})

    def raw(self, data: bytes) -> bytes:
        """Sends bytes as they are, and gives what comes back until the server closes or is silent for a second."""
        with socket.create_connection(self.address, timeout=30) as connection:
            connection.sendall(data)
            connection.settimeout(1)
            parts = []
            try:
                while part := connection.recv(65536):
                    parts.append(part)
            except (TimeoutError, ConnectionError):
                pass
        self.received.append(b"".join(parts))
        return b"".join(parts)

    def config(self) -> dict[str, Any]:
        return self.get("/config").json()

    def event(self, trigger: str = "submit", inputs: int = 3) -> int:
        return next(
            each["id"]
            for each in self.config()["dependencies"]
            if len(each["inputs"]) == inputs and any(target[1] == trigger for target in each["targets"])
        )

    def join(self, data: Any, *, event: Any = None, session: str = "wire", **more: Any) -> Reply:
        number = self.event() if event is None else event
        if event is None and isinstance(data, list) and len(data) == 2:
            data = [*data, ""]  # asked of all articles
        call = {"fn_index": number, "data": data, "session_hash": session, "event_data": None, "trigger_id": None}
        return self.post("/gradio_api/queue/join", {**call, **more})

    def listen(self, session: str = "wire") -> str:
        return self.get(f"/gradio_api/queue/data?session_hash={session}").text

    def ask(self, question: Any, *, session: str = "wire", state: Any = None) -> str:
        """What the page's script gets for a question."""
        joined = self.join([question, state], session=session)
        return self.listen(session) if joined.status == 200 else joined.text

    def component(self) -> int:
        return next(each["id"] for each in self.config()["components"] if each["props"].get("elem_id") == "source")

    def panel(self, data: Any, *, function: Any = "load_source", **more: Any) -> Reply:
        call = {"data": data, "component_id": self.component(), "fn_name": function, "session_hash": "wire"}
        return self.post("/gradio_api/component_server", {**call, **more})
