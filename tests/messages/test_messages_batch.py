"""What an actor that is told a stream receives."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from greenroom.messages import Completion, DeltaBatch, Failure, RateLimited, TextDelta

from strategies import completions, deltas

IDS = {"stream_id": "s", "request_id": "r"}


batches = st.builds(
    DeltaBatch, stream_id=st.just("s"), request_id=st.just("r"), number=st.integers(1, 9),
    deltas=st.lists(deltas, max_size=3).map(tuple), completion=st.none() | completions,
)  # fmt: skip


@given(batches)
def test_pickle_and_json_and_back(batch: DeltaBatch) -> None:
    assert pickle.loads(pickle.dumps(batch)) == batch  # noqa: S301
    adapter = TypeAdapter(DeltaBatch)
    assert adapter.validate_json(adapter.dump_json(batch)) == batch


def test_what_was_said_is_in_no_repr_and_nothing_can_be_set() -> None:
    said = tuple(TextDelta(seq=n, text=word, **IDS) for n, word in enumerate(("secret", " words"), 1))
    batch = DeltaBatch(number=1, deltas=said, **IDS)
    assert batch.text == "secret words"
    assert repr(batch) == "DeltaBatch(stream_id='s', request_id='r', number=1)"
    with pytest.raises(AttributeError):
        batch.number = 2  # type: ignore[misc]


def test_the_last_one_has_the_end_and_its_error() -> None:
    end = Completion(outcome="completed", provider="p", model_asked="m", **IDS)
    assert (DeltaBatch(number=1, **IDS).is_last, DeltaBatch(number=1, **IDS).error) == (False, None)
    last = DeltaBatch(number=2, completion=end, **IDS)
    assert (last.is_last, last.error) == (True, None)
    failure = Failure(error_class="rate_limit", message="slow down")
    failed = end.model_copy(update={"outcome": "failed", "failure": failure})
    last = DeltaBatch(number=2, completion=failed, **IDS)
    assert isinstance(last.error, RateLimited)
    assert last.error is not last.error
    assert last.error.partial is failed
