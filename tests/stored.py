"""Records for the tests of retry stores."""

from collections.abc import Iterable

from greenroom.messages.deltas import TextDelta
from greenroom.messages.failures import ErrorEvidence, Failure
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.messages.retry_state import Checkpoint
from greenroom.messages.stored import Piece, Progress, StreamFacts, Write

TTL_S = 900.0


def facts_of(stream_id: str, prompt: str = "hi") -> StreamFacts:
    return StreamFacts(
        stream_id=stream_id, request_id=f"r-{stream_id}", request=ChatRequest(model="p/m", messages=prompt),
        options=StreamingOptions(), provider="p", model="m", kind="openai-chat", started_at=1.0,
    )  # fmt: skip


def pieces_of(stream_id: str, after_seq: int, texts: Iterable[str]) -> tuple[Piece, ...]:
    """One delta a text, numbered from there on."""
    return tuple(
        Piece(TextDelta(seq=seq, stream_id=stream_id, request_id=f"r-{stream_id}", text=text))
        for seq, text in enumerate(texts, after_seq + 1)
    )


def write(
    stream_id: str,
    after_seq: int = 0,
    texts: Iterable[str] = (),
    *,
    at: float = 1.0,
    live: bool = True,
    facts: bool = True,
    failure: Failure | None = None,
) -> Write:
    """So many deltas behind that one, and with the facts."""
    pieces = pieces_of(stream_id, after_seq, texts)
    seq = pieces[-1].delta.seq if pieces else after_seq
    progress = Progress(Checkpoint(epoch=1, seq=seq, committed_epoch=int(seq > 0)), failure=failure)
    told = facts_of(stream_id) if facts else None
    return Write(stream_id, told, progress, after_seq, pieces, at, TTL_S, live=live)


def a_failure(message: str = "cut") -> Failure:
    evidence = ErrorEvidence(kind="transport", message=message)
    return Failure(error_class="transient", message=message, evidence=evidence, is_retryable=True)
