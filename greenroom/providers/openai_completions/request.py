"""A ChatRequest as the HTTP request of the completions wire. Only what was given is sent.

Source: https://platform.openai.com/docs/api-reference/completions/create; dialects by Profile. What the wire
has beyond ChatRequest (`suffix`, `echo`, `best_of`, `logit_bias`) goes in `extra_body`.
"""

from typing import Any
from urllib.parse import urlsplit

from pydantic_core import to_json

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call
from greenroom.messages.frozen import thaw
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import RetryState
from greenroom.providers.openai_chat.request import request_headers
from greenroom.providers.openai_completions.prompt import is_given_whole, prompt_of
from greenroom.providers.profile import Profile

_AS_THEY_ARE = ("temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "user")


def http_request(call: Call, profile: Profile, resume: RetryState | None = None) -> HttpRequest:
    path = urlsplit(call.target.base_url or profile.base_url or "").path.rstrip("/")
    body = request_body(call, profile, resume)
    return HttpRequest("POST", f"{path}/completions", request_headers(call, profile), to_json(body))


def request_body(call: Call, profile: Profile, resume: RetryState | None = None) -> dict[str, Any]:
    """The JSON object that is sent: our fields, the dialect's names, `extra_body` over all."""
    request, left_out = call.request, profile.unsupported
    body: dict[str, Any] = {"model": call.target.model}
    if not is_given_whole(request):
        body["prompt"] = prompt_of(request)
    if request.stream:
        body["stream"] = True
        if profile.stream_options and "no_stream_options" not in call.target.adjustments:
            body["stream_options"] = {"include_usage": True}
    body |= {name: value for name, value in _fields(request).items() if name not in left_out}
    for name, here in profile.renames.items():
        if name in body:
            body[here] = body.pop(name)
    body.update(thaw(request.extra_body))
    if resume is not None and resume.delivered_text:
        _go_on(body, resume)
    return body


def _fields(request: ChatRequest) -> dict[str, Any]:
    fields = {name: getattr(request, name) for name in _AS_THEY_ARE}
    fields |= {
        "max_tokens": request.max_output_tokens,
        "n": request.n if request.n != 1 else None,
        "stop": list(request.stop) if request.stop is not None else None,
        "logprobs": _logprobs(request),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _logprobs(request: ChatRequest) -> int | None:
    """A count here: of the likeliest tokens told at each place. Some servers (llama.cpp) read 0 as none."""
    if not request.logprobs:
        return None
    return 1 if request.top_logprobs is None else request.top_logprobs


def _go_on(body: dict[str, Any], resume: RetryState) -> None:
    """Asks for what follows `resume.delivered_text`: here it is simply more of the prompt.

    Raises InvalidInput where the answer was not one text that follows one prompt.
    """
    prompt = body.get("prompt")
    if not isinstance(prompt, str) or body.get("echo") or body.get("n", 1) != 1:
        raise InvalidInput.at("prompt", "only one answer to one text without echo can be gone on with")
    body["prompt"] = prompt + resume.delivered_text
    if isinstance(body.get("max_tokens"), int):
        spent = resume.spent.output_tokens or len(resume.delivered_text) // 4
        body["max_tokens"] = max(1, body["max_tokens"] - spent)
