"""Every recorded chat stream over real HTTP, cut at random places, through the whole system."""

import pytest
from recordings_over_http import wrong_over_http

import recorded_chats

pytestmark = pytest.mark.skipif(not recorded_chats.STREAMS, reason=f"{recorded_chats.CORPUS} is not there")


def test_recordings_over_http_give_the_expected_completions() -> None:
    assert wrong_over_http(recorded_chats) == {}
