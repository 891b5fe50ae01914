"""One candidate of a Gemini answer: its parts to deltas.

A part is text, a thought (`thought: true`), a function call, or something that only Google understands (code it
ran, a hosted tool's call, a picture): that goes out whole as a ProviderItem. A part with a thoughtSignature is a
block of its own, as it must go back exactly so: neither joined to other text nor parted from its signature.
Source: https://ai.google.dev/api/caching#Part, https://ai.google.dev/gemini-api/docs/thought-signatures.
"""

from typing import Any

from pydantic_core import to_json

from greenroom.messages.answer import ChoiceEnd
from greenroom.messages.frozen import EMPTY_MAP, FrozenMap, freeze_wire
from greenroom.messages.parts import Part, TextPart, ToolCallPart
from greenroom.providers.gemini.calls import WIRE, Calls
from greenroom.providers.gemini.reasons import CONTINUATION, finish_word, reason_of
from greenroom.providers.wire.allowance import Allowance
from greenroom.providers.wire.writer import Writer

_TEXT = frozenset({"text", "thought", "thoughtSignature"})
_MARK = FrozenMap({"wire": WIRE})
_FACTS = (
    "groundingMetadata", "citationMetadata", "urlContextMetadata", "safetyRatings", "finishMessage", "avgLogprobs",
)  # fmt: skip


class Candidate:
    """One owner. `block` counts its stretches of one kind: merged deltas never cross one."""

    __slots__ = (
        "_allowance", "_calls", "_sizes", "_writer", "block", "facts", "finish", "index", "kind", "token",
    )  # fmt: skip

    def __init__(
        self, writer: Writer, index: int, seed: str, allowance: Allowance, delivered: tuple[Part, ...] = ()
    ) -> None:
        """`delivered`: what an attempt before this one said; blocks and calls are counted on from it."""
        self._writer, self.index, self._allowance = writer, index, allowance
        calls = sum(isinstance(part, ToolCallPart) for part in delivered)
        self._calls = Calls(writer, index, seed, allowance, calls)
        last = delivered[-1] if delivered else None
        runs = isinstance(last, TextPart) and last.signature is None
        self.kind = "text" if runs else ""
        self.block = len(delivered) - 1
        self.finish: str | None = None
        self.token: str | None = None
        """What asks for the rest of an answer that the server paused."""
        self.facts: dict[str, Any] = {}
        self._sizes: dict[str, int] = {}

    def take(self, given: dict[str, Any]) -> None:
        """One chunk's share of this candidate."""
        content = given.get("content")
        parts = content.get("parts") if isinstance(content, dict) else None
        logprobs = given.get("logprobsResult")
        beside = freeze_wire({"logprobs": logprobs}) if isinstance(logprobs, dict) and logprobs else EMPTY_MAP
        for part in parts if isinstance(parts, list) else [parts]:
            if isinstance(part, dict) and part:
                beside = self._part(part, beside)
        if beside:
            self._say("text", "", beside)
        finish = finish_word(given.get("finishReason"))
        if finish is not None:
            self.finish = finish
        token = given.get("continuationToken")
        if isinstance(token, str) and finish == CONTINUATION:
            self.token = token
        self._note(given)

    def last_half(self, *, is_thought: bool) -> None:
        """Half a character came that no other half followed."""
        self._text("\ufffd", is_thought, None, EMPTY_MAP)

    def end(self) -> None:
        """No more comes."""
        self._calls.finish()

    def told_end(self) -> ChoiceEnd:
        """How it ended."""
        return ChoiceEnd(index=self.index, reason=reason_of(self.finish, self._calls.any), raw=self.finish)

    def _part(self, part: dict[str, Any], beside: FrozenMap) -> FrozenMap:
        """What is still to be said beside a text, if this part was none."""
        signature = part.get("thoughtSignature")
        signature = signature if isinstance(signature, str) and signature else None
        text = part.get("text")
        if isinstance(text, str) or (signature and part.keys() <= _TEXT):
            text = text if isinstance(text, str) else ""
            if text or signature:
                self._text(text, part.get("thought") is True, signature, beside)
                return EMPTY_MAP
            return beside
        call = part.get("functionCall")
        if isinstance(call, dict):
            self.kind = "tool_call"
            self._calls.take(call, signature)
        elif part.keys() - _TEXT:
            self._allowance.left -= len(to_json(part))
            self.kind = "item"
            self.block += 1  # as in the message, where it is a part of its own
            self._writer.item(self.index, WIRE, freeze_wire(part))
        return beside

    def _text(self, text: str, is_thought: bool, signature: str | None, beside: FrozenMap) -> None:
        kind = "reasoning" if is_thought else "text"
        if signature is not None:
            self._allowance.left -= len(signature)
            marks = FrozenMap({**beside, "signature": signature, "wire": WIRE})
            self.kind = "signed"  # begins a block, and what follows begins another
            self._say(kind, text, marks)
            self.kind = "signed"
        elif is_thought and self.kind != kind:
            self._say(kind, text, FrozenMap({**beside, **_MARK}) if beside else _MARK)
        else:
            self._say(kind, text, beside)

    def _say(self, kind: str, text: str, metadata: FrozenMap) -> None:
        if kind != self.kind:
            self.kind, self.block = kind, self.block + 1
        if kind == "text":
            self._writer.text(self.index, self.block, text, metadata)
        else:
            self._writer.reasoning(self.index, self.block, text, metadata)

    def _note(self, given: dict[str, Any]) -> None:
        """What Google says beside the content. Of each the newest holds, but citations add up over the chunks."""
        for name in _FACTS:
            value = given.get(name)
            if not value or value == self.facts.get(name):
                continue
            size = len(to_json(value))
            if name == "citationMetadata" and isinstance(value, dict):
                value = _joined(self.facts.get(name), value)
                self._sizes[name] = 0
            self._allowance.left -= size - self._sizes.get(name, 0)
            self._sizes[name], self.facts[name] = size, value


def _joined(known: Any, newer: dict[str, Any]) -> dict[str, Any]:
    """Citations of an earlier chunk, and those that are new."""
    joined = dict(known) if isinstance(known, dict) else {}
    for name, value in newer.items():
        before = joined.get(name)
        if isinstance(before, list) and isinstance(value, list):
            before.extend(value)
        else:
            joined[name] = list(value) if isinstance(value, list) else value
    return joined
