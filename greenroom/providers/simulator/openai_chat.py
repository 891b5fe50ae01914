"""OpenAI Chat Completions: a call, a script and a dialect in, the answer with its faults out. No I/O, no clock."""

from collections.abc import Iterator
from dataclasses import replace

from greenroom.messages.value import FrozenMap
from greenroom.providers.simulator.dialect import Dialect
from greenroom.providers.simulator.dialects import OPENAI, dialect_of
from greenroom.providers.simulator.faults import BAD_BYTES, Place, before_place, cut_off, struck
from greenroom.providers.simulator.floods import bomb, compressed
from greenroom.providers.simulator.openai_chunks import ChunkWriter, opening_steps, whole_stream
from greenroom.providers.simulator.openai_errors import json_bytes, json_reply, scripted_reply, stream_error
from greenroom.providers.simulator.openai_request import ChatCall
from greenroom.providers.simulator.openai_whole import Stamp, completion
from greenroom.providers.simulator.reply import Ending, Reply, Step
from greenroom.providers.simulator.script import Script
from greenroom.providers.simulator.script_faults import StreamError, go_duration

__all__ = ["Stamp", "chat_reply", "completion", "faulty", "stream_steps"]

_SSE = "text/event-stream; charset=utf-8"
_BOMBS = ("gzip", "deflate")


def chat_reply(call: ChatCall, script: Script, stamp: Stamp, dialect: Dialect = OPENAI) -> Reply:
    """The answer to this call as the script wants it, faults included. The script's own dialect comes first."""
    dialect = dialect if script.dialect is None else dialect_of(script.dialect)
    if script.answer is not None:
        return faulty(scripted_reply(script.answer, dialect, stamp.created_s), script, dialect, WHOLE)
    if not call.stream or script.ignore_stream:
        whole = json_reply(200, completion(call, script, stamp, dialect))
        return faulty(whole, script, dialect, WHOLE)
    writer = ChunkWriter(call, script, stamp, dialect)
    opening = opening_steps(call, script, dialect)
    steps = _told(writer, script, dialect, opening)
    return faulty(streamed(steps), script, dialect, Place(opening, True, writer.text_event, writer.ping))


def streamed(steps: Iterator[Step]) -> Reply:
    """A reply of server-sent events."""
    return Reply(200, (("content-type", _SSE), ("cache-control", "no-cache")), steps)


def stream_steps(call: ChatCall, script: Script, stamp: Stamp, dialect: Dialect = OPENAI) -> Iterator[Step]:
    """The server-sent events of a streamed answer, before a cut or stall."""
    writer = ChunkWriter(call, script, stamp, dialect)
    return _told(writer, script, dialect, opening_steps(call, script, dialect))


def _told(writer: ChunkWriter, script: Script, dialect: Dialect, opening: int) -> Iterator[Step]:
    steps = whole_stream(writer, script, dialect)
    if script.stream_error is None:
        return steps
    return with_error(steps, script.stream_error, opening, writer, dialect)


def with_error(
    steps: Iterator[Step], fault: StreamError, opening: int, writer: ChunkWriter, dialect: Dialect
) -> Iterator[Step]:
    """The steps up to the error, the error, and the end marker where one follows all the same."""
    yield from before_place(steps, opening, fault.after_deltas)
    event = dialect.stream_error_event if fault.event is None else fault.event
    yield Step(writer.error_event(stream_error(fault.error, dialect), event))
    if dialect.stream_error_done if fault.send_done is None else fault.send_done:
        yield Step(writer.done())


def faulty(reply: Reply, script: Script, dialect: Dialect, place: Place | None = None) -> Reply:
    """The reply with the script's headers and all its faults, those of HTTP as facts for whoever frames it.

    `place`: None for an answer that is not streamed.
    """
    place = WHOLE if place is None else place
    cut, flood, garbage, http = script.cut, script.flood, script.garbage, script.http
    told = {**_limits(script, dialect), **script.headers}
    steps: Iterator[Step] = struck(reply.steps, script, place)
    packing = flood.kind if flood is not None and flood.kind in _BOMBS else http.encoding
    if flood is not None and flood.kind in ("gzip", "deflate"):
        steps = bomb(flood.kind, flood.size, place.event)
    elif http.encoding is not None:
        steps = compressed(steps, http.encoding)
    if packing is not None:
        told["content-encoding"] = packing.removeprefix("raw_")
    given = {name.lower() for name in told}
    kept = tuple((name, value) for name, value in reply.headers if name.lower() not in given)
    # Invariant: a length is announced only where the steps are exactly the body that was measured.
    pinged = script.stall is not None and script.stall.ping is not None
    mixed = garbage is not None and garbage.place != "head"
    measured = packing is None and not mixed and not pinged and not (cut and cut.how == "end")
    return replace(
        reply,
        length=reply.length if measured else None,
        headers=(*kept, *told.items()),
        steps=cut_off(steps, cut, place),
        delay_s=script.headers_delay_s,
        close=reply.close or script.close_connection,
        instead=Ending(cut.how) if cut is not None and cut.before_answer else None,
        http=http,
        request_id_header=dialect.request_id_header,
        head_cut=cut if cut is not None and cut.after_head_bytes is not None else None,
        head_garbage=_head_garbage(script),
        head_flood=flood if flood is not None and flood.kind in ("header", "headers") else None,
        drip=script.drip,
        down_s=None if cut is None else cut.down_s,
    )


def _head_garbage(script: Script) -> bytes | None:
    if script.garbage is None or script.garbage.place != "head":
        return None
    return BAD_BYTES + b"\r\n" if script.garbage.data is None else script.garbage.data.encode()


def _whole_event(text: str) -> bytes:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json_bytes({"object": "chat.completion", "choices": [choice]})


WHOLE = Place(0, False, _whole_event, lambda _kind: b"\n")
"""The place of faults in an answer that is not streamed."""


def _limits(script: Script, dialect: Dialect) -> FrozenMap:
    told = {}
    for name, value in script.rate_limit or ():
        header = dialect.rate_limit_headers.get(name)
        if value is not None and header is not None:
            is_duration = name.startswith("reset") and dialect.reset_form == "duration"
            told[header] = go_duration(value) if is_duration else f"{value:g}"
    return FrozenMap(told)
