"""Every recorded Gemini stream over real HTTP, cut at random places, through the whole system."""

import pytest
from recordings_over_http import wrong_over_http

from greenroom import ChatRequest

import recorded_gemini
from shared_files import CORPUS

pytestmark = pytest.mark.skipif(not recorded_gemini.STREAMS, reason=f"{CORPUS} is not there")


def asked(name: str) -> ChatRequest:
    """This wire has the model in the path: the name is put into the body."""
    return ChatRequest(model=f"rec/{name}", messages="hi", extra_body={"model": name})


def test_recordings_over_http_give_the_expected_completions() -> None:
    assert wrong_over_http(recorded_gemini, asked, kind="gemini") == {}
