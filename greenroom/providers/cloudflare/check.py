"""What of a request Workers AI cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.openai_chat.turns import CARRIED
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

WIRE = "cloudflare-ai"
NOT_ON_THIS_WIRE = ("logprobs", "n", "reasoning_effort", "stop", "top_logprobs", "user")


def check(request: ChatRequest, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves only turns with nothing left."""
    problems = empty_turns(request, CARRIED, WIRE)
    unsupported = [
        *named_turns(request, f"turns have no names here; {DROP}"),
        *uncarried_parts(request, CARRIED, WIRE),
        *broken_calls(request),
        *_fields(request),
    ]
    refuse_or_say(
        f"{profile.name} (Workers AI's own wire)",
        options,
        problems,
        unsupported,
        foreign_parts(request, WIRE),
    )


def _fields(request: ChatRequest) -> Iterator[Problem]:
    """Those that ask for what the server does anyway are fine."""
    for name in asked_fields(request, NOT_ON_THIS_WIRE):
        yield Problem(name, "", f"Workers AI does not take it; {DROP}")
    choice = request.tool_choice
    if choice is not None and choice.mode not in ("auto", "none"):
        wrong = f"the model alone decides here: 'auto', or 'none', which sends no tools; {DROP}"
        yield Problem("tool_choice", repr(choice.mode), wrong)
    if request.parallel_tool_calls is False:
        yield Problem("parallel_tool_calls", "False", f"it cannot be held to one call; {DROP}")
    for place, tool in enumerate(request.tools):
        if tool.strict:
            yield Problem(f"tools.{place}.strict", "True", f"arguments follow no grammar here; {DROP}")
