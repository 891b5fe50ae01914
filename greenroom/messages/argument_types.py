"""Arguments of the public API that no pydantic model checks."""

from collections.abc import Iterable

from greenroom.messages.invalid import InvalidInput, Problem


def check_part(given: object, path: str, contract: str, methods: Iterable[str]) -> None:
    """Raises InvalidInput where this is neither None nor an object with the methods of its contract."""
    missing = [name for name in methods if not callable(getattr(given, name, None))]
    if given is not None and (missing or isinstance(given, type)):
        lack = f"it has no {' and no '.join(missing)}" if missing else "this is a class; give an instance"
        raise InvalidInput.at(path, f"must be {_a(contract)} (greenroom.messages.contracts): {lack}", given)


def check_seq(after_seq: object) -> None:
    """Raises InvalidInput where this is neither None nor the seq of a delta."""
    if after_seq is not None and (type(after_seq) is not int or after_seq < 0):
        raise InvalidInput.at(
            "after_seq", "must be None, or the seq of a delta (0: from the first)", after_seq
        )


def check_type(given: object, wanted: type, path: str, example: str) -> None:
    """Raises InvalidInput where the argument is of another type; `example` shows what would be right."""
    if not isinstance(given, wanted):
        text = f"must be {_a(wanted.__name__)}, not {_a(type(given).__name__)}; write {example}"
        raise InvalidInput("", [Problem(path, "", text)])


def _a(name: str) -> str:
    return f"an {name}" if name[0] in "aeiouAEIOU" else f"a {name}"
