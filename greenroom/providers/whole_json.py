"""Whether a text is JSON that nothing is missing from: arguments of a call, the tail of a stream."""

from pydantic_core import from_json


def is_json(text: str | bytes) -> bool:
    """It is one JSON value."""
    try:
        from_json(text)
    except ValueError:
        return False
    return True
