"""Message, code, type, parameter, id and status out of every envelope that was seen."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages.failures import ErrorEvidence
from greenroom.providers.wire.evidence import error_fields, http_evidence, in_stream, tells_error, wrong_body

NOW = 1767225600.0

SHAPES: dict[str, tuple[Any, dict[str, Any]]] = {
    "Anthropic": (
        {"type": "error", "error": {"type": "overloaded_error", "message": "m"}, "request_id": "r"},
        {"message": "m", "error_type": "overloaded_error", "provider_request_id": "r"},
    ),
    "AWS": ({"__type": "com.amazon.x#ThrottlingException", "message": "m"},
            {"message": "m", "error_type": "ThrottlingException"}),
    "AWS, capital letter": ({"Message": "m"}, {"message": "m"}),
    "OAuth": ({"error": "invalid_client", "error_description": "m"}, {"message": "m", "code": "invalid_client"}),
    "Google": (
        {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "* m\\n", "details": [
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]}},
        {"message": "m\\n", "code": "API_KEY_INVALID", "error_type": "INVALID_ARGUMENT", "status": 400},
    ),
    "Cohere": ({"id": "i", "message": "m", "error_type": "TOO_MANY_TOKENS"},
               {"message": "m", "error_type": "TOO_MANY_TOKENS", "provider_request_id": "i"}),
    "Hugging Face": ({"code": 400, "reason": "INVALID_REQUEST_BODY", "message": "m", "metadata": {}},
                     {"message": "m", "code": "400", "error_type": "INVALID_REQUEST_BODY", "status": 400}),
    "Mistral": ({"object": "error", "message": "m", "type": "invalid_model", "param": None, "code": "1500",
                 "raw_status_code": 400},
                {"message": "m", "code": "1500", "error_type": "invalid_model", "status": 400}),
    "Cloudflare": ({"success": False, "errors": [{"code": 5007, "message": "m"}], "result": None},
                   {"message": "m", "code": "5007"}),
    "Azure, innererror": (
        {"error": {"code": "content_filter", "message": "m", "innererror": {"code": "ResponsibleAIPolicy"}}},
        {"message": "m", "code": "content_filter", "error_type": "ResponsibleAIPolicy"},
    ),
    "Azure, details": ({"error": {"message": "invalid input error", "status": 422,
                                  "details": [{"loc": ["body", "x"], "msg": "a string", "input": {}}]}},
                       {"message": "invalid input error: body.x: a string", "status": 422}),
    "Xiaomi": ({"error": {"code": "400", "message": "Param Incorrect", "param": "Not supported model x"}},
               {"message": "Param Incorrect: Not supported model x", "code": "400",
                "param": "Not supported model x", "status": 400}),
    "Groq, a Go error": ({"error": {"message": "code=400, message=json schema is required, type=x"}},
                         {"message": "json schema is required"}),
    "Alibaba": ({"error": {"message": "<400> InternalError: m"}}, {"message": "InternalError: m"}),
    "FastAPI, an object": ({"detail": {"error": {"message": "m", "code": "c"}}}, {"message": "m", "code": "c"}),
    "JSON in the message": (
        {"error": {"message": '{"error":{"message":"m","type":"t","code":"c"}}', "code": 400}},
        {"message": "m", "error_type": "t", "code": "c", "status": 400},
    ),
    "JSON as a string": ('{"error":{"message":"m"}}', {"message": "m"}),
    "OpenRouter, the upstream's words": (
        {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": "busy"}}},
        {"message": "Provider returned error: busy", "code": "429", "status": 429},
    ),
    "OpenRouter, the upstream's JSON": (
        {"error": {"message": "Provider returned error", "code": 400, "metadata": {"provider_name": "p",
         "raw": '{"error":{"message":"too long","code":"context_length_exceeded","type":"t"}}'}}},
        {"message": "Provider returned error: too long", "code": "context_length_exceeded", "error_type": "t",
         "status": 400},
    ),
    "Pollinations": (
        {"error": "400 Bad Request", "status": 400, "details": {"error": {"message": "m", "code": "c"}}},
        {"message": "m", "code": "c", "status": 400},
    ),
    "Mistral, a validation": (
        {"object": "error", "message": {"detail": [{"loc": ["body", "x"], "msg": "no", "input": 1}]}},
        {"message": "body.x: no"},
    ),
    "zod": (
        {"details": {"_errors": []}, "issues": [{"path": ["model"], "message": "Required"}]},
        {"message": "model: Required"},
    ),
    "Writer": ({"errors": [{"description": "m", "key": "k"}], "extras": {}}, {"message": "m"}),
    "a list of strings": ({"errors": ["m", "n"], "name": "bad_request"}, {"message": "m; n"}),
    "LiteLLM": (
        {"error": {"message": 'litellm.BadRequestError: O - {"error":{"message":"no such x","code":"c"}}'}},
        {"message": "litellm.BadRequestError: O: no such x", "code": "c"},
    ),
    "llama.cpp, with the prompt behind it": (
        {"error": {"code": 500, "message": 'Unsupported type: "x"; messages = [ {"content": "secret plan"} ]'}},
        {"message": 'Unsupported type: "x"', "code": "500", "status": 500},
    ),
    "pydantic, with the prompt in it": (
        {"detail": "1 error x no [type=extra_forbidden, input_value='secret plan', input_type=str]\n For "
         "further information visit https://errors.pydantic.dev/2.11/v/extra_forbidden"},
        {"message": "1 error x no [type=extra_forbidden]"},
    ),
    "no message": ({"error": {"code": "c"}}, {"code": "c"}),
    "nothing": ({}, {}),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_fields(shape: str) -> None:
    body, expected = SHAPES[shape]
    told = error_fields(json.loads(json.dumps(body).replace("\\\\n", "\\n")))
    assert told == {name: value.replace("\\n", "") if isinstance(value, str) else value
                    for name, value in expected.items()}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "headers", "body", "message"),
    [
        (502, {}, b"<html><head><title>502  Bad\nGateway</title>", "HTTP 502 with HTML (502 Bad Gateway)"),
        (524, {}, b"error code: 524", "HTTP 524 with this text: error code: 524"),
        (500, {}, b"", "HTTP 500 with an empty body"),
        (500, {}, b'{"ok":true}', "HTTP 500 with JSON that tells no error"),
        (500, {}, b'{"a":[1,2', "HTTP 500 with JSON that tells no error"),
        (400, {}, b'{"error":{"message":"cut of', "cut of"),
        (400, {}, b'{"error":"m"}\n{"more":1}', "m"),
        (400, {}, b'event: error\ndata: {"error":{"message":"m"}}\n\n', "m"),
        (403, {"x-error-message": "no access to this model"}, b"", "no access to this model"),
        (400, {}, b'{"error":{"message":{"a":1}}}', "HTTP 400 with JSON that tells no error"),
    ],
)
def test_messages(status: int, headers: dict[str, str], body: bytes, message: str) -> None:
    assert http_evidence(status, headers, body, NOW).message == message


def test_the_type_of_amazon_s_header() -> None:
    headers = {"x-amzn-errortype": "ValidationException:http://internal/", "x-amzn-requestid": "r"}
    got = http_evidence(400, headers, b'{"message":"m"}', NOW)
    assert (got.error_type, got.provider_request_id) == ("ValidationException", "r")
    assert http_evidence(400, headers, b'{"__type":"a#B"}', NOW).error_type == "B"


def test_the_id_of_the_way_is_better_than_none() -> None:
    assert http_evidence(500, {"cf-ray": "8f-FRA"}, b"", NOW).provider_request_id == "8f-FRA"
    told = http_evidence(500, {"cf-ray": "8f-FRA"}, b'{"request_id":"r","message":"m"}', NOW)
    assert told.provider_request_id == "r"
    both = http_evidence(500, {"cf-ray": "8f-FRA", "x-request-id": "q"}, b'{"request_id":"r"}', NOW)
    assert both.provider_request_id == "q"


def test_what_a_filter_names_stands_in_the_message() -> None:
    result = {"jailbreak": {"filtered": True}, "hate": {"filtered": False}, "violence": {"filtered": True}}
    error = {
        "message": "was filtered.",
        "code": "content_filter",
        "innererror": {"content_filter_result": result},
    }
    assert in_stream({"error": error}).message == "was filtered (jailbreak, violence)"
    told = {"error": {"message": "flagged", "metadata": {"reasons": ["sexual", "flagged"]}}}
    assert in_stream(told).message == "flagged (sexual)"


def test_headers_that_a_gateway_passes_on() -> None:
    headers = {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0", "Retry-After": 8}
    body = json.dumps({"error": {"message": "m", "metadata": {"headers": headers}}}).encode()
    got = http_evidence(429, {}, body, NOW)
    assert got.retry_after_s == 8
    (limit,) = got.limits
    assert (limit.name, limit.limit, limit.remaining, limit.exceeded) == ("requests", 20, 0, False)
    own = http_evidence(429, {"retry-after": "9"}, body, NOW)
    assert own.retry_after_s == 9


def test_an_explicit_word_on_trying_again() -> None:
    assert http_evidence(500, {}, b'{"retryable":false,"detail":"m"}', NOW).is_retryable is False
    assert http_evidence(500, {"x-should-retry": "true"}, b'{"retryable":false}', NOW).is_retryable is True
    assert http_evidence(500, {}, b'{"retryable":"no"}', NOW).is_retryable is None


def test_a_limit_that_was_hit_stands_before_the_same_one_in_a_header() -> None:
    message = b'{"error":{"message":"on tokens per min (TPM): Limit 6000, Used 5000, Requested 2000"}}'
    headers = {"x-ratelimit-limit-tokens": "6000", "x-ratelimit-remaining-tokens": "1000",
               "x-ratelimit-limit-requests": "9"}  # fmt: skip
    limits = http_evidence(429, headers, message, NOW).limits
    assert [(limit.name, limit.exceeded) for limit in limits] == [("tokens", True), ("requests", False)]
    assert limits[0].used == 5000


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    | st.sampled_from(['{"error":{"message":"m"}}', "[[[", '{"a":']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["error", "errors", "message", "detail", "details", "metadata", "raw", "code", "status",
                         "type", "innererror", "violations", "retry_after", "headers", "n_ctx", "n_prompt_tokens",
                         "@type", "loc", "msg", "reasons", "param", "id"]), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@given(_json)
def test_any_json_is_read(body: Any) -> None:
    for evidence in (in_stream(body), http_evidence(429, {}, json.dumps(body).encode(), NOW)):
        assert evidence.message
        assert ErrorEvidence.model_validate_json(evidence.model_dump_json()) == evidence
    assert tells_error(body) in (True, False)


@given(st.binary(max_size=200))
def test_any_bytes_are_read(body: bytes) -> None:
    assert http_evidence(400, {}, body, NOW).message
    assert wrong_body({}, body).message


def test_a_deep_body_costs_no_recursion() -> None:
    assert http_evidence(400, {}, b'{"error":' * 5000, NOW).message
    text: Any = "m"
    for _ in range(20):
        text = json.dumps({"error": {"message": text}})
    assert in_stream(json.loads(text)).message
