"""Every recorded error, from its bytes to what the user reads: class, wait, id, limits, one clean line."""

import json
from typing import Any

import pytest

from greenroom.messages.contracts import Target
from greenroom.messages.failures import ErrorClass, ErrorEvidence, Failure
from greenroom.providers.wire.evidence import http_evidence
from greenroom.supervision.judgement import failure_of

from shared_files import CORPUS

NOW = 1767225600.0
FILES = sorted(path.stem for path in (CORPUS / "errors").glob("*.json"))

MEANING: dict[str, ErrorClass] = {
    "authentication": "credential", "not_found": "model_not_found", "server": "transient",
    "timeout": "transient", "request_too_large": "invalid_request",
}  # fmt: skip
"""The corpus's words for classes that we name otherwise. A gateway's timeout is none of our clocks."""

_NO_MODEL = "the model is what is wrong with the request"
_NO_RETRY = "the same request fails again: the server cannot do it, whatever its status says"
_NO_FEATURE = "the model is there; it cannot do what was asked"
JUDGED: dict[str, tuple[ErrorClass, str]] = {
    "err-bedrock-400-1d3c3cf1": ("model_not_found", _NO_MODEL),
    "err-deepseek-400-91820de3": ("model_not_found", _NO_MODEL),
    "err-google-400-28fd4e57": ("model_not_found", _NO_MODEL),
    "err-huggingface-400-3821f656": ("model_not_found", _NO_MODEL),
    "err-mistral-400-03d8cb02": ("model_not_found", _NO_MODEL),
    "err-openrouter-400-63748548": ("model_not_found", _NO_MODEL),
    "err-openrouter-400-fe867599": ("model_not_found", _NO_MODEL),
    "err-perplexity-400-4bb9fa89": ("model_not_found", _NO_MODEL),
    "err-xai-400-ae309e9a": ("model_not_found", _NO_MODEL),
    "err-xiaomi-400-3aadfa30": ("model_not_found", _NO_MODEL),
    "err-llamacpp-500-31f039d0": ("invalid_request", _NO_RETRY),
    "err-llamacpp-500-dbcd8d9a": ("invalid_request", _NO_RETRY),
    "err-ollama-500-95dbc183": ("invalid_request", _NO_RETRY),
    "err-openai-404-ffa933a2": ("invalid_request", _NO_FEATURE),
    "err-openrouter-404-a93278b8": ("invalid_request", _NO_FEATURE),
    "err-openai-401-a4dc4eb6": ("permission", "the key is known, and may not do this"),
    "err-bedrock-403-554ab7c9": ("credential", "the signature of the key does not hold, not the right"),
    "err-vertex-400-0d5be4f0": ("content_policy", "the prompt was refused for what it says"),
}
"""Where the recording says more than the corpus's own reading (`kind_hint`), and why."""
WAITS_S = {
    "doc-anthropic-429-rate": 23.0,
    "doc-google-429-exhausted": 35.2,
    "doc-groq-413-tpm": 12.0,
    "err-azure-429-4ac2372f": 1.0,
}
LIMITS: dict[str, tuple[str, float, float | None]] = {
    "doc-groq-413-tpm": ("tokens", 6000, 9837),
    "doc-vllm-400-ctx": ("context_tokens", 4096, 5000),
    "err-cohere-400-a76f564b": ("context_tokens", 288000, 313836),
    "err-llamacpp-400-d6559329": ("context_tokens", 512, 2009),
    "err-openrouter-400-0adc1429": ("context_tokens", 200000, 2500021),
    "err-vertex-429-ec770962": ("GenerateContentRequestsPerMinutePerProjectPerRegion", 0, None),
}
IDS = ("x-request-id", "request-id", "apim-request-id", "x-kong-request-id")

pytestmark = pytest.mark.skipif(not FILES, reason="no corpus on this machine")


def recorded(name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((CORPUS / "errors" / f"{name}.json").read_text())
    return told


def evidence(name: str) -> ErrorEvidence:
    told = recorded(name)
    body = told["body"] or ""
    headers = {key.lower(): value for key, value in told["headers"].items()}
    raw = body if isinstance(body, str) else json.dumps(body)
    return http_evidence(told["status"], headers, raw.encode(), NOW)


def failure(name: str) -> Failure:
    return failure_of(evidence(name), Target("acme", "k", "big-1"), ("s", "r"), 1)


@pytest.mark.parametrize("name", FILES)
def test_class(name: str) -> None:
    hint = recorded(name)["kind_hint"]
    meant = MEANING.get(hint, hint)
    judged = JUDGED.get(name)
    assert judged is None or judged[0] != meant, "no longer an exception"
    assert failure(name).error_class == (judged[0] if judged else meant)


@pytest.mark.parametrize("name", FILES)
def test_wait_id_and_limits(name: str) -> None:
    told, got = recorded(name), evidence(name)
    assert got.retry_after_s == WAITS_S.get(name)
    ids = [value for key, value in told["headers"].items() if key.lower() in IDS]
    assert not ids or got.provider_request_id in ids
    hit = [(limit.name, limit.limit, limit.used) for limit in got.limits if limit.exceeded]
    assert hit == ([LIMITS[name]] if name in LIMITS else [])
    assert got.status == told["status"]


@pytest.mark.parametrize("name", FILES)
def test_the_provider_s_code_and_words_are_kept(name: str) -> None:
    got = evidence(name)
    try:
        body = json.loads(recorded(name)["body"])
    except (TypeError, ValueError):
        assert got.code is got.error_type is None
        return
    error = body.get("error", body) if isinstance(body, dict) else body[0]["error"]
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        said, read = (" ".join(text.split()) for text in (error["message"], got.message))
        assert read[:60] in said or said.rstrip(".") in read
        if isinstance(error.get("code"), str) and not error["code"].isdecimal():
            assert got.code == error["code"]


@pytest.mark.parametrize("name", FILES)
def test_the_user_reads_one_clean_line(name: str) -> None:
    line = failure(name).message
    assert line.startswith("acme answered HTTP ")
    assert len(line) > len("acme answered HTTP 400: ")
    assert line.isprintable()
    assert not any(odd in line for odd in ("..;", ".;", ";;", "  ", '{"', "\\n", "<html", "::"))
    assert len(line) < 900


def test_the_exceptions_are_of_this_corpus() -> None:
    assert JUDGED.keys() | WAITS_S.keys() | LIMITS.keys() <= set(FILES)
    assert len(FILES) > 100
