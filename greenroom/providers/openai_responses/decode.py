"""One answer of the Responses wire: its bytes to deltas and one end.

    response.completed, response.incomplete    an answer
    response.failed, error, a cancelled one    kind in_stream
    a gap or a step back in sequence_number    kind protocol
    anything else at the end, `[DONE]` too     kind protocol: the answer is not whole

An `error` is followed by `response.failed` on most servers: the next event or the end of the body is read first.
"""

from typing_extensions import override

from greenroom.messages.contracts import Call, Decoded
from greenroom.messages.failures import ErrorEvidence
from greenroom.messages.retry_state import RetryState
from greenroom.providers.openai_responses.events import Events
from greenroom.providers.sse import SseDecoder
from greenroom.providers.wire.decoder import WireDecoder, allowance_of
from greenroom.providers.wire.writer import Writer

NO_ENCRYPTED_REASONING = "no_encrypted_reasoning"
"""A fact learnt of a server, with `:` and the model behind it: reasoning cannot be asked for in encrypted form."""


class ResponsesDecoder(WireDecoder):
    """Implements Decoder. Nothing it is fed raises; after an answer or a failure it says nothing more."""

    __slots__ = ("_model", "place")

    def __init__(self, call: Call, resume: RetryState | None = None) -> None:
        """`resume`: the retry state of a stream that goes on behind its cursor."""
        writer, allowance = Writer(call.stream_id, call.request_id), allowance_of(call)
        self._model = call.target.model
        events = Events(call, writer, allowance, resume)
        framing = SseDecoder(call.options.max_event_bytes, error_field=True)
        self.place = events.place
        super().__init__(call, events, writer, framing, allowance)

    @override
    def _failed(self, evidence: ErrorEvidence) -> Decoded:
        if evidence.kind == "http" and "ncrypted content is not supported" in evidence.message:
            # Models that do not reason refuse the field; without it they answer.
            learnt = f"{NO_ENCRYPTED_REASONING}:{self._model}"
            evidence = evidence.model_copy(update={"adjust": learnt})
        return super()._failed(evidence)
