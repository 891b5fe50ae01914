"""Reads a messages request as the real API does, and refuses what it refuses.

Source: https://platform.claude.com/docs/en/api/messages and the wording of recorded refusals.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from greenroom.messages.value import FrozenMap
from greenroom.providers.anthropic.models import facts_of
from greenroom.providers.simulator.openai_errors import Refused
from greenroom.providers.simulator.openai_request import ChatCall, count_tokens

_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "model": ((str,), "string"), "messages": ((tuple,), "list"), "max_tokens": ((int,), "integer"),
    "stream": ((bool,), "boolean"), "system": ((str, tuple), "string"), "temperature": ((int, float), "number"),
    "top_p": ((int, float), "number"), "stop_sequences": ((tuple,), "list"), "tools": ((tuple,), "list"),
    "tool_choice": ((FrozenMap,), "dictionary"), "thinking": ((FrozenMap,), "dictionary"),
    "metadata": ((FrozenMap,), "dictionary"), "output_config": ((FrozenMap,), "dictionary"),
}  # fmt: skip
_PREFILL = (
    "This model does not support assistant message prefill. The conversation must end with a user message."
)
_BUDGET_ONLY = (
    '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and '
    '"output_config.effort" to control thinking behavior.'
)


@dataclass(frozen=True, slots=True)
class MessageCall:
    """What a request asks for, as far as the simulator heeds it."""

    chat: ChatCall
    prefix: str = ""
    """Text with which the answer shall begin."""
    waits_for: FrozenMap | None = None
    """The hosted tool's call with which the last turn ended: the answer goes on with its result."""
    stop_sequence: str | None = None


def read_message_call(body: FrozenMap, headers: Mapping[str, str], *, counts: bool = False) -> MessageCall:
    """The call that a body makes. `counts`: its tokens are asked for alone. Raises Refused."""
    if "anthropic-version" not in headers:
        raise Refused(400, "anthropic-version: header is required")
    for name in ("model", "messages") if counts else ("model", "max_tokens", "messages"):
        if body.get(name) is None:
            raise Refused(400, f"{name}: Field required")
    for name, (types, wanted) in _TYPES.items():
        value = body.get(name)
        if value is not None and (
            not isinstance(value, types) or (type(value) is bool and bool not in types)
        ):
            raise Refused(400, f"{name}: Input should be a valid {wanted}")
    turns = [_turn(place, turn) for place, turn in enumerate(body["messages"])]
    if not turns:
        raise Refused(400, "messages: at least one message is required")
    _check_turns(turns, body["model"])
    if not counts:
        _check_numbers(body)
    last_role, last = turns[-1]
    goes_on = last_role == "assistant" and bool(last)
    users = [content for role, content in turns if role == "user"]
    prompt = "\n".join(_texts(users[-1])) if users else ""
    stops = body.get("stop_sequences") or ()
    return MessageCall(
        chat=ChatCall(
            model=body["model"], prompt=prompt, prompt_tokens=_prompt_tokens(body, turns),
            stream=bool(body.get("stream")), max_tokens=body.get("max_tokens"),
        ),
        prefix=last[-1]["text"] if goes_on and last[-1]["type"] == "text" else "",
        waits_for=last[-1] if goes_on and last[-1]["type"] == "server_tool_use" else None,
        stop_sequence=stops[0] if stops and isinstance(stops[0], str) else None,
    )  # fmt: skip


def signature_of(thinking: str) -> str:
    """What signs this thinking: made up, the same every time, and another for any other text."""
    return f"sim{hashlib.blake2s(thinking.encode()).hexdigest()}"


def _turn(place: int, turn: Any) -> tuple[str, tuple[FrozenMap, ...]]:
    path = f"messages.{place}"
    if not isinstance(turn, FrozenMap) or turn.get("role") not in ("user", "assistant", "system"):
        raise Refused(400, f"{path}.role: Input should be 'user' or 'assistant'")
    content = turn.get("content")
    if isinstance(content, str):
        return turn["role"], (FrozenMap({"type": "text", "text": content}),)
    if not isinstance(content, tuple):
        raise Refused(400, f"{path}.content: Input should be a valid list")
    for number, block in enumerate(content):
        if not isinstance(block, FrozenMap) or not isinstance(block.get("type"), str):
            raise Refused(400, f"{path}.content.{number}: Input should be an object with a type")
    return turn["role"], content


def _check_turns(turns: list[tuple[str, tuple[FrozenMap, ...]]], model: str) -> None:
    calls: set[str] = set()
    for place, (role, content) in enumerate(turns):
        for number, block in enumerate(content):
            _check_block(f"messages.{place}.content.{number}", block)
        results = {block.get("tool_use_id") for block in content if block["type"] == "tool_result"}
        if missing := sorted(calls - results):
            ids = ", ".join(missing)
            text = f"`tool_use` ids were found without `tool_result` blocks immediately after: {ids}"
            raise Refused(400, f"messages.{place}: {text}")
        if unexpected := results - calls:
            text = f"unexpected `tool_use_id` found in `tool_result` blocks: {next(iter(unexpected))}"
            raise Refused(400, f"messages.{place}: {text}")
        calls = {str(block.get("id")) for block in content if block["type"] == "tool_use"}
        if role != "assistant" and calls:
            raise Refused(400, f"messages.{place}: `tool_use` blocks can only be in `assistant` messages")
    role, content = turns[-1]
    if role == "assistant" and content and content[-1]["type"] == "text":
        if not facts_of(model).prefill:
            raise Refused(400, _PREFILL)
        if content[-1]["text"] != content[-1]["text"].rstrip():
            raise Refused(400, "messages: final assistant content cannot end with trailing whitespace")


def _check_block(path: str, block: FrozenMap) -> None:
    kind = block["type"]
    if kind == "text" and not (isinstance(block.get("text"), str) and block["text"].strip()):
        raise Refused(400, "messages: text content blocks must be non-empty")
    if kind == "tool_use" and not isinstance(block.get("input"), FrozenMap):
        raise Refused(400, f"{path}.tool_use.input: Input should be a valid dictionary")
    if kind == "thinking":
        signature = block.get("signature")
        if not isinstance(signature, str):
            raise Refused(400, f"{path}.thinking.signature: Field required")
        if signature.startswith("sim") and signature != signature_of(str(block.get("thinking"))):
            raise Refused(400, f"{path}: Invalid `signature` in `thinking` block")


def _check_numbers(body: FrozenMap) -> None:
    facts, temperature = facts_of(body["model"]), body.get("temperature")
    if body["max_tokens"] < 1:
        raise Refused(400, "max_tokens: Input should be greater than or equal to 1")
    if temperature is not None and not 0 <= temperature <= 1:
        raise Refused(400, "temperature: range: 0..1")
    for name in ("temperature", "top_p"):
        if body.get(name) is not None and not facts.sampling:
            raise Refused(400, f"`{name}` is deprecated for this model.")
    thinking = body.get("thinking") or FrozenMap()
    if thinking.get("type") != "enabled":
        return
    budget = thinking.get("budget_tokens")
    if facts.thinking == "adaptive":
        raise Refused(400, _BUDGET_ONLY)
    if type(budget) is not int or budget < 1024:
        raise Refused(400, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if budget >= body["max_tokens"]:
        raise Refused(400, "`max_tokens` must be greater than `thinking.budget_tokens`.")


def _prompt_tokens(body: FrozenMap, turns: list[tuple[str, tuple[FrozenMap, ...]]]) -> int:
    system = body.get("system") or ""
    texts = [system] if isinstance(system, str) else [str(block.get("text")) for block in system]
    return sum(4 + sum(count_tokens(text) for text in _texts(content)) for _, content in turns) + sum(
        count_tokens(text) for text in texts
    )


def _texts(content: tuple[FrozenMap, ...]) -> Iterator[str]:
    for block in content:
        text = block.get("text") if block["type"] == "text" else block.get("content")
        if isinstance(text, str):
            yield text
