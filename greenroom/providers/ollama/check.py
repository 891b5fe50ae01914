"""What of a request Ollama cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.left_out import say_left_out
from greenroom.providers.ollama.turns import CARRIED, WIRE, part_problems
from greenroom.providers.profile import Profile
from greenroom.providers.wire.foreign import foreign_parts, is_foreign

_INSTEAD = "leave it out or set on_unsupported='drop'"


def check_chat(request: ChatRequest, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves only turns with nothing left."""
    problems = list(_empty_turns(request))
    unsupported = [*part_problems(request), *field_problems(request), *_tool_problems(request)]
    if options.on_unsupported == "refuse":
        problems += unsupported
    if problems:
        raise InvalidInput(f"request to {profile.name} (Ollama's own wire)", problems)
    say_left_out(profile.name, [*unsupported, *foreign_parts(request, WIRE)])


def field_problems(request: ChatRequest) -> Iterator[Problem]:
    """Fields of a request that neither operation takes. Those that ask for what Ollama does anyway are fine."""
    wrong = f"Ollama's own wire does not take it; {_INSTEAD}"
    if request.n != 1:
        yield Problem("n", repr(request.n), f"Ollama gives one answer; {_INSTEAD}")
    if request.user is not None:
        yield Problem("user", "", wrong)
    for place, message in enumerate(request.messages):
        if message.name is not None:
            yield Problem(f"messages.{place}.name", "", f"turns have no names here; {_INSTEAD}")
    if request.top_logprobs is not None and not request.logprobs:
        yield Problem("top_logprobs", repr(request.top_logprobs), "goes with logprobs=True")


def _tool_problems(request: ChatRequest) -> Iterator[Problem]:
    choice = request.tool_choice
    if choice is not None and choice.mode not in ("auto", "none"):
        wrong = f"the model alone decides here: 'auto', or 'none', which sends no tools; {_INSTEAD}"
        yield Problem("tool_choice", repr(choice.mode), wrong)
    if request.parallel_tool_calls is False:
        yield Problem("parallel_tool_calls", "False", f"Ollama cannot be held to one call; {_INSTEAD}")
    for place, tool in enumerate(request.tools):
        if tool.strict:
            yield Problem(f"tools.{place}.strict", "True", f"arguments follow no grammar here; {_INSTEAD}")


def _empty_turns(request: ChatRequest) -> Iterator[Problem]:
    for place, message in enumerate(request.messages):
        carried = CARRIED[message.role]
        if message.content and not any(p.type in carried or is_foreign(p, WIRE) for p in message.content):
            needed = " or ".join(sorted(carried))
            yield Problem(f"messages.{place}", "", f"a {message.role} turn needs {needed} on this wire")
