"""Immutable mappings: `FrozenDict` of any values, `FrozenMap` of JSON values, and freezing JSON.

Invariant: a FrozenMap can be written as JSON and read back equal: its strings are valid Unicode, its
numbers finite, its depth at most `MAX_DEPTH` (pydantic's JSON parser stops at 200). `freeze` refuses what
breaks that; `freeze_wire` replaces it, as a server's odd answer must not look like a fault of ours.
"""

import math
from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import Any, Self, TypeVar, get_args, overload

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from greenroom.messages.invalid import InvalidInput, Problem

K = TypeVar("K")
V_co = TypeVar("V_co", covariant=True)
D = TypeVar("D")

MAX_DEPTH = 100
_SCALARS = frozenset({str, int, float, bool, type(None)})
_ALLOWED = "use str, int, float, bool, None, list or dict"


class FrozenDict(Mapping[K, V_co]):
    """An immutable mapping. Hashable where its values are, picklable, equal to any mapping of the same items.

    It is as deeply frozen as its values: models use it for values that are themselves frozen.
    """

    __slots__ = ("_items",)
    _items: dict[K, V_co]

    def __init__(self, items: Mapping[K, V_co] | None = None, /) -> None:
        object.__setattr__(self, "_items", dict(items or {}))

    def __getitem__(self, key: K) -> V_co:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    # Mapping has what follows too, by way of __getitem__ and its exception: several times slower.

    def __contains__(self, key: object) -> bool:
        return key in self._items

    @overload
    def get(self, key: K, /) -> V_co | None: ...
    @overload
    def get(self, key: K, default: V_co | D, /) -> V_co | D: ...
    def get(self, key: K, default: Any = None, /) -> Any:
        return self._items.get(key, default)

    def keys(self) -> KeysView[K]:
        return self._items.keys()

    def values(self) -> ValuesView[V_co]:
        return self._items.values()

    def items(self) -> ItemsView[K, V_co]:
        return self._items.items()

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable; cannot set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable; cannot delete {name!r}")

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, FrozenDict):
            return self._items == other._items
        return self._items == dict(other) if isinstance(other, Mapping) else NotImplemented

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._items!r})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._items,)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        of_dict = handler.generate_schema(dict[get_args(source) or (Any, Any)])  # type: ignore[misc]
        return core_schema.no_info_after_validator_function(
            cls,
            of_dict,
            serialization=core_schema.plain_serializer_function_ser_schema(dict, return_schema=of_dict),
        )


class FrozenMap(FrozenDict[str, Any]):
    """An immutable JSON object. Hashable, picklable, equal to any mapping with the same items.

    Values are JSON values: str, int, float, bool, None, tuples and FrozenMaps of these; lists and dicts
    given are copied in and frozen, anything else raises TypeError.
    """

    __slots__ = ()

    def __init__(self, items: Mapping[str, Any] | None = None, /) -> None:
        object.__setattr__(self, "_items", {_key(k): _frozen(v, 1) for k, v in (items or {}).items()})

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Mapping) and not isinstance(other, FrozenDict):
            return self._items == {k: _as_frozen(v) for k, v in other.items()}
        return super().__eq__(other)

    __hash__ = FrozenDict.__hash__

    def __repr__(self) -> str:
        return f"FrozenMap({thaw(self)!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _to_frozen_map,
            serialization=core_schema.plain_serializer_function_ser_schema(thaw),
            json_schema_input_schema=core_schema.dict_schema(core_schema.str_schema()),
        )


EMPTY_MAP = FrozenMap()


def freeze(value: Any) -> Any:
    """The same JSON value with every list a tuple and every dict a FrozenMap. Raises TypeError."""
    return _frozen(value, 0)


def thaw(value: Any) -> Any:
    """The same JSON value in plain lists and dicts, free to change: nothing shared with the frozen one."""
    if type(value) in _SCALARS:
        return value
    if isinstance(value, Mapping):
        return {k: thaw(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [thaw(v) for v in value]
    return value


def freeze_wire(value: Any) -> Any:
    """`freeze` for what a server sent: what JSON cannot say is replaced instead of refused.

    NaN and infinities (Python's and many servers' JSON has them) and what is nested too deeply become
    None; half surrogate pairs become U+FFFD.
    """
    try:
        return _frozen(value, 0)
    except TypeError:
        return _frozen(_cleaned(value, 0), 0)


def valid_text(text: str) -> str:
    """The same text as valid Unicode: surrogate pairs joined, lone halves replaced by U+FFFD.

    `json.loads` gives halves where a server cut a `\\ud83d\\ude00` in two, and UTF-8 cannot carry them.
    """
    if text.isascii() or _is_valid(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _frozen(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        if value.isascii() or _is_valid(value):
            return value
        raise TypeError("half a surrogate pair is not valid Unicode; join it or leave it out")
    if kind is int or kind is bool or value is None:
        return value
    if kind is float:
        if math.isfinite(value):
            return value
        raise TypeError(f"{value} is not a JSON value; {_ALLOWED} with finite numbers")
    if kind is FrozenMap and depth == 0:
        return value
    # The two that JSON gives are known at sight: asking an abstract class costs as much as all the rest.
    if kind is dict or kind is list or isinstance(value, (Mapping, list, tuple)):
        return _frozen_container(value, depth + 1)
    return _frozen(_plain(value), depth)


def _frozen_container(value: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise TypeError(f"nested deeper than {MAX_DEPTH} levels, or holds itself")
    if type(value) is not dict and not isinstance(value, Mapping):
        return tuple(_frozen(v, depth) for v in value)
    made = FrozenMap.__new__(FrozenMap)
    object.__setattr__(made, "_items", {_key(k): _frozen(v, depth) for k, v in value.items()})
    return made


def _plain(value: Any) -> Any:
    """A subclass of str, int or float (an enum's member) as the plain value: the subclass may be mutable."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    raise TypeError(f"{type(value).__name__} is not a JSON value; {_ALLOWED}")


def _as_frozen(value: Any) -> Any:
    """For comparing: what cannot be frozen is left as it is, equal to nothing that is frozen."""
    try:
        return freeze(value)
    except TypeError:
        return value


def _cleaned(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, (Mapping, list, tuple)) and depth >= MAX_DEPTH:
        return None
    if isinstance(value, Mapping):
        return {valid_text(str(k)): _cleaned(v, depth + 1) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(v, depth + 1) for v in value]
    return value


def _is_valid(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _key(key: object) -> str:
    if type(key) is str and key.isascii():
        return key
    if not isinstance(key, str):
        raise TypeError(f"a JSON object's key must be a string, not {type(key).__name__}")
    frozen: str = _frozen(key, 0)
    return frozen


def _to_frozen_map(value: object) -> FrozenMap:
    if isinstance(value, FrozenMap):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f"must be a dict of JSON values, not {type(value).__name__}")
    try:
        return FrozenMap(value)
    except TypeError as error:
        raise InvalidInput("", [_fault(value, (), str(error))]) from None


def _fault(value: Any, path: tuple[str, ...], message: str) -> Problem:
    """Where in `value` the first fault stands. Slow; only for the error text."""
    items: Any = ()
    if isinstance(value, Mapping) and len(path) < MAX_DEPTH:
        items = value.items()
    elif isinstance(value, (list, tuple)) and len(path) < MAX_DEPTH:
        items = enumerate(value)
    for key, item in items:
        try:
            freeze(item)
        except TypeError as error:
            return _fault(item, (*path, str(key)), str(error))
    deep = message.startswith("nested deeper")
    return Problem("" if deep else ".".join(path), "", message)
