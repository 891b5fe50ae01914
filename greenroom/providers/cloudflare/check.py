"""What of a request Workers AI cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.parts import ToolCallPart
from greenroom.messages.request import ChatRequest
from greenroom.providers.left_out import say_left_out
from greenroom.providers.openai_chat.turns import CARRIED
from greenroom.providers.profile import Profile
from greenroom.providers.wire.foreign import foreign_parts, is_foreign

WIRE = "cloudflare-ai"
NOT_ON_THIS_WIRE = ("logprobs", "n", "reasoning_effort", "stop", "top_logprobs", "user")
_INSTEAD = "leave it out or set on_unsupported='drop'"


def check(request: ChatRequest, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves only turns with nothing left."""
    problems = list(_empty_turns(request))
    unsupported = [*_parts(request), *_fields(request)]
    if options.on_unsupported == "refuse":
        problems += unsupported
    if problems:
        raise InvalidInput(f"request to {profile.name} (Workers AI's own wire)", problems)
    say_left_out(profile.name, [*unsupported, *foreign_parts(request, WIRE)])


def _fields(request: ChatRequest) -> Iterator[Problem]:
    """Those that ask for what the server does anyway are fine."""
    for name in NOT_ON_THIS_WIRE:
        if getattr(request, name) not in (ChatRequest.model_fields[name].default, None, False):
            yield Problem(name, "", f"Workers AI does not take it; {_INSTEAD}")
    choice = request.tool_choice
    if choice is not None and choice.mode not in ("auto", "none"):
        wrong = f"the model alone decides here: 'auto', or 'none', which sends no tools; {_INSTEAD}"
        yield Problem("tool_choice", repr(choice.mode), wrong)
    if request.parallel_tool_calls is False:
        yield Problem("parallel_tool_calls", "False", f"it cannot be held to one call; {_INSTEAD}")
    for place, tool in enumerate(request.tools):
        if tool.strict:
            yield Problem(f"tools.{place}.strict", "True", f"arguments follow no grammar here; {_INSTEAD}")


def _parts(request: ChatRequest) -> Iterator[Problem]:
    for place, message in enumerate(request.messages):
        if message.name is not None:
            yield Problem(f"messages.{place}.name", "", f"turns have no names here; {_INSTEAD}")
        for number, part in enumerate(message.content):
            path = f"messages.{place}.content.{number}"
            if part.type not in CARRIED[message.role] and not is_foreign(part, WIRE):
                yield Problem(path, repr(part.type), f"a {message.role} turn cannot carry it on this wire")
            if isinstance(part, ToolCallPart) and not part.complete:
                yield Problem(path, repr(part.name), "the call was cut off; its arguments are not whole")


def _empty_turns(request: ChatRequest) -> Iterator[Problem]:
    for place, message in enumerate(request.messages):
        carried = CARRIED[message.role]
        if message.content and not any(p.type in carried or is_foreign(p, WIRE) for p in message.content):
            needed = " or ".join(sorted(carried))
            yield Problem(f"messages.{place}", "", f"a {message.role} turn needs {needed} on this wire")
