"""A wire of your own, outside the package: `python examples/own_wire.py` runs it against its simulated server.

The made-up Parrot API answers `POST {base_url}/talk` with lines, each a word and a JSON object:

    begin {"id": "p-1", "bird": "grey"}
    think {"text": "Hm"}
    say {"text": "Hello"}
    call {"id": "c-1", "name": "clock", "with": "{}"}
    end {"why": "done", "heard": 4, "said": 2}

or with one object that holds the same (`"as": "whole"`), and with `error {"code": ..., "message": ...}` where it
fails. `why` is `done`, `long` or `call`. docs/implementing.md says what each part below must hold to.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from pydantic_core import from_json, to_json

from greenroom import ActorSystem, ChatRequest, ProviderConfig, StreamingOptions, SystemConfig, Usage
from greenroom import messages as msg
from greenroom import providers as wires
from greenroom.providers import simulator as sim

KIND = "parrot"
WORDS = frozenset({"begin", "think", "say", "call", "end", "error"})
REASONS: dict[str, msg.FinishReason] = {"done": "stop", "long": "length", "call": "tool_calls"}
NOT_HERE = (
    "frequency_penalty", "logprobs", "n", "parallel_tool_calls", "presence_penalty", "reasoning_effort",
    "response_format", "seed", "stop", "temperature", "tool_choice", "top_logprobs", "top_p", "user",
)  # fmt: skip
TIRED = {"code": "tired", "message": "no more words"}
DROP = "set on_unsupported='drop'"


# ---- the request


class ParrotCodec:
    """Implements Codec. Stateless."""

    kind = KIND

    def check(self, request: ChatRequest, target: msg.Target, options: StreamingOptions) -> None:
        """Raises InvalidInput with every problem that the caller can put right."""
        taker = wires.profile_for(target.profile, target.base_url).name
        unsupported = [
            msg.Problem(name, "", f"{taker} does not take it: leave it out, or {DROP}")
            for name in NOT_HERE
            if getattr(request, name) not in (ChatRequest.model_fields[name].default, None, False)
        ]
        for place, message in enumerate(request.messages):
            for number, part in enumerate(message.content):
                if part.type in ("image", "refusal"):
                    path = f"messages.{place}.content.{number}"
                    unsupported.append(msg.Problem(path, repr(part.type), f"it takes text and tools; {DROP}"))
        if unsupported and options.on_unsupported == "refuse":
            raise msg.InvalidInput(f"request to {taker}", unsupported)
        wires.say_left_out(taker, [*unsupported, *wires.foreign_parts(request, KIND)])

    def encode(self, call: msg.Call, resume: msg.RetryState | None = None) -> msg.HttpRequest:
        request, profile = call.request, wires.profile_for(call.target.profile, call.target.base_url)
        body: dict[str, Any] = {
            "bird": call.target.model,
            "as": "lines" if request.stream else "whole",
            "talk": [turn for message in request.messages for turn in turns(message)],
        }
        if request.max_output_tokens is not None:
            body["most"] = request.max_output_tokens
        if tools := request.tools:
            body["tools"] = [{"name": tool.name, "takes": msg.thaw(tool.parameters)} for tool in tools]
        body.update(msg.thaw(request.extra_body))  # over all our own fields
        path = urlsplit(call.target.base_url or profile.base_url or "").path.rstrip("/")
        return msg.HttpRequest("POST", f"{path}/talk", wires.request_headers(call, profile), to_json(body))

    def start(self, call: msg.Call, resume: msg.RetryState | None = None) -> wires.WireDecoder:
        writer, allowance = wires.Writer(call.stream_id, call.request_id), wires.allowance_of(call)
        framing = WordLines(call.options.max_event_bytes)
        return wires.WireDecoder(call, ParrotReader(call, writer, allowance), writer, framing, allowance)


def turns(message: msg.Message) -> Iterator[dict[str, Any]]:
    """A turn of several tool results is several turns here; reasoning is not sent back."""
    for result in msg.tool_results(message):
        yield {"from": "tool", "call": result.tool_call_id, "text": result.content}
    if message.role != "tool":
        calls = [call for call in msg.tool_calls(message) if call.complete]
        told = [{"id": call.id, "name": call.name, "with": call.arguments} for call in calls]
        yield {"from": message.role, "text": message.text} | ({"calls": told} if told else {})


# ---- the answer


class WordLines:
    """Implements Framing: an event a line, its name the first word. Linear, bounded, cut anywhere."""

    def __init__(self, line_bytes_max: int) -> None:
        self._limit, self._pieces, self._size, self._failed = line_bytes_max, list[bytes](), 0, False
        self.stray = b""

    @property
    def at_rest(self) -> bool:
        return not self._pieces and not self._failed

    def feed(self, data: bytes) -> list[wires.SseEvent]:
        if self._failed:
            return []
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = b"".join([*self._pieces, lines[0]])
            self._pieces, self._size = [], 0
        events = [event for line in lines for event in self._events(line)]
        if rest:
            self._pieces.append(rest)
            self._size += len(rest)
        if self._size > self._limit:
            self._failed, self._pieces = True, []
            told = f"a line is larger than max_event_bytes ({self._limit} bytes)"
            evidence = msg.ErrorEvidence(kind="bound", clock="max_event_bytes", message=told)
            raise wires.SseError(evidence, events)
        return events

    def finish(self, clean: bool) -> list[wires.SseEvent]:
        """A last line without its end counts where the body ended well and it holds a whole object."""
        tail, self._pieces = b"".join(self._pieces), []
        return list(self._events(tail)) if clean and tail.rstrip().endswith(b"}") else []

    def _events(self, line: bytes) -> Iterator[wires.SseEvent]:
        word, _, data = line.strip().partition(b" ")
        if word.isalpha():
            yield wires.SseEvent(word.decode("ascii", "replace"), data)
        elif word:
            self.stray = line[:4096]


class ParrotReader:
    """Implements Reader: what the events of one answer mean. One owner; nothing that it is given raises."""

    ends_in_order = False
    is_finished = False  # a body that just stops is no end here: only `end` is
    is_paused = False
    worked_at = 0

    def __init__(self, call: msg.Call, writer: wires.Writer, allowance: wires.Allowance) -> None:
        self._writer, self._allowance, self._raw = writer, allowance, call.options.raw_deltas
        self.failure: msg.ErrorEvidence | None = None
        self.is_over = self.has_begun = False
        self._kind, self._block, self._calls = "", -1, 0
        self._id: str | None = None
        self._bird: str | None = None
        self._why: str | None = None
        self._counts: dict[str, Any] = {}

    def take_lone(self, data: bytes) -> bool:
        return False  # no short cut

    def take(self, event: wires.SseEvent) -> bool:
        told = from_json(event.data)
        if not isinstance(told, dict):
            return False
        self._take(event.event, told)
        return True

    def take_whole(self, answer: dict[str, Any]) -> bool:
        if "bird" not in answer:
            return False
        self._take("begin", answer)
        for word in ("think", "say"):
            self._take(word, {"text": answer.get(word)})
        calls = answer.get("calls")
        for call in calls if isinstance(calls, list) else ():
            self._take("call", call if isinstance(call, dict) else {})
        if answer.get("why") is not None:
            self._take("end", answer)
        return True

    def take_other(self, event: str, data: str) -> None:
        """A word without JSON that is not known: another version's; ignored, counted on request."""
        if self._raw:
            self._writer.raw(event, msg.freeze_wire({"data": data}))

    def knows(self, event: str) -> bool:
        return event in WORDS

    def end(self) -> None:
        if self._counts:
            self._writer.usage(self._usage())

    def answer(self) -> msg.Answer:
        reason = REASONS.get(self._why or "", "unknown")
        if reason == "stop" and self._calls:
            reason = "tool_calls"  # one meaning on every wire: an answer that asks for tools
        ends = (msg.ChoiceEnd(reason=reason, raw=self._why),)
        return msg.Answer(response_id=self._id, model=self._bird, ends=ends, usage=self._usage())

    def _take(self, word: str, told: dict[str, Any]) -> None:
        text = told.get("text")
        if word == "error":
            self.failure = wires.in_stream(told)
        elif word == "begin":
            self.has_begun, self._id, self._bird = True, _text(told.get("id")), _text(told.get("bird"))
        elif word == "end":
            self.has_begun = self.is_over = True
            self._why = _text(told.get("why"))
            self._counts = {name: told[name] for name in ("heard", "said") if name in told}
        elif word in ("say", "think"):
            self.has_begun = True
            if isinstance(text, str) and text:
                write = self._writer.text if word == "say" else self._writer.reasoning
                write(0, self._enter(word), text)
        elif word == "call":
            self.has_begun = True
            self._call(told)
        elif self._raw:
            self._writer.raw(word, msg.freeze_wire(told))

    def _call(self, told: dict[str, Any]) -> None:
        call_id, name = _text(told.get("id")), _text(told.get("name"))
        arguments = _text(told.get("with")) or "{}"
        self._allowance.calls_left -= 1
        self._allowance.left -= len(arguments)
        if self._allowance.is_spent:
            self.failure = wires.too_much(self._allowance)
        elif not (call_id and name and _is_json(arguments)):
            self.failure = wires.protocol("a call without id, name or whole arguments", json.dumps(told))
        else:
            self._enter("call")
            self._writer.call_started(0, self._calls, call_id, name)
            self._writer.call_arguments(0, self._calls, call_id, arguments)
            self._writer.call_completed(0, (self._calls, call_id, name), arguments)
            self._calls += 1

    def _enter(self, kind: str) -> int:
        """The block that a piece of this kind belongs to: merged deltas never cross one."""
        if kind != self._kind:
            self._kind, self._block = kind, self._block + 1
        return self._block

    def _usage(self) -> Usage:
        if not self._counts:
            return Usage()
        heard, said = wires.count_in(self._counts, "heard"), wires.count_in(self._counts, "said")
        total = None if heard is None or said is None else heard + said
        raw = msg.freeze_wire(self._counts)
        return Usage(input_tokens=heard, output_tokens=said, total_tokens=total, source="provider", raw=raw)


def _text(given: Any) -> str | None:
    return given if isinstance(given, str) else None


def _is_json(text: str) -> bool:
    try:
        from_json(text)
    except ValueError:
        return False
    return True


# ---- the simulator's side


class SimulatedParrot:
    """Implements SimulatedWire: scripts and their faults on this wire."""

    kind = KIND

    def takes(self, request: sim.HttpRequest) -> bool:
        return request.path == "/v1/talk"

    def key(self, request: sim.HttpRequest) -> str | None:
        return sim.bearer(request)

    def refusal(self, refused: sim.Refused, dialect: sim.Dialect) -> sim.Reply:
        return sim.json_reply(refused.status, {"error": refused.error})

    def answer(self, request: sim.HttpRequest, served: sim.Served, desk: sim.Desk) -> sim.Reply:
        sim.only_post(request)
        body = served.body = sim.read_json(request.body)
        bird, talk, most = body.get("bird"), body.get("talk"), wires.whole_number(body.get("most"))
        turns = [turn for turn in talk if isinstance(turn, msg.FrozenMap)] if isinstance(talk, tuple) else []
        if not isinstance(bird, str) or not turns:
            raise sim.Refused(400, "a parrot needs a bird and some talk")
        texts = [text for turn in turns if isinstance(text := turn.get("text"), str)]
        tokens = sum(sim.count_tokens(text) for text in texts)
        call = sim.ChatCall(bird, "".join(texts[-1:]), tokens, body.get("as") != "whole", max_tokens=most)
        script, number = desk.choose(served, call)
        if script.answer is not None:
            reply = sim.scripted_reply(script.answer, desk.dialect, desk.created_s)
            return sim.faulty(reply, script, desk.dialect)
        said = list(lines(call, script, f"p-{number}"))
        if not call.stream or script.ignore_stream:
            return sim.faulty(sim.json_reply(200, whole(said, script)), script, desk.dialect)
        place = sim.Place(1, True, lambda text: line("say", {"text": text}), lambda _kind: b"\n")
        headers = (("content-type", "text/x-parrot"),)
        return sim.faulty(sim.Reply(200, headers, steps(said, script)), script, desk.dialect, place)


def lines(call: sim.ChatCall, script: sim.Script, number: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is said, as words with their objects."""
    yield "begin", {"id": script.response_id or number, "bird": script.model or call.model}
    for word, text in (("think", script.reasoning), ("say", script.text)):
        for piece in sim.pieces_of(text, script.chunk_size):
            yield word, {"text": piece}
    for place, tool in enumerate(script.tool_calls):
        yield "call", {"id": tool.id or f"c-{place}", "name": tool.name, "with": tool.arguments_text}
    if not (script.send_finish and script.send_done):
        return
    words = {"length": "long", "stop": "done", "tool_calls": "call"}
    why = script.finish_reason or ("tool_calls" if script.tool_calls else "stop")
    yield "end", {"why": words.get(why, why), **counts(call, script)}


def counts(call: sim.ChatCall, script: sim.Script) -> dict[str, int]:
    if isinstance(script.usage, sim.ScriptUsage):
        return {"heard": script.usage.prompt_tokens, "said": script.usage.completion_tokens}
    said = sum(sim.count_tokens(sim.joined(text)) for text in (script.text, script.reasoning))
    return {} if script.usage == "absent" else {"heard": call.prompt_tokens, "said": said}


def steps(said: list[tuple[str, dict[str, Any]]], script: sim.Script) -> Iterator[sim.Step]:
    """The lines at their times, up to the script's error where it has one."""
    events = _timed(said, script)
    fault = script.stream_error
    if fault is None:
        yield from events
        if script.late_text:
            yield sim.Step(line("say", {"text": script.late_text}))
        return
    yield from sim.before_place(events, 1, fault.after_deltas)
    yield sim.Step(line("error", TIRED if fault.error is None else msg.thaw(fault.error)))


def _timed(said: list[tuple[str, dict[str, Any]]], script: sim.Script) -> Iterator[sim.Step]:
    delay_s = script.first_delta_delay_s
    for word, told in said:
        if word in ("begin", "end"):
            yield sim.Step(line(word, told))
        else:
            yield sim.Step(line(word, told), delay_s, 1)
            delay_s = script.delta_interval_s


def line(word: str, told: Any) -> bytes:
    return f"{word} {json.dumps(told, ensure_ascii=False)}\n".encode()


def whole(said: list[tuple[str, dict[str, Any]]], script: sim.Script) -> dict[str, Any]:
    """The same as one object; the script's error stands in its place."""
    if script.stream_error is not None:
        return {"error": TIRED}
    answer: dict[str, Any] = {"think": "", "say": "", "calls": []}
    for word, told in said:
        if word == "call":
            answer["calls"].append(told)
        elif word in ("think", "say"):
            answer[word] += told["text"]
        else:
            answer.update(told)
    return answer


# ---- all of it


def register() -> None:
    """From now on `kind="parrot"` is a wire like any other, and simulators that start speak it."""
    wires.register_codec(KIND, ParrotCodec, simulated=SimulatedParrot)
    profile = wires.Profile(name="parrot", kind=KIND, key_env=("PARROT_KEY",), hosts=("parrot.example",))
    wires.register_profile(profile)


def main() -> int:
    register()
    scripts = sim.SimulatorRules(
        queue=(
            sim.Script(text="Pieces of eight!", reasoning="What does a parrot say?"),
            sim.Script(text="Let me see.", tool_calls=[{"name": "clock", "arguments": {"zone": "UTC"}}]),
            sim.Script.failing(503, "asleep"),
        ),
        default=sim.Script(text="Good night."),
    )
    with sim.Simulator(scripts, api_key="crackers") as server:
        provider = ProviderConfig(kind=KIND, base_url=server.base_url, api_key="crackers")
        config = SystemConfig(default_model="bird/grey", providers={"bird": provider})
        with ActorSystem.start(config) as system:
            for prompt in ("Talk to me", "What time is it?", "Go to sleep"):
                completion = system.stream(ChatRequest(messages=prompt)).result(timeout=30)
                calls = [f"{call.name}({call.arguments})" for call in completion.tool_calls]
                print(completion.text, *calls, f"[{completion.finish_reason}]")
        print("requests:", [record.status for record in server.requests])
    return 0


if __name__ == "__main__":
    sys.exit(main())
