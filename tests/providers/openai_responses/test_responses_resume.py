"""Numbers of events: loss, disorder, and a stream that goes on behind its cursor."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from responses_wire import CODEC, Event, call, created, ended, function, item, message, run, stream, text

from greenroom.messages.commands import WireHead
from greenroom.messages.deltas import Delta
from greenroom.messages.fold import Fold
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import ResumeMode, RetryState
from greenroom.providers.openai_responses.numbering import Numbering

from codec_run import Outcome

WHOLE: list[Event] = [
    created(),
    {"type": "response.in_progress", "response": {"id": "resp_1"}},
    item("added", 0, type="reasoning", id="rs_1", summary=[]),
    *(
        {"type": "response.reasoning_summary_text.delta", "item_id": "rs_1", "output_index": 0, "summary_index": 0,
         "delta": piece}
        for piece in ("Let ", "me ", "see.")
    ),
    item("done", 0, type="reasoning", id="rs_1", encrypted_content="gAAA",
         summary=[{"type": "summary_text", "text": "Let me see."}]),
    *message("One ", "two ", "three", index=1),
    *function(['{"a"', ": 1", "}"], 2),
    *function(['{"b"', ": 2", "}"], 3, "g", "call_2"),
    ended(usage={"input_tokens": 3, "output_tokens": 9, "total_tokens": 12}),
]  # fmt: skip


def state(deltas: list[Delta], mode: ResumeMode = "server_cursor", **fields: Any) -> RetryState:
    fold = Fold()
    fold.add(deltas)
    (choice,) = fold.choices()
    told: dict[str, Any] = {"response_id": "resp_1", "cursor": "0", "model_answered": "gpt", **fields}
    return RetryState(
        stream_id="s1", request_id="r1", request=ChatRequest(messages="hi"), epoch=1, mode=mode, provider="p",
        model_asked="m", delivered_seq=len(deltas), delivered_text=choice.text, delivered_parts=choice.parts,
        deadline_left_s=10, updated_at=1000.0, **told,
    )  # fmt: skip


def resumed(deltas: list[Delta], cursor: str | None, data: bytes) -> Outcome:
    """What the first attempt delivered and the second one says, together."""
    retry = state(deltas, cursor=cursor)
    decoder, outcome = CODEC.start(call(), retry), Outcome(list(deltas))
    decoder.head(WireHead(200, ()))
    decoded = decoder.feed(data, len(deltas) + 1, 1000.0)
    outcome.take(decoded)
    outcome.take(decoder.finish(True, len(deltas) + len(decoded.deltas) + 1, 1000.0))
    outcome.so_far = decoder.answer_so_far()
    return outcome


@pytest.mark.parametrize("at", range(1, len(WHOLE)))
def test_a_stream_that_is_cut_anywhere_goes_on_exactly(at: int) -> None:
    whole = run(stream(WHOLE))
    first = run(stream(WHOLE[:at]), clean=False)
    assert first.so_far.cursor == str(at - 1)
    rest = resumed(first.deltas, first.so_far.cursor, stream(WHOLE[at:], first=at))
    assert rest.answer is not None, rest.failure
    assert merged(rest) == merged(whole)
    assert rest.answer == whole.answer


@pytest.mark.parametrize("at", [3, 9, 12, 17])
def test_repeats_are_dropped(at: int) -> None:
    first = run(stream(WHOLE[:at]), clean=False)
    rest = resumed(first.deltas, first.so_far.cursor, stream(WHOLE))
    assert rest.answer is not None
    assert merged(rest) == merged(run(stream(WHOLE)))


def test_a_gap_after_a_resume_is_loss() -> None:
    first = run(stream(WHOLE[:9]), clean=False)
    failure = resumed(first.deltas, "8", stream(WHOLE[10:], first=10)).failure
    assert failure is not None
    assert failure.kind == "protocol"


def merged(outcome: Outcome) -> Any:
    """Its parts; texts of one reasoning that stand side by side are one."""
    parts: list[Any] = []
    for part in outcome.choice.parts:
        last = parts[-1] if parts else None
        if part.type == "reasoning" and last is not None and last[0] == "reasoning":
            parts[-1] = ("reasoning", last[1] + part.text, part.encrypted or last[2], part.id)
        elif part.type == "reasoning":
            parts.append(("reasoning", part.text, part.encrypted, part.id))
        else:
            parts.append(part)
    return parts


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ([0, 1, 3, 4], "3 does not follow 1"),
        ([0, 1, 0, 2], "0 does not follow 1"),
        ([0, 1, 1, 2], "1 does not follow 1"),
        ([0, 2, 1, 3], "2 does not follow 0"),
    ],
)
def test_gaps_repeats_and_disorder_are_a_failure(numbers: list[int], message: str) -> None:
    events = [created(), text("a"), text("b"), ended()]
    data = stream({**event, "sequence_number": n} for event, n in zip(events, numbers, strict=True))
    outcome = run(data)
    assert outcome.failure is not None
    assert outcome.failure.kind == "protocol"
    assert message in outcome.failure.message
    assert outcome.failure.is_retryable is None


@pytest.mark.parametrize(
    "numbers",
    [
        [None, None, None, None], [0, 0, 0, 0], [1, 2, 3, 4], [100, 101, 102, 103], [None, None, 3, None],
        [None, None, 2, 3], [0, None, 2, 3], [-1, -1, -1, -1], ["0", "1", 1.5, True], [0, 1, None, 2],
    ],
)  # fmt: skip
def test_servers_that_number_otherwise_or_not_at_all(numbers: list[Any]) -> None:
    events = [created(), text("a"), text("b"), ended()]
    told = ({**event, "sequence_number": n} for event, n in zip(events, numbers, strict=True))
    outcome = run(stream(told, numbered=False))
    assert outcome.answer is not None, outcome.failure
    assert outcome.choice.text == "ab"


def test_a_stream_that_begins_in_the_middle_lost_its_beginning() -> None:
    assert run(stream([text("a"), ended()], first=7)).failure is not None
    assert run(stream([text("a"), ended()], first=1)).answer is not None


def test_keepalives_count_and_say_nothing() -> None:
    events = [created(), {"type": "keepalive"}, text("a"), {"type": "keepalive"}, ended()]
    assert run(stream(events)).choice.text == "a"


def test_numbers_are_sure_once_they_count() -> None:
    numbers = Numbering()
    sure = [numbers.is_sure]
    for number in (5, 6, None, 7, 8):
        assert numbers.take(number, opens=True) == "new"
        sure.append(numbers.is_sure)
    assert sure == [False, False, True, False, True, True]
    assert Numbering(3).is_sure


def test_the_request_asks_for_what_follows_the_cursor() -> None:
    asked = CODEC.encode(call(), state([], response_id="resp/1 ?", cursor="41"))
    parts = urlsplit(asked.path)
    assert (asked.method, asked.body, parts.path) == ("GET", b"", "/v1/responses/resp%2F1%20%3F")
    assert parse_qs(parts.query) == {"stream": ["true"], "starting_after": ["41"]}
    assert dict(asked.headers)["authorization"] == "Bearer sk-very-secret"
    assert "content-type" not in dict(asked.headers)


@pytest.mark.parametrize(
    ("fields", "path"),
    [({"response_id": None}, "response_id"), ({"cursor": None}, "cursor"), ({"cursor": "x"}, "cursor")],
)
def test_without_id_or_cursor_there_is_nothing_to_go_on_from(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput, match=path):
        CODEC.encode(call(), state([], **fields))


def test_cancel() -> None:
    asked = CODEC.cancel(call(), "resp_1")
    assert (asked.method, asked.path) == ("POST", "/v1/responses/resp_1/cancel")


def test_another_mode_asks_anew_and_the_decoder_begins_anew() -> None:
    first = run(stream(WHOLE[:10]), clean=False)
    retry = state(first.deltas, "instruction")
    assert CODEC.encode(call(), retry).method == "POST"
    decoder = CODEC.start(call(), retry)
    decoder.head(WireHead(200, ()))
    answer = decoder.feed(stream(WHOLE), 1, 1000.0).answer
    assert answer is not None
