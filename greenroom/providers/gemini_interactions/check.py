"""What of a request an interaction cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.parts import ToolCallPart
from greenroom.messages.request import ChatRequest, Message
from greenroom.providers.gemini.turns import arguments_of
from greenroom.providers.gemini_interactions.request import thinking_level
from greenroom.providers.gemini_interactions.steps import WIRE
from greenroom.providers.gemini_interactions.turns import CARRIED
from greenroom.providers.left_out import say_left_out
from greenroom.providers.profile import Profile
from greenroom.providers.wire.foreign import foreign_parts, is_foreign

NOT_ON_THIS_WIRE = frozenset(
    {"n", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "user"}
)
_DROP = "leave it out or set on_unsupported='drop'"


def check(request: ChatRequest, model: str, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves those that change what is asked."""
    problems = [*_turns(request), *_resumable(request, options)]
    unsupported = [*_parts(request), *_fields(request, model, profile)]
    if options.on_unsupported == "refuse":
        problems += unsupported
    if problems:
        raise InvalidInput(f"interaction with {profile.name}", problems)
    say_left_out(f"{profile.name} (interactions)", [*unsupported, *foreign_parts(request, WIRE)])


def _turns(request: ChatRequest) -> Iterator[Problem]:
    if all(message.role in ("system", "developer") for message in request.messages):
        yield Problem("messages", "", "need a turn that is no system turn: Gemini has nothing to answer")
    for place, message in enumerate(request.messages):
        if message.content and not _has_any(message):
            carried = " or ".join(sorted(CARRIED[message.role]))
            yield Problem(f"messages.{place}", "", f"a {message.role} turn needs {carried} on this wire")


def _has_any(message: Message) -> bool:
    return any(part.type in CARRIED[message.role] or is_foreign(part, WIRE) for part in message.content)


def _resumable(request: ChatRequest, options: StreamingOptions) -> Iterator[Problem]:
    if options.server_resume and not request.stream:
        yield Problem(
            "options.server_resume", "True", "needs stream=True: an answer in one piece has no events"
        )


def _parts(request: ChatRequest) -> Iterator[Problem]:
    for place, message in enumerate(request.messages):
        if message.name is not None:
            yield Problem(f"messages.{place}.name", "", f"Gemini's turns have no names; {_DROP}")
        for number, part in enumerate(message.content):
            path = f"messages.{place}.content.{number}"
            if part.type not in CARRIED[message.role] and not is_foreign(part, WIRE):
                yield Problem(path, repr(part.type), f"a {message.role} turn cannot carry it on this wire")
            elif isinstance(part, ToolCallPart) and not part.complete:
                yield Problem(path, repr(part.name), "the call was cut off; its arguments are not whole")
            elif isinstance(part, ToolCallPart) and arguments_of(part) is None:
                yield Problem(f"{path}.arguments", "", "must be a JSON object: Gemini takes no other form")


def _fields(request: ChatRequest, model: str, profile: Profile) -> Iterator[Problem]:
    for name in sorted(NOT_ON_THIS_WIRE | profile.unsupported):
        if getattr(request, name) not in (ChatRequest.model_fields[name].default, None, (), False):
            yield Problem(name, "", f"an interaction does not take it; {_DROP}")
    if request.parallel_tool_calls is False:
        yield Problem("parallel_tool_calls", "False", f"Gemini may always call in parallel; {_DROP}")
    effort = request.reasoning_effort
    if effort is not None and thinking_level(model, effort) is None:
        yield Problem("reasoning_effort", repr(effort), f"{model} does not take it; {_DROP}")
