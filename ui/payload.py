"""What a browser may send: JSON that is small, flat and of the types that the page's own script sends.

A body is read here once, checked, and written anew from what was checked, so that nobody behind reads it otherwise. A
conversation, a file or a path never comes from the browser, whatever it says.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Calls", "Malformed", "NotThere", "cancelled", "component_call", "joined", "parse", "reset", "session_of"]

MOST_DEPTH = 16
"""Lists and objects inside one another."""
MOST_VALUES = 4_000
"""Values of a body, keys included."""
MOST_NUMBER = 2**53
"""The greatest whole number that a script can send."""

_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
# Gradio takes an object with these for a file on the server, and opens it; or for an update of a component.
_FILE_KEYS = frozenset({"path", "orig_name", "_type", "__type__"})

# The class of an input component -> what it may send. State and chats are the server's own: never taken from outside.
_OURS = frozenset({"state", "chatbot"})
_TEXT = frozenset({"textbox", "button"})
_NUMBER = frozenset({"number", "slider"})
_FILES = frozenset(
    {"audio", "downloadbutton", "file", "fileexplorer", "gallery", "image", "imageeditor", "imageslider"}
    | {"model3d", "multimodaltextbox", "uploadbutton", "video"}
)


class Malformed(Exception):
    """The body is not what the page sends."""


class NotThere(Exception):
    """The page has no such event, component or function."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What of a page can be called.

    Attributes:
        events: the number of an event -> the kinds of its inputs ("textbox", "state", ...).
        functions: the number of a component -> the names of its server functions.
    """

    events: Mapping[int, tuple[str, ...]]
    functions: Mapping[int, frozenset[str]]


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`.

    Raises:
        Malformed: it is no JSON object, is nested deeper than `MOST_DEPTH`, holds more than `MOST_VALUES` values, a
            number beyond `MOST_NUMBER` or none, or describes a file.

    >>> parse(b'{"data": ["What happened?"]}')
    {'data': ['What happened?']}
    """
    try:
        value = json.loads(body.decode("utf-8"), parse_int=_whole, parse_float=_finite, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Malformed from error
    if not isinstance(value, dict):
        raise Malformed
    _check(value)
    return value


def joined(value: dict[str, Any], calls: Calls) -> dict[str, Any]:
    """The call of an event, with nothing in it but what the page sends.

    Raises:
        Malformed: a field has the wrong type.
        NotThere: no such event.
    """
    number, data = _number(value, "fn_index"), value.get("data")
    if number not in calls.events:
        raise NotThere
    kinds = calls.events[number]
    if not isinstance(data, list) or len(data) < len(kinds):
        raise Malformed
    event = value.get("event_data")
    trigger = value.get("trigger_id")
    if not isinstance(event, (dict, type(None))) or type(trigger) not in (int, type(None)):
        raise Malformed
    return {
        "session_hash": _session(value),
        "fn_index": number,
        "data": [_input(kind, each) for kind, each in zip(kinds, data, strict=False)],
        "event_data": event,
        "trigger_id": trigger,
    }


def component_call(value: dict[str, Any], calls: Calls) -> dict[str, Any]:
    """The call of a component's server function; what it takes, the function checks itself.

    Raises:
        Malformed: a field has the wrong type.
        NotThere: the page has no such function.
    """
    number, name = _number(value, "component_id"), value.get("fn_name")
    if not isinstance(name, str) or "data" not in value:
        raise Malformed
    if name not in calls.functions.get(number, ()):
        raise NotThere
    return {"session_hash": _session(value), "component_id": number, "fn_name": name, "data": value["data"]}


def cancelled(value: dict[str, Any], calls: Calls) -> dict[str, Any]:
    """The wish to cancel an event of one's own.

    Raises:
        Malformed: a field has the wrong type.
        NotThere: no such event.
    """
    number = _number(value, "fn_index")
    if number not in calls.events:
        raise NotThere
    return {"session_hash": _session(value), "fn_index": number, "event_id": _session(value, "event_id")}


def reset(value: dict[str, Any], calls: Calls) -> dict[str, Any]:  # noqa: ARG001 - one form for all checks
    """What older scripts send when they cancel; it does nothing.

    Raises:
        Malformed: a field has the wrong type.
    """
    return {"event_id": _session(value, "event_id")}


def session_of(text: str) -> str:
    """`text` if it is the name of a session, as the page's script makes them.

    Raises:
        Malformed: it is not.
    """
    if _SESSION.fullmatch(text) is None:
        raise Malformed
    return text


def _session(value: dict[str, Any], field: str = "session_hash") -> str:
    found = value.get(field)
    if not isinstance(found, str):
        raise Malformed
    return session_of(found)


def _number(value: dict[str, Any], field: str) -> int:
    found = value.get(field)
    if type(found) is not int:  # a bool is an int, too
        raise Malformed
    return found


def _input(kind: str, value: Any) -> Any:
    if kind in _OURS:
        return None
    if value is None:
        return None
    if kind in _FILES:
        raise Malformed
    if kind in _TEXT and not isinstance(value, str):
        raise Malformed
    if kind in _NUMBER and type(value) not in (int, float):
        raise Malformed
    if kind == "checkbox" and not isinstance(value, bool):
        raise Malformed
    return value


def _whole(digits: str) -> int:
    if len(digits) > 17 or abs(int(digits)) > MOST_NUMBER:
        raise Malformed
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Malformed
    return number


def _refuse(_: str) -> NoReturn:
    raise Malformed


def _check(value: object) -> None:
    values = 0
    rest: list[tuple[object, int]] = [(value, 1)]
    while rest:
        each, depth = rest.pop()
        values += 1
        if values > MOST_VALUES:
            raise Malformed
        if not isinstance(each, (list, dict)):
            continue
        if depth > MOST_DEPTH:
            raise Malformed
        if isinstance(each, dict):
            if _FILE_KEYS & each.keys():
                raise Malformed
            values += len(each)
            each = list(each.values())
        rest.extend((inner, depth + 1) for inner in each)
