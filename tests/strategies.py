"""Hypothesis strategies for every value of `messages/`; `from strategies import deltas` in any test."""

import dataclasses
from typing import Any

from hypothesis import strategies as st

from greenroom.messages import breaker as b
from greenroom.messages import commands as cmd
from greenroom.messages import completion as c
from greenroom.messages import deltas as d
from greenroom.messages import failures as f
from greenroom.messages import parts as p
from greenroom.messages import request as r
from greenroom.messages import retry_state as rs
from greenroom.messages import routes
from greenroom.messages import stored as sd
from greenroom.messages.answer import Answer, ChoiceEnd
from greenroom.messages.breaker_config import BreakerConfig
from greenroom.messages.config import ProviderConfig, RetryStoreConfig, SystemConfig
from greenroom.messages.event_lines import event_types
from greenroom.messages.events import Event
from greenroom.messages.frozen import FrozenMap
from greenroom.messages.options import StreamingOptions
from greenroom.messages.prices import ModelPrice
from greenroom.messages.recoverable import RecoverableStream
from greenroom.messages.usage import Usage

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
"""Valid Unicode: whatever UTF-8 can carry."""
filled = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
said = filled.filter(lambda words: bool(words.strip()))
word = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-.", min_size=1, max_size=10)
counts = st.integers(0, 10**9)
numbers = st.floats(0, 1e6, allow_nan=False)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(text, json_values, max_size=4)
maps = json_objects.map(FrozenMap)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
"""What a confused caller may pass: JSON-like, with NaN, lone surrogates and bytes."""


def optional(of: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | of


text_parts = st.builds(p.TextPart, text=said, signature=optional(text), wire=optional(word))
image_parts = st.builds(
    p.ImagePart, url=filled, detail=st.sampled_from([None, "auto", "low", "high"])
) | st.builds(p.ImagePart, data=filled, media_type=st.just("image/png"))
tool_call_parts = st.builds(
    p.ToolCallPart,
    id=text, name=filled, arguments=text, index=st.integers(0, 9), complete=st.booleans(), metadata=maps,
)  # fmt: skip
tool_result_parts = st.builds(p.ToolResultPart, tool_call_id=text, content=text, is_error=st.booleans())
reasoning_parts = st.builds(
    p.ReasoningPart,
    text=text, signature=optional(text), encrypted=optional(text), id=optional(text), wire=optional(word),
    metadata=maps,
)  # fmt: skip
refusal_parts = st.builds(p.RefusalPart, refusal=text)
provider_parts = st.builds(p.ProviderPart, wire=word, item=maps)
answer_parts = text_parts | tool_call_parts | reasoning_parts | refusal_parts | provider_parts
parts = answer_parts | image_parts | tool_result_parts

user_turns = st.builds(
    r.Message,
    role=st.sampled_from(["system", "developer", "user"]),
    content=st.lists(text_parts | image_parts, min_size=1, max_size=3),
    name=optional(filled),
)
assistant_turns = st.builds(r.Message, role=st.just("assistant"), content=st.lists(answer_parts, max_size=4))
tool_turns = st.builds(
    r.Message, role=st.just("tool"), content=st.lists(tool_result_parts, min_size=1, max_size=2)
)
turns = user_turns | assistant_turns | tool_turns
tool_specs = st.builds(
    r.ToolSpec, name=word, description=text, parameters=maps, strict=optional(st.booleans())
)
response_formats = st.builds(r.ResponseFormat, type=st.sampled_from(["text", "json_object"])) | st.builds(
    r.ResponseFormat,
    type=st.just("json_schema"),
    name=filled, description=optional(text), json_schema=maps, strict=optional(st.booleans()),
)  # fmt: skip
options = st.builds(
    StreamingOptions,
    connect_timeout_s=numbers.map(lambda n: n + 0.001),
    deadline_s=numbers.map(lambda n: n + 0.001),
    max_reconnect_attempts=st.integers(1, 100),
    on_cut=st.sampled_from(["fail", "reset"]),
    json_mode=st.booleans(),
    batch_interval_s=st.floats(0, 1),
)


@st.composite
def requests(draw: st.DrawFn) -> r.ChatRequest:
    """A ChatRequest with any of its fields."""
    tools = draw(st.lists(tool_specs, max_size=2, unique_by=lambda tool: tool.name))
    choice = draw(
        st.sampled_from([None, "auto", "none", "required", {"mode": "function", "name": tools[0].name}])
    ) if tools else None  # fmt: skip
    return r.ChatRequest(
        messages=[draw(user_turns), *draw(st.lists(turns, max_size=2))],
        tools=tools,
        tool_choice=choice,
        **draw(_request_settings),
    )


_request_settings = st.fixed_dictionaries(
    {},
    optional={
        "model": filled, "temperature": st.floats(0, 2), "top_p": st.floats(0.01, 1),
        "max_output_tokens": st.integers(1, 10**6), "stop": st.lists(filled, max_size=3),
        "seed": st.integers(-(2**63), 2**63), "n": st.integers(1, 128),
        "presence_penalty": st.floats(-2, 2), "frequency_penalty": st.floats(-2, 2),
        "logprobs": st.booleans(), "top_logprobs": st.integers(0, 20), "parallel_tool_calls": st.booleans(),
        "response_format": response_formats, "reasoning_effort": st.sampled_from(["none", "low", "xhigh"]),
        "stream": st.booleans(), "user": text, "extra_body": json_objects, "options": options,
        "request_id": word, "tenant": filled, "priority": st.integers(-100, 100),
    },
)  # fmt: skip

usages = st.builds(
    Usage,
    **{name: optional(counts) for name in Usage.model_fields if name.endswith("_tokens")},
    source=st.sampled_from(["provider", "partial", "estimated", "none"]),
    raw=maps,
)

_common = {
    "seq": st.integers(1, 10**6), "stream_id": word, "request_id": word, "index": st.integers(0, 3),
    "received_at": numbers, "first_seq": optional(st.integers(1, 10**6)), "metadata": maps,
}  # fmt: skip
_call = {"call_index": st.integers(0, 3), "call_id": text}
_origin = {"epoch": st.integers(1, 9), "provider": word, "model": word, "reason": text}
delta_kinds: dict[type[Any], st.SearchStrategy[Any]] = {
    d.TextDelta: st.builds(d.TextDelta, **_common, text=text, block=st.integers(0, 2)),
    d.ReasoningDelta: st.builds(d.ReasoningDelta, **_common, reasoning=text, block=st.integers(0, 2)),
    d.RefusalDelta: st.builds(d.RefusalDelta, **_common, refusal=text),
    d.ToolCallStarted: st.builds(d.ToolCallStarted, **_common, **_call, name=text),
    d.ToolCallDelta: st.builds(d.ToolCallDelta, **_common, **_call, arguments=text),
    d.ToolCallCompleted: st.builds(d.ToolCallCompleted, **_common, **_call, name=text, arguments=text),
    d.ProviderItem: st.builds(d.ProviderItem, **_common, wire=word, item=maps),
    d.UsageDelta: st.builds(d.UsageDelta, **_common, usage=usages),
    d.StreamSeam: st.builds(
        d.StreamSeam, **_common, **_origin,
        mode=st.sampled_from(["server_cursor", "prefix", "instruction", "block"]),
        overlap_removed_chars=counts,
    ),
    d.StreamReset: st.builds(d.StreamReset, **_common, **_origin),
    d.RawDelta: st.builds(d.RawDelta, **_common, event=text, data=maps),
}  # fmt: skip
deltas = st.one_of(*delta_kinds.values())

limits = st.builds(f.NamedLimit, name=text, limit=optional(numbers), reset_s=optional(numbers))
evidences = st.builds(
    f.ErrorEvidence,
    kind=st.sampled_from(["http", "in_stream", "transport", "clock", "crash"]),
    message=text, status=optional(st.integers(100, 599)), headers=maps, body=text, code=optional(word),
    retry_after_s=optional(numbers), limits=st.lists(limits, max_size=2).map(tuple),
)  # fmt: skip
error_classes = st.sampled_from(list(f._EXCEPTIONS))
failures = st.builds(
    f.Failure,
    error_class=error_classes, message=text, evidence=optional(evidences), provider=optional(word),
    model=optional(text), request_id=optional(word), stream_id=optional(word), attempt=st.integers(0, 9),
    is_retryable=st.booleans(), retry_after_s=optional(numbers), limit=optional(numbers),
    used=optional(numbers),
)  # fmt: skip

ends = st.builds(
    ChoiceEnd, index=st.integers(0, 3), reason=st.sampled_from(["stop", "length"]), raw=optional(text)
)
answers = st.builds(
    Answer,
    response_id=optional(text),
    ends=st.lists(ends, max_size=3).map(tuple),
    usage=usages,
    metadata=maps,
)
attempts = st.builds(
    rs.AttemptRecord,
    epoch=st.integers(1, 9), provider=word, model=text, started_s=numbers, duration_s=numbers,
    sent=st.booleans(), usage=usages, error_class=optional(error_classes),
    decision=st.sampled_from(["completed", "retry", "give_up"]),
)  # fmt: skip
retry_states = st.builds(
    rs.RetryState,
    stream_id=word, request_id=word, request=requests(), epoch=st.integers(1, 9),
    attempts=st.lists(attempts, max_size=2).map(tuple), provider=word, model_asked=text, delivered_text=text,
    deadline_left_s=numbers, spent=usages, last_failure=optional(failures), updated_at=numbers,
)  # fmt: skip
choices = st.builds(
    c.Choice,
    index=st.integers(0, 3), parts=st.lists(answer_parts, max_size=3).map(tuple),
    finish_reason=st.sampled_from([None, "stop", "tool_calls"]), finish_reason_raw=optional(text),
)  # fmt: skip
completions = st.builds(
    c.Completion,
    outcome=st.sampled_from(["completed", "failed", "cancelled"]),
    choices=st.lists(choices, min_size=1, max_size=2).map(tuple),
    usage=usages, cost_usd=optional(numbers), provider=word, model_asked=text, request_id=word,
    stream_id=word, failure=optional(failures), metadata=maps,
    attempts=st.lists(attempts, max_size=2).map(tuple),
    timings=st.builds(c.Timings, started_at=numbers, ttft_s=optional(numbers), duration_s=numbers),
)  # fmt: skip

breaker_configs = st.builds(
    BreakerConfig,
    enabled=st.booleans(), window=st.sampled_from(["time", "count"]), window_calls=st.integers(20, 200),
    min_calls=st.integers(1, 20), failure_rate=st.floats(0.01, 1), slow_ttft_s=optional(st.floats(0.1, 1e3)),
    probes=st.integers(1, 20), open_s=st.floats(0.1, 60), open_max_s=st.floats(60, 1e4),
)  # fmt: skip
breaker_statuses = st.builds(
    b.BreakerStatus,
    key=text, state=st.sampled_from(["closed", "open", "half_open", "forced_open", "disabled"]),
    half_open_in_s=optional(numbers), failure_rate=optional(numbers), calls=counts, refused_total=counts,
)  # fmt: skip
provider_statuses = st.builds(
    b.ProviderStatus,
    provider=word, available=st.booleans(), endpoint=breaker_statuses,
    models=st.lists(breaker_statuses, max_size=2).map(tuple), retries_left=counts,
)  # fmt: skip
system_statuses = st.builds(
    b.SystemStatus,
    at_s=numbers, available=st.booleans(), providers=st.lists(provider_statuses, max_size=2).map(tuple),
)  # fmt: skip

provider_configs = st.builds(
    ProviderConfig,
    base_url=st.sampled_from([None, "http://127.0.0.1:8080/v1", "https://[::1]/x", "https://a.example"]),
    max_connections=st.integers(1, 10_000), options=optional(options), metadata=maps,
    breaker=optional(breaker_configs),
)  # fmt: skip
store_configs = st.builds(
    RetryStoreConfig,
    path=optional(st.just("/var/lib/states.db")), flush_interval_s=st.floats(0.01, 9),
    states_max=st.integers(0, 9),
)  # fmt: skip
fall_back_classes = st.lists(st.sampled_from(routes.FALL_BACK_ON), max_size=2)
prices = st.builds(
    ModelPrice,
    input_usd_per_mtok=numbers,
    output_usd_per_mtok=numbers,
    cached_input_usd_per_mtok=optional(numbers),
)


@st.composite
def hop_configs(draw: st.DrawFn, model: st.SearchStrategy[str], weighted: bool) -> routes.HopConfig:
    return routes.HopConfig(
        model=draw(model), weight=draw(optional(st.floats(0.5, 9))) if weighted else None,
        retries=draw(st.integers(0, 3)), temperature=draw(optional(st.floats(0, 2))),
        max_output_tokens=draw(optional(st.integers(1, 9))), extra_body=draw(optional(maps)),
        options=draw(optional(st.builds(routes.HopOptions, connect_timeout_s=optional(st.floats(1, 9))))),
    )  # fmt: skip


@st.composite
def route_configs(draw: st.DrawFn, model: st.SearchStrategy[str]) -> routes.RouteConfig:
    """Each of its hops asks another model."""
    weighted = draw(st.booleans())
    hops = st.lists(
        hop_configs(model, weighted), min_size=1, max_size=3, unique_by=lambda hop: hop.model.split("/")[-1]
    )
    return routes.RouteConfig(
        hops=draw(hops), order="weighted" if weighted else "listed", fall_back_on=draw(fall_back_classes),
        rounds=draw(st.integers(1, 3)), options=draw(optional(options.map(_with_retries))),
    )  # fmt: skip


def _with_retries(given: StreamingOptions) -> StreamingOptions:
    """So many as a hop may ask for."""
    return given.replace(max_reconnect_attempts=max(given.max_reconnect_attempts, 3))


@st.composite
def system_configs_of(draw: st.DrawFn) -> SystemConfig:
    names = word.filter(lambda name: name[0].isalnum())
    providers = draw(st.dictionaries(names, provider_configs, max_size=2))
    given = {}
    if providers:
        model = st.builds("{}/{}".format, st.sampled_from(sorted(providers)), word)
        given = draw(
            st.dictionaries(names.filter(lambda n: n not in providers), route_configs(model), max_size=2)
        )
    priced = st.dictionaries(st.builds("{}/{}".format, word, word), prices, max_size=2)
    return SystemConfig(
        providers=providers, options=draw(options), routes=given, prices=draw(priced),
        retry_store=draw(store_configs),
    )  # fmt: skip


system_configs = system_configs_of()

stream_facts = st.builds(
    sd.StreamFacts,
    stream_id=word, request_id=word, request=requests(), options=options, provider=word, model=filled, kind=word,
    started_at=numbers,
)  # fmt: skip
recoverable_streams = st.builds(
    RecoverableStream,
    stream_id=word, request_id=word, provider=word, model=filled, failure=optional(failures),
    outcome=st.sampled_from(["failed", "interrupted"]), delivered_seq=counts, delivered_text=text,
    attempts=st.integers(0, 9), started_at=numbers, updated_at=numbers, age_s=numbers, expires_at=numbers,
    can_go_on=st.booleans(), mode=st.sampled_from([None, "fresh", "prefix"]), why=text,
)  # fmt: skip

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "answer": answers, "attempt": attempts, "breaker_config": breaker_configs,
    "capabilities": st.builds(rs.Capabilities, prefix_echo=st.booleans()),
    "choice": choices, "completion": completions, "evidence": evidences, "failure": failures,
    "message": turns, "options": options, "part": parts, "price": prices, "provider_config": provider_configs,
    "recoverable_stream": recoverable_streams,
    "request": requests(), "response_format": response_formats, "retry_state": retry_states,
    "route_config": route_configs(word), "store_config": store_configs, "stream_facts": stream_facts,
    "system_config": system_configs, "system_status": system_statuses, "tool_spec": tool_specs, "usage": usages,
}  # fmt: skip
"""Every pydantic value that travels, for properties that hold of all."""


def _field(annotation: Any) -> st.SearchStrategy[Any]:
    known = {float: numbers, int: counts, str: text, bool: st.booleans()}
    for kind, strategy in known.items():
        if annotation == kind:
            return strategy
        if annotation == kind | None:
            return optional(strategy)
    return st.from_type(annotation)


def events_of(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Events of that class with any values."""
    fields = {name: _field(info.annotation) for name, info in kind.model_fields.items() if name != "v"}
    return st.builds(kind, **fields)


events = st.one_of(*(events_of(kind) for kind in event_types().values()))

http_requests = st.builds(
    cmd.HttpRequest,
    method=st.just("POST"), path=st.just("/v1/chat/completions"),
    headers=st.lists(st.tuples(word, word), max_size=3).map(tuple), body=st.binary(max_size=8),
)  # fmt: skip


def replaced(delta: Any, **changes: Any) -> Any:
    """The delta with these fields changed."""
    return dataclasses.replace(delta, **changes)
