"""The steps of an interaction: text, thoughts, function calls, and what only Google understands.

A step's `index` is the block of its deltas, so that what follows after a resume joins what stood before. A step
of another kind (code it ran, a search) is put together from its beginning and its deltas and goes out whole.
Source: https://ai.google.dev/api/interactions-api#Resource:Step.
"""

import hashlib
from collections.abc import Callable
from typing import Any

from pydantic_core import from_json, to_json

from greenroom.messages.frozen import EMPTY_MAP, FrozenMap, freeze_wire, thaw
from greenroom.messages.parts import Part, ToolCallPart
from greenroom.providers.whole_json import is_json
from greenroom.providers.wire.allowance import Allowance
from greenroom.providers.wire.writer import Writer

WIRE = "gemini-interactions"
_MARK = FrozenMap({"wire": WIRE})
_CALL_BYTES = 512
"""What a step is counted as beside what is kept of it."""
_TEXTS = frozenset({"model_output", "text"})
_MEDIA = frozenset({"image", "audio", "video", "document"})
_OUTPUTS = _MEDIA | {"text", "text_annotation_delta"}
_NOT_OURS = frozenset({"user_input", "function_result"})
"""Steps that repeat what was asked."""


class _Step:
    """One step that is open."""

    __slots__ = ("arguments", "call", "item", "kind", "said")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.item: dict[str, Any] = {}
        self.arguments: list[str] = []
        self.call: tuple[int, str, str] | None = None
        self.said = False
        """A thought said something: it bears the wire's mark."""


class Steps:
    """One owner. Linear; bounded by the allowance."""

    __slots__ = (
        "_allowance",
        "_calls",
        "_empty",
        "_open",
        "_seed",
        "_unfinished",
        "_writer",
        "annotations",
        "any_call",
        "any_said",
    )

    def __init__(
        self, writer: Writer, seed: str, allowance: Allowance, delivered: tuple[Part, ...] = ()
    ) -> None:
        """`delivered`: what the attempt before said, where this one goes on with it."""
        self._writer, self._seed, self._allowance = writer, seed, allowance
        self._open: dict[int, _Step] = {}
        calls = [part for part in delivered if isinstance(part, ToolCallPart)]
        self._calls, self.any_call, self.any_said = len(calls), bool(calls), bool(delivered)
        last = delivered[-1] if delivered else None
        self._unfinished = last if isinstance(last, ToolCallPart) and not last.complete else None
        self.annotations: list[Any] = []
        self._empty: tuple[int, str, str] | None = None
        """The newest call, stopped without arguments: `{}`, unless the answer turns out to be cut."""

    def start(self, index: int, given: dict[str, Any]) -> None:
        """A step begins; it may bring its content at once."""
        self.stop(index)
        self._settle()
        kind = given.get("type")
        step = self._begin(index, kind if isinstance(kind, str) else "model_output")
        if step.kind in _TEXTS:
            self._content(index, given)
        elif step.kind == "thought":
            self._thought(index, step, given)
        elif step.kind == "function_call":
            self._call(step, given)
        elif step.kind not in _NOT_OURS:
            self._keep(step, given)

    def delta(self, index: int, given: dict[str, Any]) -> None:
        """More of a step. Its beginning is unknown where a stream was resumed inside it."""
        kind = given.get("type")
        kind = kind if isinstance(kind, str) else "text"
        step = self._open.get(index)
        if step is None:
            step = self._begin(index, _kind_of(kind))
        if step.kind in _NOT_OURS:
            return
        if kind == "text":
            self._text(index, given.get("text"))
        elif kind.startswith("thought"):
            self._thought(index, step, given)
        elif kind == "arguments_delta" and step.kind == "function_call":
            self._more(step, given.get("arguments"))
        elif kind == "function_call":
            self._call(step, given)
        elif kind == "text_annotation_delta":
            self._annotate(given.get("annotations"))
        elif kind in _MEDIA and step.kind in _TEXTS:
            self._say_item({"type": "model_output", "content": [given]})
        else:
            self._keep(step, given)

    def continues(self, index: int) -> Callable[[int, int, str], None] | None:
        """What takes the next arguments of this step, while it is open; None where it is no call that runs."""
        step = self._open.get(index)
        if step is None or step.call is None or step.kind != "function_call":
            return None
        (number, call_id, _), kept = step.call, step.arguments

        def more(_index: int, _block: int, piece: str) -> None:
            self._allowance.spend(len(piece))
            kept.append(piece)
            self._writer.call_arguments(0, number, call_id, piece)

        return more

    def last_half(self, index: int, kind: str, piece: str) -> None:
        """Half a character that no other half followed, of a delta of this kind. Counts nothing: never raises."""
        step = self._open.get(index)
        if step is None:
            return
        if kind == "arguments_delta":
            step.arguments.append(piece)
            if step.call is not None:
                self._writer.call_arguments(0, step.call[0], step.call[1], piece)
        elif kind == "thought_summary":
            self._thought(index, step, {"content": {"text": piece}})
        elif step.kind in _TEXTS:
            self._text(index, piece)

    def stop(self, index: int) -> None:
        """A step is over: a call is completed, an item goes out."""
        if index not in self._open and self._unfinished is not None:
            self._begin(index, "function_call")  # all of its arguments came before the cut
        step = self._open.pop(index, None)
        if step is None:
            return
        if step.kind == "function_call":
            self._complete(step)
        elif step.item:
            if step.arguments:
                step.item["arguments"] = _json_or_text("".join(step.arguments))
            self._say_item(step.item)

    def finish(self, *, at_limit: bool = False) -> None:
        """The interaction is over, and with it every step. `at_limit`: the tokens ran out."""
        for index in list(self._open) or [0]:
            self.stop(index)
        if not at_limit:
            self._settle()

    def _settle(self) -> None:
        empty, self._empty = self._empty, None
        if empty is not None:
            self._writer.call_completed(0, empty, "{}")

    def _begin(self, index: int, kind: str) -> _Step:
        self._allowance.left -= _CALL_BYTES
        step = self._open[index] = _Step(kind)
        if kind == "function_call" and (cut := self._unfinished) is not None:
            self._unfinished = None
            step.call = (cut.index, cut.id, cut.name)
            step.arguments = [cut.arguments]
        return step

    def _text(self, index: int, text: Any) -> None:
        if isinstance(text, str) and text:
            self.any_said = True
            self._writer.text(0, index, text)

    def _content(self, index: int, given: dict[str, Any]) -> None:
        """A text block, or a step with several."""
        contents = given.get("content")
        if isinstance(given.get("text"), str):
            self.delta(index, {**given, "type": "text"})
        for content in contents if isinstance(contents, list) else ():
            if isinstance(content, dict):
                self.delta(index, content)
                self._annotate(content.get("annotations"))
        self._annotate(given.get("annotations"))

    def _thought(self, index: int, step: _Step, given: dict[str, Any]) -> None:
        summary = given.get("summary", given.get("content"))
        for content in summary if isinstance(summary, list) else [summary]:
            text = content.get("text") if isinstance(content, dict) else content
            if isinstance(text, str) and text:
                self.any_said = True
                self._writer.reasoning(0, index, text, EMPTY_MAP if step.said else _MARK)
                step.said = True
        signature = given.get("signature")
        if isinstance(signature, str) and signature:
            self._allowance.left -= len(signature)
            step.said = self.any_said = True
            self._writer.reasoning(0, index, "", FrozenMap({"signature": signature, "wire": WIRE}))

    def _call(self, step: _Step, given: dict[str, Any]) -> None:
        """The id and name come with the beginning, the arguments whole or in pieces."""
        if step.call is None:
            self._allowance.calls_left -= 1
            number, self._calls = self._calls, self._calls + 1
            call_id = _word(given.get("id")) or self._made_id(number)
            step.call = call = (number, call_id, _word(given.get("name")) or "unknown")
            self.any_call = self.any_said = True
            step.kind = "function_call"
            self._writer.call_started(0, *call, _marks(given))
        if given.get("arguments"):
            self._more(step, given["arguments"])

    def _more(self, step: _Step, arguments: Any) -> None:
        """Pieces of their JSON text, or the object itself."""
        if step.call is None:
            self._call(step, {})
        assert step.call is not None
        text = arguments if isinstance(arguments, str) else to_json(thaw(freeze_wire(arguments))).decode()
        if text and arguments is not None:
            self._allowance.spend(len(text))
            step.arguments.append(text)
            self._writer.call_arguments(0, step.call[0], step.call[1], text)

    def _complete(self, step: _Step) -> None:
        if step.call is None:
            return
        arguments = "".join(step.arguments)
        if not arguments.strip():
            self._settle()
            self._empty = step.call
        elif is_json(arguments):
            self._writer.call_completed(0, step.call, arguments)

    def _keep(self, step: _Step, given: dict[str, Any]) -> None:
        self._allowance.left -= len(to_json(given))
        if given.get("type") == "arguments_delta":
            if isinstance(given.get("arguments"), str):
                step.arguments.append(given["arguments"])
            step.item.setdefault("type", step.kind)
            return
        kind = step.item.get("type", given.get("type"))
        step.item |= {**given, "type": kind}

    def _say_item(self, item: dict[str, Any]) -> None:
        self.any_said = True
        self._writer.item(0, WIRE, freeze_wire(item))

    def _annotate(self, annotations: Any) -> None:
        if isinstance(annotations, list) and annotations:
            self._allowance.left -= len(to_json(annotations))
            self.annotations.extend(annotations)

    def _made_id(self, number: int) -> str:
        return hashlib.blake2s(f"{self._seed}/{number}".encode(), digest_size=8).hexdigest()[:9]


def _kind_of(delta: str) -> str:
    """The step that a delta of this kind belongs to."""
    if delta.startswith("thought"):
        return "thought"
    if delta in ("arguments_delta", "function_call"):
        return "function_call"
    return "model_output" if delta in _OUTPUTS else delta


def _marks(given: dict[str, Any]) -> FrozenMap:
    signature = given.get("signature")
    return (
        FrozenMap({"wire": WIRE, "signature": signature})
        if isinstance(signature, str) and signature
        else _MARK
    )


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _json_or_text(text: str) -> Any:
    try:
        return from_json(text)
    except ValueError:
        return text
