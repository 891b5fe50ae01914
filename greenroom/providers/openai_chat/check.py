"""What of a request the chat wire or its server's dialect cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.parts import ToolCallPart
from greenroom.messages.request import ChatRequest, Message
from greenroom.providers.left_out import say_left_out
from greenroom.providers.openai_chat.turns import CARRIED
from greenroom.providers.profile import Profile
from greenroom.providers.wire.foreign import foreign_parts, is_foreign

WIRE = "openai-chat"


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
        for number, part in enumerate(message.content):
            path = f"messages.{place}.content.{number}"
            if part.type not in CARRIED[message.role] and not is_foreign(part, WIRE):
                yield Problem(path, repr(part.type), f"a {message.role} turn cannot carry it on this wire")
            if isinstance(part, ToolCallPart) and not part.complete:
                yield Problem(path, repr(part.name), "the call was cut off; its arguments are not whole")


def _fields(request: ChatRequest, profile: Profile) -> Iterator[Problem]:
    for name in sorted(profile.unsupported):
        default = ChatRequest.model_fields[name].default
        if getattr(request, name) not in (default, None, (), False):
            yield Problem(
                name, "", f"{profile.name} does not take it; leave it out or set on_unsupported='drop'"
            )
    if (
        request.top_logprobs is not None
        and not request.logprobs
        and "top_logprobs" not in profile.unsupported
    ):
        yield Problem("top_logprobs", repr(request.top_logprobs), "goes with logprobs=True")
