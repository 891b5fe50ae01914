"""Crashes from outside: an actor fails although none of its handlers raised."""

from typing import Any


class Boom(Exception):
    """Thrown into actors."""


def throw(cell: Any) -> None:
    """The actor that lives in this cell crashes at its next turn. Dispatcher thread."""
    if cell.life is not None:
        cell.life.fail(Boom(cell.path), "tell")
        cell.kick()
