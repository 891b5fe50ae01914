"""The simulator's side of the Gemini wire: which requests are its own, and the answers to them."""

import re
from urllib.parse import parse_qs, unquote

from greenroom.providers.gemini.simulated_answer import AnswerWriter
from greenroom.providers.gemini.simulated_errors import refused_in_its_words, scripted
from greenroom.providers.gemini.simulated_request import read_call
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.faults import Place
from greenroom.providers.simulator.openai_chat import WHOLE, faulty, streamed
from greenroom.providers.simulator.openai_errors import Refused, json_reply
from greenroom.providers.simulator.openai_request import read_json
from greenroom.providers.simulator.openai_whole import Stamp
from greenroom.providers.simulator.reply import HttpRequest, Reply
from greenroom.providers.simulator.wires import Desk, Served, bearer, only_post

_PATH = re.compile(
    r"/.*?(?:models|endpoints)/(?P<model>[^:]+):(?P<method>generateContent|streamGenerateContent)"
)


def google_key(request: HttpRequest) -> str | None:
    """In Google's header, in the query, or as a bearer token (Vertex AI)."""
    given = parse_qs(request.query).get("key", [""])[0]
    return request.headers.get("x-goog-api-key") or given or bearer(request)


class GeminiWire:
    """generateContent below any version, and below Vertex AI's `publishers/google`."""

    kind = "gemini"

    def takes(self, request: HttpRequest) -> bool:
        return _PATH.fullmatch(request.path) is not None

    def key(self, request: HttpRequest) -> str | None:
        return google_key(request)

    def answer(self, request: HttpRequest, served: Served, desk: Desk) -> Reply:
        only_post(request)
        found = _PATH.fullmatch(request.path)
        assert found is not None
        served.body = read_json(request.body)
        is_stream = found["method"] == "streamGenerateContent"
        form = parse_qs(request.query).get("alt", ["json"])[0]
        call = read_call(served.body, unquote(found["model"]), stream=is_stream)
        script, number = desk.choose(served, call)
        writer = AnswerWriter(call, script, Stamp(f"sim-{number}", desk.created_s), in_events=form == "sse")
        if script.answer is not None:
            in_array = is_stream and form != "sse"
            return faulty(scripted(script.answer, desk.created_s, in_array), script, desk.dialect, WHOLE)
        if not is_stream or script.ignore_stream:
            return faulty(json_reply(200, writer.whole()), script, desk.dialect, WHOLE)
        reply = streamed(writer.steps())
        if form != "sse":
            reply = Reply(200, (("content-type", "application/json; charset=UTF-8"),), reply.steps)
        return faulty(reply, script, desk.dialect, Place(0, True, writer.text_event, writer.ping))

    def refusal(self, refused: Refused, dialect: Dialect) -> Reply:  # noqa: ARG002  (Google has one)
        return refused_in_its_words(refused)
