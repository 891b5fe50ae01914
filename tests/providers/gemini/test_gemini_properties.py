"""Laws: any cut of the bytes says the same; the short cut for running text never says anything else."""

import json
from typing import Any

from gemini_wire import Outcome, array, chunk, run, sse
from hypothesis import given, settings
from hypothesis import strategies as st

from greenroom.messages.deltas import Delta

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['"', "\\", '"}],"', "9"]
)
COUNTS = st.integers(0, 10**16)


@st.composite
def texts(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Chunks of one text with counts as servers send them, some with other keys or other parts between."""
    chunks = []
    total = 0
    for _ in range(draw(st.integers(3, 14))):
        total += draw(st.integers(0, 3))
        usage: dict[str, Any] = {
            "promptTokenCount": 9,
            "candidatesTokenCount": total,
            "totalTokenCount": 9 + total,
        }
        kind = draw(st.integers(0, 9))
        if kind == 0:
            usage = {"trafficType": "ON_DEMAND"}
        if kind == 1:
            usage["candidatesTokensDetails"] = [{"modality": "TEXT", "tokenCount": draw(COUNTS)}]
        part: dict[str, Any] = {"text": draw(WORDS)}
        if kind == 2:
            part["thought"] = True
        if kind == 3:
            part["thoughtSignature"] = "c2ln"
        chunks.append(chunk(part, usageMetadata=usage, modelVersion="m9", responseId="r1"))
    return [*chunks, chunk(finish="STOP")]


def plainly(chunks: list[dict[str, Any]]) -> tuple[str, str, Any]:
    """What a reader without any short cut makes of them."""
    parts = [part for each in chunks for part in each["candidates"][0]["content"]["parts"]]
    usage: dict[str, Any] = {}
    for each in chunks:
        told = each.get("usageMetadata", {})
        usage = told if "totalTokenCount" in told else {**usage, **told}
    return (
        "".join(part["text"] for part in parts if not part.get("thought")),
        "".join(part["text"] for part in parts if part.get("thought")),
        usage,
    )


def told(outcome: Outcome) -> tuple[str, str, Any]:
    assert outcome.answer is not None
    raw = json.loads(json.dumps(outcome.answer.usage.model_dump(mode="json")["raw"]))
    return outcome.choice.text, outcome.choice.reasoning, raw


@settings(deadline=None, max_examples=150)
@given(texts(), st.lists(st.integers(1, 60), max_size=80), st.booleans())
def test_law_any_cut_and_any_form_say_the_same(
    chunks: list[dict[str, Any]], sizes: list[int], crlf: bool
) -> None:
    data = sse(*chunks) if crlf else sse(*chunks).replace(b"\r\n", b"\n")
    outcome = run(data)
    text, reasoning, usage = plainly(chunks)
    counted = any(name.endswith("TokenCount") for name in usage)
    assert told(outcome) == (text, reasoning, usage if counted else {})
    assert run(data, sizes) == outcome
    assert (
        run(data, [len(each) + (4 if crlf else 2) for each in data.split(b"\r\n\r\n" if crlf else b"\n\n")])
        == outcome
    )
    assert run(array(*chunks), sizes) == outcome


@settings(deadline=None, max_examples=100)
@given(
    st.lists(WORDS, min_size=4, max_size=6),
    st.sampled_from([b"1", b"01", b"-1", b"1.5", b'"1"', b"9" * 16, b"", b"null"]),
)
def test_law_a_count_that_is_none_is_read_as_json_reads_it(words: list[str], odd: bytes) -> None:
    """Behind chunks that taught the short cut comes one with an odd count: as if nothing had been learnt."""

    def event(number: int, word: str, count: bytes) -> bytes:
        head = (
            b'data: {"candidates":[{"content":{"parts":[{"text":%b}]},"index":0}],'
            % json.dumps(word).encode()
        )
        return head + b'"usageMetadata":{"candidatesTokenCount":%b,"totalTokenCount":%d}}\n\n' % (
            count,
            number,
        )

    taught = b"".join(event(number, word, b"%d" % number) for number, word in enumerate(words))
    last = event(7, "z", odd) + sse(chunk(finish="STOP"))
    learnt, fresh = run(taught + last), run(last)
    assert (learnt.failure is None) == (fresh.failure is None)
    if learnt.answer is not None and fresh.answer is not None:
        assert texts_of(learnt.deltas)[-1:] == texts_of(fresh.deltas)[-1:]
        assert learnt.answer.usage == fresh.answer.usage


def texts_of(deltas: list[Delta]) -> list[str]:
    return [delta.text for delta in deltas if delta.text]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["candidates", "content", "parts", "text", "thought", "functionCall", "name", "args",
                         "index", "partialArgs", "jsonPath", "finishReason",
                         "usageMetadata", "promptFeedback", "blockReason",
                         "error", "thoughtSignature", "citationMetadata", "totalTokenCount", "logprobsResult"]),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(deadline=None, max_examples=120)
@given(st.lists(JSON, max_size=5), st.lists(st.integers(0, 30), max_size=30), st.booleans())
def test_law_wrong_types_never_raise(values: list[Any], sizes: list[int], clean: bool) -> None:
    wrapped = [
        value if isinstance(value, dict) else {"candidates": [{"content": {"parts": [value]}}]}
        for value in values
    ]
    for data in (sse(*wrapped), array(*wrapped), json.dumps(values).encode(), sse(*values)):
        assert run(data, sizes, clean=clean, raw_deltas=True) == run(data, clean=clean, raw_deltas=True)
