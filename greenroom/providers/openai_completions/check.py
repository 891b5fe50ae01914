"""What of a request the completions wire or its server cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.openai_completions.prompt import part_problems, prompt_problems, turn_problems
from greenroom.providers.profile import Profile
from greenroom.providers.wire.fitting import DROP, asked_fields, refuse_or_say

NOT_ON_THIS_WIRE = frozenset(
    {"tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort"}
)


def check(request: ChatRequest, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves those of the prompt itself."""
    problems = [*_endpoint(profile), *turn_problems(request), *prompt_problems(request)]
    unsupported = [*part_problems(request), *_fields(request, profile), *_contents(request, options)]
    refuse_or_say(f"{profile.name} (completions)", options, problems, unsupported)


def _endpoint(profile: Profile) -> Iterator[Problem]:
    if not profile.completions:
        expected = f"{profile.name} has no completions endpoint; use kind='openai-chat'"
        yield Problem("kind", "'openai-completions'", expected)


def _fields(request: ChatRequest, profile: Profile) -> Iterator[Problem]:
    text = request.response_format is not None and request.response_format.type == "text"
    for name in asked_fields(request, sorted(NOT_ON_THIS_WIRE | profile.unsupported)):
        if name == "response_format" and text:
            continue
        taker = "a completions endpoint" if name in NOT_ON_THIS_WIRE else profile.name
        yield Problem(name, "", f"{taker} does not take it; {DROP}")


def _contents(request: ChatRequest, options: StreamingOptions) -> Iterator[Problem]:
    if request.top_logprobs is not None and not request.logprobs:
        yield Problem("top_logprobs", repr(request.top_logprobs), "goes with logprobs=True")
    if options.json_mode:
        yield Problem("options.json_mode", "True", f"a completions endpoint does not take it; {DROP}")
