"""The type of a field that takes more than it holds: lists and dicts go in, tuples and FrozenMaps come out.

To type checkers (mypy with or without pydantic's plugin, pyright) a `Given` is a descriptor: the constructor
takes what `__set__` takes, an attribute is what `__get__` returns. To pydantic it is the held type alone.
"""

from typing import TYPE_CHECKING, Any, Generic, TypeVar

Takes_contra = TypeVar("Takes_contra", contravariant=True)
Holds_co = TypeVar("Holds_co", covariant=True)

if TYPE_CHECKING:

    class Given(Generic[Takes_contra, Holds_co]):
        """`Given[Takes, Holds]`, as an annotation."""

        def __get__(self, model: object, owner: Any) -> Holds_co: ...
        def __set__(self, model: object, value: Takes_contra) -> None: ...

else:

    class Given:
        """`Given[Takes, Holds]`, as an annotation."""

        def __class_getitem__(cls, types: tuple[Any, Any]) -> Any:
            return types[1]


def held(default: Any) -> Any:
    """The default of such a field: a value as the field holds it."""
    return default
