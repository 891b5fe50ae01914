"""What of a request Ollama cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.ollama.turns import CARRIED, WIRE, image_problems
from greenroom.providers.profile import Profile
from greenroom.providers.wire.fitting import (
    DROP,
    broken_calls,
    empty_turns,
    named_turns,
    refuse_or_say,
    uncarried_parts,
)
from greenroom.providers.wire.foreign import foreign_parts


def check_chat(request: ChatRequest, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves only turns with nothing left."""
    problems = empty_turns(request, CARRIED, WIRE)
    unsupported = [
        *image_problems(request),
        *uncarried_parts(request, CARRIED, WIRE),
        *broken_calls(request, "Ollama"),
        *field_problems(request),
        *_tool_problems(request),
    ]
    refuse_or_say(
        f"{profile.name} (Ollama's own wire)", options, problems, unsupported, foreign_parts(request, WIRE)
    )


def field_problems(request: ChatRequest) -> Iterator[Problem]:
    """Fields of a request that neither operation takes. Those that ask for what Ollama does anyway are fine."""
    wrong = f"Ollama's own wire does not take it; {DROP}"
    if request.n != 1:
        yield Problem("n", repr(request.n), f"Ollama gives one answer; {DROP}")
    if request.user is not None:
        yield Problem("user", "", wrong)
    yield from named_turns(request, f"turns have no names here; {DROP}")
    if request.top_logprobs is not None and not request.logprobs:
        yield Problem("top_logprobs", repr(request.top_logprobs), "goes with logprobs=True")


def _tool_problems(request: ChatRequest) -> Iterator[Problem]:
    choice = request.tool_choice
    if choice is not None and choice.mode not in ("auto", "none"):
        wrong = f"the model alone decides here: 'auto', or 'none', which sends no tools; {DROP}"
        yield Problem("tool_choice", repr(choice.mode), wrong)
    if request.parallel_tool_calls is False:
        yield Problem("parallel_tool_calls", "False", f"Ollama cannot be held to one call; {DROP}")
    for place, tool in enumerate(request.tools):
        if tool.strict:
            yield Problem(f"tools.{place}.strict", "True", f"arguments follow no grammar here; {DROP}")
