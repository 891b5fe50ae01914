"""The stages of the behaviours. See stages.py."""

from collections.abc import Iterator

import pytest
from stage_of_actors import StageOfActors, stage_of_actors
from stage_of_the_core import StageOfTheCore
from stages import Stage


@pytest.fixture(params=["actors", "core"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """Both, one after the other."""
    if request.param == "core":
        yield StageOfTheCore()
        return
    with stage_of_actors() as actors:
        yield actors


@pytest.fixture
def actors() -> Iterator[StageOfActors]:
    """Real ones."""
    with stage_of_actors() as stage:
        yield stage
