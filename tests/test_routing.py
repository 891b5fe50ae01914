"""From a request's model to the endpoint: pure, so plain asserts."""

import pytest

from greenroom import InvalidInput, ProviderConfig, SystemConfig
from greenroom.routing import resolve

_CONFIG = SystemConfig(
    providers={
        "box": ProviderConfig(base_url="http://127.0.0.1:8080/v1", default_model="qwen/qwen3-4b"),
        "plain": ProviderConfig(base_url="http://127.0.0.1:8081/v1"),
    },
    default_model="plain/tiny",
)
_ENDPOINTS = {"box": 1, "plain": 2}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("box/a/b", (1, "a/b")),
        ("box", (1, "qwen/qwen3-4b")),
        ("box/", (1, "qwen/qwen3-4b")),
        ("plain/a", (2, "a")),
        (None, (2, "tiny")),
    ],
)
def test_a_model_leads_to_its_endpoint(asked: str | None, found: tuple[int, str]) -> None:
    assert resolve(asked, _CONFIG, _ENDPOINTS) == found


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("plain", "model = 'plain': names no model, and plain has no default_model; write plain/MODEL"),
        ("gpt-5", "model = 'gpt-5': must be provider/model, such as box/gpt-5"),
        ("boxx/a", "no provider 'boxx' is configured; did you mean 'box'? configured: box, plain"),
        ("/a", "no provider '' is configured; configured: box, plain"),
    ],
)
def test_a_model_that_leads_nowhere_is_refused_in_words(asked: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve(asked, _CONFIG, _ENDPOINTS)
    assert said in str(caught.value)


def test_without_any_model_the_providers_are_named() -> None:
    with pytest.raises(InvalidInput, match=r"providers: box, plain\), or set default_model"):
        resolve(None, _CONFIG.replace(default_model=None), _ENDPOINTS)
