"""A ChatRequest as the request of the older wire: its messages as one prompt of two speakers.

    <system texts>\\n\\nHuman: <user>\\n\\nAssistant: <assistant>\\n\\nHuman: <user>\\n\\nAssistant:

A last assistant turn is the beginning of the answer, which goes on from it; so is what was delivered before a
cut. `extra_body["prompt"]` is sent as it stands.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from pydantic_core import to_json

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call
from greenroom.messages.frozen import thaw
from greenroom.messages.invalid import Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import RetryState
from greenroom.providers.anthropic.request import operation_path, request_headers
from greenroom.providers.profile import Profile
from greenroom.providers.wire.fitting import DROP, asked_fields, named_turns, refuse_or_say
from greenroom.providers.wire.foreign import foreign_parts, is_foreign

WIRE = "anthropic-text"
DEFAULT_MAX_TOKENS = 4096
"""The most that the models of this wire make; the wire requires a number."""
NOT_ON_THIS_WIRE = (
    "seed", "n", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "tools", "tool_choice",
    "parallel_tool_calls", "reasoning_effort",
)  # fmt: skip
_SPEAKERS = {"user": "Human", "assistant": "Assistant"}


def check(request: ChatRequest, taker: str, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves a prompt without a user's text."""
    problems = []
    has_text = any(m.role == "user" and m.text.strip() for m in request.messages)
    if not has_text and "prompt" not in request.extra_body:
        problems.append(Problem("messages", "", "needs a user turn with text"))
    unsupported = [
        *named_turns(request, f"this wire has no names of speakers; {DROP}"),
        *_parts(request),
        *_fields(request, options),
    ]
    refuse_or_say(f"{taker} (complete)", options, problems, unsupported, foreign_parts(request, WIRE))


def http_request(call: Call, profile: Profile, resume: RetryState | None = None) -> HttpRequest:
    path = operation_path(call.target.base_url or profile.base_url or "", "complete")
    return HttpRequest("POST", path, request_headers(call, profile), to_json(request_body(call, resume)))


def request_body(call: Call, resume: RetryState | None = None) -> dict[str, Any]:
    """The JSON object that is sent: our fields, `extra_body` over all."""
    request = call.request
    tokens, delivered = request.max_output_tokens or DEFAULT_MAX_TOKENS, ""
    if resume is not None and resume.delivered_text:
        delivered = resume.delivered_text
        tokens = max(1, tokens - (resume.spent.output_tokens or len(delivered) // 4))
    prompt = prompt_of(request) + delivered
    body = {"model": call.target.model, "max_tokens_to_sample": tokens, "prompt": prompt.rstrip()}
    if request.stream:
        body["stream"] = True
    if request.temperature is not None and request.temperature <= 1:
        body["temperature"] = request.temperature
    if request.top_p is not None:
        body["top_p"] = request.top_p
    if request.stop is not None:
        body["stop_sequences"] = list(request.stop)
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    body.update(thaw(request.extra_body))
    return body


def prompt_of(request: ChatRequest) -> str:
    """The conversation as this wire's models were trained to read it."""
    system = [m.text for m in request.messages if m.role in ("system", "developer") and m.text.strip()]
    said = [(_SPEAKERS[m.role], m.text) for m in request.messages if m.role in _SPEAKERS and m.text.strip()]
    prompt = "\n\n".join(system)
    speaker = ""
    for speaker, turns in groupby(said, key=lambda turn: turn[0]):
        prompt += f"\n\n{speaker}: " + "\n\n".join(text for _, text in turns)
    return prompt if speaker == "Assistant" else f"{prompt}\n\nAssistant:"


def _parts(request: ChatRequest) -> Iterator[Problem]:
    for place, message in enumerate(request.messages):
        for number, part in enumerate(message.content):
            if part.type != "text" and not is_foreign(part, WIRE):
                path = f"messages.{place}.content.{number}"
                yield Problem(path, repr(part.type), "a prompt cannot carry it: text only on this wire")


def _fields(request: ChatRequest, options: StreamingOptions) -> Iterator[Problem]:
    for name in asked_fields(request, NOT_ON_THIS_WIRE):
        yield Problem(name, "", f"this wire does not take it; {DROP}")
    if request.response_format is not None and request.response_format.type != "text":
        yield Problem("response_format", "", f"this wire does not take it; {DROP}")
    if options.json_mode:
        yield Problem("options.json_mode", "True", f"this wire does not take it; {DROP}")
    if request.temperature is not None and request.temperature > 1:
        yield Problem("temperature", repr(request.temperature), "must be at most 1 on this wire")
