"""The simulator's side of the older wire: `POST /v1/complete`."""

from collections.abc import Iterator
from typing import Any

from greenroom.messages.value import FrozenMap
from greenroom.providers.anthropic.simulated import WHOLE, MessagesWire
from greenroom.providers.anthropic.simulated_errors import DIALECT, error_reply, stream_error
from greenroom.providers.anthropic.simulated_message import event
from greenroom.providers.anthropic_text.prompt import WIRE
from greenroom.providers.simulator.continuing import Beginning, going_on
from greenroom.providers.simulator.faults import SILENT_BYTES, Place, before_place
from greenroom.providers.simulator.openai_chat import faulty, streamed
from greenroom.providers.simulator.openai_errors import Refused, json_reply
from greenroom.providers.simulator.openai_request import ChatCall, count_tokens, read_json
from greenroom.providers.simulator.pieces import joined, pieces_of
from greenroom.providers.simulator.reply import HttpRequest, Reply, Step
from greenroom.providers.simulator.script import Script
from greenroom.providers.simulator.wires import Desk, Served, only_post

_WORDS = {"stop": "stop_sequence", "end_turn": "stop_sequence", "length": "max_tokens"}
_HUMAN = "\n\nHuman:"


class TextWire(MessagesWire):
    """Implements SimulatedWire. Key and refusals are those of the messages wire."""

    kind = WIRE

    def takes(self, request: HttpRequest) -> bool:
        return request.path == "/v1/complete"

    def answer(self, request: HttpRequest, served: Served, desk: Desk) -> Reply:
        only_post(request)
        if "anthropic-version" not in request.headers:
            raise Refused(400, "anthropic-version: header is required")
        served.body = read_json(request.body)
        call = _read(served.body)
        script, number = desk.choose(served, call)
        served.dialect = DIALECT.name
        if script.answer is not None:
            return faulty(error_reply(script.answer, desk.created_s), script, DIALECT, WHOLE)
        writer = _Writer(call, going_on(script, call.beginning, DIALECT), number)
        if not call.stream or script.ignore_stream:
            status = 529 if script.stream_error is not None else 200
            return faulty(json_reply(status, writer.whole()), script, DIALECT, WHOLE)
        place = Place(1, True, writer.text_event, writer.ping)
        return faulty(streamed(writer.steps()), script, DIALECT, place)


class _Writer:
    def __init__(self, call: ChatCall, script: Script, number: int) -> None:
        self._script = script
        ident, model = script.response_id or f"compl_sim_{number}", script.model or call.model
        self._shared: dict[str, Any] = {"id": ident, "model": model, "log_id": ident}

    def steps(self) -> Iterator[Step]:
        """A ping, the pieces, the stop reason on an event of its own."""
        fault = self._script.stream_error
        if fault is None:
            yield from self._events()
            return
        yield from before_place(self._events(), 1, fault.after_deltas)
        yield Step(event("error", error=stream_error(fault.error)["error"]))

    def whole(self) -> dict[str, Any]:
        script = self._script
        if script.stream_error is not None:
            return stream_error(script.stream_error.error)
        return {"type": "completion", **self._shared, "completion": joined(script.text), **self._stop()}

    def text_event(self, text: str) -> bytes:
        return self._event(text, {"stop_reason": None, "stop": None})

    def ping(self, kind: str) -> bytes:
        if kind in SILENT_BYTES:
            return SILENT_BYTES[kind]
        return self.text_event("") if kind == "empty_delta" else event("ping")

    def _events(self) -> Iterator[Step]:
        script = self._script
        yield Step(event("ping"))
        delay_s = script.first_delta_delay_s
        for piece in pieces_of(script.text, script.chunk_size):
            yield Step(self.text_event(piece), delay_s, 1)
            delay_s = script.delta_interval_s
        if script.send_finish and script.send_done:
            yield Step(self._event("", self._stop()))
        if script.late_text:
            yield Step(self.text_event(script.late_text))

    def _stop(self) -> dict[str, Any]:
        given = self._script.finish_reason or "stop_sequence"
        reason = _WORDS.get(given, given)
        return {"stop_reason": reason, "stop": _HUMAN if reason == "stop_sequence" else None}

    def _event(self, text: str, stop: dict[str, Any]) -> bytes:
        return event("completion", **self._shared, completion=text, **stop)


def _read(body: FrozenMap) -> ChatCall:
    """The call that a body makes. Raises Refused, in the words of the real API."""
    for name in ("model", "prompt", "max_tokens_to_sample"):
        if body.get(name) is None:
            raise Refused(400, f"{name}: Field required")
    prompt, tokens = body["prompt"], body["max_tokens_to_sample"]
    if not isinstance(body["model"], str) or not isinstance(prompt, str):
        raise Refused(400, "prompt: Input should be a valid string")
    if type(tokens) is not int or tokens < 1:
        raise Refused(400, "max_tokens_to_sample: Input should be greater than or equal to 1")
    if _HUMAN not in prompt or "\n\nAssistant:" not in prompt.rpartition(_HUMAN)[2]:
        raise Refused(400, 'prompt must start with "\n\nHuman:" turn and end with an "\n\nAssistant:" turn')
    asked, _, begun = prompt.rpartition(_HUMAN)[2].partition("\n\nAssistant:")
    return ChatCall(
        model=body["model"], prompt=asked.strip(), prompt_tokens=count_tokens(prompt),
        stream=bool(body.get("stream")), max_tokens=tokens,
        beginning=Beginning(begun, in_prompt=True) if begun.strip() else None,
    )  # fmt: skip
