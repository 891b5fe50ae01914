"""What actors tell each other: frozen, without a __dict__, and quiet about what it carries."""

import dataclasses
import inspect
import pickle
from typing import Any

import pytest
from hypothesis import given

from greenroom.messages import Choice, Completion, HttpRequest, TextDelta, commands, contracts
from greenroom.messages.commands import Accepted, Folded, WireRead

from strategies import http_requests

COMMANDS = [
    kind
    for room in (commands, contracts)
    for kind in vars(room).values()
    if inspect.isclass(kind) and dataclasses.is_dataclass(kind) and kind.__module__ == room.__name__
]
MUTABLE = {contracts.Decoded}
"""A decoder fills it and hands it over."""
PRIVATE = "the private words"


@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
def test_commands_are_frozen_slots_and_say_who_tells_whom(kind: type[Any]) -> None:
    assert kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}(")  # noqa: PT018
    assert hasattr(kind, "__slots__")
    assert kind.__dataclass_params__.frozen is (kind not in MUTABLE)


@pytest.mark.parametrize("kind", COMMANDS, ids=lambda kind: kind.__name__)
def test_nothing_mutable_is_declared(kind: type[Any]) -> None:
    if kind not in MUTABLE:
        for field in dataclasses.fields(kind):
            assert not str(field.type).startswith(("list", "dict", "set")), field.name


@given(http_requests)
def test_http_requests_pickle(request: HttpRequest) -> None:
    assert pickle.loads(pickle.dumps(request)) == request  # noqa: S301


def test_what_was_said_is_in_no_repr() -> None:
    said = TextDelta(seq=1, stream_id="s", request_id="r", text=PRIVATE)
    choice = Choice(parts=[{"type": "text", "text": PRIVATE}])
    whole = Completion(
        outcome="completed", choices=[choice], provider="p", model_asked="m", request_id="r", stream_id="s"
    )
    for command in (Accepted((said,)), Folded(whole), WireRead(1, 0.0, PRIVATE.encode())):
        assert PRIVATE not in repr(command)
