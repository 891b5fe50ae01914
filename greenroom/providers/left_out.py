"""Says what `on_unsupported="drop"` leaves out: a warning for each field and server, once a process."""

import logging
import re
from collections.abc import Iterable

from greenroom.messages.invalid import Problem

_log = logging.getLogger("greenroom.providers")
_NAMES_MAX = 1024
_said: set[tuple[str, str]] = set()
"""At most `_NAMES_MAX`; what comes after these is said every time."""


def say_left_out(taker: str, problems: Iterable[Problem]) -> None:
    """The fields of these problems are not sent to `taker`. Never tells their values. Any thread."""
    for problem in problems:
        # The same field of another turn is the same fact.
        field = re.sub(r"\.\d+", ".*", problem.path)
        if (taker, field) not in _said:
            if len(_said) < _NAMES_MAX:
                _said.add((taker, field))
            _log.warning("%s is left out of requests to %s (on_unsupported='drop')", field, taker)
