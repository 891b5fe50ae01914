"""Deeply frozen values: what one actor hands to another can never change behind its back.

`Value` is the base of every model in this room. `Input` is a `Value` that users build themselves: its
constructor raises `InvalidInput`, which names each field, the value that stood there and what would be
right. `FrozenMap` (in `frozen.py`) is an immutable JSON object; lists inside it are tuples.
"""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from greenroom.messages.frozen import EMPTY_MAP, FrozenDict, FrozenMap, freeze, freeze_wire, thaw, valid_text
from greenroom.messages.invalid import InvalidInput

__all__ = [
    "EMPTY_MAP", "FrozenDict", "FrozenMap", "Input", "Value", "freeze", "freeze_wire", "thaw", "valid_text",
]  # fmt: skip


class Value(BaseModel):
    """A frozen model; unknown fields are refused; pickles, and round-trips through JSON.

    Its text is never part of an error of pydantic's: it may be a prompt. Validators are built at the first
    use (`defer_build`): importing the library does not pay for models that a process never makes.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        defer_build=True,
    )

    def __setattr__(self, name: str, value: object) -> None:
        """Refused. (pydantic's own refusal shows the value, which may be a prompt.)"""
        raise AttributeError(f"{type(self).__name__} is frozen; cannot set {name!r}; make a changed copy")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen; cannot delete {name!r}")


class Input(Value):
    """A value that users write. Building a wrong one raises `InvalidInput` where the mistake was made."""

    def __init__(self, **fields: Any) -> None:
        try:
            # What pydantic's constructor does, without the call of it: each part of each message pays for that.
            self.__pydantic_validator__.validate_python(fields, self_instance=self)
        except ValidationError as error:
            raise InvalidInput.of(type(self), error) from None

    @classmethod
    def model_validate(cls, obj: Any, **how: Any) -> Self:
        """As pydantic's, but raises InvalidInput."""
        try:
            return super().model_validate(obj, **how)
        except ValidationError as error:
            raise InvalidInput.of(cls, error) from None

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **how: Any) -> Self:
        """As pydantic's, but raises InvalidInput."""
        try:
            return super().model_validate_json(json_data, **how)
        except ValidationError as error:
            raise InvalidInput.of(cls, error) from None

    def replace(self, **changes: Any) -> Self:
        """A copy with these fields changed, checked like a new one. Raises InvalidInput."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return type(self)(**{**given, **changes})
