"""A ChatRequest as the HTTP request of `/api/generate`: one prompt, put into the model's template by the server.

    extra_body["prompt"]          as it stands; the messages are not read
    system turns, one user turn   `system` and `prompt`, its images beside them

What a conversation is made of beyond that goes through `/api/chat`. `suffix`, `template`, `raw`, `context` and
`keep_alive` go in `extra_body`. Source: https://docs.ollama.com/api/generate.
"""

from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from greenroom.messages.commands import HttpRequest
from greenroom.messages.contracts import Call
from greenroom.messages.invalid import Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import RetryState
from greenroom.providers.ollama.check import field_problems
from greenroom.providers.ollama.request import headers_of, lower_limit, path_of, shared_fields, with_extra
from greenroom.providers.ollama.turns import image_problems, images_of, text_of
from greenroom.providers.profile import Profile
from greenroom.providers.wire.fitting import refuse_or_say

_NO_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
_GO_ON = (
    "\n\nYou began to answer and were cut off. Your answer so far:\n\n{}\n\n"
    "Continue it exactly where it stops. Repeat nothing of it and add no remark."
)
_INSTEAD = "ask with kind='ollama', which takes a conversation"


def check_generate(request: ChatRequest, profile: Profile, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves those of the prompt itself."""
    problems = _prompt_problems(request)
    unsupported = [*_part_problems(request), *field_problems(request), *_no_tools(request)]
    refuse_or_say(f"{profile.name} (generate)", options, problems, unsupported)


def generate_request(call: Call, profile: Profile, resume: RetryState | None = None) -> HttpRequest:
    body = generate_body(call, resume)
    return HttpRequest("POST", path_of(call, profile, "generate"), headers_of(call, profile), to_json(body))


def generate_body(call: Call, resume: RetryState | None = None) -> dict[str, Any]:
    """The JSON object that is sent.

    A raw prompt is gone on with: what was delivered is more of it. Elsewhere the model is asked in words.
    """
    request = call.request
    body: dict[str, Any] = {"model": call.target.model}
    if not _is_given_whole(request):
        system = "\n\n".join(text_of(m) for m in request.messages if m.role in ("system", "developer"))
        users = [message for message in request.messages if message.role == "user"]
        body["prompt"] = text_of(users[0])
        body |= {"system": system} if system else {}
        body |= {"images": images} if (images := images_of(users[0])) else {}
    body = with_extra(body | shared_fields(call), request)
    if resume is not None and resume.delivered_text:
        goes_on = resume.delivered_text if body.get("raw") is True else _GO_ON.format(resume.delivered_text)
        body["prompt"] = f"{body['prompt']}{goes_on}"
        lower_limit(body, resume)
    return body


def _is_given_whole(request: ChatRequest) -> bool:
    return "prompt" in request.extra_body


def _prompt_problems(request: ChatRequest) -> Iterator[Problem]:
    """Turns that no prompt can be made of. Leaving one out would ask something else: never dropped."""
    if _is_given_whole(request):
        if not isinstance(request.extra_body["prompt"], str):
            yield Problem("extra_body.prompt", "", "must be a string")
        return
    users = 0
    for place, message in enumerate(request.messages):
        users += message.role == "user"
        if message.role in ("assistant", "tool") or users > 1:
            yield Problem(f"messages.{place}", repr(message.role), f"is more than one prompt; {_INSTEAD}")
    if users == 0:
        yield Problem("messages", "", "needs a user turn: its text is the prompt")


def _part_problems(request: ChatRequest) -> Iterator[Problem]:
    if _is_given_whole(request):
        return
    yield from image_problems(request)
    for place, message in enumerate(request.messages):
        for number, part in enumerate(message.content):
            carried = ("text", "image") if message.role == "user" else ("text",)
            if part.type not in carried:
                path = f"messages.{place}.content.{number}"
                yield Problem(path, repr(part.type), "a prompt cannot carry it")


def _no_tools(request: ChatRequest) -> Iterator[Problem]:
    for name in _NO_TOOLS:
        given = getattr(request, name)
        if given not in (None, ()) and not (name == "tool_choice" and given.mode in ("auto", "none")):
            yield Problem(name, "", f"/api/generate has no tools; {_INSTEAD}, or set on_unsupported='drop'")
