"""What of a request Gemini cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.parts import ToolCallPart, ToolResultPart
from greenroom.messages.request import ChatRequest, Message
from greenroom.providers.gemini.calls import WIRE
from greenroom.providers.gemini.families import family_of
from greenroom.providers.gemini.turns import CARRIED, arguments_of, calls_by_id
from greenroom.providers.left_out import say_left_out
from greenroom.providers.profile import Profile
from greenroom.providers.wire.foreign import foreign_parts, is_foreign

CANDIDATES_MAX = 8
STOPS_MAX = 5
"""https://ai.google.dev/api/generate-content#generationconfig"""
_ALWAYS_SAID = frozenset({"parallel_tool_calls", "user", "reasoning_effort"})
_DROP = "leave it out or set on_unsupported='drop'"


def check(request: ChatRequest, model: str, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves those that change what is asked."""
    problems = [*_turns(request), *_results(request), *_counts(request)]
    unsupported = [*_parts(request), *_fields(request, model, profile)]
    if options.on_unsupported == "refuse":
        problems += unsupported
    if problems:
        raise InvalidInput(f"request to {profile.name}", problems)
    say_left_out(profile.name, [*unsupported, *foreign_parts(request, WIRE)])


def _turns(request: ChatRequest) -> Iterator[Problem]:
    if all(message.role in ("system", "developer") for message in request.messages):
        yield Problem("messages", "", "need a turn that is no system turn: Gemini has nothing to answer")
    for place, message in enumerate(request.messages):
        if message.content and not _has_any(message):
            carried = " or ".join(sorted(CARRIED[message.role]))
            yield Problem(f"messages.{place}", "", f"a {message.role} turn needs {carried} on this wire")


def _has_any(message: Message) -> bool:
    return any(part.type in CARRIED[message.role] or is_foreign(part, WIRE) for part in message.content)


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


def _parts(request: ChatRequest) -> Iterator[Problem]:
    for place, message in enumerate(request.messages):
        if message.name is not None:
            yield Problem(f"messages.{place}.name", "", f"Gemini's turns have no names; {_DROP}")
        for number, part in enumerate(message.content):
            path = f"messages.{place}.content.{number}"
            if part.type not in CARRIED[message.role] and not is_foreign(part, WIRE):
                yield Problem(path, repr(part.type), f"a {message.role} turn cannot carry it on this wire")
            if isinstance(part, ToolCallPart):
                yield from _call(path, part)


def _call(path: str, part: ToolCallPart) -> Iterator[Problem]:
    if not part.complete:
        yield Problem(path, repr(part.name), "the call was cut off; its arguments are not whole")
    elif arguments_of(part) is None:
        yield Problem(
            f"{path}.arguments", "", "must be a JSON object: Gemini takes arguments in no other form"
        )


def _fields(request: ChatRequest, model: str, profile: Profile) -> Iterator[Problem]:
    if request.parallel_tool_calls is False:
        yield Problem("parallel_tool_calls", "False", f"Gemini may always call in parallel; {_DROP}")
    if request.user is not None:
        yield Problem("user", "", f"Gemini does not take it; {_DROP}")
    effort = request.reasoning_effort
    if effort is not None and family_of(model).thinking(effort) is None:
        yield Problem("reasoning_effort", repr(effort), f"{model} does not take it; {_DROP}")
    for name in sorted(profile.unsupported - _ALWAYS_SAID):
        if getattr(request, name) not in (ChatRequest.model_fields[name].default, None, (), False):
            yield Problem(name, "", f"{profile.name} does not take it; {_DROP}")
