"""What of a request Cohere cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.cohere.turns import CARRIED, WIRE
from greenroom.providers.profile import Profile
from greenroom.providers.wire.fitting import (
    DROP,
    asked_fields,
    broken_calls,
    empty_turns,
    named_turns,
    refuse_or_say,
    uncarried_parts,
)
from greenroom.providers.wire.foreign import foreign_parts

NOT_ON_THIS_WIRE = ("n", "top_logprobs", "user")


def check(request: ChatRequest, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves only turns with nothing left."""
    problems = empty_turns(request, CARRIED, WIRE)
    unsupported = [*uncarried_parts(request, CARRIED, WIRE), *broken_calls(request), *_fields(request)]
    refuse_or_say(
        f"{profile.name} (Cohere's own wire)", options, problems, unsupported, foreign_parts(request, WIRE)
    )


def _fields(request: ChatRequest) -> Iterator[Problem]:
    """Those that ask for what Cohere does anyway are fine."""
    for name in asked_fields(request, NOT_ON_THIS_WIRE):
        given = getattr(request, name)
        shown = "" if isinstance(given, str) else repr(given)
        yield Problem(name, shown, f"Cohere does not take it; {DROP}")
    if request.tool_choice is not None and request.tool_choice.mode == "function":
        wrong = f"Cohere takes no single function: 'auto', 'none' or 'required'; {DROP}"
        yield Problem("tool_choice", "'function'", wrong)
    if request.parallel_tool_calls is False:
        yield Problem("parallel_tool_calls", "False", f"Cohere cannot be held to one call; {DROP}")
    yield from named_turns(request, f"turns have no names here; {DROP}")
