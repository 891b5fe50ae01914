"""A recorded stream played over real HTTP, cut at random places, and what a consumer of it got."""

from collections.abc import Iterator

from greenroom import Stream, StreamError, StreamingOptions
from greenroom.messages.value import valid_text

from recorded_chats import Found, headers_of, random_sizes, stream_bytes
from tests_system import LIMIT_S, text_of

AT_ONCE = 8
ONCE = StreamingOptions(max_reconnect_attempts=0)


def played(name: str) -> tuple[list[tuple[str, str]], list[bytes]]:
    data = stream_bytes(name)
    pieces, at = list[bytes](), 0
    for size in [*random_sizes(name, len(data)), len(data)]:
        pieces.append(data[at : at + size])
        at += size
    content = [(key, value) for key, value in headers_of(name) if key.lower() == "content-type"]
    return content or [("content-type", "text/event-stream")], pieces


def ended(stream: Stream) -> Found:
    """What the consumer got: the completion, whole or partial, equal to what was delivered."""
    failure: StreamError | None = None
    said = list[str]()
    try:
        said.extend(text_of([delta]) for delta in stream if delta.index == 0)
    except StreamError as error:
        failure = error
    completion = stream.result(timeout=LIMIT_S) if failure is None else failure.partial
    assert completion is not None
    assert completion.text == valid_text("".join(said))
    evidence = None if failure is None else failure.failure.evidence
    return Found(
        completion.choices[0], completion.usage, completion.model, completion.response_id,
        completion.outcome == "completed", evidence is not None and evidence.kind == "in_stream",
    )  # fmt: skip


def batched(names: list[str], size: int) -> Iterator[list[str]]:
    yield from (names[at : at + size] for at in range(0, len(names), size))
