"""Says what pydantic found wrong in words that a user of greenroom knows."""

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pydantic import BaseModel

_PLAIN = {
    "bool_parsing": "must be True or False",
    "bool_type": "must be True or False",
    "dict_type": "must be a dict",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller whole number",
    "int_type": "must be a whole number",
    "invalid_key": "must be a string",
    "mapping_type": "must be a dict",
    "missing": "is required",
    "string_too_short": "must not be empty",
    "string_type": "must be a string",
    "string_unicode": "must be valid Unicode",
    "too_short": "must not be empty",
    "tuple_type": "must be a list",
    "union_tag_not_found": "is required; a part is a dict such as {'type': 'text', 'text': '...'}",
}


def expected(model: type[BaseModel], fault: Any) -> str:
    """What would be right where pydantic found this fault."""
    kind = fault["type"]
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind == "extra_forbidden":
        return _unknown_field(model, fault["loc"][-1])
    if kind in _WORDED:
        return _WORDED[kind](fault)
    return str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")


def matching(what: str, *, allowed: Callable[[str], object]) -> Callable[[str], str]:
    """A validator for a field's string: `what` is the error where `allowed` says no."""

    def check(given: str) -> str:
        if not allowed(given):
            raise ValueError(what)
        return given

    return check


def nearest(word: object, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or "" where nothing is close."""
    return did_you_mean(difflib.get_close_matches(str(word), list(known), n=1))


def did_you_mean(names: Sequence[str]) -> str:
    """`; did you mean 'x', 'y' or 'z'?`, or "" where there are none."""
    if not names:
        return ""
    *first, last = map(repr, names)
    return f"; did you mean {', '.join(first)} or {last}?" if first else f"; did you mean {last}?"


def _unknown_field(model: type[BaseModel], name: object) -> str:
    known = sorted(model.model_fields)
    if near := nearest(name, known):
        return f"unknown field{near}"
    if "extra_body" in known:
        return "unknown field; a provider's own fields go in extra_body"
    return f"unknown field; known: {', '.join(known)}"


def _wrong_word(fault: Any) -> str:
    words = fault["ctx"]["expected"]
    return f"must be {words}{nearest(fault['input'], words.split(chr(39))[1::2])}"


def _wrong_type(fault: Any) -> str:
    return f"must be a dict or a {fault['ctx']['class_name']}"


def _wrong_tag(fault: Any) -> str:
    tags = fault["ctx"]["expected_tags"]
    return f"must be one of {tags}{nearest(fault['ctx']['tag'], tags.split(chr(39))[1::2])}"


def _not_json(fault: Any) -> str:
    return f"is not JSON: {fault['ctx']['error']}"


_WORDED: dict[str, Callable[[Any], str]] = {
    "json_invalid": _not_json,
    "literal_error": _wrong_word,
    "model_type": _wrong_type,
    "union_tag_invalid": _wrong_tag,
}
