"""What is to happen to one stream of `test_chaos_recovery.py`, drawn from a seed and the stream's number alone.

A plan holds the wire, the policy, what the server says to the first, second, ... request, and what goes wrong
with each. The same seed and number give the same plan, whatever the other streams do.
"""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from greenroom import StreamingOptions
from greenroom.providers.simulator import Script

Crash = Literal["stream", "aggregator", "request_scope"]


@dataclass(frozen=True, slots=True)
class Wire:
    """One of our wires before one kind of server, and what a cut answer can hope for there."""

    kind: str
    model: str
    profile: str | None = None
    dialect: str | None = None
    prefix: bool = False
    cursor: bool = False
    instruction: bool = True
    calls: bool = True
    reasoning: bool = True
    json: bool = True
    transport: Literal["reactor", "requests"] = "reactor"


WIRES: dict[str, Wire] = {
    "chat": Wire("openai-chat", "m", "openai"),
    "chat-blocking": Wire("openai-chat", "m", "openai", transport="requests"),
    "vllm": Wire("openai-chat", "m", "vllm", "vllm", prefix=True),
    "sglang": Wire("openai-chat", "m", "sglang", "sglang", prefix=True),
    "deepseek": Wire("openai-chat", "m", "deepseek-beta", "deepseek-beta", prefix=True),
    "mistral": Wire("openai-chat", "m", "mistral", "mistral", prefix=True),
    "llamacpp": Wire("openai-chat", "m", "llamacpp", "llamacpp", prefix=True),
    "completions": Wire(
        "openai-completions",
        "m",
        "openai",
        prefix=True,
        instruction=False,
        calls=False,
        reasoning=False,
        json=False,
    ),
    "responses": Wire("openai-responses", "gpt-5", cursor=True),
    "anthropic": Wire("anthropic", "claude-sonnet-4-6", json=False),
    "anthropic-4.5": Wire("anthropic", "claude-sonnet-4-5", prefix=True, json=False),
    "anthropic-blocking": Wire(
        "anthropic", "claude-sonnet-4-5", prefix=True, json=False, transport="requests"
    ),
    "anthropic-text": Wire(
        "anthropic-text",
        "claude-2.1",
        prefix=True,
        instruction=False,
        calls=False,
        reasoning=False,
        json=False,
    ),
    "gemini": Wire("gemini", "gemini-2.5-flash"),
    "interactions": Wire("gemini-interactions", "gemini-2.5-flash", cursor=True),
    "ollama": Wire("ollama", "m"),
    "ollama-generate": Wire("ollama-generate", "m", calls=False),
    "cohere": Wire("cohere-chat", "m"),
    "cloudflare": Wire("cloudflare-ai", "m"),
}


@dataclass(frozen=True, slots=True)
class Said:
    """One generation, whole."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    """Names and arguments."""


@dataclass(frozen=True, slots=True)
class Plan:
    """See the module."""

    number: int
    wire: str
    options: StreamingOptions
    scripts: tuple[Script, ...]
    """For the first, second, ... request that the server reads; the last one for all that come after."""
    faults: tuple[str, ...]
    """What goes wrong, in words, with each of them but the last."""
    crash: tuple[Crash, int] | None = None
    """Which actor is thrown out, behind so many deltas read."""
    pause_s: float = 0.0
    """How long the reader rests at each delta."""
    stream: bool = True
    json_asked: bool = False

    @property
    def model(self) -> str:
        return f"{WIRES[self.wire].model}-c{self.number}"

    @property
    def said(self) -> tuple[Said, ...]:
        """All generations that there are."""
        return tuple(said_by(script) for script in self.scripts)

    @property
    def must_complete(self) -> bool:
        """Nothing that goes wrong is beyond what the policy mends."""
        # A cursor with nothing behind it costs a retry of its own.
        retries = len(self.faults) * (1 + self.options.server_resume)
        mends = self.options.on_cut == "reset" and retries <= self.options.max_reconnect_attempts
        harmless = self.crash is None or self.crash[0] == "aggregator"
        lasting = any(fault in LASTING for fault in self.faults)
        # Between the words of a text a mark does no harm; between those of a JSON value it is the end of it.
        garbled = self.json_asked and GARBLES in self.faults
        return mends and harmless and not (lasting or garbled) and self.options.deadline_s >= DEADLINE_S

    def __str__(self) -> str:
        policy = self.options.model_dump(exclude_defaults=True, exclude=set(CLOCKS))
        return f"{self.number} {self.wire} {policy} {self.faults} crash={self.crash} stream={self.stream}"


DEADLINE_S = 12.0
CLOCKS: dict[str, Any] = {
    "deadline_s": DEADLINE_S, "content_gap_timeout_s": 0.7, "first_content_timeout_s": 0.9,
    "local_first_content_timeout_s": 0.9, "max_silent_s": 1.2, "connect_timeout_s": 1.5,
    "backoff_initial_s": 0.01, "backoff_max_s": 0.05,
}  # fmt: skip
LASTING = ("credential", "no_model", "bad_request", "page", "garbage:head")
"""Faults that do not pass by trying again, and are not tried again."""
GARBLES = "garbage:character"
HOWS = ("fin", "reset", "end", "half_close")


def plan_of(seed: int, number: int) -> Plan:
    luck = random.Random(f"{seed}/{number}")
    wire = luck.choice(list(WIRES))
    here = WIRES[wire]
    stream = luck.random() > 0.08
    options = _options(luck).replace(server_resume=here.cursor and stream and luck.random() < 0.6)
    form = luck.choice(
        [
            "text",
            "text",
            "text",
            "long",
            *["reasoning"] * here.reasoning,
            *["calls"] * here.calls,
            *["json"] * here.json,
        ]
    )
    varies = luck.random() < 0.5 and not (here.prefix and options.continue_prefix)
    count = luck.choice((0, 1, 1, 1, 2, 2, 3))
    pieces = luck.choice((None, None, 3, 11))
    scripts, faults = [], []
    for generation in range(count):
        # A generation that varies is told from all others by each of its words.
        base = _script(number, generation if varies else 0, form).replace(
            chunk_size=pieces, dialect=here.dialect
        )
        # Bytes that are no UTF-8 are read as such marks; a text with marks in it is gone on with by none of these.
        fault = luck.choice(
            [fault for fault in _FAULTS if fault != GARBLES or (count == 1 and form != "reasoning")]
        )
        scripts.append(base.replace(**_FAULTS[fault](luck)))
        faults.append(fault)
    last = _script(number, count if varies else 0, form).replace(chunk_size=pieces, dialect=here.dialect)
    if luck.random() < 0.3:
        last = last.replace(delta_interval_s=0.002)
    crash = (luck.choice(_CRASHES), luck.randrange(12)) if luck.random() < 0.15 else None
    if GARBLES in faults:
        crash = None
    json_asked = form == "json"
    # A long answer in small pieces and a slow reader would need more than their deadline.
    pause_s = luck.choice((0.0, 0.0, 0.0, 0.004)) if form != "long" else 0.0
    return Plan(
        number, wire, options.replace(json_mode=json_asked), (*scripts, last), tuple(faults), crash,
        pause_s, stream=stream, json_asked=json_asked,
    )  # fmt: skip


_CRASHES: tuple[Crash, ...] = ("stream", "stream", "stream", "aggregator", "aggregator", "request_scope")


def _options(luck: random.Random) -> StreamingOptions:
    given: dict[str, Any] = dict(CLOCKS)
    if luck.random() < 0.05:
        given["deadline_s"] = luck.choice((0.3, 0.8))
    return StreamingOptions(
        max_reconnect_attempts=luck.choice((1, 3, 4, 6)),
        on_cut=luck.choice(("fail", "reset", "reset")),
        continue_prefix=luck.random() < 0.75,
        continue_instruction=luck.random() < 0.4,
        redo_open_block=luck.random() < 0.5,
        high_watermark_items=luck.choice((4, 64)),
        max_buffer_bytes=luck.choice((1024, 256 * 1024)),
        durability=luck.choice(("memory", "memory", "interval", "before_deliver")),
        batch_interval_s=luck.choice((0.0, 0.0, 0.01)),
        **given,
    )


def _script(number: int, generation: int, form: str) -> Script:
    # Of the number and the generation alone: attempts that say the same draw the same.
    own = random.Random(f"{number}/{generation}/{form}")
    words = [f"c{number}g{generation}n{place}" for place in range(own.randrange(6, 40))]
    words[own.randrange(len(words))] += own.choice(("é", "語", "\N{GRINNING FACE}"))
    text = " ".join(words)
    match form:
        case "long":
            return Script(text=" ".join([text] + [f"c{number}g{generation}m{n}" for n in range(150)]))
        case "json":
            return Script(text=json.dumps({"c": number, "g": generation, "words": words}))
        case "reasoning":
            return Script(reasoning=f"First {generation}: " + text[::-1].replace(" ", "_ "), text=text)
        case "calls":
            said = text if own.random() < 0.7 else ""
            calls = [
                {"name": "f", "arguments": {"c": number, "g": generation, "n": place, "words": words[:6]}}
                for place in range(own.choice((1, 2)))
            ]
            return Script(text=said, tool_calls=calls)
        case _:
            return Script(text=text)


def said_by(script: Script) -> Said:
    text = script.text if isinstance(script.text, str) else "".join(script.text)
    reasoning = script.reasoning if isinstance(script.reasoning, str) else "".join(script.reasoning)
    return Said(text, reasoning, tuple((call.name, call.arguments_text) for call in script.tool_calls))


def _cut(**place: Any) -> dict[str, Any]:
    return {"cut": place}


def _somewhere(luck: random.Random) -> int:
    return luck.choice((0, 1, 2, 3, luck.randrange(12), luck.randrange(45)))


_FAULTS: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "cut": lambda luck: _cut(after_deltas=_somewhere(luck), how=luck.choice(HOWS)),
    "cut:again": lambda luck: _cut(after_deltas=_somewhere(luck), how=luck.choice(HOWS)),
    "cut:event": lambda luck: _cut(after_deltas=_somewhere(luck), inside="event", how=luck.choice(HOWS)),
    "cut:character": lambda luck: _cut(after_deltas=_somewhere(luck), inside="character"),
    "cut:framing": lambda luck: _cut(after_deltas=_somewhere(luck), inside="framing"),
    "cut:bytes": lambda luck: _cut(after_bytes=luck.randrange(1500), how=luck.choice(HOWS)),
    "cut:head": lambda luck: _cut(after_head_bytes=luck.randrange(1, 80)),
    "cut:nothing": lambda luck: _cut(before_answer=True, how=luck.choice(("fin", "reset"))),
    "stall": lambda luck: {"stall": {"after_deltas": _somewhere(luck)}},
    "stall:pings": lambda luck: {
        "stall": {"after_deltas": _somewhere(luck), "ping_every_s": 0.1,
                  "ping": luck.choice(("comment", "empty_delta", "blank"))},
    },
    "garbage:head": lambda _: {"garbage": {"place": "head"}},
    "garbage": lambda luck: {
        "garbage": {"place": luck.choice(("framing", "stream", "json")), "after_deltas": _somewhere(luck)},
    },
    GARBLES: lambda luck: {
        "garbage": {"place": "character", "after_deltas": _somewhere(luck)}
    },
    "error": lambda luck: {"stream_error": {"after_deltas": _somewhere(luck)}},
    "no_end": lambda _: {"send_finish": False, "send_done": False},
    "overloaded": lambda luck: _answer(luck.choice((503, 529))),
    "server_error": lambda luck: _answer(luck.choice((500, 502, 504, 408))),
    "rate_limit": lambda luck: {
        "answer": {"status": 429, "retry_after": {"seconds": 0.04, "form": luck.choice(("ms", "both"))}},
    },
    "credential": lambda _: _answer(401),
    "no_model": lambda _: _answer(404),
    "bad_request": lambda _: _answer(400),
    "page": lambda luck: {"answer": {"status": 200, "body": "<html>gateway</html>"}},
}  # fmt: skip


def _answer(status: int) -> dict[str, Any]:
    return {"answer": {"status": status}}
