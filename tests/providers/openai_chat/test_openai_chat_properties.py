"""Any script of an answer, sent as a stream and cut anywhere, comes back; nothing that is fed can raise."""

import json
from typing import Any

from chat_wire import CODEC, DONE, call, run
from hypothesis import given
from hypothesis import strategies as st

from greenroom.messages.commands import WireHead
from greenroom.providers.openai_chat.think import ThinkSplitter

words = st.text(max_size=8).filter(lambda text: not any(0xD800 <= ord(c) < 0xE000 for c in text))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
arguments = st.dictionaries(words, json_values, max_size=3).map(json.dumps)
steps = st.one_of(
    st.tuples(st.just("text"), words),
    st.tuples(st.just("reasoning"), words),
    st.tuples(st.just("call"), arguments),
    st.tuples(st.just("noise"), st.sampled_from(["", ": ping\n\n", "data:\n\n", "event: x\ndata: {}\n\n"])),
)
cuts = st.lists(st.integers(1, 60), max_size=80)


def encoded(script: list[tuple[str, str]], ascii_only: bool, pieces: int) -> bytes:
    out: list[str] = []

    def chunk(delta: dict[str, Any], finish: str | None = None) -> None:
        body = {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        out.append(f"data: {json.dumps(body, ensure_ascii=ascii_only)}\n\n")

    calls = 0
    for kind, what in script:
        if kind == "text":
            chunk({"content": what})
        elif kind == "reasoning":
            chunk({"reasoning_content": what})
        elif kind == "noise":
            out.append(what)
        else:
            start = {"index": calls, "id": f"id{calls}", "function": {"name": f"f{calls}", "arguments": ""}}
            chunk({"tool_calls": [start]})
            for at in range(0, len(what), pieces):
                part = what[at : at + pieces]
                chunk({"tool_calls": [{"index": calls, "function": {"arguments": part}}]})
            calls += 1
    chunk({}, "stop")
    return "".join(out).encode() + DONE


@given(st.lists(steps, max_size=12), cuts, st.booleans(), st.integers(1, 9))
def test_script_comes_back_however_it_is_cut(
    script: list[tuple[str, str]], sizes: list[int], ascii_only: bool, pieces: int
) -> None:
    data = encoded(script, ascii_only, pieces)
    outcome = run(data, sizes)
    assert outcome.answer is not None
    assert outcome.choice.text == "".join(what for kind, what in script if kind == "text")
    assert outcome.choice.reasoning == "".join(what for kind, what in script if kind == "reasoning")
    calls = [what for kind, what in script if kind == "call"]
    assert [(c.id, c.name, c.arguments, c.complete) for c in outcome.choice.tool_calls] == [
        (f"id{n}", f"f{n}", what, True) for n, what in enumerate(calls)
    ]
    assert run(data) == outcome


@given(
    st.lists(steps, max_size=12), st.lists(st.integers(1, 3), max_size=30), st.sampled_from(["\n", "\r\n"])
)
def test_reads_that_end_between_events_mean_the_same(
    script: list[tuple[str, str]], events_a_read: list[int], line_end: str
) -> None:
    data = encoded(script, False, 3).replace(b"\n", line_end.encode())
    border = line_end.encode() * 2
    sizes = [len(event) + len(border) for event in data.split(border)[:-1]]
    together, at = [], 0
    for count in events_a_read:
        together.append(sum(sizes[at : at + count]))
        at += count
    assert run(data, [size for size in together if size]) == run(data, sizes) == run(data)


chunks = st.fixed_dictionaries(
    {},
    optional={
        "id": json_values,
        "model": json_values,
        "usage": json_values
        | st.dictionaries(st.sampled_from(["prompt_tokens", "total_tokens"]), json_values),
        "error": json_values,
        "x_groq": json_values,
        "choices": json_values
        | st.lists(
            json_values
            | st.fixed_dictionaries(
                {},
                optional={
                    "index": json_values,
                    "finish_reason": json_values,
                    "logprobs": json_values,
                    "message": json_values,
                    "delta": json_values
                    | st.dictionaries(
                        st.sampled_from(
                            [
                                "content",
                                "refusal",
                                "reasoning",
                                "reasoning_details",
                                "function_call",
                                "annotations",
                            ]
                        ),
                        json_values,
                        max_size=3,
                    )
                    | st.fixed_dictionaries(
                        {
                            "tool_calls": st.lists(
                                json_values
                                | st.dictionaries(
                                    st.sampled_from(["index", "id", "function", "name", "arguments"]),
                                    json_values,
                                ),
                                max_size=3,
                            )
                        }
                    ),
                },
            ),
            max_size=3,
        ),
    },
)


@given(st.lists(chunks, max_size=5), st.sampled_from([None, "vllm", "openai"]), st.booleans(), st.booleans())
def test_chunks_of_any_shape_never_raise_and_end_once(
    script: list[dict[str, Any]], profile: str | None, raw: bool, clean: bool
) -> None:
    data = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in script)
    outcome = run(data, profile=profile, raw_deltas=raw, clean=clean)
    assert run(data, [1] * len(data), profile=profile, raw_deltas=raw, clean=clean) == outcome


@given(st.binary(max_size=200), cuts, st.sampled_from([200, 204, 302, 400, 422, 429, 503]), st.booleans())
def test_any_bytes_with_any_status_end_once(data: bytes, sizes: list[int], status: int, clean: bool) -> None:
    for start in (b"", b"data: ", b'{"', b"data: {}\n\n"):
        outcome = run(start + data, sizes, status=status, clean=clean)
        assert run(start + data, status=status, clean=clean) == outcome


@given(st.binary(max_size=300), cuts)
def test_small_bound_holds_for_any_cut(data: bytes, sizes: list[int]) -> None:
    decoder = CODEC.start(call(max_event_bytes=1024))
    decoder.head(WireHead(200, ()))
    outcome = run(b"data: " + data * 20, sizes, max_event_bytes=1024)
    assert run(b"data: " + data * 20, max_event_bytes=1024) == outcome


@given(st.text(alphabet="<think>/ \nab", max_size=60), cuts)
def test_think_splitter_does_not_depend_on_the_cut(said: str, sizes: list[int]) -> None:
    def split(pieces: list[str]) -> tuple[str, str]:
        splitter = ThinkSplitter()
        told = [splitter.feed(piece) for piece in pieces] + [splitter.finish()]
        return "".join(reasoning for reasoning, _ in told), "".join(text for _, text in told)

    pieces, at = [], 0
    for size in [*sizes, len(said)]:
        pieces.append(said[at : at + size])
        at += size
    assert split(pieces) == split([said])
