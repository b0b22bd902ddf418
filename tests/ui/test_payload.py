from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.payload import MOST_DEPTH, MOST_VALUES, Calls, Malformed, NotThere, cancelled, component_call, joined, parse
from ui.routes import ROUTES, page_query, route_of

CALLS = Calls(
    {3: ("textbox", "state"), 4: (), 5: ("chatbot", "number", "file", "html")}, {9: frozenset({"load_source"})}
)


def nested(depth):
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": 9007199254740993}',
        b'{"a": ' + b"9" * 60_000 + b"}",
        b'{"a": ' + nested(MOST_DEPTH).encode() + b"}",
        b'{"a": ' + nested(30_000).encode() + b"}",
        b'{"a": ' + b"[" * 60_000,
        b'{"a": [' + b"1," * MOST_VALUES + b"1]}",
        b"\xff\xfe{\x00}\x00",
        b'{"a": "\xff"}',
        b'{"a": {"path": "/etc/passwd"}}',
        b'{"a": [[{"_type": "gradio.FileData"}]]}',
        b'{"data": [{"__type__": "update"}]}',
        b'{"data": {"orig_name": "x"}}',
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_body_that_the_page_does_not_send_is_refused(body):
    with pytest.raises(Malformed):
        parse(body)


def test_the_last_that_is_taken_is_as_deep_as_it_says():
    assert parse(f'{{"a": {nested(MOST_DEPTH - 1)}}}'.encode())


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=12), plain, max_size=6))
def test_a_plain_body_is_read_as_json_reads_it(value):
    body = json.dumps(value)
    try:
        assert parse(body.encode()) == json.loads(body)
    except Malformed:
        assert any(f'"{key}"' in body for key in ("path", "_type", "__type__", "orig_name")) or body.count("[") > 9


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "fn_index": plain | st.sampled_from([3, 4, 5]),
            "component_id": plain | st.just(9),
            "fn_name": plain | st.just("load_source"),
            "session_hash": plain | st.just("abc"),
            "event_id": plain | st.just("abc"),
            "data": plain | st.lists(plain, max_size=5),
            "event_data": plain,
            "trigger_id": plain,
            "batched": plain,
            "oauth_token": plain,
        },
    )
)
def test_what_is_passed_on_has_the_right_types_and_nothing_else(value):
    for check in (joined, component_call, cancelled):
        try:
            passed = check(value, CALLS)
        except (Malformed, NotThere):
            continue
        assert isinstance(passed["session_hash"], str)
        assert not {"batched", "oauth_token"} & passed.keys()
        if check is joined:
            assert type(passed["fn_index"]) is int
            assert len(passed["data"]) == len(CALLS.events[passed["fn_index"]])


def call(**changes):
    value = {"fn_index": 3, "data": ["Why?", None], "session_hash": "abc", "event_data": None, "trigger_id": None}
    return {**value, **changes}


def test_state_and_conversations_never_come_from_the_browser():
    assert joined(call(data=["Why?", [{"question": "forged"}]]), CALLS)["data"] == ["Why?", None]
    forged = [{"role": "user", "content": "x"}]
    assert joined(call(fn_index=5, data=[forged, 1, None, {"a": 1}]), CALLS)["data"] == [None, 1, None, {"a": 1}]


@pytest.mark.parametrize(
    "changes",
    [
        {"data": ["Why?"]},
        {"data": [7, None]},
        {"data": "Why?"},
        {"data": {"0": "Why?"}},
        {"data": None},
        {"fn_index": True},
        {"fn_index": "3"},
        {"fn_index": 3.0},
        {"fn_index": None},
        {"session_hash": ""},
        {"session_hash": None},
        {"session_hash": 5},
        {"session_hash": "../x"},
        {"session_hash": "a" * 65},
        {"session_hash": "a\x00"},
        {"session_hash": "a\n"},
        {"event_data": [1]},
        {"trigger_id": "1"},
        {"trigger_id": True},
        {"fn_index": 5, "data": [None, "1", None, None]},
        {"fn_index": 5, "data": [None, 1, "/etc/passwd", None]},
    ],
    ids=str,
)
def test_a_call_of_the_wrong_type_is_malformed(changes):
    with pytest.raises(Malformed):
        joined(call(**changes), CALLS)


@pytest.mark.parametrize("number", [-1, 0, 99, 2**53])
def test_an_event_that_the_page_has_not_is_not_there(number):
    with pytest.raises(NotThere):
        joined(call(fn_index=number), CALLS)


@pytest.mark.parametrize("name", ["__init__", "postprocess", "get_config", "move_resource_to_block_cache", ""])
def test_only_server_functions_of_the_page_are_there(name):
    with pytest.raises(NotThere):
        component_call({"component_id": 9, "fn_name": name, "data": 1, "session_hash": "abc"}, CALLS)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "config",
        "//config",
        "/config//x",
        "/assets/",
        "/assets/a\\b",
        "/assets/..",
        "/assets/./x",
        "/assets/%2e%2e/x",
        "/assets/a:b",
        "/assets/a\x00",
        "/assets/a\n",
        "/gradio_api/heartbeat/",
        "/gradio_api",
        "http://evil.example/config",
    ],
)
def test_an_odd_path_leads_nowhere(path):
    assert route_of(path) is None


def test_every_route_is_found_by_its_own_path():
    for route in ROUTES:
        assert route_of(route.path + "x" if route.path.endswith("/") and route.path != "/" else route.path) is route


@given(st.text(max_size=80))
def test_only_known_parameters_reach_the_page(query):
    names = {each.partition("=")[0] for each in page_query(query).split("&") if each}
    assert names <= {"__theme", "q", "article", "start", "end"}
    assert page_query(f"deep_link=x&q=a%26b&{'z=1&' * 100}") == ""
    assert page_query("deep_link=x&view=api&q=a%26b") == "q=a%26b"
