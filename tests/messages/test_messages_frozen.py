"""FrozenMap and FrozenDict: what JSON can say, never changed."""

import copy
import enum
import json
import math
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages import EMPTY_MAP, ChatRequest, FrozenDict, FrozenMap, InvalidInput, Value, freeze
from greenroom.messages.frozen import MAX_DEPTH, freeze_wire, thaw, valid_text

from strategies import anything, json_objects, json_values


class Word(str, enum.Enum):  # noqa: UP042
    A = "a"


class MutableStr(str):  # noqa: SLOT000
    """A str that can carry state."""


class Holder(Value):
    map: FrozenMap = EMPTY_MAP
    models: FrozenDict[str, FrozenMap] = FrozenDict()


@given(json_objects)
def test_freeze_and_thaw_are_inverse(value: dict[str, Any]) -> None:
    assert thaw(freeze(value)) == value
    assert FrozenMap(value) == value


@given(json_objects)
def test_frozen_maps_hash_pickle_copy_and_round_trip(value: dict[str, Any]) -> None:
    frozen = FrozenMap(value)
    again = pickle.loads(pickle.dumps(frozen))  # noqa: S301
    assert again == frozen
    assert hash(again) == hash(frozen)
    assert copy.copy(frozen) is frozen
    assert copy.deepcopy(frozen) is frozen
    assert Holder.model_validate_json(Holder(map=frozen).model_dump_json()).map == frozen
    assert json.loads(json.dumps(thaw(frozen))) == thaw(frozen)


def test_nested_containers_are_frozen_and_copied() -> None:
    given = {"list": [1, [2]], "dict": {"x": {"y": []}}}
    frozen = FrozenMap(given)
    given["list"].append(3)  # type: ignore[attr-defined]
    assert frozen["list"] == (1, (2,))
    assert isinstance(frozen["dict"]["x"], FrozenMap)
    with pytest.raises(TypeError):
        frozen["dict"]["x"]["y"] = 1
    with pytest.raises(AttributeError, match="cannot set '_items'"):
        frozen._items = {}
    with pytest.raises(AttributeError, match="cannot delete '_items'"):
        del frozen._items
    with pytest.raises(AttributeError):
        frozen.other = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (math.nan, "nan is not a JSON value"),
        (math.inf, "inf is not a JSON value"),
        (-math.inf, "-inf is not a JSON value"),
        (b"x", "bytes is not a JSON value"),
        ({1, 2}, "set is not a JSON value"),
        (object(), "object is not a JSON value"),
        (1j, "complex is not a JSON value"),
        ("\ud83d", "half a surrogate pair"),
        ({1: 2}, "a JSON object's key must be a string, not int"),
        ({"\ud83d": 2}, "half a surrogate pair"),
    ],
)
def test_what_is_no_json_is_refused(bad: Any, why: str) -> None:
    with pytest.raises(TypeError, match=why):
        freeze({"a": [bad]})


def test_subclasses_of_atoms_become_plain() -> None:
    stateful = MutableStr("x")
    stateful.state = []  # type: ignore[attr-defined]
    frozen = FrozenMap({"a": Word.A, "b": stateful, "c": enum.IntEnum("N", "ONE").ONE})  # type: ignore[attr-defined]
    assert [type(value) for value in frozen.values()] == [str, str, int]
    assert frozen == {"a": "a", "b": "x", "c": 1}


def test_depth_is_bounded_and_cycles_end() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(TypeError, match="nested deeper than 100 levels, or holds itself"):
        freeze(cycle)
    deep: Any = 1
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    holder = Holder(map={"a": deep})
    assert Holder.model_validate_json(holder.model_dump_json()) == holder
    with pytest.raises(TypeError):
        freeze({"a": [deep]})
    with pytest.raises(TypeError):
        freeze({"a": FrozenMap({"a": deep})})


def test_error_says_where_in_extra_body() -> None:
    with pytest.raises(InvalidInput) as caught:
        ChatRequest(messages="x", extra_body={"a": {"b": [1, math.nan]}})
    assert str(caught.value) == (
        "ChatRequest: extra_body.a.b.1: nan is not a JSON value; "
        "use str, int, float, bool, None, list or dict with finite numbers"
    )


def test_deep_nesting_is_named_at_the_field() -> None:
    cycle: dict[str, Any] = {}
    cycle["again"] = cycle
    with pytest.raises(InvalidInput) as caught:
        ChatRequest(messages="x", extra_body=cycle)
    assert str(caught.value) == "ChatRequest: extra_body: nested deeper than 100 levels, or holds itself"


@given(json_objects, anything)
def test_comparing_never_raises(value: dict[str, Any], other: Any) -> None:
    assert (FrozenMap(value) == other) in (True, False)
    assert (FrozenMap(value) != {"a": {1, 2}}) is True
    assert FrozenMap(value) == FrozenDict({k: freeze(v) for k, v in value.items()})


@given(json_values)
def test_freeze_wire_keeps_what_is_json(value: Any) -> None:
    assert freeze_wire(value) == freeze(value)


@given(st.dictionaries(st.text(), anything.filter(lambda v: not isinstance(v, bytes))))
def test_freeze_wire_takes_whatever_json_loads_gives(value: dict[str, Any]) -> None:
    wire = json.loads(json.dumps(value, default=str))
    frozen = freeze_wire(wire)
    assert Holder.model_validate_json(Holder(map=frozen).model_dump_json()).map == frozen


def test_freeze_wire_replaces_what_json_cannot_say() -> None:
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    wire = json.loads('{"logprob": -Infinity, "t": "\\ud83d", "pair": "\\ud83d\\ude00"}')
    assert freeze_wire(wire) == {"logprob": None, "t": "\ufffd", "pair": "\U0001f600"}
    assert isinstance(freeze_wire({"d": deep}), FrozenMap)


@given(st.text())
def test_valid_text_is_valid_and_idempotent(text: str) -> None:
    valid = valid_text(text)
    valid.encode()
    assert valid_text(valid) == valid
    try:
        text.encode()
    except UnicodeEncodeError:
        assert valid != text
    else:
        assert valid == text


def test_valid_text_joins_halves_that_came_apart() -> None:
    assert valid_text("\ud83d" + "\ude00") == "\U0001f600"
    assert valid_text("a\ud83db") == "a\ufffdb"
    assert valid_text("\ude00\ud83d") == "\ufffd\ufffd"


def test_frozen_dict_is_an_immutable_mapping_of_models() -> None:
    source = {"a": FrozenMap({"x": 1})}
    holder = Holder(models=source)
    source["b"] = EMPTY_MAP
    assert holder.models == {"a": {"x": 1}}
    assert repr(holder.models) == "FrozenDict({'a': FrozenMap({'x': 1})})"
    assert Holder.model_validate_json(holder.model_dump_json()) == holder
    assert FrozenDict({"a": 1}) != 5
