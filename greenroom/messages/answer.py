"""What a wire says of an answer as a whole, apart from its deltas."""

from greenroom.messages.completion import FinishReason
from greenroom.messages.usage import NO_USAGE, Usage
from greenroom.messages.value import EMPTY_MAP, FrozenMap, Value


class ChoiceEnd(Value):
    """How one choice ended: in our word and in the provider's."""

    index: int = 0
    reason: FinishReason = "unknown"
    raw: str | None = None


class Answer(Value):
    """The facts of one attempt's answer, as far as they are known."""

    response_id: str | None = None
    model: str | None = None
    ends: tuple[ChoiceEnd, ...] = ()
    usage: Usage = NO_USAGE
    cursor: str | None = None
    metadata: FrozenMap = EMPTY_MAP


NO_ANSWER = Answer.model_construct()
