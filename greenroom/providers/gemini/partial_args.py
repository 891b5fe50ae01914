"""Arguments of a function call that come value by value, as JSON text that grows.

    {"partialArgs": [{"jsonPath": "$.city", "stringValue": "Par", "willContinue": true}], "willContinue": true}

Vertex AI sends them where streamFunctionCallArguments was asked for. A value that goes back into an object or
array which was closed before, or names a place twice, is none that growing text could take: the arguments then
stay incomplete.
Source: https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/Content#PartialArg.
"""

import re
from itertools import pairwise, zip_longest
from typing import Any

from pydantic_core import from_json, to_json

Step = str | int
_STEPS_MAX = 64
_STEP = re.compile(
    r"""\.(?P<name>[^.\[\]'"\s]+) | \[(?P<index>\d{1,6})\] | \['(?P<single>(?:[^'\\]|\\.)*)'\]
    | \[(?P<double>"(?:[^"\\]|\\.)*")\]""",
    re.VERBOSE | re.DOTALL,
)


class _Container:
    """An object or array that is open."""

    __slots__ = ("count", "is_array", "names", "step")

    def __init__(self, step: Step, is_array: bool) -> None:
        self.step, self.is_array = step, is_array
        """`step` led into it."""
        self.count = 0
        self.names: set[str] = set()

    def place(self, step: Step) -> str | None:
        """What stands before a value at this place; None where it can have none."""
        comma = "," if self.count else ""
        if isinstance(step, int) != self.is_array:
            return None
        if isinstance(step, int):
            if step != self.count:
                return None
        elif step in self.names:
            return None
        else:
            self.names.add(step)
            comma += _json(step) + ":"
        self.count += 1
        return comma


class PartialArgs:
    """One owner. Linear: what was written is never read again."""

    __slots__ = ("_newest", "_open", "_path", "is_broken")

    def __init__(self) -> None:
        self._open: list[_Container] = []
        self._path: Any = None
        """The newest value's place, as it was written."""
        self._newest: list[Step] | None = None
        """The place of a string that goes on."""
        self.is_broken = False
        """A value came that the text cannot take: it will never be whole."""

    def take(self, arg: Any) -> str:
        """The text that this value adds; "" where it adds none."""
        path = self._steps(arg.get("jsonPath")) if isinstance(arg, dict) else None
        if path is None or self.is_broken:
            self.is_broken = True
            return ""
        value, goes_on = _value(arg), arg.get("willContinue") is True
        if path == self._newest:
            piece = _json(value)[1:-1] if isinstance(value, str) else ""
            self._newest = path if goes_on else None
            return piece if goes_on else piece + '"'
        text = self._enter(path)
        if text is None:
            self.is_broken = True
            return ""
        if goes_on and isinstance(value, str):
            self._newest = path
            return text + _json(value)[:-1]
        return text + _json(value)

    def _steps(self, path: Any) -> list[Step] | None:
        """Most values go on with the string before them: its place is known."""
        if self._newest is None or path != self._path:
            self._path = path
            return _steps(path)
        return self._newest

    def close(self) -> str:
        """What makes the text whole."""
        begun = "" if self._open else "{}"
        return begun + self._leave(0)

    def _enter(self, path: list[Step]) -> str | None:
        """From where the text stands to the place of the next value; None where it can take none there."""
        begun = ""
        if not self._open:
            self._open.append(_Container("$", is_array=False))
            begun = "{"
        inner = [_Container(step, isinstance(after, int)) for step, after in pairwise(path)]
        shared = 1
        for known, wanted in zip_longest(self._open[1:], inner):
            same = known is not None and wanted is not None
            if not same or known.step != wanted.step or known.is_array != wanted.is_array:
                break
            shared += 1
        text = begun + self._leave(shared)
        for container in inner[shared - 1 :]:
            before = self._open[-1].place(container.step)
            if before is None:
                return None
            text += before + ("[" if container.is_array else "{")
            self._open.append(container)
        before = self._open[-1].place(path[-1])
        return None if before is None else text + before

    def _leave(self, depth: int) -> str:
        """Closes the string that goes on, and all containers but so many."""
        text = '"' if self._newest is not None else ""
        self._newest = None
        while len(self._open) > depth:
            text += "]" if self._open.pop().is_array else "}"
        return text


def _steps(path: Any) -> list[Step] | None:
    """The steps of a JSONPath that names one place; None for any other."""
    if not isinstance(path, str) or not path.startswith("$"):
        return None
    steps: list[Step] = []
    at = 1
    while at < len(path) and len(steps) < _STEPS_MAX:
        found = _STEP.match(path, at)
        if found is None:
            return None
        steps.append(_step(found))
        at = found.end()
    return steps if steps and at == len(path) and isinstance(steps[0], str) else None


def _step(found: re.Match[str]) -> Step:
    if found["index"] is not None:
        return int(found["index"])
    if found["double"] is not None:
        try:
            name = from_json(found["double"])
        except ValueError:
            name = found["double"][1:-1]
        return str(name)
    if found["single"] is not None:
        return re.sub(r"\\(.)", r"\1", found["single"], flags=re.DOTALL)
    return found["name"]


def _value(arg: dict[str, Any]) -> Any:
    if isinstance(arg.get("stringValue"), str):
        return arg["stringValue"]
    if isinstance(arg.get("boolValue"), bool):
        return arg["boolValue"]
    number = arg.get("numberValue")
    if isinstance(number, float) and number.is_integer() and abs(number) < 2**53:
        return int(number)
    return number if isinstance(number, (int, float)) else None


def _json(value: Any) -> str:
    return to_json(value).decode()
