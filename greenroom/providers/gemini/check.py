"""What of a request Gemini cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.parts import ToolResultPart
from greenroom.messages.request import ChatRequest
from greenroom.providers.gemini.calls import WIRE
from greenroom.providers.gemini.families import family_of
from greenroom.providers.gemini.turns import CARRIED, calls_by_id
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

CANDIDATES_MAX = 8
STOPS_MAX = 5
"""https://ai.google.dev/api/generate-content#generationconfig"""
_ALWAYS_SAID = frozenset({"parallel_tool_calls", "user", "reasoning_effort"})


def check(request: ChatRequest, model: str, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves those that change what is asked."""
    problems = [
        *no_turns(request),
        *empty_turns(request, CARRIED, WIRE),
        *_results(request),
        *_counts(request),
    ]
    unsupported = [*part_problems(request, WIRE), *_fields(request, model, profile)]
    refuse_or_say(profile.name, options, problems, unsupported, foreign_parts(request, WIRE))


def no_turns(request: ChatRequest) -> Iterator[Problem]:
    """The system's word alone."""
    if all(message.role in ("system", "developer") for message in request.messages):
        yield Problem("messages", "", "need a turn that is no system turn: Gemini has nothing to answer")


def _results(request: ChatRequest) -> Iterator[Problem]:
    """A result goes back by its function's name, which stands in the call."""
    calls = calls_by_id(request.messages)
    for place, message in enumerate(request.messages):
        for number, part in enumerate(message.content):
            if isinstance(part, ToolResultPart) and part.tool_call_id not in calls:
                path = f"messages.{place}.content.{number}.tool_call_id"
                expected = "must be the id of a call in an assistant turn: Gemini wants the function's name"
                yield Problem(path, repr(part.tool_call_id), expected)


def _counts(request: ChatRequest) -> Iterator[Problem]:
    if request.n > CANDIDATES_MAX:
        yield Problem("n", str(request.n), f"Gemini gives at most {CANDIDATES_MAX} candidates")
    if request.stop is not None and len(request.stop) > STOPS_MAX:
        yield Problem("stop", f"{len(request.stop)} strings", f"Gemini takes at most {STOPS_MAX}")
    if request.top_logprobs is not None and not request.logprobs:
        yield Problem("top_logprobs", repr(request.top_logprobs), "goes with logprobs=True")


def part_problems(request: ChatRequest, wire: str) -> Iterator[Problem]:
    """Of turns on either of Gemini's wires: names, parts and calls that they cannot carry."""
    yield from named_turns(request, f"Gemini's turns have no names; {DROP}")
    yield from uncarried_parts(request, CARRIED, wire)
    yield from broken_calls(request, "Gemini")


def _fields(request: ChatRequest, model: str, profile: Profile) -> Iterator[Problem]:
    if request.parallel_tool_calls is False:
        yield Problem("parallel_tool_calls", "False", f"Gemini may always call in parallel; {DROP}")
    if request.user is not None:
        yield Problem("user", "", f"Gemini does not take it; {DROP}")
    effort = request.reasoning_effort
    if effort is not None and family_of(model).thinking(effort) is None:
        yield Problem("reasoning_effort", repr(effort), f"{model} does not take it; {DROP}")
    for name in asked_fields(request, sorted(profile.unsupported - _ALWAYS_SAID)):
        yield Problem(name, "", f"{profile.name} does not take it; {DROP}")
