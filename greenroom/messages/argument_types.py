"""Arguments of the public API that no pydantic model checks."""

from greenroom.messages.invalid import InvalidInput, Problem


def check_sink(events: object) -> None:
    """Raises InvalidInput where this is neither None nor an EventSink."""
    missing = [name for name in ("wants", "emit") if not callable(getattr(events, name, None))]
    if events is not None and missing:
        text = f"must be an EventSink (greenroom.messages.contracts): it has no {' and no '.join(missing)}"
        raise InvalidInput.at("events", text, events)


def check_type(given: object, wanted: type, path: str, example: str) -> None:
    """Raises InvalidInput where the argument is of another type; `example` shows what would be right."""
    if not isinstance(given, wanted):
        kind, article = type(given).__name__, "an" if type(given).__name__[0] in "aeiou" else "a"
        raise InvalidInput(
            "", [Problem(path, "", f"must be a {wanted.__name__}, not {article} {kind}; write {example}")]
        )
