"""The events of a streamed response, in the order and with the fields of the real API; one step an event.

created, in_progress, the items (added, parts, deltas, dones), and the one that ends it. Every event has a
number, but those that faults put in: how many of them go out is not known when they are made.
"""

from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import Any

from greenroom.providers.openai_responses.simulated_output import FAILURE, Simulated
from greenroom.providers.simulator.faults import SILENT_BYTES
from greenroom.providers.simulator.openai_errors import json_bytes
from greenroom.providers.simulator.openai_whole import logprobs_of
from greenroom.providers.simulator.pieces import joined, pieces_of
from greenroom.providers.simulator.reply import Step
from greenroom.providers.simulator.script_fields import Pieces

_PADDING = "k3Vq9ZtR1mXw7Lp"
Fields = dict[str, Any]


class EventWriter:
    """Writes the events of one answer, once."""

    def __init__(self, simulated: Simulated, after: int = -1) -> None:
        """`after`: events up to this number are counted, not written."""
        self._simulated, self._script, self._after = simulated, simulated.script, after
        self._number = -1
        self._delay_s = self._script.first_delta_delay_s
        self._padded = self._script.obfuscation and simulated.call.chat.include_obfuscation

    @property
    def opening(self) -> int:
        """How many events come before the first delta."""
        script = self._script
        says = joined(script.reasoning) or joined(script.refusal) or joined(script.text)
        return 2 + (2 if says or not script.tool_calls else 1)

    def steps(self) -> Iterator[Step]:
        """All events, at their times."""
        simulated = self._simulated
        started = simulated.response("in_progress", [])
        yield from self._event("response.created", {"response": started})
        yield from self._event("response.in_progress", {"response": started})
        items = simulated.items()
        if self._script.interleave_tool_calls:
            calls = [pair for pair in enumerate(items) if pair[1]["type"].endswith("_call")]
            rest = [pair for pair in enumerate(items) if not pair[1]["type"].endswith("_call")]
            yield from chain.from_iterable(self._item(index, item) for index, item in rest)
            yield from self._interleaved(calls)
        else:
            yield from chain.from_iterable(self._item(index, item) for index, item in enumerate(items))
        if self._script.send_finish and self._script.send_done:
            yield from self.end(simulated.status, items)
        if self._script.late_text:
            yield from self._event(
                "response.output_text.delta", self._text_place({"delta": self._script.late_text})
            )

    def end(self, status: str, items: list[Fields], error: Any = None) -> Iterator[Step]:
        """The last event."""
        kept = [] if status in ("failed", "cancelled") else items
        response = self._simulated.response(status, kept, error)
        yield from self._event(f"response.{status}", {"response": response})

    def error(self, error: Any, event: str | None, failed: bool) -> Iterator[Step]:
        """An error in the stream. `failed`: `response.failed` follows, as it does on the real API."""
        usual = {
            "type": "server_error",
            "code": FAILURE["code"],
            "message": FAILURE["message"],
            "param": None,
        }
        told = {**usual, **(error or {})}
        for step in self._event("error", {"error": told}):
            data = step.data.partition(b"\n")[2]
            line = b"event: %b\n" % (event or "error").encode() if event != "" else b""
            yield step._replace(data=line + data)
        if failed:
            short = {"code": told["code"] or FAILURE["code"], "message": told["message"]}
            yield from self.end("failed", [], short)

    def text_event(self, text: str) -> bytes:
        """One more delta of text, without a number."""
        return _framed("response.output_text.delta", self._text_place({"delta": text, "logprobs": []}))

    def ping(self, kind: str) -> bytes:
        """A sign of life that says nothing."""
        if kind in SILENT_BYTES:
            return SILENT_BYTES[kind]
        return self.text_event("") if kind == "empty_delta" else _framed("keepalive", {})

    def _event(self, kind: str, fields: Fields, deltas: int = 0) -> Iterator[Step]:
        self._number += 1
        if self._number <= self._after:
            return
        delay_s = 0.0
        if deltas:
            delay_s, self._delay_s = self._delay_s, self._script.delta_interval_s
        yield Step(_framed(kind, {"sequence_number": self._number, **fields}), delay_s, deltas)

    def _item(self, index: int, item: Fields) -> Iterator[Step]:
        if item["type"].endswith("_call"):
            yield from self._interleaved([(index, item)])
            return
        bare: Fields = {"summary": []} if item["type"] == "reasoning" else {"content": []}
        status = {"status": "in_progress"} if "status" in item else {}
        yield from self._event(
            "response.output_item.added", {"output_index": index, "item": {**item, **bare, **status}}
        )
        place = {"item_id": item["id"], "output_index": index}
        for number, part in enumerate(item.get("summary", ())):
            told = {**place, "summary_index": number}
            yield from self._part("response.reasoning_summary", told, part, self._script.reasoning)
        for number, part in enumerate(item.get("content", ())):
            told = {**place, "content_index": number}
            said = self._script.refusal if part["type"] == "refusal" else self._script.text
            yield from self._part("response", told, part, said)
        yield from self._event("response.output_item.done", {"output_index": index, "item": item})

    def _part(self, name: str, place: Fields, part: Fields, said: Pieces) -> Iterator[Step]:
        """Content parts are `response.content_part`, those of a summary `response.reasoning_summary_part`."""
        summary = name != "response"
        field = "refusal" if part["type"] == "refusal" else "text"
        events = f"{name}_part" if summary else f"{name}.content_part"
        deltas = f"{name}_text" if summary else f"{name}.{part['type']}"
        empty = {**part, field: "", **({"logprobs": []} if "logprobs" in part else {})}
        yield from self._event(f"{events}.added", {**place, "part": empty})
        for piece in pieces_of(said, self._script.chunk_size):
            beside = self._logprobs(piece) if part["type"] == "output_text" else {}
            yield from self._event(
                f"{deltas}.delta", {**place, "delta": piece, **beside, **self._pad(piece)}, 1
            )
        logprobs = {"logprobs": part["logprobs"]} if "logprobs" in part else {}
        yield from self._event(f"{deltas}.done", {**place, field: part[field], **logprobs})
        yield from self._event(f"{events}.done", {**place, "part": part})

    def _interleaved(self, calls: list[tuple[int, Fields]]) -> Iterator[Step]:
        """Calls whose fragments take turns; one call alone is the usual case."""
        running = []
        for index, item in calls:
            bare: Fields = {_field(item): "", "status": "in_progress"}
            yield from self._event(
                "response.output_item.added", {"output_index": index, "item": {**item, **bare}}
            )
            running.append([(index, item, piece) for piece in self._pieces(item)])
        for turn in zip_longest(*running):
            for index, item, piece in filter(None, turn):
                told = {"item_id": item["id"], "output_index": index, "delta": piece, **self._pad(piece)}
                yield from self._event(f"{_events(item)}.delta", told, 1)
        for index, item in calls:
            told = {"item_id": item["id"], "output_index": index, _field(item): item[_field(item)]}
            yield from self._event(f"{_events(item)}.done", told)
            yield from self._event("response.output_item.done", {"output_index": index, "item": item})

    def _pieces(self, item: Fields) -> Iterator[str]:
        number = int(item["id"].rpartition("_")[2])
        given = self._script.tool_calls[number].arguments
        return pieces_of(given if isinstance(given, tuple) else item[_field(item)], self._script.chunk_size)

    def _logprobs(self, piece: str) -> Fields:
        chat = self._simulated.call.chat
        return {"logprobs": [logprobs_of(piece, chat.top_logprobs)] if chat.logprobs else []}

    def _pad(self, piece: str) -> Fields:
        return {"obfuscation": _PADDING[len(piece) % 16 :]} if self._padded else {}

    def _text_place(self, fields: Fields) -> Fields:
        index = 1 if joined(self._script.reasoning) else 0
        content = 1 if joined(self._script.refusal) else 0
        return {
            "item_id": f"msg_{self._simulated.id}",
            "output_index": index,
            "content_index": content,
            **fields,
        }


def _field(item: Fields) -> str:
    return "input" if item["type"] == "custom_tool_call" else "arguments"


def _events(item: Fields) -> str:
    custom = item["type"] == "custom_tool_call"
    return "response.custom_tool_call_input" if custom else "response.function_call_arguments"


def _framed(kind: str, fields: Fields) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), json_bytes({"type": kind, **fields}))
