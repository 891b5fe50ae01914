"""Policies that contradict themselves, or ask a provider for what it does not have, are refused at the start."""

import pytest

from greenroom import ActorSystem, ChatRequest, InvalidInput, ProviderConfig, StreamingOptions, SystemConfig

KEPT = StreamingOptions(server_resume=True)
CHAT = ProviderConfig(profile="vllm", base_url="http://127.0.0.1:9/v1")
RESPONSES = ProviderConfig(kind="openai-responses", base_url="http://127.0.0.1:9/v1", api_key="key")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("on_cut", "reset"), ("server_resume", True), ("continue_instruction", True), ("redo_open_block", True),
        ("replay_unsafe", True),
    ],
)  # fmt: skip
def test_what_needs_a_second_request_goes_not_with_none(field: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=f"{field} = .*max_reconnect_attempts=0"):
        StreamingOptions(**{field: value, "max_reconnect_attempts": 0})


@pytest.mark.parametrize("given", [{"on_cut": "again"}, {"resume": True}, {"deadline_s": -1}])
def test_unknown_rungs_and_negative_clocks_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(given))):
        StreamingOptions(**given)


def test_a_provider_that_keeps_nothing_is_named() -> None:
    config = SystemConfig(providers={"one": CHAT.replace(options=KEPT), "two": RESPONSES})
    with pytest.raises(InvalidInput, match=r"providers\.one\.options\.server_resume = True"):
        ActorSystem.start(config)


def test_a_system_of_which_no_provider_keeps_anything_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"options\.server_resume = True"):
        ActorSystem.start(SystemConfig(providers={"one": CHAT}, options=KEPT))
    ActorSystem.start(SystemConfig(providers={"one": CHAT, "two": RESPONSES}, options=KEPT)).stop()


def test_a_request_that_asks_for_it_where_there_is_none_is_refused() -> None:
    config = SystemConfig(providers={"one": CHAT}, default_model="one/m", drain_s=0)
    with ActorSystem.start(config) as system:
        with pytest.raises(InvalidInput, match=r"options\.server_resume = True: one \(openai-chat\)"):
            system.stream(ChatRequest(messages="hi", options=KEPT))
