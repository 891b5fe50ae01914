"""The one error for bad input: which field, what stood there, what would be right.

Secrets and prompts never stand in it: see `_given`, which decides what of a wrong value is shown.
"""

import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from greenroom.messages.wording import expected

SHOWN_MAX = 20
"""Problems that `str()` of one error lists; `problems` has all."""

_SECRET_FIELDS = frozenset({"api_key", "headers", "password", "secret", "authorization"})
_FREE_FIELDS = frozenset({"extra_body", "metadata", "parameters", "json_schema"})
_PROMPT_FIELDS = frozenset({
    "arguments", "content", "data", "description", "encrypted", "messages", "parsed", "reasoning", "refusal",
    "signature", "text", "tool_calls",
})  # fmt: skip
_PART_TAGS = frozenset({"text", "image", "tool_call", "tool_result", "reasoning", "refusal"})
_KEY_LIKE = re.compile(r"(sk|pk|gsk|xai|hf|pplx|r8)[-_]|AIza|Bearer ")
_USER_INFO = re.compile(r"^([A-Za-z+]*://)?.*@", re.DOTALL)
_QUERY = re.compile(r"(?<=.//)(.*?)\?.*", re.DOTALL)
_repr = reprlib.Repr()
_repr.maxstring = _repr.maxother = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: `path` is the field (`providers.openai.base_url`), `given` a short repr, never a secret."""

    path: str
    given: str
    expected: str
    stood: str = ""
    """Where configuration said it: `greenroom.toml:12`, `environment variable OPENAI_BASE_URL`, `code`."""

    def __str__(self) -> str:
        fact = f"{self.path} = {self.given}" if self.given else self.path
        if self.stood:
            fact = f"{fact} ({self.stood})"
        return f"{fact}: {self.expected}" if fact else self.expected


class GreenroomError(Exception):
    """Root of every error that greenroom raises on purpose; `failures.py` draws the tree."""


class InvalidInput(GreenroomError, ValueError):  # noqa: N818  (reads as what happened)
    """Input that greenroom cannot take, found before anything was sent.

    `problems` lists every fault. `where` says what was being built or read (a model's name, a file).
    """

    def __init__(self, where: str, problems: Iterable[Problem]) -> None:
        self.where = where
        self.problems = tuple(problems)
        super().__init__(where, self.problems)

    def __str__(self) -> str:
        start = f"{self.where}: " if self.where else ""
        if len(self.problems) == 1:
            return f"{start}{self.problems[0]}"
        lines = [f"{start}{len(self.problems)} problems", *(f"  {p}" for p in self.problems[:SHOWN_MAX])]
        if len(self.problems) > SHOWN_MAX:
            lines.append(f"  and {len(self.problems) - SHOWN_MAX} more")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.where, self.problems)

    @classmethod
    def at(cls, path: str, expected: str, given: Any = None) -> "InvalidInput":
        """One fault, found by a validator; a model that holds the field puts its own path before it.

        `given` is shown: never pass a secret or a prompt.
        """
        return cls("", [Problem(path, "" if given is None else _short(given), expected)])

    @classmethod
    def of(cls, model: type[BaseModel], error: ValidationError) -> "InvalidInput":
        """The same faults as pydantic found, in our words, with secrets and prompts left out."""
        return cls(model.__name__, _problems(model, error))

    def under(self, path: str) -> "InvalidInput":
        """The same faults, of what stands at `path` of something larger."""
        return type(self)(self.where, [_moved(problem, path) for problem in self.problems])


def _problems(model: type[BaseModel], error: ValidationError) -> list[Problem]:
    problems: list[Problem] = []
    too_short: list[Problem] = []
    for fault in error.errors(include_url=False):
        inner = fault.get("ctx", {}).get("error")
        if isinstance(inner, InvalidInput):
            problems.extend(_moved(problem, _path(fault)) for problem in inner.problems)
            continue
        problem = Problem(_path(fault), _given(fault), expected(model, fault))
        (too_short if fault["type"] == "too_short" else problems).append(problem)
    # pydantic counts only the items that passed: a list with a wrong item is also "too short"
    wrong = [problem.path for problem in problems]
    real = [p for p in too_short if not any(path.startswith(f"{p.path}.") for path in wrong)]
    return list(dict.fromkeys([*problems, *real]))


def _moved(problem: Problem, path: str) -> Problem:
    return replace(problem, path=".".join(part for part in (path, problem.path) if part))


def _path(fault: Any) -> str:
    """The field as the user wrote it, without the tag that pydantic adds for a part's type."""
    loc = [part for part in fault["loc"] if part != "[key]"]
    steps = [
        str(part)
        for place, part in enumerate(loc)
        if not (part in _PART_TAGS and place > 0 and isinstance(loc[place - 1], int))
    ]
    if fault["type"].startswith("union_tag_"):
        steps.append(str(fault["ctx"]["discriminator"]).strip("'"))
    return ".".join(steps)


def _given(fault: Any) -> str:
    """What stood there, short; "" where it would say nothing. A string that may be a prompt is not shown."""
    kind, given = fault["type"], fault["input"]
    steps = _path(fault).split(".")
    if kind in {"missing", "json_invalid", "union_tag_not_found"}:
        return ""
    if kind == "value_error" and isinstance(given, (Mapping, BaseModel)):
        return ""
    if _SECRET_FIELDS.intersection(steps):
        return "(hidden)"
    if kind == "union_tag_invalid":
        return _short(fault["ctx"]["tag"])
    last = next((step for step in reversed(steps) if not step.isdecimal()), "")
    private = kind == "extra_forbidden" or last in _PROMPT_FIELDS or _FREE_FIELDS.intersection(steps)
    if private and isinstance(given, (str, bytes)):
        return "" if kind == "extra_forbidden" else "(hidden)"
    return _short(given)


def _short(given: Any) -> str:
    """A value in at most 80 characters; of containers and objects only what they are."""
    if given is None or isinstance(given, (bool, int, float)):
        return _repr.repr(given)
    if isinstance(given, str):
        return "(hidden: it looks like a key)" if _KEY_LIKE.match(given) else _short_text(given)
    if isinstance(given, (list, tuple)):
        return f"({type(given).__name__} of {len(given)})"
    return "(dict)" if isinstance(given, Mapping) else f"({type(given).__name__})"


def _short_text(given: str) -> str:
    return _repr.repr(_QUERY.sub(r"\1?***", _USER_INFO.sub(r"\1***@", given)))
