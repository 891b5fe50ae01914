"""The closed union of deltas: JSON, pickle, `.text`, and that none can change."""

import copy
import dataclasses
import json
import pickle
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from greenroom.messages import Delta, RawDelta, TextDelta, Usage, UsageDelta, delta_from_json, delta_json
from greenroom.messages.deltas import CONTENT

from strategies import delta_kinds, deltas

KINDS = typing.get_args(Delta)


def test_the_strategies_know_every_delta() -> None:
    assert set(delta_kinds) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_json_pickle_and_copies_are_equal(kind: type[Any], data: st.DataObject) -> None:
    delta = data.draw(delta_kinds[kind])
    line = delta_json(delta)
    assert "\n" not in line
    assert delta_from_json(line) == delta
    assert type(delta_from_json(line.encode())) is kind
    for again in (pickle.loads(pickle.dumps(delta)), copy.copy(delta), copy.deepcopy(delta)):  # noqa: S301
        assert again == delta
        assert hash(again) == hash(delta)


@given(deltas)
def test_no_attribute_can_change(delta: Delta) -> None:
    for field in dataclasses.fields(delta):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(delta, field.name, None)
    with pytest.raises((AttributeError, TypeError)):
        delta.something_new = 1  # type: ignore[union-attr]
    assert not hasattr(delta, "__dict__")
    with pytest.raises(TypeError):
        delta.metadata["x"] = 1  # type: ignore[index]


@given(deltas)
def test_only_text_deltas_have_text(delta: Delta) -> None:
    assert isinstance(delta.text, str)
    assert isinstance(delta, TextDelta) or delta.text == ""


def test_types_are_distinct_and_content_is_what_commits() -> None:
    tags = [kind.__dataclass_fields__["type"].default for kind in KINDS]
    assert len(set(tags)) == len(tags)
    assert {kind.__name__ for kind in KINDS} - {kind.__name__ for kind in CONTENT} == {
        "UsageDelta", "StreamSeam", "StreamReset", "RawDelta",
    }  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "", "{}", "[]", "null", '{"type": "text"}', '{"type": "nonsense", "seq": 1}',
        '{"type": "text", "seq": 1, "stream_id": "s", "request_id": "r", "text": 5}',
        '{"type": "text", "seq": 1, "stream_id": "s", "request_id": "r", "text": "x", "more": 1}',
    ],
)  # fmt: skip
def test_what_is_no_delta_is_refused(line: str) -> None:
    with pytest.raises(ValidationError):
        delta_from_json(line)


def test_the_json_of_a_delta_is_plain() -> None:
    delta = UsageDelta(seq=1, stream_id="s", request_id="r", usage=Usage(input_tokens=3, source="provider"))
    assert json.loads(delta_json(delta))["usage"]["input_tokens"] == 3
    raw = RawDelta(seq=1, stream_id="s", request_id="r", event="e", data=typing.cast("Any", {}))
    assert json.loads(delta_json(raw))["type"] == "raw"
