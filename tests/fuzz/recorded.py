"""The recorded streams, where they are present; sorted, so that a seed finds them again."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

_SHARED = Path(os.environ.get("GREENROOM_SHARED", Path(__file__).parents[3] / "shared"))


def recordings(pattern: str) -> list[Path]:
    return sorted((_SHARED / "corpus" / "streams").glob(pattern))


@cache
def recorded_events(pattern: str) -> list[list[Any]]:
    """The JSON values of their `data:` lines; lines that hold none are left out, and files of such lines."""
    found = list[list[Any]]()
    for path in recordings(pattern):
        values = [json_or_none(line[5:]) for line in path.read_bytes().splitlines() if line[:5] == b"data:"]
        found.append([value for value in values if value is not None])
    return [values for values in found if values]


def json_or_none(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None
