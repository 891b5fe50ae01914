"""What `chat` writes of a stream: its text for people and pipes, or one JSON line for each delta."""

import json
from typing import Any, Protocol

from greenroom.cli.spinner import Spinner
from greenroom.cli.terminal import Terminal, shown
from greenroom.messages.completion import Completion
from greenroom.messages.deltas import (
    CONTENT,
    Delta,
    ReasoningDelta,
    RefusalDelta,
    StreamReset,
    StreamSeam,
    TextDelta,
    delta_json,
)
from greenroom.messages.failures import Failure
from greenroom.supervision.scrub import scrubbed


class Output(Protocol):
    pieces: int
    """Pieces of content that came: with most servers one is one token."""

    def delta(self, delta: Delta) -> None:
        """Show it. Raises OSError where stdout cannot be written, OtherAnswer."""

    def end(self, completion: Completion[Any] | None, failure: Failure | None) -> None:
        """The stream has ended; nothing but errors is written after this. Raises OtherAnswer."""


class OtherAnswer(Exception):  # noqa: N818
    """What went into a pipe cannot be taken back, and the answer that came again does not begin with it."""

    def __init__(self, written_chars: int) -> None:
        super().__init__(
            f"the answer broke off behind {written_chars} characters, and came otherwise when it was asked for "
            "again: what was written is no whole answer"
        )


class Written:
    """What went into a pipe of this answer. Of one that begins again only what follows on it goes there."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._expected, self._at = "", 0

    def again(self) -> None:
        """The answer begins again."""
        self._expected, self._at = "".join(self._pieces), 0
        self._pieces = [self._expected]

    def new(self, text: str) -> str:
        """What of the answer's next text is to be written. Raises OtherAnswer."""
        known = self._expected[self._at : self._at + len(text)]
        if known and not text.startswith(known):
            raise OtherAnswer(len(self._expected))
        self._at += len(known)
        new = text[len(known) :]
        if new:
            self._pieces.append(new)
        return new

    def end(self) -> None:
        """The answer is whole. Raises OtherAnswer where more than that was written."""
        if self._at < len(self._expected):
            raise OtherAnswer(len(self._expected))


class TextOutput:
    """The answer's text as it comes. With `reasoning`, the model's thoughts go to stderr."""

    def __init__(self, terminal: Terminal, spinner: Spinner, *, reasoning: bool) -> None:
        self.pieces = 0
        self._written = None if terminal.out_shown else Written()
        self._terminal, self._spinner, self._reasoning = terminal, spinner, reasoning
        self._last = "\n"
        self._thinking = False

    def delta(self, delta: Delta) -> None:
        self.pieces += _pieces(delta)
        match delta:
            case TextDelta(text=text) | RefusalDelta(refusal=text):
                self._text(text)
            case ReasoningDelta(reasoning=text) if self._reasoning:
                self._spinner.stop()
                self._terminal.tell(self._terminal.dim(shown(text)))
                self._thinking = not text.endswith("\n")
            case StreamReset(reason=reason) if self._written is not None:
                self._written.again()
                if self._terminal.err_shown:
                    self._terminal.note(f"the answer broke off ({reason}); it is asked for again")
            case StreamReset(reason=reason):
                self._line_ends()
                self._terminal.note(f"the answer broke off ({reason}); it begins again:")
            case StreamSeam(reason=reason) if self._terminal.err_shown:
                self._line_ends()
                self._terminal.note(f"the answer broke off ({reason}); it goes on:")
            case _:
                pass

    def end(self, completion: Completion[Any] | None, failure: Failure | None) -> None:
        self._spinner.stop()
        self._line_ends()
        if self._written is not None and failure is None and completion is not None:
            self._written.end()

    def _text(self, text: str) -> None:
        if self._written is not None:
            text = self._written.new(text)
        if text:
            self._spinner.stop()
            self._thoughts_end()
            self._terminal.answer(text)
            self._last = text[-1]

    def _line_ends(self) -> None:
        self._thoughts_end()
        if self._last != "\n":
            self._terminal.answer("\n")
            self._last = "\n"

    def _thoughts_end(self) -> None:
        if self._thinking:
            self._terminal.tell("\n")
            self._thinking = False


class JsonOutput:
    """One JSON line for each delta, and a last one, of type `end`, that says how the stream ended."""

    def __init__(self, terminal: Terminal, spinner: Spinner) -> None:
        self.pieces = 0
        self._terminal, self._spinner = terminal, spinner
        terminal.write_utf8()  # RFC 8259: JSON between programs is UTF-8, whatever the locale

    def delta(self, delta: Delta) -> None:
        self.pieces += _pieces(delta)
        self._spinner.stop()
        self._terminal.answer(delta_json(delta) + "\n")

    def end(self, completion: Completion[Any] | None, failure: Failure | None) -> None:
        self._spinner.stop()
        self._terminal.answer(json.dumps(end_fields(completion, failure), ensure_ascii=False) + "\n")


def end_fields(completion: Completion[Any] | None, failure: Failure | None) -> dict[str, Any]:
    """The last line of --json-events."""
    end: dict[str, Any] = {"type": "end", "outcome": completion.outcome if completion else "failed"}
    if completion is not None:
        facts = {
            "finish_reason", "usage", "cost_usd", "provider", "model", "model_asked", "response_id",
            "request_id", "stream_id", "timings", "last_seq",
        }  # fmt: skip
        end |= completion.model_dump(mode="json", include=facts)
        end["finish_reason"] = completion.finish_reason
        end["attempts"] = len(completion.attempts)
    if failure is not None and end["outcome"] == "failed":
        told = {"error_class", "is_retryable", "retry_after_s", "attempt", "limit", "used"}
        end["error"] = failure.model_dump(mode="json", include=told) | {
            "message": scrubbed(failure.message),
            "status": failure.status,
        }
    return end


def _pieces(delta: Delta) -> int:
    if not isinstance(delta, CONTENT):
        return 0
    return delta.seq - (delta.first_seq or delta.seq) + 1
