"""Pieces of an answer up to a delta. Pure."""

from collections.abc import Iterable

from greenroom.actors.cutting import cut
from greenroom.messages.stored import Piece


def up_to(last_seq: int, pieces: Iterable[Piece]) -> list[Piece]:
    """Those that end there or before; one that was merged across is cut there."""
    kept: list[Piece] = []
    for piece in pieces:
        delta, lengths = piece
        if delta.seq <= last_seq:
            kept.append(piece)
        elif lengths is not None and delta.first_seq is not None and delta.first_seq <= last_seq:
            count = last_seq - delta.first_seq + 1
            rest = lengths[:count] if count > 1 else None
            kept.append(Piece(cut(delta, lengths, delta.first_seq, last_seq), rest))
    return kept
