"""What of a request the messages wire or its model cannot take; found before anything is sent.

Two kinds of problems. What no request can be made of is always refused. What can be left out is refused too
(`on_unsupported="refuse"`), or left out and said ("drop").
"""

import re
from collections.abc import Iterator

from greenroom.messages.invalid import Problem
from greenroom.messages.options import StreamingOptions
from greenroom.messages.parts import ImagePart, ReasoningPart
from greenroom.messages.request import ChatRequest
from greenroom.providers.anthropic.models import Facts, facts_of
from greenroom.providers.anthropic.thinking import BUDGET_MIN_TOKENS, forces_a_tool, thinking_fields, thinks
from greenroom.providers.anthropic.turns import (
    CARRIED,
    is_prefix,
    is_sent_back,
    trim_last,
    wire_turns,
)
from greenroom.providers.anthropic.words import WIRE
from greenroom.providers.wire.asked_format import format_asked
from greenroom.providers.wire.fitting import (
    DROP,
    asked_fields,
    broken_calls,
    empty_turns,
    named_turns,
    refuse_or_say,
    uncarried_parts,
)
from greenroom.providers.wire.foreign import foreign_parts, is_foreign

NOT_ON_THIS_WIRE = (
    "seed", "n", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs",
)  # fmt: skip
_TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


def check(request: ChatRequest, model: str, taker: str, options: StreamingOptions) -> None:
    """Raises InvalidInput with every problem; on_unsupported="drop" leaves what cannot be left out."""
    facts = facts_of(model)
    problems = [*_turns(request, facts, model), *_tools(request)]
    unsupported = [
        *named_turns(request, f"this wire has no names of speakers; {DROP}"),
        *uncarried_parts(request, CARRIED, WIRE),
        *broken_calls(request, "this wire"),
        *_details(request),
        *_fields(request, facts, model),
        *_thinking(request, facts, model),
        *_formats(request, facts, model, options),
    ]
    refuse_or_say(taker, options, problems, unsupported, [*foreign_parts(request, WIRE), *_unsigned(request)])


def _turns(request: ChatRequest, facts: Facts, model: str) -> Iterator[Problem]:
    yield from empty_turns(request, CARRIED, WIRE)
    turns = wire_turns(request.messages)
    trim_last(turns)
    if "messages" in request.extra_body:
        return
    if not any(turn["role"] == "user" for turn in turns):
        yield Problem("messages", "", "needs a user turn that says something beside the system's")
    elif not facts.prefill and is_prefix(turns):
        wanted = f"{model} goes on with no assistant turn: let a user turn stand last"
        yield Problem(f"messages.{len(request.messages) - 1}", "'assistant'", wanted)


def _tools(request: ChatRequest) -> Iterator[Problem]:
    for place, tool in enumerate(request.tools):
        if not _TOOL_NAME.fullmatch(tool.name):
            wanted = "must be 1 to 128 letters, digits, '_' or '-' on this wire"
            yield Problem(f"tools.{place}.name", repr(tool.name), wanted)


def _details(request: ChatRequest) -> Iterator[Problem]:
    for place, message in enumerate(request.messages):
        for number, part in enumerate(message.content):
            if isinstance(part, ImagePart) and part.detail not in (None, "auto"):
                path = f"messages.{place}.content.{number}.detail"
                yield Problem(path, repr(part.detail), f"this wire has no such choice; {DROP}")


def _unsigned(request: ChatRequest) -> Iterator[Problem]:
    """Reasoning without a signature: never refused, as foreign parts are not."""
    for place, message in enumerate(request.messages):
        for number, part in enumerate(message.content):
            is_own = isinstance(part, ReasoningPart) and not is_foreign(part, WIRE)
            if is_own and isinstance(part, ReasoningPart) and not is_sent_back(part):
                yield Problem(f"messages.{place}.content.{number}.reasoning", "", "has no signature")


def _fields(request: ChatRequest, facts: Facts, model: str) -> Iterator[Problem]:
    for name in asked_fields(request, NOT_ON_THIS_WIRE):
        yield Problem(name, "", f"this wire does not take it; {DROP}")
    temperature, top_p = request.temperature, request.top_p
    if not facts.sampling:
        for name in ("temperature", "top_p"):
            if getattr(request, name) is not None:
                yield Problem(name, repr(getattr(request, name)), f"{model} does not take it; {DROP}")
    elif temperature is not None and temperature > 1:
        yield Problem("temperature", repr(temperature), "must be at most 1 on this wire")
    elif temperature is not None and top_p is not None and not facts.both_samplings:
        yield Problem("top_p", repr(top_p), f"{model} takes it or temperature, not both; {DROP}")
    for place, stop in enumerate(request.stop or ()):
        if not stop.strip():
            yield Problem(f"stop.{place}", repr(stop), "must hold more than white space on this wire")


def _thinking(request: ChatRequest, facts: Facts, model: str) -> Iterator[Problem]:
    effort = request.reasoning_effort
    if effort is None:
        return
    if facts.thinking == "none" and effort != "none":
        yield Problem("reasoning_effort", repr(effort), f"{model} cannot be asked to think; {DROP}")
        return
    max_tokens = request.max_output_tokens or facts.default_max_tokens
    fields = thinking_fields(effort, facts, max_tokens)
    if facts.thinking == "budget" and effort != "none" and not thinks(fields):
        wanted = f"must be more than {BUDGET_MIN_TOKENS} where {model} is asked to think"
        yield Problem("max_output_tokens", repr(max_tokens), wanted)
    if not thinks(fields):
        return
    turns = wire_turns(request.messages)
    if forces_a_tool(request):
        wanted = "no model thinks where a tool call is demanded: let tool_choice be auto, or leave it out"
        yield Problem("reasoning_effort", repr(effort), wanted)
    elif is_prefix(turns):
        yield Problem("reasoning_effort", repr(effort), "goes not with an assistant turn that stands last")
    elif facts.sampling:
        for name in ("temperature", "top_p"):
            if getattr(request, name) is not None:
                yield Problem(name, repr(getattr(request, name)), f"goes not with reasoning_effort; {DROP}")


def _formats(request: ChatRequest, facts: Facts, model: str, options: StreamingOptions) -> Iterator[Problem]:
    given = request.response_format
    asked = format_asked(request, options)
    if asked is not None and asked.type == "json_object":
        path = "response_format" if asked is given else "options.json_mode"
        yield Problem(path, "", "this wire has no free JSON: give a json_schema, or say it in the prompt")
    elif given is not None and given.type == "json_schema" and not facts.json_schema:
        yield Problem("response_format", "'json_schema'", f"{model} takes no schema; {DROP}")
