"""What of a request the chat wire or its server's dialect cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.openai_chat.turns import CARRIED
from greenroom.providers.profile import Profile
from greenroom.providers.wire.fitting import (
    DROP,
    asked_fields,
    broken_calls,
    empty_turns,
    refuse_or_say,
    text_alone,
    uncarried_parts,
)
from greenroom.providers.wire.foreign import foreign_parts

WIRE = "openai-chat"


def check(request: ChatRequest, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves only turns with nothing left."""
    fields = list(_fields(request, profile))
    if text_alone(request):
        # Each turn carries that: no rule about parts has anything to find.
        refuse_or_say(profile.name, options, (), fields)
        return
    problems = empty_turns(request, CARRIED, WIRE)
    unsupported = [*uncarried_parts(request, CARRIED, WIRE), *broken_calls(request), *fields]
    refuse_or_say(profile.name, options, problems, unsupported, foreign_parts(request, WIRE))


def _fields(request: ChatRequest, profile: Profile) -> Iterator[Problem]:
    for name in asked_fields(request, sorted(profile.unsupported)):
        yield Problem(name, "", f"{profile.name} does not take it; {DROP}")
    if (
        request.top_logprobs is not None
        and not request.logprobs
        and "top_logprobs" not in profile.unsupported
    ):
        yield Problem("top_logprobs", repr(request.top_logprobs), "goes with logprobs=True")
