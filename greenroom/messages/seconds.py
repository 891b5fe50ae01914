"""How long to wait, as callers say it: checked where they say it."""

import math
from typing import overload

from greenroom.messages.invalid import InvalidInput


@overload
def seconds(path: str, given: float) -> float: ...
@overload
def seconds(path: str, given: None) -> None: ...
@overload
def seconds(path: str, given: float | None) -> float | None: ...
def seconds(path: str, given: float | None) -> float | None:
    """`given`, but 0 where it is less. None and infinity wait for ever.

    Raises InvalidInput that names `path`, for what is no number of seconds.
    """
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, (int, float)) or math.isnan(given):
        raise InvalidInput.at(path, "must be a number of seconds", given)
    return max(0.0, given)
