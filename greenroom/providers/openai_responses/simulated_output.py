"""The response object of the simulator's side: its output items and all that stands around them."""

import base64
from typing import Any

from greenroom.messages.value import thaw
from greenroom.providers.openai_responses.simulated_request import ResponsesCall
from greenroom.providers.simulator.dialects import OPENAI
from greenroom.providers.simulator.openai_whole import Stamp, facts_of, logprobs_of
from greenroom.providers.simulator.pieces import joined, pieces_of
from greenroom.providers.simulator.script import Script, ScriptToolCall

_ECHOED = (
    "instructions", "max_output_tokens", "previous_response_id", "reasoning", "temperature", "text", "tool_choice",
    "tools", "top_p", "truncation", "user", "metadata", "parallel_tool_calls",
)  # fmt: skip
_USUAL = {
    "reasoning": {"effort": None, "summary": None}, "text": {"format": {"type": "text"}}, "tool_choice": "auto",
    "tools": [], "temperature": 1.0, "top_p": 1.0, "truncation": "disabled", "metadata": {},
    "parallel_tool_calls": True,
}  # fmt: skip
_INCOMPLETE = {
    "length": "max_output_tokens", "max_output_tokens": "max_output_tokens", "incomplete": "max_output_tokens",
    "content_filter": "content_filter",
}  # fmt: skip
_FAILED = {"failed": "failed", "error": "failed", "cancelled": "cancelled"}
FAILURE = {"code": "server_error", "message": "The server had an error while processing your request. Sorry!"}


class Simulated:
    """One answer of a script to a call: whatever is asked about it later is the same."""

    def __init__(self, call: ResponsesCall, script: Script, stamp: Stamp) -> None:
        self.call, self.script, self.stamp = call, script, stamp
        self.id = script.response_id or stamp.response_id
        self.facts = facts_of(call.chat, script, stamp, OPENAI, "response")
        self.incomplete = _INCOMPLETE.get(script.finish_reason or "")
        self.status = (
            "incomplete" if self.incomplete else _FAILED.get(script.finish_reason or "", "completed")
        )

    def response(self, status: str, output: list[dict[str, Any]], error: Any = None) -> dict[str, Any]:
        """The object as it stands with this status. Only the last one tells usage."""
        body, over = self.call.body, status in ("completed", "incomplete")
        echoed = {name: thaw(body[name]) if name in body else _USUAL.get(name) for name in _ECHOED}
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.stamp.created_s,
            "status": status,
            "background": self.call.background,
            "error": (error or FAILURE) if status == "failed" else None,
            "incomplete_details": {"reason": self.incomplete} if status == "incomplete" else None,
            "model": self.facts["model"],
            "output": output,
            "service_tier": "default" if over else "auto",
            "store": self.call.store,
            **echoed,
            "usage": self._usage() if over and self.script.usage != "absent" else None,
        }

    def whole(self) -> dict[str, Any]:
        """Where it is not streamed, and where it is asked for later."""
        if self.script.stream_error is not None:
            given = thaw(self.script.stream_error.error) if self.script.stream_error.error else FAILURE
            return self.response("failed", [], given)
        status = self.status if self.script.send_finish else "in_progress"
        return self.response(status, [] if status in ("failed", "cancelled") else self.items())

    def items(self) -> list[dict[str, Any]]:
        """The output, whole. A limit strikes the last item."""
        items = [*self._reasoning(), *self._message(), *self._calls()]
        if self.incomplete and items and "status" in items[-1]:
            items[-1]["status"] = "incomplete"
        return items

    def _reasoning(self) -> list[dict[str, Any]]:
        text = joined(self.script.reasoning)
        if not text:
            return []
        item: dict[str, Any] = {"id": f"rs_{self.id}", "type": "reasoning"}
        item["summary"] = [{"type": "summary_text", "text": text}]
        if self.call.encrypted:
            item["encrypted_content"] = base64.b64encode(text.encode()).decode()
        return [item]

    def _message(self) -> list[dict[str, Any]]:
        script = self.script
        content: list[dict[str, Any]] = []
        if joined(script.refusal):
            content.append({"type": "refusal", "refusal": joined(script.refusal)})
        if joined(script.text) or not (content or script.tool_calls):
            part = {"type": "output_text", "text": joined(script.text), "annotations": [], "logprobs": []}
            content.append({**part, "logprobs": self._logprobs()})
        if not content:
            return []
        told = {"id": f"msg_{self.id}", "type": "message", "status": "completed", "role": "assistant"}
        return [{**told, "content": content}]

    def _logprobs(self) -> list[dict[str, Any]]:
        chat = self.call.chat
        if not chat.logprobs:
            return []
        pieces = pieces_of(self.script.text, self.script.chunk_size)
        return [logprobs_of(piece, chat.top_logprobs) for piece in pieces]

    def _calls(self) -> list[dict[str, Any]]:
        return [self._call(number, call) for number, call in enumerate(self.script.tool_calls)]

    def _call(self, number: int, call: ScriptToolCall) -> dict[str, Any]:
        custom = call.name in self.call.custom_tools
        return {
            "id": f"{'ctc' if custom else 'fc'}_{self.id}_{number}",
            "type": "custom_tool_call" if custom else "function_call",
            "status": "completed",
            "call_id": call.id if call.id is not None else f"call_sim_{number}",
            "name": call.name,
            "input" if custom else "arguments": call.arguments_text,
        }

    def _usage(self) -> dict[str, Any]:
        facts = self.facts
        return {
            "input_tokens": facts["prompt"],
            "input_tokens_details": {"cached_tokens": facts["cached"]},
            "output_tokens": facts["completion"],
            "output_tokens_details": {"reasoning_tokens": facts["reasoning"]},
            "total_tokens": facts["total"],
        }
