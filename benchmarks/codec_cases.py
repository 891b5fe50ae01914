"""What a codec's decoder costs: answers made by the wire's simulated side, fed as a socket would bring them."""

import gc
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from greenroom.messages import Call, ChatRequest, Codec, Decoded, StreamingOptions, Target, WireHead
from greenroom.messages.deltas import ToolCallCompleted, ToolCallDelta
from greenroom.providers import codec_for
from greenroom.providers.simulator import Script, served_to

READ_BYTES = 65_536
_GROUP = 5
PIECE = 10
"""Characters of a tool argument's fragment."""


class CannotSayError(Exception):
    """The wire has no such answer, or the decoder read another one; says which."""


@dataclass(frozen=True)
class Answer:
    """One answer's bytes: an event each, and how they may be read."""

    events: tuple[bytes, ...]
    pieces: int
    """Deltas of the script."""

    @cached_property
    def in_reads(self) -> tuple[bytes, ...]:
        """As a fast server fills the socket."""
        data = b"".join(self.events)
        return tuple(data[at : at + READ_BYTES] for at in range(0, len(data), READ_BYTES))

    @cached_property
    def in_groups(self) -> tuple[bytes, ...]:
        """A read for every few events."""
        return tuple(b"".join(self.events[at : at + _GROUP]) for at in range(0, len(self.events), _GROUP))


class Case:
    """A codec and the answers that it is measured with. Raises CannotSayError where they cannot be made."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.codec: Codec = codec_for(kind)
        options = StreamingOptions(max_output_bytes=64 * 1024 * 1024)
        request = ChatRequest(model="bench/m", messages="Say words", max_output_tokens=1_000_000)
        target = Target("bench", kind, "m", base_url="https://llm.test/v1")
        self._call = Call("s_1", "r_1", 1, request, target, options)

    def text(self, words: int) -> Answer:
        """An answer of so many events of one word."""
        said = "".join(f" word{number}" for number in range(words))
        answer = self._answer(Script(text=said), words)
        read = "".join(delta.text for delta in self._decoded(answer.in_reads).deltas)
        if read != said:
            raise CannotSayError(f"the decoder read another text: {read[:60]!r}")
        return answer

    def tool(self, size: int) -> Answer:
        """A tool call whose arguments, of so many characters, come in short pieces."""
        written = json.dumps({"text": "0123456789abcdef" * (size // 16)})
        pieces = tuple(written[at : at + PIECE] for at in range(0, len(written), PIECE))
        answer = self._answer(Script(tool_calls=({"name": "write", "arguments": pieces},)), len(pieces))
        deltas = self._decoded(answer.in_reads).deltas
        whole = [delta.arguments for delta in deltas if isinstance(delta, ToolCallCompleted)]
        if not whole:
            raise CannotSayError("no tool calls")
        if json.loads(whole[0]) != json.loads(written):
            raise CannotSayError("the decoder read other arguments")
        if sum(isinstance(delta, ToolCallDelta) for delta in deltas) < len(pieces) // 2:
            raise CannotSayError("calls come whole")
        return answer

    def cost_us(self, reads: Sequence[bytes], pieces: int) -> float:
        """CPU of one decoding of these reads, by piece, in microseconds."""
        decoder = self.codec.start(self._call)
        decoder.head(WireHead(200, ()))
        seq = 1
        gc.collect()
        began_s = time.process_time()
        for data in reads:
            seq += len(decoder.feed(data, seq, 0.0).deltas)
        decoder.finish(True, seq, 0.0)
        return (time.process_time() - began_s) / pieces * 1e6

    def _answer(self, script: Script, pieces: int) -> Answer:
        served = served_to(self.codec.encode(self._call), script)
        steps = [step.data for step in served.reply.steps]
        if served.script is None or served.reply.status != 200:
            raise CannotSayError(
                f"the simulated wire answers {served.reply.status}: {b''.join(steps)[:100]!r}"
            )
        return Answer(tuple(steps), pieces)

    def _decoded(self, reads: Sequence[bytes]) -> Decoded:
        """All deltas at once, and the end. Raises CannotSayError where there is a failure in its place."""
        decoder, all_of_it = self.codec.start(self._call), Decoded()
        decoder.head(WireHead(200, ()))
        for data in (*reads, None):
            seq = len(all_of_it.deltas) + 1
            told = decoder.finish(True, seq, 0.0) if data is None else decoder.feed(data, seq, 0.0)
            all_of_it.deltas += told.deltas
            all_of_it.answer = all_of_it.answer or told.answer
            if told.failure is not None:
                raise CannotSayError(f"the decoder fails: {told.failure.message}")
        if all_of_it.answer is None:
            raise CannotSayError("the decoder read no end")
        return all_of_it
