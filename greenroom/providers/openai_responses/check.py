"""What of a request the Responses wire cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.parts import ToolCallPart
from greenroom.messages.request import ChatRequest, Message
from greenroom.providers.left_out import say_left_out
from greenroom.providers.openai_responses.marks import WIRE
from greenroom.providers.openai_responses.turns import CARRIED
from greenroom.providers.profile import Profile
from greenroom.providers.wire.foreign import foreign_parts, is_foreign

_UNKNOWN_HERE = ("n", "stop", "seed", "presence_penalty", "frequency_penalty")
"""Fields of ChatRequest that the Responses API does not have."""


def check(request: ChatRequest, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves only turns with nothing left."""
    problems = list(_empty_turns(request))
    unsupported = [*_parts(request), *_fields(request, profile)]
    if options.on_unsupported == "refuse":
        problems += unsupported
    if problems:
        raise InvalidInput(f"request to {profile.name}", problems)
    say_left_out(profile.name, [*unsupported, *foreign_parts(request, WIRE)])


def _empty_turns(request: ChatRequest) -> Iterator[Problem]:
    for place, message in enumerate(request.messages):
        if message.content and not _has_any(message):
            carried = " or ".join(sorted(CARRIED[message.role]))
            yield Problem(f"messages.{place}", "", f"a {message.role} turn needs {carried} on this wire")


def _has_any(message: Message) -> bool:
    return any(part.type in CARRIED[message.role] or is_foreign(part, WIRE) for part in message.content)


def _parts(request: ChatRequest) -> Iterator[Problem]:
    for place, message in enumerate(request.messages):
        if message.name is not None:
            yield Problem(f"messages.{place}.name", repr(message.name), "turns have no name on this wire")
        for number, part in enumerate(message.content):
            path = f"messages.{place}.content.{number}"
            if part.type not in CARRIED[message.role] and not is_foreign(part, WIRE):
                yield Problem(path, repr(part.type), f"a {message.role} turn cannot carry it on this wire")
            if isinstance(part, ToolCallPart) and not part.complete:
                yield Problem(path, repr(part.name), "the call was cut off; its arguments are not whole")


def _fields(request: ChatRequest, profile: Profile) -> Iterator[Problem]:
    """Those that the wire lacks, and those that this server lacks on it."""
    for name in (*_UNKNOWN_HERE, *sorted(profile.responses_unsupported)):
        given, default = getattr(request, name), ChatRequest.model_fields[name].default
        if given not in (default, None, (), False):
            who = "the Responses API" if name in _UNKNOWN_HERE else profile.name
            remedy = "leave it out, set on_unsupported='drop', or take the chat wire (kind='openai-chat')"
            yield Problem(name, "", f"{who} does not take it; {remedy}")
    if (
        request.top_logprobs is not None
        and not request.logprobs
        and "top_logprobs" not in profile.responses_unsupported
    ):
        yield Problem("top_logprobs", repr(request.top_logprobs), "goes with logprobs=True")
