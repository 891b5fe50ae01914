"""The content blocks of one answer: starts, deltas and stops in, our deltas out.

    text, thinking, redacted_thinking   pieces as they come; what must be sent back with them as a mark
    tool_use                            a tool call; completed where its JSON is whole
    any other                           one ProviderItem, whole, when it stops

Order. A block that starts where another one of its index is open ends that one. Text and thinking whose block
is not open begin a part of their own. Arguments whose call is not open end the answer with a failure: nobody
knows which call they belong to. A stop without a start says nothing. What was not stopped when the answer
ended counts as stopped.
"""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

from pydantic_core import from_json, to_json

from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.frozen import EMPTY_MAP, FrozenMap, freeze_wire, thaw
from greenroom.providers.anthropic.words import WIRE
from greenroom.providers.openai_chat.arguments import Arguments
from greenroom.providers.wire.allowance import Allowance, TooMuchError
from greenroom.providers.wire.evidence import protocol
from greenroom.providers.wire.writer import Writer

_BLOCK_BYTES = 300
"""What an open block weighs beside its content."""
_TOOL_KEYS = frozenset({"type", "id", "name", "input"})
_PART_KEYS = frozenset({"type", "text", "citations", "thinking", "signature", "data"})


_HOSTED_CALLS = frozenset({"server_tool_use", "mcp_tool_use"})


class Block:
    """One block. `number`: which part of the turn it is, None until it said something."""

    __slots__ = ("arguments", "call_id", "citations", "given", "item", "kind", "name", "number", "pieces")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.number: int | None = None
        self.citations: list[Any] = []
        self.arguments = Arguments()
        self.given: Any = None
        """The input that a call's start held."""
        self.call_id = self.name = ""
        self.item: dict[str, Any] = {}
        self.pieces: dict[str, list[str]] = {}
        """Of an item: strings that grow, by key."""


class Blocks:
    """One owner. Bounded by the allowance: raises TooMuchError."""

    __slots__ = ("_allowance", "_calls", "_empty", "_open", "_parts", "_seed", "_writer", "citations",
                 "failure", "odd", "server_works")  # fmt: skip

    def __init__(self, writer: Writer, allowance: Allowance, seed: str, before: tuple[int, int]) -> None:
        """`before`: parts and calls that an attempt before this one delivered; numbers go on from there."""
        self._writer, self._allowance, self._seed = writer, allowance, seed
        self._parts, self._calls = before
        self._open: dict[Any, Block] = {}
        self._empty: list[Block] = []
        """Calls that stopped without arguments: `{}`, unless the answer turns out to be cut."""
        self.citations: list[dict[str, Any]] = []
        self.failure: ErrorEvidence | None = None
        self.server_works = False
        """The block that was over last is a call which the provider itself now carries out."""
        self.odd = False
        """The newest delta was of a type that no block here knows."""

    @property
    def any_calls(self) -> bool:
        """The caller is asked for a tool's result."""
        return self._calls > 0

    def start(self, index: Any, given: dict[str, Any], size: int) -> None:
        self.stop(index)
        self._settle()
        self._allowance.spend(_BLOCK_BYTES)
        kind = given.get("type")
        block = self._open[index] = Block(kind if isinstance(kind, str) else "")
        if kind == "text":
            self._text(block, given.get("text"))
            for citation in _list(given.get("citations")):
                self._cite(block, citation)
        elif kind == "thinking":
            self._think(block, given.get("thinking"))
            self._mark(block, "signature", given.get("signature"))
        elif kind == "redacted_thinking":
            self._mark(block, "encrypted", given.get("data"))
        elif kind == "tool_use":
            self._call(block, given, size)
        else:
            self._allowance.spend(size)
            block.item = given
        extra = given.keys() - _PART_KEYS
        self.odd = kind in ("text", "thinking", "redacted_thinking") and bool(extra)

    def delta(self, index: Any, delta: dict[str, Any], size: int) -> None:
        """More of this block."""
        self.odd = False
        kind, block = delta.get("type"), self._open.get(index)
        if block is not None and block.item:
            self._grow(block, delta, size)
        elif kind == "text_delta":
            self._text(self._of(index, "text"), delta.get("text"))
        elif kind == "thinking_delta":
            self._think(self._of(index, "thinking"), delta.get("thinking"))
        elif kind == "signature_delta":
            self._mark(self._of(index, "thinking"), "signature", delta.get("signature"))
        elif kind == "citations_delta":
            self._cite(self._of(index, "text"), delta.get("citation"))
        elif kind == "input_json_delta":
            self._argue(block, delta.get("partial_json"))
        else:
            self.odd = True

    def running(self, index: Any, kind: str) -> Block | None:
        """The open block of this kind that has begun to say something: its next piece needs no ceremony."""
        block = self._open.get(index)
        if block is None or block.kind != kind or block.item:
            return None
        return block if block.number is not None else None

    def writes(self, block: Block) -> Callable[[int, int, str], None]:
        """What takes more of a running block, as long as it is open: choice, the block's number, the piece."""
        if block.kind == "text":
            return self._writer.text
        return self._writer.reasoning if block.kind == "thinking" else partial(self._more_arguments, block)

    def _more_arguments(self, block: Block, index: int, number: int, piece: str) -> None:
        self._allowance.spend(len(piece))
        block.arguments.append(piece)
        self._writer.call_arguments(index, number, block.call_id, piece)

    def last_half(self, index: Any, half: dict[str, str]) -> None:
        """Half a character that no other half followed, by the key of its delta. Counts nothing: never raises."""
        name, piece = next(iter(half.items()))
        block = self._open.get(index)
        if block is None:
            return
        if block.item:
            block.pieces.setdefault(name, []).append(piece)
        elif name == "partial_json" and block.kind == "tool_use":
            block.arguments.append(piece)
            self._writer.call_arguments(0, block.number or 0, block.call_id, piece)
        elif name == block.kind:
            (self._text if name == "text" else self._think)(block, piece)

    def stop(self, index: Any) -> None:
        """The block is over, if it is open."""
        block = self._open.pop(index, None)
        self.server_works = block is not None and block.kind in _HOSTED_CALLS
        if block is None:
            return
        if block.kind == "tool_use":
            if block.arguments or block.given:
                self._complete(block)
            else:
                self._empty.append(block)
        elif block.item:
            self._item(block)
        elif block.citations and block.number is not None:
            signature = to_json(block.citations).decode()
            self._writer.text(0, block.number, "", freeze_wire({"signature": signature, "wire": WIRE}))

    def end(self, is_whole: bool, is_cut: bool = False) -> None:
        """No more comes. `is_whole`: the answer's own end was read; `is_cut`: for want of tokens."""
        if is_whole:
            for index in list(self._open):
                self.stop(index)
            self._settle(is_cut)
            return
        for block in self._open.values():
            if block.kind == "tool_use" and block.arguments.is_balanced():
                self._complete(block)

    def _settle(self, is_cut: bool = False) -> None:
        empty, self._empty = self._empty, []
        for block in empty if not is_cut else ():
            self._complete(block)

    def _of(self, index: Any, kind: str) -> Block:
        """The open block of this index, or a new one where it is of another kind or not open."""
        block = self._open.get(index)
        if block is None or block.kind != kind:
            self.stop(index)
            self._allowance.spend(_BLOCK_BYTES)
            block = self._open[index] = Block(kind)
        return block

    def _numbered(self, block: Block) -> int:
        if block.number is None:
            block.number = self._parts
            self._parts += 1
        return block.number

    def _text(self, block: Block, text: Any, metadata: FrozenMap = EMPTY_MAP) -> None:
        if isinstance(text, str) and (text or metadata):
            self._writer.text(0, self._numbered(block), text, metadata)

    def _think(self, block: Block, thinking: Any) -> None:
        if isinstance(thinking, str) and thinking:
            self._writer.reasoning(0, self._numbered(block), thinking)

    def _mark(self, block: Block, name: str, mark: Any) -> None:
        if isinstance(mark, str) and mark:
            marks = freeze_wire({name: mark, "wire": WIRE})
            self._writer.reasoning(0, self._numbered(block), "", marks)

    def _cite(self, block: Block, citation: Any) -> None:
        if not isinstance(citation, dict):
            return
        self._allowance.spend(_BLOCK_BYTES + 2 * len(to_json(citation)))
        citation = thaw(freeze_wire(citation))
        self._text(block, "", freeze_wire({"citation": citation}))
        block.citations.append(citation)
        self.citations.append({"block": self._numbered(block), **citation})

    def _call(self, block: Block, given: dict[str, Any], size: int) -> None:
        self._allowance.calls_left -= 1
        self._allowance.spend(size)
        if self._allowance.is_spent:
            raise TooMuchError
        number = block.number = self._calls
        self._calls += 1
        self._parts += 1
        name, call_id, block.given = given.get("name"), given.get("id"), given.get("input")
        block.name = name if isinstance(name, str) and name else "unknown"
        block.call_id = call_id if isinstance(call_id, str) and call_id else self._made_id(number)
        more = {key: value for key, value in given.items() if key not in _TOOL_KEYS and value is not None}
        beside = freeze_wire({**more, "wire": WIRE}) if more else EMPTY_MAP
        self._writer.call_started(0, number, block.call_id, block.name, beside)

    def _argue(self, block: Block | None, piece: Any) -> None:
        if not isinstance(piece, str) or not piece:
            return
        if block is None or block.kind != "tool_use":
            self.failure = protocol("arguments came of a tool call that is not open", piece)
            return
        self._more_arguments(block, 0, block.number or 0, piece)

    def _complete(self, block: Block) -> None:
        """Says so, if the call's arguments are whole. Else the call stays what it is: incomplete."""
        if not block.arguments and block.given:
            # Not counted again: it was when the block began.
            given = to_json(thaw(freeze_wire(block.given))).decode()
            block.arguments.append(given)
            self._writer.call_arguments(0, block.number or 0, block.call_id, given)
        text = block.arguments.text()
        text = text if text.strip() else "{}"
        if _parsed(text) is not None:
            self._writer.call_completed(0, (block.number or 0, block.call_id, block.name), text)

    def _grow(self, block: Block, delta: dict[str, Any], size: int) -> None:
        """Of a block that is kept whole: strings are appended, all else replaces what stood there."""
        self._allowance.spend(size)
        for key, value in delta.items():
            if key == "type":
                continue
            if isinstance(value, str):
                block.pieces.setdefault(key, []).append(value)
            else:
                block.item[key] = value

    def _item(self, block: Block) -> None:
        item = block.item
        pieces = {key: "".join(told) for key, told in block.pieces.items()}
        json = pieces.pop("partial_json", "")
        if json.strip():
            given = _parsed(json)
            if given is None:
                return  # cut in the middle: no item that a provider would take back
            item["input"] = given
        for key, text in pieces.items():
            before = item.get(key)
            item[key] = before + text if isinstance(before, str) else text
        self._parts += 1
        self._writer.item(0, WIRE, freeze_wire(item))

    def _made_id(self, number: int) -> str:
        seed = f"{self._seed}/{number}".encode()
        return f"toolu_{hashlib.blake2s(seed, digest_size=8).hexdigest()}"


def _list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []


def _parsed(text: str) -> Any:
    """The JSON value, None where it is none (or null, which no arguments are)."""
    try:
        return from_json(text)
    except ValueError:
        return None
