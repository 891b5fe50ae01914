"""Types that the fields of scripts share."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from greenroom.messages.given import Given
from greenroom.messages.value import FrozenMap

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_FRAMING = {"connection", "content-length", "keep-alive", "transfer-encoding"}
_DAY_S = 86_400.0


def _checked_headers(headers: FrozenMap) -> FrozenMap:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _FRAMING:
            raise ValueError(
                f"header {name!r} cannot be set: not a header name, or the server's own to write (see `http`)"
            )
        if not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"header {name!r} must be a string without line breaks")
    return headers


Headers = Given[Mapping[str, str], Annotated[FrozenMap, AfterValidator(_checked_headers)]]
Seconds = Annotated[float, Field(ge=0, le=_DAY_S)]
Count = Annotated[int, Field(ge=0)]
Pieces = str | tuple[str, ...]
"""A string, which is split by `chunk_size`, or the exact pieces."""
Texts = tuple[Pieces, ...]
"""Several texts, each one as it may stand alone."""
