"""The clocks of one attempt, pure: when the next one is due, and which one has run out.

A clock is judged by arrival stamps taken at the socket read, so a slow dispatcher never fails a stream whose
bytes came in time. While the consumer makes us pause, the content clocks stand still and `max_pause_s` runs.
"""

from dataclasses import dataclass, field
from math import inf

from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.options import StreamingOptions

ERROR_BODY_S = 5.0
"""For the rest of an answer that says no: its status is known, and worth more than a timeout."""

END_WAIT_S = 5.0
"""For usage and the wire's own end behind an answer whose every choice is finished: no content is to come."""


@dataclass(slots=True)
class Clocks:
    """One attempt's. All stamps are the injected clock's monotonic seconds."""

    options: StreamingOptions
    local: bool
    waiting_since_s: float
    """Request written, or the last content read."""
    has_content: bool = False
    has_progress: bool = False
    refused: bool = False
    """The answer's status is an error; what follows only explains it."""
    finished: bool | None = False
    """The answer waits for nothing but its end. None: content came after it had said so once."""
    paused_at_s: float | None = None
    reads_at_pause: int = 0
    held_back: bool = False
    """The consumer has made us pause."""
    look_s: float = inf
    """When whoever obeys looks next whether a clock has run out; at the latest then it asks again."""
    written_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.written_s = self.waiting_since_s

    def content(self, received_s: float) -> bool:
        """True where another clock runs from now on that is due before anybody looks."""
        self.waiting_since_s = received_s
        if self.finished:
            self.finished = None
        if self.has_content and not self.has_progress:
            return False
        self.has_content, self.has_progress = True, False
        return self.due_s() < self.look_s

    def progress(self) -> None:
        """The model works without content: the longer clock counts until content comes."""
        self.has_progress = True

    def caught_up(self, now_s: float, last_read_s: float) -> None:
        """We had not read for a while, as we could not follow: if the last read brought content, the silence
        since was ours. A flood without content is no content, however much there is of it.
        """
        if self.waiting_since_s == last_read_s:
            self.waiting_since_s = now_s

    def finish(self, received_s: float) -> bool:
        """The answer is finished but for its end. True where the clock of that end begins to run."""
        if self.finished is not False:
            return False
        self.waiting_since_s, self.finished = received_s, True
        return True

    @property
    def awaits_end(self) -> bool:
        return self.finished is True and self.paused_at_s is None

    def refuse(self, received_s: float) -> None:
        """An error's head has come: from now on the clock of its body runs."""
        self.waiting_since_s, self.refused = received_s, True

    def pause(self, now_s: float, reads: int) -> None:
        self.paused_at_s, self.reads_at_pause, self.held_back = now_s, reads, True

    def resume(self, now_s: float) -> float:
        """Seconds paused; the content clock goes on where it stood."""
        if self.paused_at_s is None:
            return 0.0
        paused_s = now_s - self.paused_at_s
        self.waiting_since_s += paused_s
        self.paused_at_s = None
        return paused_s

    def name(self) -> str:
        """The option whose time is running."""
        if self.paused_at_s is not None:
            return "max_pause_s"
        if self.has_progress:
            return "max_silent_s"
        if self.has_content:
            return "content_gap_timeout_s"
        return "local_first_content_timeout_s" if self.local else "first_content_timeout_s"

    def due_s(self) -> float:
        """When the running clock runs out."""
        since_s = self.waiting_since_s if self.paused_at_s is None else self.paused_at_s
        allowed_s: float = getattr(self.options, self.name())
        if self.refused:
            allowed_s = min(allowed_s, ERROR_BODY_S)
        elif self.awaits_end:
            allowed_s = min(allowed_s, END_WAIT_S)
        return since_s + allowed_s

    def look_in_s(self, now_s: float) -> float:
        """In so many seconds somebody looks: when the running clock is due, or a little before the one could be
        that content starts. So where content comes in time, its clock needs no other look.
        """
        self.look_s = self.due_s()
        if self.paused_at_s is None and (self.has_progress or not self.has_content):
            # A little: the stamp of a read may be older than what was handled before it.
            soon_s = self.waiting_since_s + 0.9 * self.options.content_gap_timeout_s
            if now_s < soon_s < self.look_s:
                self.look_s = soon_s
        return max(self.look_s - now_s, 0.001)

    def reader_moved(self, now_s: float, reads: int) -> bool:
        """While paused: True where the consumer has read since, however slowly; its time starts again."""
        if self.paused_at_s is None or reads == self.reads_at_pause:
            return False
        self.waiting_since_s += now_s - self.paused_at_s
        self.pause(now_s, reads)
        return True


def ran_out(name: str, options: StreamingOptions) -> str:
    """What the user reads when this clock has run out."""
    allowed_s: float = getattr(options, name)
    said = {
        "max_pause_s": "the consumer read nothing for {s} s while the buffer was full",
        "max_silent_s": "the model worked for {s} s without content",
        "content_gap_timeout_s": "no content for {s} s in the middle of the answer",
        "first_content_timeout_s": "no content within {s} s of sending the request",
        "local_first_content_timeout_s": "no content within {s} s of sending the request to a local server",
    }
    return f"{said[name].format(s=f'{allowed_s:g}')} ({name})"


def overrun(name: str, options: StreamingOptions, *, opened: bool) -> ErrorEvidence:
    """The evidence of a clock that ran out; `opened`: the answer's head was there."""
    return ErrorEvidence(
        kind="bound" if name == "max_pause_s" else "clock", clock=name, phase="body" if opened else "head",
        message=ran_out(name, options),
    )  # fmt: skip


def too_large(options: StreamingOptions) -> ErrorEvidence:
    """The evidence of an answer that passed its bound."""
    text = f"the answer is larger than max_output_bytes ({options.max_output_bytes:,})"
    return ErrorEvidence(kind="bound", clock="max_output_bytes", phase="body", message=text)
