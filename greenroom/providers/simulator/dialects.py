"""The dialects of the servers that greenroom has profiles of, under the same names, and a way to add one.

Each fact was seen in a recorded stream of that server or stands in its documentation.
"""

from greenroom.messages.frozen import FrozenMap
from greenroom.messages.invalid import InvalidInput
from greenroom.providers.simulator.dialect import Dialect

_OPENAI_HEAD = FrozenMap({
    "id": "$id", "object": "$object", "created": "$created", "model": "$model", "service_tier": "default",
    "system_fingerprint": "fp_simulator",
})  # fmt: skip
_HEAD = FrozenMap({
    "id": "$id", "object": "$object", "created": "$created", "model": "$model",
    "system_fingerprint": "fp_simulator",
})  # fmt: skip
_BARE_HEAD = FrozenMap({"id": "$id", "object": "$object", "created": "$created", "model": "$model"})
_OPENAI_USAGE = FrozenMap({
    "prompt_tokens": "$prompt", "completion_tokens": "$completion", "total_tokens": "$total",
    "prompt_tokens_details": {"cached_tokens": "$cached", "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": "$reasoning", "audio_tokens": 0, "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
})  # fmt: skip
_CACHED_USAGE = FrozenMap({
    "prompt_tokens": "$prompt", "completion_tokens": "$completion", "total_tokens": "$total",
    "prompt_tokens_details": {"cached_tokens": "$cached"},
})  # fmt: skip
_SAFE = {
    kind: {"filtered": False, "severity": "safe"} for kind in ("hate", "self_harm", "sexual", "violence")
}
_NO_HEADERS: FrozenMap = FrozenMap({})
_NUMBERED_ERROR = FrozenMap({"error": {"message": "$message", "type": "$type", "code": "$status"}})
_FLAT_ERROR = FrozenMap(
    {"object": "error", "message": "$message", "type": "$type", "param": "$param", "code": "$status"}
)
_DEEPSEEK_UNASKED = (
    "The last message of deepseek-reasoner must be a user message, or an assistant message with prefix mode on "
    "(refer to https://api-docs.deepseek.com/guides/chat_prefix_completion)."
)

OPENAI = Dialect(
    name="openai", head=_OPENAI_HEAD, logprobs_null=True, usage_object=_OPENAI_USAGE, usage_null="asked",
    role_delta={"role": "assistant", "content": "", "refusal": None},
)  # fmt: skip

_BUILT_IN = (
    OPENAI,
    OPENAI.replace(name="generic"),
    Dialect(
        name="azure", head=_OPENAI_HEAD, logprobs_null=True, usage_object=_OPENAI_USAGE, usage_null="asked",
        role_delta={"role": "assistant", "content": "", "refusal": None},
        choice_fields={"content_filter_results": {}},
        before_first={
            "choices": [], "created": 0, "id": "", "model": "", "object": "",
            "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _SAFE}],
        },
        error_body={"error": {"code": "$status_text", "message": "$message"}},
        request_id_header="apim-request-id",
    ),
    Dialect(
        # completion_tokens leave out the reasoning that the total counts; calls come whole; no null keys.
        name="xai", head=_HEAD, finish_null=False, role="joined", tools="whole", tool_type="every",
        tool_id="call_{n:08}", usage=("extra",),
        usage_object={
            "prompt_tokens": "$prompt", "completion_tokens": "$answer", "total_tokens": "$total",
            "prompt_tokens_details": {"text_tokens": "$prompt", "cached_tokens": "$cached"},
            "completion_tokens_details": {"reasoning_tokens": "$reasoning"},
            "num_sources_used": 0,
        },
        error_body={"code": "$code", "error": "$message"},
        stream_error={"code": "$code", "error": "$message"},
    ),
    Dialect(
        name="groq", head=_HEAD, logprobs_null=True, first_fields={"x_groq": {"id": "$id"}},
        reasoning="reasoning", tools="whole", tool_id="sim{n:06}", usage=("x_groq", "extra_asked"),
        usage_object={
            "queue_time": 0.01, "prompt_tokens": "$prompt", "prompt_time": 0.01,
            "completion_tokens": "$completion", "completion_time": 0.05, "total_tokens": "$total",
            "total_time": 0.06, "prompt_tokens_details": {"cached_tokens": "$cached"},
            "completion_tokens_details": {"reasoning_tokens": "$reasoning"},
        },
        error_body={"error": {"message": "$message", "type": "$type", "code": "$code"}},
        stream_error={
            "error": {"message": "$message", "type": "$type", "code": "$code", "status_code": "$status"}
        },
        stream_error_event="error",
    ),
    Dialect(
        # The finish reason and the usage stand on the last delta's chunk; calls come together, unnumbered.
        name="mistral", head=_BARE_HEAD, reasoning="thinking_list", tools="together", tool_index="absent",
        tool_type="never", tool_id="sim{n:06}", finish="on_last", finish_delta={"content": ""},
        usage=("finish",), padding_key="p", padded=True, usage_object=_CACHED_USAGE,
        error_body={
            "object": "error", "message": "$message", "type": "$type", "param": "$param", "code": "$code",
            "raw_status_code": "$status",
        },
        prefix="flag", prefix_echo="always",
        prefix_refusals={
            "unasked": "Expected last role User or Tool (or Assistant with prefix True) for serving but got "
            "assistant"
        },
        request_id_header="mistral-correlation-id", reset_form="seconds",
        rate_limit_headers={
            "limit_requests": "x-ratelimit-limit-req-minute",
            "remaining_requests": "x-ratelimit-remaining-req-minute",
            "limit_tokens": "x-ratelimit-limit-tokens-minute",
            "remaining_tokens": "x-ratelimit-remaining-tokens-minute",
        },
    ),
    Dialect(
        name="deepseek", head=_HEAD, logprobs_null=True,
        role_delta={"role": "assistant", "content": None, "reasoning_content": ""},
        delta_fields={"content": None, "reasoning_content": None},
        finish_delta={"content": "", "reasoning_content": None}, tool_id="call_{n}_simulator",
        usage=("finish",), comment="keep-alive", rate_limit_headers=_NO_HEADERS,
        prefix_refusals={
            "unasked": _DEEPSEEK_UNASKED,
            "flag": 'prefix is only available when using beta api (set base_url="https://api.deepseek.com/beta")',
        },
        usage_object={
            "prompt_tokens": "$prompt", "completion_tokens": "$completion", "total_tokens": "$total",
            "prompt_tokens_details": {"cached_tokens": "$cached"},
            "completion_tokens_details": {"reasoning_tokens": "$reasoning"},
            "prompt_cache_hit_tokens": "$cached", "prompt_cache_miss_tokens": "$uncached",
        },
    ),
    Dialect(
        # Usage comes with a choice that repeats the finish reason; errors stand beside a whole chunk.
        name="openrouter",
        head={
            "id": "$id", "provider": "Simulator", "model": "$model", "object": "$object",
            "created": "$created",
        },
        role="every", delta_fields={"role": "assistant", "content": ""}, reasoning="reasoning_details",
        finish_delta={"role": "assistant", "content": ""},
        finish_fields=("finish_reason", "native_finish_reason"), finish_twice=True,
        tool_id_later="null", tool_type="every", usage=("extra_with_choice",),
        usage_object={
            "prompt_tokens": "$prompt", "completion_tokens": "$completion", "total_tokens": "$total",
            "cost": 0, "is_byok": False, "prompt_tokens_details": {"cached_tokens": "$cached"},
            "completion_tokens_details": {"reasoning_tokens": "$reasoning"},
        },
        comment="OPENROUTER PROCESSING", opening_comments=2,
        error_body={"error": {"message": "$message", "code": "$status"}},
        stream_error={
            "choices": [{
                "index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "error",
                "native_finish_reason": "error",
            }],
            "error": {"code": "$status", "message": "$message"},
        },
        stream_error_in_chunk=True, request_id_header="x-generation-id",
    ),
    Dialect(
        name="together", head=_BARE_HEAD, logprobs_null=True, choice_fields={"text": ""}, usage_null="always",
        role_delta={"token_id": None, "role": "assistant", "content": "", "reasoning": None},
        delta_fields={"token_id": None, "role": "assistant", "content": "", "reasoning": None},
        finish_delta={"token_id": None, "role": "assistant", "content": "", "reasoning": None},
        reasoning="reasoning", tool_id_later="null", tool_name_later="null", tool_type="every",
        usage=("extra",), tool_id="call_{n:024}",
        usage_object={
            "prompt_tokens": "$prompt", "total_tokens": "$total", "completion_tokens": "$completion",
            "reasoning_tokens": "$reasoning", "cached_tokens": "$cached",
        },
    ),
    Dialect(name="fireworks", head=_BARE_HEAD, usage=("finish",), usage_object=_CACHED_USAGE),
    Dialect(
        name="cerebras",
        head={
            "id": "$id", "created": "$created", "model": "$model", "system_fingerprint": "fp_simulator",
            "object": "$object",
        },
        finish_null=False, role_delta={"role": "assistant"}, reasoning="reasoning", tools="whole",
        usage=("finish",), usage_object=_OPENAI_USAGE, tool_id="{n:09x}",
        last_fields={"time_info": {"queue_time": 0.01, "completion_time": 0.05, "total_time": 0.06}},
        error_body={"message": "$message", "type": "$type", "param": "$param", "code": "$code"},
    ),
    Dialect(
        # CRLF, no [DONE], cumulative usage in every chunk, the whole message beside each delta.
        name="perplexity",
        head={
            "id": "$id", "model": "$model", "created": "$created", "citations": (), "object": "$object",
        },
        role="every", delta_fields={"role": "assistant", "content": ""}, message_beside_delta=True,
        finish_delta={"role": "assistant", "content": ""}, reasoning="think", usage=("every",),
        usage_object={
            "prompt_tokens": "$prompt", "completion_tokens": "$completion", "total_tokens": "$total",
            "search_context_size": "low", "prompt_tokens_details": {"cached_tokens": "$cached"},
            "completion_tokens_details": {"reasoning_tokens": "$reasoning"},
        },
        done=False, crlf=True, error_body=_NUMBERED_ERROR,
    ),
    Dialect(
        name="lmstudio", head=_HEAD, logprobs_null=True, role="joined", tool_type="every",
        tool_id="1002003{n:02}", rate_limit_headers=_NO_HEADERS, error_body={"error": "$message"},
        stream_error={"error": {"message": "$message"}, "message": "$message"}, stream_error_event="error",
        usage_object=_OPENAI_USAGE,
    ),
    Dialect(
        # Parallel calls may all have index 0.
        name="ollama", head=_HEAD, role="joined", delta_fields={"content": ""}, reasoning="reasoning",
        tools="whole", tool_index="zero", tool_type="every", rate_limit_headers=_NO_HEADERS,
        tool_id="call_sim{n:05}",
    ),
    Dialect(
        name="vllm", head=_BARE_HEAD, logprobs_null=True, choice_fields={"stop_reason": None}, usage_null="asked",
        tool_id="chatcmpl-tool-{n:032x}", finish_delta={"content": ""}, error_body=_FLAT_ERROR,
        stream_error=FrozenMap({"error": _FLAT_ERROR}), stream_error_done=True,
        rate_limit_headers=_NO_HEADERS, usage_object=_CACHED_USAGE,
        prefix="continue_final", prefix_echo="asked",
        prefix_refusals={
            "both_flags": "Cannot set both `continue_final_message` and `add_generation_prompt` to True."
        },
    ),
    Dialect(
        name="sglang", head=_BARE_HEAD, logprobs_null=True, choice_fields={"matched_stop": None},
        role_delta={"role": "assistant", "content": "", "reasoning_content": None, "tool_calls": None},
        delta_fields={"role": None, "content": None, "reasoning_content": None, "tool_calls": None},
        finish_delta={"role": None, "content": None, "reasoning_content": None, "tool_calls": None},
        usage_null="always", error_body=_FLAT_ERROR, stream_error=FrozenMap({"error": _FLAT_ERROR}),
        prefix="continue_final",
        stream_error_done=True, rate_limit_headers=_NO_HEADERS, usage_object=_CACHED_USAGE,
    ),
    Dialect(
        name="llamacpp",
        head={
            "created": "$created", "id": "$id", "model": "$model", "system_fingerprint": "b0-simulator",
            "object": "$object",
        },
        role_delta={"role": "assistant", "content": None}, tool_opening=False, tool_id="{n:032}",
        error_body=FrozenMap({"error": {"code": "$status", "message": "$message", "type": "$type"}}),
        stream_error=FrozenMap({"error": {"code": "$status", "message": "$message", "type": "$type"}}),
        rate_limit_headers=_NO_HEADERS, usage_object=_CACHED_USAGE, prefix="trailing",
        prefix_refusals={"several_turns": "Cannot have 2 or more assistant messages at the end of the list."},
        last_fields={"timings": {"cache_n": "$cached", "prompt_n": "$uncached", "predicted_n": "$completion"}},
    ),
    Dialect(
        # A gateway that most compatible servers stand behind: no null keys, usage beside an empty choice.
        name="litellm", head=_BARE_HEAD, finish_null=False, role="joined", usage=("extra_with_choice",),
        usage_object=_OPENAI_USAGE, request_id_header="x-litellm-call-id",
        error_body={
            "error": {"message": "$message", "type": "$type", "param": "$param", "code": "$status_text"}
        },
    ),
)  # fmt: skip

_dialects: dict[str, Dialect] = {dialect.name: dialect for dialect in _BUILT_IN}
_dialects["deepseek-beta"] = _dialects["deepseek"].replace(
    name="deepseek-beta", prefix="flag", prefix_refusals={"unasked": _DEEPSEEK_UNASKED}
)


def register_dialect(dialect: Dialect) -> None:
    """From now on `dialect=` may name it; one of the same name is replaced, also a built-in one."""
    _dialects[dialect.name] = dialect


def dialect_names() -> tuple[str, ...]:
    """What `dialect=` may name."""
    return tuple(sorted(_dialects))


def dialect_of(given: "str | Dialect | None") -> Dialect:
    """The dialect that is meant; None: OpenAI's. Raises InvalidInput for a name that nobody registered."""
    if isinstance(given, Dialect):
        return given
    if given is None:
        return OPENAI
    known = _dialects.get(given)
    if known is None:
        raise InvalidInput.at("", f"unknown dialect; known: {', '.join(dialect_names())}", given)
    return known
