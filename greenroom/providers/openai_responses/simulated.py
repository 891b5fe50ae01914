"""The simulator's side of the Responses wire: answers, and those that are kept and asked about again.

    POST /v1/responses                                     an answer, streamed or whole
    GET  /v1/responses/{id}                                a kept one, whole
    GET  /v1/responses/{id}?stream=true&starting_after=N   the events of a background one behind number N
    POST /v1/responses/{id}/cancel                         stops a background one

Faults strike an answer the first time; a background one goes on without its client, as on the real API.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

from greenroom.providers.openai_responses.marks import WIRE
from greenroom.providers.openai_responses.simulated_events import EventWriter
from greenroom.providers.openai_responses.simulated_output import Simulated
from greenroom.providers.openai_responses.simulated_request import read_responses_call
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.dialects import dialect_of
from greenroom.providers.simulator.faults import Place, before_place
from greenroom.providers.simulator.openai_chat import Stamp, faulty, streamed
from greenroom.providers.simulator.openai_errors import (
    Refused,
    json_bytes,
    json_reply,
    refusal_reply,
    scripted_reply,
)
from greenroom.providers.simulator.openai_request import read_json
from greenroom.providers.simulator.reply import HttpRequest, Reply, Step
from greenroom.providers.simulator.script import Script
from greenroom.providers.simulator.wires import Desk, Served, bearer, only_post

_PATH = "/v1/responses"
_KEPT_MAX = 256


@dataclass(slots=True)
class _Kept:
    simulated: Simulated
    cancelled: bool = False


class ResponsesWire:
    """Implements SimulatedWire. Keeps the newest 256 stored answers."""

    kind = WIRE

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    def takes(self, request: HttpRequest) -> bool:
        return request.path == _PATH or request.path.startswith(f"{_PATH}/")

    def key(self, request: HttpRequest) -> str | None:
        return bearer(request)

    def answer(self, request: HttpRequest, served: Served, desk: Desk) -> Reply:
        if request.path != _PATH:
            return self._about(request)
        only_post(request)
        served.body = read_json(request.body)
        call = read_responses_call(served.body)
        script, number = desk.choose(served, call.chat)
        dialect = desk.dialect if script.dialect is None else dialect_of(script.dialect)
        if script.answer is not None:
            return faulty(scripted_reply(script.answer, dialect, desk.created_s), script, dialect, _WHOLE)
        simulated = Simulated(call, script, Stamp(f"resp_sim_{number}", desk.created_s))
        self._keep(simulated)
        if not call.chat.stream or script.ignore_stream:
            begun = call.background and not script.ignore_stream
            told = simulated.response("queued", []) if begun else simulated.whole()
            return faulty(json_reply(200, told), script, dialect, _WHOLE)
        writer = EventWriter(simulated)
        place = Place(writer.opening, True, writer.text_event, writer.ping)
        return faulty(streamed(_told(writer, script)), script, dialect, place)

    def refusal(self, refused: Refused, dialect: Dialect) -> Reply:
        return refusal_reply(refused, dialect)

    def _keep(self, simulated: Simulated) -> None:
        if simulated.call.store:
            self._kept[simulated.id] = _Kept(simulated)
            while len(self._kept) > _KEPT_MAX:
                self._kept.popitem(last=False)

    def _about(self, request: HttpRequest) -> Reply:
        """A kept answer: read, streamed on, or cancelled."""
        response_id, _, verb = request.path.removeprefix(f"{_PATH}/").partition("/")
        kept = self._kept.get(unquote(response_id))
        if verb not in ("", "cancel"):
            raise Refused(404, f"Invalid URL ({request.method} {request.path})")
        if request.method != ("POST" if verb else "GET"):
            hint = "(HINT: Perhaps you meant to use a different HTTP method?)"
            raise Refused(405, f"Not allowed to {request.method} on {request.path}. {hint}")
        if kept is None:
            raise Refused(404, f"Response with id '{unquote(response_id)}' not found.")
        if verb:
            return _cancel(kept)
        query = parse_qs(request.query)
        if query.get("stream", [""])[0] != "true":
            return json_reply(200, _whole(kept))
        return _rest(kept, query.get("starting_after", ["-1"])[0])


def _told(writer: EventWriter, script: Script) -> Iterator[Step]:
    fault = script.stream_error
    if fault is None:
        return writer.steps()
    return _with_error(writer, script)


def _with_error(writer: EventWriter, script: Script) -> Iterator[Step]:
    fault = script.stream_error
    assert fault is not None
    yield from before_place(writer.steps(), writer.opening, fault.after_deltas)
    yield from writer.error(fault.error, fault.event, fault.send_done is not False)


def _whole(kept: _Kept) -> dict[str, object]:
    simulated = kept.simulated
    return simulated.response("cancelled", []) if kept.cancelled else simulated.whole()


def _cancel(kept: _Kept) -> Reply:
    if not kept.simulated.call.background:
        raise Refused(400, "Cannot cancel a synchronous response.")
    kept.cancelled = True
    return json_reply(200, _whole(kept))


def _rest(kept: _Kept, after: str) -> Reply:
    if not (after.lstrip("-").isascii() and after.lstrip("-").isdigit()):
        message = "Invalid 'starting_after': expected an integer."
        raise Refused(400, message, param="starting_after", code="invalid_type")
    if not kept.simulated.call.background or kept.cancelled:
        raise Refused(400, "Only background responses that were not cancelled can be streamed again.")
    return streamed(EventWriter(kept.simulated, int(after)).steps())


def _whole_event(text: str) -> bytes:
    part = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}
    return json_bytes({"object": "response", "status": "completed", "output": [message]})


_WHOLE = Place(0, False, _whole_event, lambda _kind: b"\n")
"""The place of faults in an answer that is not streamed."""
