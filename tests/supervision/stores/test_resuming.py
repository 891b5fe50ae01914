"""What is told of a stored state, and what a job is that goes on from it. Tables, no actors."""

from dataclasses import replace
from typing import Any

import pytest

from greenroom.actors.channel import Channel, Nothing
from greenroom.actors.gate import Gate
from greenroom.messages.deltas import ToolCallStarted
from greenroom.messages.failures import NOT_DURABLE, ErrorEvidence, Failure
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Capabilities, Checkpoint
from greenroom.messages.stored import Piece, Progress, StoredStream
from greenroom.supervision.attempts import GiveUp, Situation, after_failure
from greenroom.supervision.stores.resuming import Prospect, recoverable, request_of, state_of

from stored import a_failure, facts_of, pieces_of

PREFIX = Capabilities(prefix_continuation=True)
DELIVERED = Checkpoint(2, 2, 4, 2, 2)


def state(checkpoint: Checkpoint = DELIVERED, failure: Failure | None = None, **facts: Any) -> StoredStream:
    told = facts_of("s1").model_copy(update=facts)
    pieces = pieces_of("s1", 0, ["ab", "cd"][: checkpoint.seq])
    return StoredStream(told, Progress(checkpoint, failure=failure), pieces, 100.0, 1000.0, live=False)


def stateful() -> ChatRequest:
    return ChatRequest(model="p/m", messages="hi", extra_body={"previous_response_id": "r1"})


@pytest.mark.parametrize(
    ("stored", "prospect", "mode", "words"),
    [
        (state(Checkpoint()), Prospect(), "fresh", "nothing was delivered"),
        (state(Checkpoint()), Prospect("no provider 'p' is configured"), None, "no provider"),
        (state(), Prospect(None, PREFIX), "prefix", "goes on by prefix"),
        (state(), Prospect(), None, "does not go on from a prefix"),
        (state(options=StreamingOptions(on_cut="reset")), Prospect(), "reset", "reset"),
        (
            state(options=StreamingOptions(continue_instruction=True)), Prospect(), "instruction",
            "goes on by instruction",
        ),
        (
            state(options=StreamingOptions(max_reconnect_attempts=0)), Prospect(None, PREFIX), None,
            "max_reconnect_attempts=0",
        ),
        (
            state(options=StreamingOptions(retry_on_connection_error=False)), Prospect(None, PREFIX), None,
            "retry_on_connection_error",
        ),
        (
            state(failure=a_failure().model_copy(update={"error_class": "context_length"})),
            Prospect(None, PREFIX), None, "fail again",
        ),
        (state(failure=a_failure()), Prospect(None, PREFIX), "prefix", "goes on by prefix"),
        (state(Checkpoint(1, 0, 0, 0, 1), request=stateful()), Prospect(), None, "may not be sent twice"),
        (state(Checkpoint(), request=stateful()), Prospect(), "fresh", "nothing was delivered"),
        (
            state(
                Checkpoint(2, 2, 4, 2, 2, "resp", "7"), options=StreamingOptions(server_resume=True)
            ),
            Prospect(None, Capabilities(server_cursor=True)), "server_cursor", "server_cursor",
        ),
    ],
)  # fmt: skip
def test_whether_it_can_go_on_and_why(
    stored: StoredStream, prospect: Prospect, mode: str | None, words: str
) -> None:
    told = recoverable(stored, prospect, 130.0)
    assert (told.mode, told.can_go_on) == (mode, mode is not None)
    assert words in told.why
    assert (told.age_s, told.expires_at) == (30.0, 1000.0)
    assert told.outcome == ("interrupted" if stored.progress.failure is None else "failed")


def test_the_state_that_an_attempt_is_told() -> None:
    told = state_of(state(failure=a_failure()))
    assert (told.epoch, told.delivered_seq, told.delivered_text, told.open_block) == (2, 2, "abcd", "text")
    assert (told.last_failure, told.updated_at) == (a_failure(), 100.0)
    call = ToolCallStarted(seq=3, stream_id="s1", request_id="r", call_index=0, call_id="c", name="f")
    cut = replace(state(), pieces=(*state().pieces, Piece(call)))
    assert state_of(cut).open_block == "tool_call"


def test_the_request_keeps_what_it_had_got() -> None:
    asked = state(request=ChatRequest(messages="hi"), options=StreamingOptions(deadline_s=7.0))
    request = request_of(asked)
    assert (request.model, request.request_id, request.options) == ("p/m", "r-s1", asked.facts.options)
    named = state(request=ChatRequest(messages="hi", model="route/fast"))
    assert request_of(named).model == "route/fast"


def test_a_gate_that_is_restored_goes_on_behind_what_was_delivered() -> None:
    gate = Gate(Channel(StreamingOptions()), 1000)
    gate.restore(state().pieces, DELIVERED)
    assert (gate.taken_seq, gate.epoch_opened, gate.delivered_behind(0)) == (2, 2, True)
    assert "".join(delta.text for delta in gate.journal) == "abcd"
    assert [delta.text for delta in gate.journal.between(1)] == ["cd"]
    assert isinstance(gate.channel.take(), Nothing)


def test_what_the_store_cannot_keep_is_tried_nowhere_else() -> None:
    evidence = ErrorEvidence(kind="refusal", code=NOT_DURABLE, message="disk full")
    for delivered in (False, True):
        situation = Situation(retries=0, delivered=delivered, deadline_left_s=9.0, rungs=("reset",))
        assert isinstance(after_failure(evidence, situation, StreamingOptions(on_cut="reset")), GiveUp)
