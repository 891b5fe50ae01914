"""The simulator's side of the Interactions API: creates, answers, and streams again from an event."""

import re
from collections import OrderedDict
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote

from greenroom.messages.value import FrozenMap
from greenroom.providers.gemini.simulated import google_key
from greenroom.providers.gemini.simulated_errors import refused_in_its_words, scripted
from greenroom.providers.gemini_interactions.simulated_answer import OPENING, EventWriter
from greenroom.providers.gemini_interactions.simulated_request import read_call
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.faults import Place
from greenroom.providers.simulator.openai_chat import WHOLE, faulty, streamed
from greenroom.providers.simulator.openai_errors import Refused, json_reply
from greenroom.providers.simulator.openai_request import read_json
from greenroom.providers.simulator.openai_whole import Stamp
from greenroom.providers.simulator.reply import HttpRequest, Reply, Step
from greenroom.providers.simulator.script import Script
from greenroom.providers.simulator.wires import Desk, Served, only_post

_PATH = re.compile(r"/.*?interactions(?:/(?P<id>[^/]+)(?P<cancel>/cancel)?)?")
_KEPT_MAX = 256
"""Interactions that this server remembers; the oldest go first."""


class InteractionsWire:
    """POST .../interactions; below it, GET {id} with `stream` and `last_event_id`, and POST {id}/cancel."""

    kind = "gemini-interactions"

    def __init__(self) -> None:
        self._kept: OrderedDict[str, EventWriter] = OrderedDict()
        self._cancelled: set[str] = set()

    def takes(self, request: HttpRequest) -> bool:
        return _PATH.fullmatch(request.path) is not None

    def key(self, request: HttpRequest) -> str | None:
        return google_key(request)

    def answer(self, request: HttpRequest, served: Served, desk: Desk) -> Reply:
        found = _PATH.fullmatch(request.path)
        assert found is not None
        if found["id"] is not None:
            return self._about(request, unquote(found["id"]), cancels=found["cancel"] is not None)
        if request.method != "POST":
            raise Refused(405, f"Not allowed to {request.method} on {request.path}.")
        served.body = read_json(request.body)
        script, writer = self._created(served.body, served, desk)
        if script.answer is not None:
            return faulty(
                scripted(script.answer, desk.created_s, in_array=False), script, desk.dialect, WHOLE
            )
        if not writer.call.stream or script.ignore_stream:
            return faulty(json_reply(200, writer.whole()), script, desk.dialect, WHOLE)
        place = Place(OPENING, True, writer.text_event, writer.ping)
        return faulty(streamed(writer.steps()), script, desk.dialect, place)

    def refusal(self, refused: Refused, dialect: Dialect) -> Reply:  # noqa: ARG002  (Google has one)
        return refused_in_its_words(refused)

    def _created(self, body: FrozenMap, served: Served, desk: Desk) -> tuple[Script, EventWriter]:
        call = read_call(body)
        script, number = desk.choose(served, call)
        is_kept = body.get("store") is not False
        writer = EventWriter(call, script, Stamp(f"v1_sim_{number}", desk.created_s), with_ids=is_kept)
        if is_kept and script.answer is None:
            self._kept[writer.interaction_id] = writer.again()
            while len(self._kept) > _KEPT_MAX:
                self._cancelled.discard(self._kept.popitem(last=False)[0])
        return script, writer

    def _about(self, request: HttpRequest, interaction_id: str, *, cancels: bool) -> Reply:
        """The same interaction without its faults: whole, the events behind the one that is named, or its end."""
        kept = self._kept.get(interaction_id)
        if kept is None or (interaction_id in self._cancelled and not cancels):
            raise Refused(404, "Requested entity was not found.")
        if cancels:
            only_post(request)
            self._cancelled.add(interaction_id)
            return json_reply(200, {"id": interaction_id, "status": "cancelled"})
        if request.method != "GET":
            raise Refused(405, f"Not allowed to {request.method} on {request.path}.")
        asked, writer = parse_qs(request.query), kept.again()
        if asked.get("stream", ["false"])[0] != "true":
            return json_reply(200, writer.whole())
        return streamed(_behind(writer, asked.get("last_event_id", [""])[0]))


def _behind(writer: EventWriter, event_id: str) -> Iterator[Step]:
    steps = writer.steps()
    if event_id:
        mark = writer.mark_of(event_id)
        for step in steps:
            if mark in step.data:
                break
    yield from steps
