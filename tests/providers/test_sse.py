"""The SSE decoder against the conformance cases of eight suites, and against every cut of its bytes."""

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.providers.sse import SseDecoder, SseError, SseEvent

from shared_files import CORPUS

CASES_FILE = CORPUS / "sse" / "cases.json"
CASES: list[dict[str, Any]] = json.loads(CASES_FILE.read_text()) if CASES_FILE.is_file() else []
needs_cases = pytest.mark.skipif(not CASES, reason=f"{CASES_FILE} is not there")
LIMIT = 4 * 1024 * 1024


def decode(
    data: bytes, sizes: list[int] | None = None, limit: int = LIMIT
) -> tuple[list[SseEvent], SseDecoder]:
    decoder, events, at = SseDecoder(limit), [], 0
    for size in sizes or ([len(data)] if data else []):
        events += decoder.feed(data[at : at + size])
        at += size
    if at < len(data):
        events += decoder.feed(data[at:])
    return events, decoder


def by(step: int, data: bytes) -> list[int]:
    return [step] * (len(data) // step + 1)


def shown(events: list[SseEvent]) -> list[dict[str, Any]]:
    told = ({"event": e.event, "data": e.text, "id": e.id, "retry": e.retry} for e in events)
    return [{name: value for name, value in event.items() if value is not None} for event in told]


@needs_cases
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_conformance_case_gives_its_events_however_it_is_cut(case: dict[str, Any]) -> None:
    data = base64.b64decode(case["input"])
    expected = case["expected_events"]
    for sizes in (
        None,
        case.get("chunks"),
        by(1, data),
        *(by(n, data) for n in case.get("also_split_every", ())),
    ):
        events, _ = decode(data, sizes)
        assert shown(events) == expected


@needs_cases
@pytest.mark.parametrize(
    "case",
    [case for case in CASES if "expected_events_if_eof_flushes" in case],
    ids=lambda case: case["name"],
)
def test_whole_tail_counts_after_a_clean_end_only(case: dict[str, Any]) -> None:
    data = base64.b64decode(case["input"])
    events, decoder = decode(data)
    assert [e.text for e in events + decoder.finish(clean=True)] == [
        e["data"] for e in case["expected_events_if_eof_flushes"]
    ]
    events, decoder = decode(data)
    assert decoder.finish(clean=False) == []


@pytest.mark.parametrize(
    ("tail", "taken"),
    [
        (b"data: [DONE]", True),
        (b"data: [DONE] \n", True),
        (b'data: {"a":1}', True),
        (b'data: {"a":1', False),
        (b"data: two words", False),
        (b"event: x", False),
        (b": comment", False),
        (b"\n", False),
        (b"", False),
    ],
)
def test_tail_is_taken_if_it_is_whole(tail: bytes, taken: bool) -> None:
    events, decoder = decode(b"data: 1\n\n" + tail)
    assert len(events) == 1
    assert bool(decoder.finish(clean=True)) is taken


def test_named_event_takes_the_short_path_and_keeps_the_last_id() -> None:
    events, _ = decode(b"id: 7\ndata: a\n\nevent: ping\ndata: b\n\nevent:x\ndata:c\n\n")
    assert [(e.event, e.data, e.id) for e in events] == [
        ("message", b"a", "7"),
        ("ping", b"b", "7"),
        ("x", b"c", "7"),
    ]


def test_comments_are_counted_and_are_no_events() -> None:
    events, decoder = decode(b": one\n\n:\n\n: two\n: three\ndata: x\n\n")
    assert [e.data for e in events] == [b"x"]
    assert decoder.comments == 4


def test_block_that_is_no_event_is_kept_for_the_error_message() -> None:
    events, decoder = decode(b'error: {"message":"no"}\n\n')
    assert events == []
    assert decoder.stray == b'error: {"message":"no"}'


def test_invalid_retry_and_id_lines_leave_the_valid_ones_standing() -> None:
    events, _ = decode(b"id: a\nid: b\0\nretry: 50\nretry: 5x\nretry\ndata: 1\n\n")
    assert events == [SseEvent("message", b"1", "a", 50)]


@pytest.mark.parametrize("line", [b"data: x", b"data"])
def test_event_of_many_lines_is_read_like_one_of_few(line: bytes) -> None:
    few, _ = decode(b"event: e\nid: 5\n" + (line + b"\n") * 40 + b"\n")
    many, _ = decode(b"event: old\nevent: e\nid: 5\n: c\nother: 1\n" + (line + b"\n") * 400 + b"\n")
    assert (many[0].event, many[0].id) == (few[0].event, few[0].id) == ("e", "5")
    value = line[6:]
    assert few[0].data == b"\n".join([value] * 40)
    assert many[0].data == b"\n".join([value] * 400)


def test_oversize_event_raises_once_with_the_events_before_it() -> None:
    decoder = SseDecoder(64)
    with pytest.raises(SseError, match="max_event_bytes") as caught:
        decoder.feed(b"data: ok\n\ndata: " + b"x" * 100)
    assert [e.data for e in caught.value.events] == [b"ok"]
    assert caught.value.evidence.kind == "bound"
    assert decoder.feed(b"data: more\n\n") == []
    assert decoder.finish(clean=True) == []


@pytest.mark.parametrize("size", [64, 65])
def test_bound_is_the_same_for_every_cut(size: int) -> None:
    data = b"data: " + b"x" * (size - 6) + b"\n\n"
    for sizes in (None, by(1, data), [size, 1, 1], [size + 1, 1]):
        if size <= 64:
            assert len(decode(data, sizes, limit=64)[0]) == 1
        else:
            with pytest.raises(SseError):
                decode(data, sizes, limit=64)


def test_large_event_in_small_pieces_is_not_searched_again_and_again() -> None:
    """Quadratic work would take minutes here; the factor allows for a busy machine."""

    def seconds(size: int) -> float:
        decoder, piece = SseDecoder(LIMIT), b"x" * 16
        start = time.perf_counter()
        decoder.feed(b"data: ")
        for _ in range(size // 16):
            decoder.feed(piece)
        assert len(decoder.feed(b"\n\n")) == 1
        return time.perf_counter() - start

    small = min(seconds(250_000) for _ in range(3))
    assert seconds(4_000_000) < 16 * small * 5


lines = st.sampled_from(
    [
        b"data: x",
        b"data:y",
        b"data",
        b"event: e",
        b"id: 1",
        b"id",
        b"id: \x00",
        b"retry: 9",
        b"retry: z",
        b": c",
        b"",
        b"",
        b"",
        b"other: 1",
        b"data: \xff\xfe",
        "data: \u2028é".encode(),
        b" data: x",
        b"\xef\xbb\xbfdata: b",
    ]
)
ends = st.sampled_from([b"\n", b"\r", b"\r\n"])
streams = st.lists(st.tuples(lines, ends), max_size=30).map(lambda pairs: b"".join(a + b for a, b in pairs))
cuts = st.lists(st.integers(1, 9), max_size=60)


@given(streams, cuts, st.booleans())
def test_any_cut_gives_the_same_events(data: bytes, sizes: list[int], clean: bool) -> None:
    whole, one = decode(data)
    cut, two = decode(data, sizes)
    assert cut == whole
    assert two.finish(clean) == one.finish(clean)
    assert two.comments == one.comments
    assert two.stray == one.stray


@given(st.binary(max_size=300), cuts, st.booleans())
def test_random_bytes_raise_nothing_but_the_typed_error(data: bytes, sizes: list[int], clean: bool) -> None:
    def outcome(sizes: list[int] | None) -> tuple[list[SseEvent], bool]:
        decoder, events, at = SseDecoder(32), [], 0
        for size in [*(sizes or []), len(data)]:
            try:
                events += decoder.feed(data[at : at + size])
            except SseError as error:
                return events + error.events, True
            at += size
        return events + decoder.finish(clean), False

    assert outcome(sizes) == outcome(None)
