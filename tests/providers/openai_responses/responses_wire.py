"""The Responses codec under test, and its events as a server writes them."""

import json
from collections.abc import Iterable
from itertools import count
from typing import Any

from greenroom.providers.openai_responses import OpenAIResponsesCodec

from codec_run import CodecRun, Outcome

__all__ = ["CODEC", "Outcome", "body_of", "call", "item", "problems", "run", "stream"]

CODEC = OpenAIResponsesCodec()
_RUN = CodecRun(CODEC, "openai-responses")
call, run = _RUN.call, _RUN.run
body_of, problems = _RUN.body_of, _RUN.problems

Event = dict[str, Any]


def stream(events: Iterable[Event], numbered: bool = True, first: int = 0, named: bool = True) -> bytes:
    """The bytes of these events; those that have no number of their own are numbered on."""
    numbers, out = count(first), []
    for event in events:
        number = next(numbers)
        told = {"sequence_number": number, **event} if numbered else event
        line = f"event: {event['type']}\n" if named else ""
        out.append(f"{line}data: {json.dumps(told)}\n\n")
    return "".join(out).encode()


def created(**fields: Any) -> Event:
    return {
        "type": "response.created",
        "response": {"id": "resp_1", "model": "gpt", "status": "in_progress"} | fields,
    }


def ended(status: str = "completed", output: Iterable[Event] = (), **fields: Any) -> Event:
    response = {"id": "resp_1", "model": "gpt", "status": status, "output": list(output), **fields}
    return {"type": f"response.{status}", "response": response}


def item(last: str, index: int, **fields: Any) -> Event:
    return {"type": f"response.output_item.{last}", "output_index": index, "item": fields}


def text(piece: str, index: int = 0, content: int = 0, item_id: str = "msg_1", **fields: Any) -> Event:
    place = {"item_id": item_id, "output_index": index, "content_index": content}
    return {"type": "response.output_text.delta", **place, "delta": piece, **fields}


def message(*pieces: str, index: int = 0, item_id: str = "msg_1") -> list[Event]:
    """A message of one text, whole."""
    whole, place = "".join(pieces), {"item_id": item_id, "output_index": index, "content_index": 0}
    part = {"type": "output_text", "text": whole, "annotations": []}
    told = {"type": "message", "id": item_id, "role": "assistant"}
    return [
        item("added", index, **told, status="in_progress", content=[]),
        {"type": "response.content_part.added", **place, "part": {**part, "text": ""}},
        *(text(piece, index, 0, item_id) for piece in pieces),
        {"type": "response.output_text.done", **place, "text": whole},
        {"type": "response.content_part.done", **place, "part": part},
        item("done", index, **told, status="completed", content=[part]),
    ]


def function(
    arguments: Iterable[str], index: int = 0, name: str = "f", call_id: str = "call_1"
) -> list[Event]:
    """A function call, whole."""
    pieces = list(arguments)
    told = {"type": "function_call", "id": f"fc_{index}", "call_id": call_id, "name": name}
    place = {"item_id": f"fc_{index}", "output_index": index}
    kind = "response.function_call_arguments"
    return [
        item("added", index, **told, status="in_progress", arguments=""),
        *({"type": f"{kind}.delta", **place, "delta": piece} for piece in pieces),
        {"type": f"{kind}.done", **place, "arguments": "".join(pieces)},
        item("done", index, **told, status="completed", arguments="".join(pieces)),
    ]
