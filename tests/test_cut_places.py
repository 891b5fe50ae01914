"""Places where bodies are cut."""

import pytest
from cut_places import PLACES, cut_places


@pytest.mark.parametrize("size", [0, 1, PLACES - 1, PLACES])
def test_a_small_body_is_cut_at_every_byte(size: int) -> None:
    assert cut_places(size, "x") == list(range(size))


@pytest.mark.parametrize("size", [PLACES + 1, 10 * PLACES])
def test_a_large_one_at_its_ends_and_at_the_same_sample_every_time(size: int) -> None:
    places = cut_places(size, "x")
    assert places == sorted(set(places)) == cut_places(size, "x")
    assert len(places) == PLACES
    assert (places[0], places[1], places[-1]) == (0, 1, size - 1)
    assert size == PLACES + 1 or places != cut_places(size, "y")
