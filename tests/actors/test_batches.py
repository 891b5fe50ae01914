"""One batch outstanding at a time, the end once and last, whatever the other actor does."""

from hypothesis import given
from hypothesis import strategies as st

from greenroom.actors.batches import Batches

EVENTS = st.lists(
    st.sampled_from(["look", "answer", "stale", "raised", "dead", "silent", "end"]), max_size=30
)


@given(EVENTS)
def test_one_outstanding_and_one_last(events: list[str]) -> None:
    batches, ended, sent = Batches(), False, []
    for event in events:
        if event == "end":
            ended = True
        elif event == "look" and batches.may_send(ended=ended):
            assert not batches.outstanding
            sent.append(ended)
            assert batches.sent(last=ended) == len(sent)
        elif event == "answer":
            was_outstanding = batches.outstanding
            assert batches.answered(batches.number) is was_outstanding
        elif event == "stale":
            assert not batches.answered(batches.number - 1)
        elif event in ("raised", "dead", "silent") and batches.failed(event) == "send_rest":  # type: ignore[arg-type]
            sent.append(True)
            batches.sent(last=True)
    assert sent.count(True) <= 1
    assert True not in sent[:-1]


def test_after_a_handler_that_raised_only_the_last_batch_follows() -> None:
    batches = Batches()
    number = batches.sent(last=False)
    assert batches.failed("raised") == "end_request"
    assert not batches.answered(number)
    assert not batches.may_send(ended=False)
    assert batches.may_send(ended=True)
    batches.sent(last=True)
    assert batches.failed("raised") == "over"


def test_the_dead_get_nothing_more() -> None:
    batches = Batches()
    batches.sent(last=False)
    assert batches.failed("dead") == "over"
    assert not batches.may_send(ended=True)
