"""Whether a stream was exact: judged from the deltas that its reader saw, with no fold of the library's.

A segment is what stands between two marks. Each must come from one generation of the script, by the rule of
the rung that its mark names; the last one must be whole where the stream completed.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from recovery_plan import WIRES, Plan, Said

from greenroom import Completion, Delta, StreamError, StreamReset, StreamSeam
from greenroom.messages.deltas import (
    ReasoningDelta,
    TextDelta,
    ToolCallCompleted,
    ToolCallDelta,
    ToolCallStarted,
)
from greenroom.messages.retry_state import AttemptRecord

ENDS = frozenset(
    {
        "transient", "rate_limit", "overloaded", "credential", "model_not_found", "invalid_request", "timeout",
        "protocol", "refused", "permission", "model_loading",
    }
)  # fmt: skip
"""Classes by which a stream here may end that is not exact."""
GARBLED = "\ufffd(\ufffd"
"""What a reader has of bytes in a text that are no UTF-8."""
SURE = 8
"""So much that is said again is always seen, and taken off."""


@dataclass
class Call:
    name: str
    arguments: str = ""
    complete: bool = False


@dataclass
class Segment:
    """What one mark begins. `mark` None: the beginning."""

    mark: StreamSeam | StreamReset | None = None
    runs: list[tuple[str, str]] = field(default_factory=list)
    """Kinds and texts of what stands in a row: text, reasoning; a call has a place without a text."""
    calls: list[Call] = field(default_factory=list)

    def add(self, kind: str, text: str) -> None:
        if kind != "call" and self.runs and self.runs[-1][0] == kind:
            self.runs[-1] = kind, self.runs[-1][1] + text
        else:
            self.runs.append((kind, text))

    def drop_last(self, kind: str) -> None:
        """The block that was open is taken back."""
        if self.runs and self.runs[-1][0] == kind:
            self.runs.pop()

    @property
    def text(self) -> str:
        return "".join(text for kind, text in self.runs if kind == "text")

    @property
    def reasoning(self) -> str:
        return "".join(text for kind, text in self.runs if kind == "reasoning")


class Reader:
    """Takes deltas in order, and keeps them by segments."""

    def __init__(self) -> None:
        self.segments = [Segment()]
        self.count = self.seq = 0
        self.wrong: list[str] = []
        self._open: dict[int, Call] = {}

    def take(self, delta: Delta) -> None:
        first = delta.seq if delta.first_seq is None else delta.first_seq
        if first != self.seq + 1:
            self.wrong.append(f"delta {first} where {self.seq + 1} was due")
        self.seq = delta.seq
        self.count += 1
        now = self.segments[-1]
        match delta:
            case StreamSeam() | StreamReset():
                self.segments.append(Segment(delta))
                self._open.clear()
            case TextDelta():
                now.add("text", delta.text)
            case ReasoningDelta():
                now.add("reasoning", delta.reasoning)
            case ToolCallStarted():
                self._open[delta.call_index] = Call(delta.name)
                now.calls.append(self._open[delta.call_index])
                now.add("call", "")
            case ToolCallDelta():
                self._open[delta.call_index].arguments += delta.arguments
            case ToolCallCompleted():
                call = self._open.get(delta.call_index)
                if call is None:
                    call = self._open[delta.call_index] = Call(delta.name)
                    now.calls.append(call)
                call.name, call.arguments, call.complete = delta.name, delta.arguments, True

    def standing(self) -> Segment:
        """What was not taken back."""
        whole = Segment()
        for segment in self.segments:
            whole = _behind(segment.mark, whole)
            whole.runs += segment.runs
            whole.calls += segment.calls
        return whole

    def standing_before(self, number: int) -> Segment:
        """What a segment goes on from: its mark has taken back what it takes back."""
        earlier = Reader()
        earlier.segments = self.segments[:number]
        return _behind(self.segments[number].mark, earlier.standing())


def _behind(mark: StreamSeam | StreamReset | None, whole: Segment) -> Segment:
    match mark:
        case StreamReset():
            return Segment()
        case StreamSeam(dropped="json"):
            whole.drop_last("text")
        case StreamSeam(dropped="tool_call"):
            whole.calls = [call for call in whole.calls if call.complete]
        case StreamSeam(dropped="reasoning"):
            whole.drop_last("reasoning")
    return whole


def verdict(
    plan: Plan, reader: Reader, end: Completion[Any], error: StreamError | None, *, crashes: bool
) -> list[str]:
    """What is wrong with this stream, in words; nothing where it is exact, or ended typed.

    `crashes`: actors of its own were thrown out, so `bug` may be its end.
    """
    wrong = list(reader.wrong)
    whole = end.outcome == "completed"
    for number, segment in enumerate(reader.segments):
        wrong += _mark_allowed(plan, segment)
        before = reader.standing_before(number)
        last = whole and number == len(reader.segments) - 1
        if not any(_comes_from(said, segment, before, last) for said in plan.said):
            what = "whole " if last else ""
            wrong.append(f"segment {number} is from no {what}generation: {segment} behind {before}")
    wrong += _completion(reader.standing(), end, whole=whole)
    wrong += _story(end)
    if error is None and not whole:
        wrong.append(f"iteration ended well, but the stream {end.outcome}: {end.failure}")
    if error is not None:
        wrong += _typed(error, ENDS | ({"bug"} if crashes else set()))
    return wrong


def _mark_allowed(plan: Plan, segment: Segment) -> list[str]:
    wire, options, mark = WIRES[plan.wire], plan.options, segment.mark
    if mark is None:
        return []
    if isinstance(mark, StreamReset):
        allowed = options.on_cut == "reset"
    else:
        allowed = {
            "prefix": wire.prefix and options.continue_prefix,
            "instruction": wire.instruction and options.continue_instruction,
            "block": options.redo_open_block,
            "server_cursor": False,
        }[mark.mode]
    return [] if allowed else [f"{mark} is not allowed by the policy"]


def _comes_from(said: Said, segment: Segment, before: Segment, whole: bool) -> bool:
    """The segment is this generation, as far as it came, by the rule of its rung."""
    mark = segment.mark
    text = said.text
    got = segment.text.replace(GARBLED, "")
    if isinstance(mark, StreamSeam):
        taken_off = len(before.text) if mark.mode == "prefix" else mark.overlap_removed_chars
        if taken_off > len(text) or not before.text.endswith(text[:taken_off]):
            return False
        anew = mark.mode == "instruction" and text.startswith(before.text) and len(before.text) >= SURE
        if anew and (got or whole) and taken_off != len(before.text):
            return False
        text = text[taken_off:]
    return (
        _reaches(got, text, whole)
        and _reaches(segment.reasoning.replace(GARBLED, ""), "" if is_prefix(mark) else said.reasoning, whole)
        and _calls_reach(segment.calls, said.calls, whole)
    )


def is_prefix(mark: StreamSeam | StreamReset | None) -> bool:
    return isinstance(mark, StreamSeam) and mark.mode == "prefix"


def _reaches(got: str, text: str, whole: bool) -> bool:
    return got == text if whole else text.startswith(got)


def _calls_reach(got: list[Call], calls: tuple[tuple[str, str], ...], whole: bool) -> bool:
    if len(got) > len(calls) or (whole and len(got) != len(calls)):
        return False
    for call, (name, arguments) in zip(got, calls, strict=False):
        if call.complete:
            # A wire that sends objects leaves the spaces out.
            if call.name != name or json.loads(call.arguments) != json.loads(arguments):
                return False
        elif whole or not _plain(arguments).startswith(_plain(call.arguments)):
            return False
    return True


def _plain(arguments: str) -> str:
    return arguments.replace(" ", "").replace("\\u00e9", "é").replace("\\u8a9e", "語")


def _completion(stands: Segment, end: Completion[Any], *, whole: bool) -> list[str]:
    """The completion is what was delivered."""
    wrong = []
    if end.text != stands.text:
        wrong.append(f"the completion says {end.text!r}, the deltas {stands.text!r}")
    if end.reasoning != stands.reasoning:
        wrong.append(f"the completion reasons {end.reasoning!r}, the deltas {stands.reasoning!r}")
    calls = [(call.name, call.arguments, call.complete) for call in end.tool_calls]
    if calls != [(call.name, call.arguments, call.complete) for call in stands.calls]:
        wrong.append(f"the completion calls {calls}, the deltas {stands.calls}")
    if whole and not all(call.complete for call in end.tool_calls):
        wrong.append("a completed stream has a call that is not whole")
    return wrong


def _story(end: Completion[Any]) -> list[str]:
    """The attempts tell what failed, and what was decided."""
    wrong = []
    epochs = [attempt.epoch for attempt in end.attempts]
    if epochs != list(range(1, len(epochs) + 1)):
        wrong.append(f"attempts {epochs}")
    wrong += [f"{attempt} is followed by another" for attempt in end.attempts[:-1] if not _goes_on(attempt)]
    if end.outcome == "completed" and (not end.attempts or end.attempts[-1].decision != "completed"):
        wrong.append(f"completed, but the last attempt was {end.attempts[-1:]}")
    return wrong


def _goes_on(attempt: AttemptRecord) -> bool:
    if attempt.decision in ("completed", "give_up", "cancelled"):
        return False
    return attempt.decision == "continue" or bool(attempt.error_class and attempt.message)


def _typed(error: StreamError, classes: frozenset[str]) -> list[str]:
    if error.error_class in classes and error.partial is not None and error.request_id in str(error):
        return []
    return [f"ended as {error.error_class}: {error}"]
