"""Bytes near what Gemini sends: recordings with faults, chunks of wrong types, plain noise; in both forms."""

import json
from random import Random
from typing import Any

from .faults import Vocabulary, broken_off, noisy
from .recorded import recorded_events

_RECORDED = "gem-*.sse"
_WORDS = ("", "a", " two", '"}],', "STOP", "MAX_TOKENS", "SAFETY", "MALFORMED_FUNCTION_CALL", "$.a",
          "$.a.b[0]", "$.a[1]",
          "\ud83d", "\U0001f600", "é\n", "7", "\0", "x" * 200)  # fmt: skip
_NAMES = (
    "candidates", "content", "parts", "text", "thought", "thoughtSignature", "functionCall", "name", "args", "id",
    "partialArgs", "jsonPath", "stringValue", "willContinue", "index", "finishReason", "usageMetadata",
    "promptTokenCount", "candidatesTokenCount", "totalTokenCount", "promptFeedback", "blockReason", "error",
    "message", "citationMetadata", "citationSources", "groundingMetadata", "logprobsResult", "inlineData",
    "executableCode", "continuationToken", "modelVersion", "responseId",
)  # fmt: skip
GEMINI = Vocabulary(_WORDS, _NAMES, depth=6)
_NOISE = (b"data: {}\n\n", b": ping\n\n", b"event: error\n", b"data:\n\n", b"\r\n", b"data: null\n\n",
          b"data: [1]\n\n",
          b"]", b"[", b",", b"\xff\xfe", b"data: " + b"[" * 3000 + b"\n\n", b'{"error":{"code":503}}')  # fmt: skip


def gemini_stream(rng: Random) -> bytes:
    kind = rng.randrange(10)
    if kind == 0:
        return rng.choice((b"", b"data: ", b'{"', b"[", b"[{", b"<")) + rng.randbytes(rng.randrange(300))
    chunks = _recorded(rng) if kind < 5 and recorded_events(_RECORDED) else _invented(rng)
    chunks = [GEMINI.mutated(rng, chunk) if rng.random() < 0.3 else chunk for chunk in chunks]
    if kind == 9:
        return json.dumps(chunks[0]).encode()
    return _framed(rng, chunks)


def _invented(rng: Random) -> list[Any]:
    """A plausible answer: runs of text with counts that grow, thoughts, and calls in both forms."""
    chunks, total = [], 0
    for _ in range(rng.randrange(1, 5)):
        part = rng.choice((_text, _text, _call, _partial))(rng)
        for _ in range(rng.choice((1, 1, 5))):
            total += rng.randrange(3)
            if "text" in part:
                part = {**part, "text": rng.choice(_WORDS)}
            usage = {"promptTokenCount": 9, "candidatesTokenCount": total, "totalTokenCount": 9 + total}
            chunks.append(_chunk(rng, part, usageMetadata=usage, responseId="r1"))
    end = _chunk(rng, {"text": ""})
    end["candidates"][0]["finishReason"] = rng.choice(_WORDS)
    return [*chunks, end]


def _chunk(rng: Random, part: dict[str, Any], **beside: Any) -> dict[str, Any]:
    candidate = {"content": {"parts": [part], "role": "model"}, "index": rng.choice((0, 0, 0, 0, 1))}
    return {"candidates": [candidate], **beside}


def _text(rng: Random) -> dict[str, Any]:
    marks: tuple[dict[str, Any], ...] = ({}, {}, {"thought": True}, {"thoughtSignature": "c2ln"})
    return {"text": rng.choice(_WORDS), **rng.choice(marks)}


def _call(rng: Random) -> dict[str, Any]:
    return {"functionCall": {"name": rng.choice(_WORDS), "args": GEMINI.value(rng)}}


def _partial(rng: Random) -> dict[str, Any]:
    arg = {
        "jsonPath": rng.choice(_WORDS),
        "stringValue": rng.choice(_WORDS),
        "willContinue": rng.random() < 0.5,
    }
    call: dict[str, Any] = {
        "partialArgs": [arg, GEMINI.value(rng)][: rng.choice((1, 1, 2))],
        "willContinue": True,
    }
    return {"functionCall": {**call, **({"name": "f"} if rng.random() < 0.4 else {})}}


def _framed(rng: Random, chunks: list[Any]) -> bytes:
    texts = [
        json.dumps(chunk, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
        for chunk in chunks
    ]
    if rng.random() < 0.4:
        out = [(b"[" if not at else b",\n") + text for at, text in enumerate(texts)] + [b"]"]
    else:
        out = [b"data: " + text + b"\n\n" for text in texts]
    data = broken_off(rng, noisy(rng, out, _NOISE), 0.1)
    return data.replace(b"\n", rng.choice((b"\n", b"\n", b"\r\n", b"\r")))


def _recorded(rng: Random) -> list[Any]:
    chunks = rng.choice(recorded_events(_RECORDED))
    at = rng.randrange(len(chunks))
    return [*chunks[at : at + rng.randrange(1, 20)], *chunks[-2:]]
