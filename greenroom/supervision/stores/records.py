"""Records of a store as text: JSON, read back through the same models that checked the values at first."""

from collections.abc import Iterable, Sequence
from functools import cache

from pydantic import TypeAdapter

from greenroom.messages.deltas import Delta
from greenroom.messages.failures import Failure
from greenroom.messages.retry_state import AttemptRecord, Checkpoint
from greenroom.messages.stored import Piece, Progress, StoredStream, StreamFacts, without_echoes

_Progress = tuple[
    Checkpoint, tuple[AttemptRecord, ...], str | None, Failure | None, tuple[str, str] | None
]  # fmt: skip
_Pieces = tuple[tuple[Delta, tuple[int, ...] | None], ...]


@cache
def _progress() -> TypeAdapter[_Progress]:
    return TypeAdapter(_Progress)


@cache
def _pieces() -> TypeAdapter[_Pieces]:
    return TypeAdapter(_Pieces)


def load_models() -> None:
    """What reads and writes the records is built: the first flush of many streams does not wait for it."""
    StreamFacts.model_rebuild()
    _progress()
    _pieces()


def facts_json(facts: StreamFacts) -> str:
    return facts.model_dump_json()


def progress_json(progress: Progress) -> str:
    failure = None if progress.failure is None else without_echoes(progress.failure)
    told = (progress.checkpoint, progress.attempts, progress.model_answered, failure, progress.at)
    return _progress().dump_json(told).decode()


def pieces_json(pieces: Sequence[Piece]) -> str:
    told = tuple((delta, None if lengths is None else tuple(lengths)) for delta, lengths in pieces)
    return _pieces().dump_json(told).decode()


def pieces_of(text: str) -> list[Piece]:
    """Raises ValueError where the text is not ours."""
    return [Piece(*each) for each in _pieces().validate_json(text)]


def stored_stream(
    facts: str, progress: str, pieces: Iterable[str], times: tuple[float, float], *, live: bool
) -> StoredStream:
    """The record of these texts; `times` are those of its last change and its end.

    Raises ValueError where one is not what we write.
    """
    checkpoint, attempts, answered, failure, at = _progress().validate_json(progress)
    read = [piece for text in pieces for piece in pieces_of(text)]
    last_seq = read[-1].delta.seq if read else 0
    if last_seq < checkpoint.seq:
        raise ValueError("pieces are missing")
    # The row of a stream that only says more lags behind its pieces.
    checkpoint = checkpoint._replace(seq=last_seq)
    return StoredStream(
        StreamFacts.model_validate_json(facts), Progress(checkpoint, attempts, answered, failure, at),
        tuple(read), *times, live,
    )  # fmt: skip
