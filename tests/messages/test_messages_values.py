"""What holds of every value: frozen deeply, closed, picklable, JSON and back, copies."""

import copy
import pickle
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, ValidationError

from greenroom.messages import ChatRequest, FrozenDict, InvalidInput, Message, ToolSpec, Value
from greenroom.messages.value import Input

from strategies import VALUES, anything

EVERY = [pytest.param(strategy, id=name) for name, strategy in VALUES.items()]
values = st.one_of(*VALUES.values())
IMMUTABLE = (str, bytes, int, float, bool, type(None), SecretStr)


def all_values(base: type[Value] = Value) -> list[type[Value]]:
    found = []
    for kind in base.__subclasses__():
        found += [kind, *all_values(kind)]
    return [kind for kind in found if kind.__module__.startswith("greenroom.messages")]


def assert_frozen(thing: Any, path: str) -> None:
    """Every object reached by attributes and items refuses to change."""
    if isinstance(thing, IMMUTABLE):
        return
    if isinstance(thing, BaseModel):
        for name in type(thing).model_fields:
            with pytest.raises(AttributeError):
                setattr(thing, name, None)
            with pytest.raises(AttributeError):
                delattr(thing, name)
            assert_frozen(getattr(thing, name), f"{path}.{name}")
        with pytest.raises(AttributeError):
            thing.something_new = 1  # type: ignore[attr-defined]
    elif isinstance(thing, Mapping):
        assert isinstance(thing, FrozenDict), f"{path} is a {type(thing).__name__}"
        with pytest.raises(TypeError):
            thing["x"] = 1  # type: ignore[index]
        with pytest.raises(TypeError):
            del thing["x"]  # type: ignore[attr-defined]
        with pytest.raises(AttributeError):
            thing._items = {}
        for key, item in thing.items():
            assert_frozen(item, f"{path}.{key}")
    else:
        assert isinstance(thing, tuple), f"{path} is a {type(thing).__name__}"
        for place, item in enumerate(thing):
            assert_frozen(item, f"{path}.{place}")


@pytest.mark.parametrize("strategy", EVERY)
@given(data=st.data())
def test_json_and_back_is_equal(strategy: st.SearchStrategy[Any], data: st.DataObject) -> None:
    value = data.draw(strategy)

    again = type(value).model_validate_json(value.model_dump_json())

    assert again == value
    assert type(again) is type(value)
    assert again.model_dump_json() == value.model_dump_json()


@pytest.mark.parametrize("strategy", EVERY)
@given(data=st.data())
def test_pickle_and_back_is_equal(strategy: st.SearchStrategy[Any], data: st.DataObject) -> None:
    value = data.draw(strategy)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(value, protocol)) == value  # noqa: S301


@given(values)
def test_copies_are_equal_and_frozen(value: Any) -> None:
    assert copy.copy(value) == value
    deep = copy.deepcopy(value)
    assert deep == value
    assert_frozen(deep, "copy")


@given(values)
def test_equal_values_have_equal_hashes(value: Any) -> None:
    assert hash(pickle.loads(pickle.dumps(value))) == hash(value)  # noqa: S301


@pytest.mark.parametrize("strategy", EVERY)
@given(data=st.data())
def test_nothing_reachable_can_change(strategy: st.SearchStrategy[Any], data: st.DataObject) -> None:
    value = data.draw(strategy)
    assert_frozen(value, type(value).__name__)


@pytest.mark.parametrize("kind", all_values(), ids=lambda kind: kind.__name__)
def test_every_model_is_closed_frozen_and_hides_its_input(kind: type[Value]) -> None:
    assert kind.model_config["extra"] == "forbid"
    assert kind.model_config["frozen"] is True
    assert kind.model_config["allow_inf_nan"] is False
    assert kind.model_config["hide_input_in_errors"] is True
    with pytest.raises((InvalidInput, ValidationError)) as caught:
        kind(no_such_field="a private word")
    assert "no_such_field" in str(caught.value)
    assert "private" not in str(caught.value)


@pytest.mark.parametrize("kind", all_values(), ids=lambda kind: kind.__name__)
def test_every_public_value_says_what_it_is(kind: type[Value]) -> None:
    if not kind.__module__.endswith("events") and "[" not in kind.__name__:
        assert kind.__doc__, f"{kind.__name__} has no docstring"


def test_what_the_caller_changes_later_does_not_show() -> None:
    schema = {"type": "object", "properties": {"city": {"enum": ["Oslo"]}}}
    content = [{"type": "text", "text": "hello"}]
    message = {"role": "user", "content": content}
    messages, stop, body = [message], ["END"], {"a": [1, {"b": 2}]}
    tools = [{"name": "weather", "parameters": schema}]
    request = ChatRequest(messages=messages, stop=stop, extra_body=body, tools=tools)
    before = request.model_dump_json()

    schema["properties"]["city"]["enum"].append("Rome")  # type: ignore[index]
    content[0]["text"] = "changed"
    content.append({"type": "text", "text": "more"})
    message["role"] = "system"
    messages.clear()
    stop.append("x")
    body["a"][1]["b"] = 3  # type: ignore[index]
    tools.clear()

    assert request.model_dump_json() == before


def test_what_is_dumped_shares_nothing() -> None:
    request = ChatRequest(messages="hi", extra_body={"a": {"b": [1]}})
    dumped = request.model_dump()
    dumped["extra_body"]["a"]["b"].append(2)
    dumped["extra_body"]["new"] = 1
    assert request.extra_body == {"a": {"b": [1]}}


def test_setting_a_field_does_not_show_the_value() -> None:
    message = Message(role="user", content="hi")
    with pytest.raises(AttributeError, match=r"^Message is frozen; cannot set 'content'") as caught:
        message.content = "a private word"  # type: ignore[assignment,misc]
    assert "private" not in str(caught.value)


def test_values_can_be_keys_of_sets_and_dicts() -> None:
    one, two = (ToolSpec(name="f", parameters={"a": [1, {"b": None}]}) for _ in range(2))
    assert {one, two} == {one}
    assert len({ChatRequest(messages="a"), ChatRequest(messages="a"), ChatRequest(messages="b")}) == 2


def test_inputs_raise_invalid_input_from_every_door() -> None:
    for build in (
        lambda: ChatRequest(messages=5),
        lambda: ChatRequest.model_validate({"messages": 5}),
        lambda: ChatRequest.model_validate_json('{"messages": 5}'),
        lambda: ChatRequest(messages="x").replace(messages=5),
    ):
        with pytest.raises(InvalidInput) as caught:
            build()
        assert str(caught.value) == "ChatRequest: messages = 5: must be a string or a list of messages"


def test_invalid_input_of_broken_json_says_where() -> None:
    with pytest.raises(InvalidInput, match=r"^ChatRequest: is not JSON: .* line 1 column \d+$") as caught:
        ChatRequest.model_validate_json('{"messages": "private"')
    assert "private" not in str(caught.value)


@given(st.sampled_from(all_values(Input)), st.data())
def test_an_input_given_anything_is_built_or_raises_invalid_input(
    kind: type[Input], data: st.DataObject
) -> None:
    fields = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(kind.model_fields, anything)))
    told = ""
    try:
        kind(**fields).model_dump_json()
    except InvalidInput as error:
        told = str(error)
    assert "Input should" not in told
    assert "valid dictionary" not in told


def test_many_builders_at_once_share_the_first_build() -> None:
    """defer_build: the validators are made at the first use, maybe from several threads."""
    import subprocess
    import sys

    code = (
        "import threading, sys; sys.setswitchinterval(1e-6)\n"
        "from greenroom.messages import ChatRequest, Completion, SystemConfig\n"
        "from greenroom.messages.events import StreamOpened\n"
        "go, bad = threading.Barrier(8), []\n"
        "def run():\n"
        "    go.wait()\n"
        "    try:\n"
        "        SystemConfig(); ChatRequest(messages='x', tools=[{'name': 'f'}]).model_dump_json()\n"
        "        StreamOpened(at_s=0, status=200, open_ms=1, reused_connection=False).model_dump()\n"
        "        Completion(outcome='failed', provider='p', model_asked='m', request_id='r', stream_id='s')\n"
        "    except BaseException as e: bad.append(repr(e))\n"
        "threads = [threading.Thread(target=run) for _ in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "sys.exit('; '.join(bad) or 0)\n"
    )
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
