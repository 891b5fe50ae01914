"""What of a request an interaction cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.gemini.check import no_turns, part_problems
from greenroom.providers.gemini_interactions.request import thinking_level
from greenroom.providers.gemini_interactions.steps import WIRE
from greenroom.providers.gemini_interactions.turns import CARRIED
from greenroom.providers.profile import Profile
from greenroom.providers.wire.fitting import DROP, asked_fields, empty_turns, refuse_or_say
from greenroom.providers.wire.foreign import foreign_parts

NOT_ON_THIS_WIRE = frozenset(
    {"n", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "user"}
)


def check(request: ChatRequest, model: str, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves those that change what is asked."""
    problems = [*no_turns(request), *empty_turns(request, CARRIED, WIRE), *_resumable(request, options)]
    unsupported = [*part_problems(request, WIRE), *_fields(request, model, profile)]
    refuse_or_say(
        f"{profile.name} (interactions)", options, problems, unsupported, foreign_parts(request, WIRE)
    )


def _resumable(request: ChatRequest, options: StreamingOptions) -> Iterator[Problem]:
    if options.server_resume and not request.stream:
        yield Problem(
            "options.server_resume", "True", "needs stream=True: an answer in one piece has no events"
        )


def _fields(request: ChatRequest, model: str, profile: Profile) -> Iterator[Problem]:
    for name in asked_fields(request, sorted(NOT_ON_THIS_WIRE | profile.unsupported)):
        yield Problem(name, "", f"an interaction does not take it; {DROP}")
    if request.parallel_tool_calls is False:
        yield Problem("parallel_tool_calls", "False", f"Gemini may always call in parallel; {DROP}")
    effort = request.reasoning_effort
    if effort is not None and thinking_level(model, effort) is None:
        yield Problem("reasoning_effort", repr(effort), f"{model} does not take it; {DROP}")
