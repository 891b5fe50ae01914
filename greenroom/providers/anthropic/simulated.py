"""The simulator's side of the messages wire: `POST /v1/messages` and `/v1/messages/count_tokens`."""

from greenroom.providers.anthropic.simulated_errors import DIALECT, error_reply, refusal_reply
from greenroom.providers.anthropic.simulated_message import MessageWriter
from greenroom.providers.anthropic.simulated_request import read_message_call
from greenroom.providers.anthropic.words import WIRE
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.faults import Place
from greenroom.providers.simulator.openai_chat import faulty, streamed
from greenroom.providers.simulator.openai_errors import Refused, json_bytes, json_reply
from greenroom.providers.simulator.openai_request import read_json
from greenroom.providers.simulator.reply import HttpRequest, Reply
from greenroom.providers.simulator.wires import Desk, Served, bearer, only_post

_PATH = "/v1/messages"


class MessagesWire:
    """Implements SimulatedWire. Remembers nothing."""

    kind = WIRE

    def takes(self, request: HttpRequest) -> bool:
        return request.path in (_PATH, f"{_PATH}/count_tokens")

    def key(self, request: HttpRequest) -> str | None:
        return request.headers.get("x-api-key") or bearer(request)

    def answer(self, request: HttpRequest, served: Served, desk: Desk) -> Reply:
        only_post(request)
        served.body = read_json(request.body)
        counts = request.path != _PATH
        call = read_message_call(served.body, request.headers, counts=counts)
        served.model = call.chat.model
        if counts:
            return json_reply(200, {"input_tokens": call.chat.prompt_tokens})
        script, number = desk.choose(served, call.chat)
        served.dialect = DIALECT.name
        if script.answer is not None:
            return faulty(error_reply(script.answer, desk.created_s), script, DIALECT, WHOLE)
        writer = MessageWriter(call, script, number)
        if not call.chat.stream or script.ignore_stream:
            status = 529 if script.stream_error is not None else 200
            return faulty(json_reply(status, writer.whole()), script, DIALECT, WHOLE)
        place = Place(writer.opening, True, writer.text_event, writer.ping)
        return faulty(streamed(writer.steps()), script, DIALECT, place)

    def refusal(self, refused: Refused, dialect: Dialect) -> Reply:  # noqa: ARG002  (this wire has but one)
        return refusal_reply(refused)


def _whole_event(text: str) -> bytes:
    content = [{"type": "text", "text": text}]
    return json_bytes({"type": "message", "role": "assistant", "content": content, "stop_reason": "end_turn"})


WHOLE = Place(0, False, _whole_event, lambda _kind: b"\n")
"""The place of faults in an answer that is not streamed."""
