"""Why a stream cannot be attached: the caller's fault, raised at the call. `failures.py` draws the tree."""

from greenroom.messages.invalid import GreenroomError


class UnknownStream(GreenroomError, LookupError):  # noqa: N818  (reads as what happened)
    """There is no such stream to attach: never was, or its grace is over."""

    def __init__(self, stream_id: str) -> None:
        super().__init__(stream_id)
        self.stream_id = stream_id

    def __str__(self) -> str:
        return (
            f"no detached stream has the id {self.stream_id!r}: it was never detached here, has ended, or was "
            "away for longer than its detach_grace_s; send the request again"
        )


class NoStoredStream(UnknownStream):
    """The retry store has no such state: never had, or has it no more."""

    def __str__(self) -> str:
        return (
            f"the retry store has no state of stream {self.stream_id!r}: it completed or was cancelled, its "
            "state_ttl_s is over, or it went for the store's bounds; system.recoverable() tells what there is"
        )


class StreamInUse(GreenroomError, RuntimeError):  # noqa: N818
    """The stream has a handle already; one at a time may have it."""

    def __init__(self, stream_id: str) -> None:
        super().__init__(stream_id)
        self.stream_id = stream_id

    def __str__(self) -> str:
        return f"stream {self.stream_id!r} is in use, not detached; call detach() on the handle that has it first"


class ReplayRefused(GreenroomError, LookupError):  # noqa: N818
    """More was asked to be repeated than `max_replay_bytes`. The stream stays detached."""

    def __init__(
        self, stream_id: str, after_seq: int, earliest_after_seq: int, max_replay_bytes: int
    ) -> None:
        super().__init__(stream_id, after_seq, earliest_after_seq, max_replay_bytes)
        self.stream_id, self.after_seq = stream_id, after_seq
        self.earliest_after_seq = earliest_after_seq
        """The least `after_seq` that can be asked for."""
        self.max_replay_bytes = max_replay_bytes

    def __str__(self) -> str:
        return (
            f"stream {self.stream_id!r} cannot be repeated after seq {self.after_seq}: that is more than "
            f"max_replay_bytes ({self.max_replay_bytes:,}); attach with after_seq={self.earliest_after_seq} or "
            "more, and take what stands before from the completion"
        )
