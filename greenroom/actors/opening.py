"""How an attempt's first deltas begin that goes on with an earlier one, or starts the turn again. Pure.

What stands before them (a StreamSeam, a StreamReset) is the attempt's first delta and comes with its first
content. Where the new text may say again what was delivered, its head is held back until that is known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from greenroom.messages.answer import Answer
from greenroom.messages.deltas import (
    Delta,
    StreamReset,
    StreamSeam,
    TextDelta,
    ToolCallCompleted,
    ToolCallDelta,
    ToolCallStarted,
)
from greenroom.messages.failures import ErrorEvidence

Trim = Callable[[str, bool], int | None]
"""Of the new text's head: how many characters repeat what was delivered; None: more has to be seen. The second
argument: there is no more."""


def _anything(_: Answer) -> ErrorEvidence | None:
    return None


@dataclass(frozen=True, slots=True)
class Opening:
    """Made by the request's scope for one attempt. `mark` bears whatever seq; its own is given by `begin`."""

    mark: StreamSeam | StreamReset | None = None
    trim: Trim | None = None
    refusal: Callable[[Answer], ErrorEvidence | None] = _anything
    """Why nothing of this answer may be delivered: another model gives it, say."""
    calls_before: int = 0
    """Tool calls that stand before this attempt's: its own are numbered behind them."""

    def begin(self, held: Sequence[Delta], first_seq: int, *, last: bool) -> list[Delta] | None:
        """The deltas to deliver first, numbered from `first_seq`; None: hold them back, there is more to see.

        `last`: nothing follows these.
        """
        deltas, removed = list(held), 0
        if self.trim is not None:
            head = "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))
            # Where the text gives way to something else, no more of it comes that would tell.
            ended = last or any(isinstance(delta, ToolCallStarted) for delta in deltas)
            found = self.trim(head, ended)
            if found is None:
                return None
            removed, deltas = found, _without(deltas, found)
        if self.mark is not None:
            mark = self.mark
            if isinstance(mark, StreamSeam) and removed:
                mark = replace(mark, overlap_removed_chars=removed)
            deltas.insert(0, mark)
        return [replace(delta, seq=seq) for seq, delta in enumerate(deltas, first_seq)]


def _without(deltas: list[Delta], characters: int) -> list[Delta]:
    """Without so many characters at the head of their text; what is left empty is left out."""
    kept: list[Delta] = []
    for delta in deltas:
        if isinstance(delta, TextDelta) and characters:
            taken = min(characters, len(delta.text))
            characters -= taken
            if taken < len(delta.text):
                kept.append(replace(delta, text=delta.text[taken:]))
        else:
            kept.append(delta)
    return kept


def shifted(deltas: list[Delta], calls: int) -> list[Delta]:
    """With their tool calls numbered so much higher."""
    return [
        replace(delta, call_index=delta.call_index + calls)
        if isinstance(delta, (ToolCallStarted, ToolCallDelta, ToolCallCompleted))
        else delta
        for delta in deltas
    ]
