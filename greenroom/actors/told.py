"""What `system.tell(..., reply_to=...)` returns: the ids of the request, and the way to end it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex

from greenroom.messages.commands import Cancel

if TYPE_CHECKING:
    from greenroom.actors.ref import Ref


@dataclass(frozen=True, slots=True)
class Told:
    """A receipt. The stream needs nobody to hold it; dropping it ends nothing."""

    stream_id: str
    request_id: str
    provider: str
    model: str
    _scope: "Ref[Any]" = field(repr=False, compare=False)

    def cancel(self) -> None:
        """Ask for the end; the actor gets its last batch, with what was received. Any thread; idempotent."""
        self._scope.tell_control(Cancel("caller"))

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refused: its request lives in this process."""
        raise TypeError("a Told cannot be copied or pickled; send on its stream_id and request_id")
