"""What of a request does not fit a wire: the rules that all wires share, and what follows from a problem."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic_core import from_json

from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.parts import Part, TextPart, ToolCallPart
from greenroom.messages.request import ChatRequest
from greenroom.providers.left_out import say_left_out
from greenroom.providers.wire.foreign import is_foreign

P = TypeVar("P", bound=Part)

Carried = Mapping[str, frozenset[str]]
"""Which types of parts a turn of each role can carry on a wire."""
DROP = "leave it out or set on_unsupported='drop'"
_ASKS_AT_0 = frozenset({"seed", "temperature"})


def carried(*more: str) -> dict[str, frozenset[str]]:
    """What most wires carry: images of users only; `more` types of parts in an assistant's turn."""
    text, result = frozenset({"text"}), frozenset({"tool_result"})
    return {
        "system": text,
        "developer": text,
        "user": text | result | {"image"},
        "assistant": text | {"tool_call", "reasoning", "refusal", *more},
        "tool": result,
    }


def refuse_or_say(
    taker: str,
    options: StreamingOptions,
    problems: Iterable[Problem],
    unsupported: Iterable[Problem],
    left_out: Iterable[Problem] = (),
) -> None:
    """Raises InvalidInput with all `problems`, and with `unsupported` where the options refuse these.

    Else what is unsupported or left out anyway is said to be left out of requests to `taker`.
    """
    unsupported = list(unsupported)
    refused = [*problems, *(unsupported if options.on_unsupported == "refuse" else ())]
    if refused:
        raise InvalidInput(f"request to {taker}", refused)
    say_left_out(taker, [*unsupported, *left_out])


def text_alone(request: ChatRequest) -> bool:
    """No turn holds anything but text, as in most requests. Then none is of the role `tool`."""
    for message in request.messages:
        for part in message.content:
            if part.__class__ is not TextPart:
                return False
    return True


def empty_turns(request: ChatRequest, carried: Carried, wire: str) -> Iterator[Problem]:
    """Turns of which nothing could be sent; foreign parts alone make none of these."""
    for place, message in enumerate(request.messages):
        takes = carried[message.role]
        for part in message.content:
            if part.type in takes or is_foreign(part, wire):
                break
        else:
            if message.content:
                needed = " or ".join(sorted(takes))
                yield Problem(f"messages.{place}", "", f"a {message.role} turn needs {needed} on this wire")


def uncarried_parts(request: ChatRequest, carried: Carried, wire: str) -> Iterator[Problem]:
    """Parts that a turn of their role cannot carry."""
    for place, message in enumerate(request.messages):
        takes = carried[message.role]
        for number, part in enumerate(message.content):
            if part.type not in takes and not is_foreign(part, wire):
                wrong = f"a {message.role} turn cannot carry it on this wire"
                yield Problem(part_path(place, number), repr(part.type), wrong)


def broken_calls(request: ChatRequest, taker: str | None = None) -> Iterator[Problem]:
    """Calls that were cut off, and where `taker` is given, which takes objects alone, those without one."""
    for path, call in placed_parts(request, ToolCallPart):
        if not call.complete:
            yield Problem(path, repr(call.name), "the call was cut off; its arguments are not whole")
        elif taker is not None and arguments_of(call) is None:
            yield Problem(f"{path}.arguments", "", f"must be a JSON object: {taker} takes no other form")


def named_turns(request: ChatRequest, wrong: str) -> Iterator[Problem]:
    """Turns whose speaker has a name."""
    for place, message in enumerate(request.messages):
        if message.name is not None:
            yield Problem(f"messages.{place}.name", "", wrong)


def asked_fields(request: ChatRequest, names: Iterable[str]) -> Iterator[str]:
    """Those of these fields that ask for something.

    Nothing is asked by a default, by False, by an empty list, or by no penalty; but a seed of 0 is a seed.
    """
    for name in names:
        given = getattr(request, name)
        if given in (None, (), ChatRequest.model_fields[name].default):
            continue
        if given != 0 or (name in _ASKS_AT_0 and given is not False):
            yield name


def arguments_of(call: ToolCallPart) -> dict[str, Any] | None:
    """The arguments as an object, {} where none were given; None where they are no JSON object."""
    return json_object(call.arguments) if call.arguments.strip() else {}


def json_object(text: str) -> dict[str, Any] | None:
    """None where the text is none."""
    try:
        value = from_json(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def placed_parts(request: ChatRequest, kind: type[P]) -> Iterator[tuple[str, P]]:
    """Each part of this kind with its path."""
    for place, message in enumerate(request.messages):
        for number, part in enumerate(message.content):
            if isinstance(part, kind):
                yield part_path(place, number), part


def part_path(place: int, number: int) -> str:
    """Where a problem says that a part stands. Made where there is one: long conversations have many parts."""
    return f"messages.{place}.content.{number}"
