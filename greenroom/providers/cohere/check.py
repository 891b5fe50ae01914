"""What of a request Cohere cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.cohere.turns import CARRIED, WIRE, part_problems
from greenroom.providers.left_out import say_left_out
from greenroom.providers.profile import Profile
from greenroom.providers.wire.foreign import foreign_parts, is_foreign

NOT_ON_THIS_WIRE = ("n", "top_logprobs", "user")
_INSTEAD = "leave it out or set on_unsupported='drop'"


def check(request: ChatRequest, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves only turns with nothing left."""
    problems = list(_empty_turns(request))
    unsupported = [*part_problems(request), *_fields(request)]
    if options.on_unsupported == "refuse":
        problems += unsupported
    if problems:
        raise InvalidInput(f"request to {profile.name} (Cohere's own wire)", problems)
    say_left_out(profile.name, [*unsupported, *foreign_parts(request, WIRE)])


def _fields(request: ChatRequest) -> Iterator[Problem]:
    """Those that ask for what Cohere does anyway are fine."""
    for name in NOT_ON_THIS_WIRE:
        given = getattr(request, name)
        if given != ChatRequest.model_fields[name].default:
            shown = "" if isinstance(given, str) else repr(given)
            yield Problem(name, shown, f"Cohere does not take it; {_INSTEAD}")
    if request.tool_choice is not None and request.tool_choice.mode == "function":
        wrong = f"Cohere takes no single function: 'auto', 'none' or 'required'; {_INSTEAD}"
        yield Problem("tool_choice", "'function'", wrong)
    if request.parallel_tool_calls is False:
        yield Problem("parallel_tool_calls", "False", f"Cohere cannot be held to one call; {_INSTEAD}")
    for place, message in enumerate(request.messages):
        if message.name is not None:
            yield Problem(f"messages.{place}.name", "", f"turns have no names here; {_INSTEAD}")


def _empty_turns(request: ChatRequest) -> Iterator[Problem]:
    for place, message in enumerate(request.messages):
        carried = CARRIED[message.role]
        if message.content and not any(p.type in carried or is_foreign(p, WIRE) for p in message.content):
            needed = " or ".join(sorted(carried))
            yield Problem(f"messages.{place}", "", f"a {message.role} turn needs {needed} on this wire")
