"""Bytes near what Gemini sends: recordings with faults, chunks of wrong types, plain noise; in both forms."""

import json
from functools import cache
from random import Random
from typing import Any

from .chat_streams import _SHARED

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
_NOISE = (b"data: {}\n\n", b": ping\n\n", b"event: error\n", b"data:\n\n", b"\r\n", b"data: null\n\n",
          b"data: [1]\n\n",
          b"]", b"[", b",", b"\xff\xfe", b"data: " + b"[" * 3000 + b"\n\n", b'{"error":{"code":503}}')  # fmt: skip


def gemini_stream(rng: Random) -> bytes:
    kind = rng.randrange(10)
    if kind == 0:
        return rng.choice((b"", b"data: ", b'{"', b"[", b"[{", b"<")) + rng.randbytes(rng.randrange(300))
    chunks = _recorded(rng) if kind < 5 and _recordings() else _invented(rng)
    chunks = [_mutated(rng, chunk) if rng.random() < 0.3 else chunk for chunk in chunks]
    if kind == 9:
        return json.dumps(chunks[0]).encode()
    return _framed(rng, chunks)


def value(rng: Random, depth: int = 0) -> Any:
    """Any JSON value, mostly of the words and names of this wire."""
    kind = rng.randrange(9 if depth < 6 else 6)
    if kind < 2:
        return rng.choice(_WORDS)
    if kind < 6:
        return rng.choice((None, True, False, 0, 1, -1, 3.0, 1.5, 128, 10**20, float("nan"), float("inf")))
    if kind < 7:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(_NAMES): value(rng, depth + 1) for _ in range(rng.randrange(5))}


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
    return {"functionCall": {"name": rng.choice(_WORDS), "args": value(rng)}}


def _partial(rng: Random) -> dict[str, Any]:
    arg = {
        "jsonPath": rng.choice(_WORDS),
        "stringValue": rng.choice(_WORDS),
        "willContinue": rng.random() < 0.5,
    }
    call: dict[str, Any] = {"partialArgs": [arg, value(rng)][: rng.choice((1, 1, 2))], "willContinue": True}
    return {"functionCall": {**call, **({"name": "f"} if rng.random() < 0.4 else {})}}


def _mutated(rng: Random, given: Any) -> Any:
    """The same with one value somewhere inside it replaced, dropped, or moved to another name."""
    if isinstance(given, dict) and given and rng.random() < 0.85:
        name = rng.choice(list(given))
        kind = rng.randrange(5)
        if kind == 0:
            return {key: inner for key, inner in given.items() if key != name}
        if kind == 1:
            return {**given, rng.choice(_NAMES): given[name]}
        return {**given, name: _mutated(rng, given[name])}
    if isinstance(given, list) and given and rng.random() < 0.85:
        at = rng.randrange(len(given))
        return [*given[:at], _mutated(rng, given[at]), *given[at + rng.randrange(2) :]]
    return value(rng)


def _framed(rng: Random, chunks: list[Any]) -> bytes:
    texts = [
        json.dumps(chunk, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
        for chunk in chunks
    ]
    if rng.random() < 0.4:
        out = [(b"[" if not at else b",\n") + text for at, text in enumerate(texts)] + [b"]"]
    else:
        out = [b"data: " + text + b"\n\n" for text in texts]
    for _ in range(rng.choice((0, 0, 1, 3))):
        at = rng.randrange(len(out) + 1)
        out[at:at] = [rng.choice((*_NOISE, *out))]
    data = bytearray(b"".join(out))
    for _ in range(rng.choice((0, 0, 0, 1, 4))):
        data[rng.randrange(len(data))] = rng.randrange(256)
    if rng.random() < 0.1:
        del data[rng.randrange(len(data) + 1) :]
    return bytes(data).replace(b"\n", rng.choice((b"\n", b"\n", b"\r\n", b"\r")))


def _recorded(rng: Random) -> list[Any]:
    chunks = rng.choice(_recordings())
    at = rng.randrange(len(chunks))
    return [*chunks[at : at + rng.randrange(1, 20)], *chunks[-2:]]


@cache
def _recordings() -> list[list[Any]]:
    """The chunks of the recorded streams, where they are present; sorted, so that a seed finds them again."""
    paths = sorted((_SHARED / "corpus" / "streams").glob("gem-*.sse"))
    lines = [
        [line[5:] for line in path.read_bytes().splitlines() if line.startswith(b"data:")] for path in paths
    ]
    return [[json.loads(line) for line in each] for each in lines if each]
