"""What of a request the Responses wire cannot take; found before anything is sent."""

from collections.abc import Iterator

from greenroom.messages.invalid import Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.openai_responses.marks import WIRE
from greenroom.providers.openai_responses.turns import CARRIED
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

NOT_ON_THIS_WIRE = ("n", "stop", "seed", "presence_penalty", "frequency_penalty")
"""Fields of ChatRequest that the Responses API does not have."""


def check(request: ChatRequest, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves only turns with nothing left."""
    problems = empty_turns(request, CARRIED, WIRE)
    unsupported = [
        *uncarried_parts(request, CARRIED, WIRE),
        *broken_calls(request),
        *named_turns(request, "turns have no name on this wire"),
        *_fields(request, profile),
        *_kept(request, profile, options),
    ]
    refuse_or_say(profile.name, options, problems, unsupported, foreign_parts(request, WIRE))


def _kept(request: ChatRequest, profile: Profile, options: StreamingOptions) -> Iterator[Problem]:
    if options.server_resume and profile.background and not request.stream:
        text = f"needs stream=True: an answer in one piece has no events; {DROP}"
        yield Problem("options.server_resume", "True", text)


def _fields(request: ChatRequest, profile: Profile) -> Iterator[Problem]:
    """Those that the wire lacks, and those that this server lacks on it."""
    for name in asked_fields(request, (*NOT_ON_THIS_WIRE, *sorted(profile.responses_unsupported))):
        who = "the Responses API" if name in NOT_ON_THIS_WIRE else profile.name
        remedy = "leave it out, set on_unsupported='drop', or take the chat wire (kind='openai-chat')"
        yield Problem(name, "", f"{who} does not take it; {remedy}")
    if (
        request.top_logprobs is not None
        and not request.logprobs
        and "top_logprobs" not in profile.responses_unsupported
    ):
        yield Problem("top_logprobs", repr(request.top_logprobs), "goes with logprobs=True")
