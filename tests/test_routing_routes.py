"""From a request to the hops of its route: whose request, whose options, in which order. No socket."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom import ChatRequest, InvalidInput, ProviderConfig, StreamingOptions, SystemConfig
from greenroom.actors.api_keys import ApiKeys
from greenroom.messages.contracts import Target
from greenroom.messages.routes import PATCHED
from greenroom.routing import Router

PROVIDERS = {
    "a": ProviderConfig(base_url="http://x/v1"),
    "b": ProviderConfig(
        base_url="http://y/v1", default_model="m",
        options=StreamingOptions(first_content_timeout_s=7, deadline_s=7, max_reconnect_attempts=7),
    ),
}  # fmt: skip


class Wire:
    """A codec that cannot take a seed."""

    def check(self, request: ChatRequest, target: Target, options: StreamingOptions) -> None:
        if request.seed is not None and target.provider == "b" and options.on_unsupported == "refuse":
            raise InvalidInput.at("seed", "this wire does not take it", request.seed)


class Place:
    """An endpoint, as far as the router looks at one."""

    def __init__(self, name: str) -> None:
        self.name, self.config, self.codec = name, PROVIDERS[name], Wire()
        self.api_keys, self.headers, self.models = ApiKeys(), (("x", name),), f"list of {name}"
        self.child = self
        self.cell = self
        self.ref = f"connection of {name}"

    def target(self, model: str) -> Target:
        return Target(self.name, "wire", model)

    adjust = rate_limits = None


def router(routes: Any, draw: Any = random.random, **config: Any) -> Router:
    whole = SystemConfig(providers=PROVIDERS, routes=routes, **config)
    endpoints: Any = {name: Place(name) for name in PROVIDERS}
    look_up: Any = "look up {}".format
    return Router(whole, endpoints, look_up, draw)


def ask(**fields: Any) -> ChatRequest:
    return ChatRequest(**{"messages": "hi", "model": "r", **fields})


def models(found: Any) -> list[str]:
    return [f"{hop.target.provider}/{hop.target.model}" for hop in found.hops]


def test_a_model_has_one_hop_and_no_plan() -> None:
    found = router({"r": ["a/x"]}).way(ask(model="b/n"))
    assert (found.plan, models(found)) == (None, ["b/n"])
    assert found.options is found.hops[0].options is PROVIDERS["b"].options


def test_a_route_has_its_hops_and_their_rules() -> None:
    found = router({
        "r": ["a/x", {"model": "s", "after": ["timeout"]}],
        "s": {"hops": ["b", {"model": "a/y", "after": ["quota"], "retries": 2}], "fall_back_on": ["bug"]},
    }).way(ask())  # fmt: skip
    assert models(found) == ["a/x", "b/m", "a/y"]
    plan = found.plan
    assert plan is not None
    assert (plan.route, plan.rounds, plan.unfit, plan.first()) == ("r", 1, (), 0)
    assert [hop.name for hop in plan.hops] == models(found)
    assert [hop.retries for hop in plan.hops] == [0, 0, 2]
    assert [hop.after for hop in plan.hops] == [(), ({"timeout"},), ({"timeout"}, {"quota"})]
    assert [len(hop.leads_on) > 1 for hop in plan.hops] == [True, False, False]
    for hop in found.hops:
        provider = hop.target.provider
        assert (hop.connection, hop.headers) == (f"connection of {provider}", (("x", provider),))


def test_options_are_the_requests_the_routes_or_the_systems_with_the_hops_own_clocks() -> None:
    own = {"model": "a/y", "options": {"first_content_timeout_s": 1, "on_unsupported": "drop"}}
    usual, given_options = StreamingOptions(deadline_s=60), StreamingOptions(deadline_s=30)
    hops = ["a/x", "b", own]
    plain = router({"r": hops}, options=usual)

    by_system = plain.way(ask())
    assert by_system.options == usual
    assert [hop.options.first_content_timeout_s for hop in by_system.hops] == [120.0, 7.0, 1.0]
    assert {hop.options.deadline_s for hop in by_system.hops} == {60.0}
    by_request = plain.way(ask(options=given_options))
    assert by_request.options is given_options
    assert [hop.options.first_content_timeout_s for hop in by_request.hops] == [120.0, 120.0, 1.0]
    by_route = router({"r": {"hops": hops, "options": {"deadline_s": 9}}}, options=usual).way(ask())
    assert by_route.options.deadline_s == 9
    assert [hop.options.first_content_timeout_s for hop in by_route.hops] == [120.0, 120.0, 1.0]
    assert [hop.options.on_unsupported for hop in by_route.hops] == ["refuse", "refuse", "drop"]


def test_a_route_in_a_route_has_the_options_of_the_one_that_is_asked_for() -> None:
    routes = {
        "r": {"hops": ["s"], "options": {"max_silent_s": 5}},
        "s": {"hops": ["a/x"], "options": {"max_silent_s": 6}},
    }
    both = router(routes)
    assert both.way(ask()).hops[0].options.max_silent_s == 5
    assert both.way(ask(model="s")).hops[0].options.max_silent_s == 6


def test_each_hops_model_is_looked_up_where_the_request_wants_that() -> None:
    checked = StreamingOptions(validate_model=True)
    assert [hop.models for hop in router({"r": ["a/x", "b"]}).way(ask()).hops] == [None, None]
    found = router({"r": ["a/x", "b"]}).way(ask(options=checked))
    assert [hop.models for hop in found.hops] == ["look up list of a", "look up list of b"]


def test_a_request_that_a_hop_cannot_take() -> None:
    with pytest.raises(InvalidInput) as caught:
        router({"r": ["a/x", "b"]}).way(ask(seed=1))
    assert [problem.path for problem in caught.value.problems] == ["seed", "routes.r.unfit"]
    assert caught.value.where == "request to route r, which leads to b/m"
    skipped = router({"r": {"hops": ["a/x", "b"], "unfit": "skip"}}).way(ask(seed=1))
    assert skipped.plan is not None
    assert (models(skipped), skipped.plan.unfit) == (["a/x"], ("b/m",))
    for hops in (["b"], ["b", {"model": "a/x", "after": ["timeout"]}]):
        with pytest.raises(InvalidInput) as caught:
            router({"r": {"hops": hops, "unfit": "skip"}}).way(ask(seed=1))
        assert [problem.path for problem in caught.value.problems] == ["seed"]


def test_weights_are_drawn_for_each_request_from_the_generator_that_was_given() -> None:
    hops = [{"model": "a/x", "weight": 8}, {"model": "s", "weight": 2}]
    routes = {"r": {"hops": hops, "order": "weighted"}, "s": {"hops": ["a/1", "a/2"], "order": "weighted"}}
    drawn, again = (
        [models(shared.way(ask())) for _ in range(500)]
        for shared in (router(routes, random.Random(3).random), router(routes, random.Random(3).random))
    )
    assert drawn == again
    first = Counter(order[0] for order in drawn)
    assert 0.75 < first["a/x"] / 500 < 0.85
    assert first["a/1"]
    assert first["a/2"]
    assert all(set(order) == {"a/x", "a/1", "a/2"} for order in drawn)
    assert all(abs(order.index("a/1") - order.index("a/2")) == 1 for order in drawn)


values = {
    "temperature": st.floats(0, 2), "top_p": st.floats(0.1, 1), "max_output_tokens": st.integers(1, 99),
    "seed": st.integers(0, 9), "reasoning_effort": st.sampled_from(["low", "high"]),
    "extra_body": st.dictionaries(st.sampled_from("xy"), st.integers(0, 9), max_size=2),
}  # fmt: skip
some = st.fixed_dictionaries({}, optional=values)


def test_every_field_of_a_patch_is_tried_below() -> None:
    assert set(values) == set(PATCHED)


@given(asked=some, patches=st.lists(some, min_size=1, max_size=4))
def test_each_hop_has_the_original_request_save_its_own_patch(asked: Any, patches: list[Any]) -> None:
    hops = [{"model": f"a/{place}", **patch} for place, patch in enumerate(patches)]
    request = ask(**asked)
    before = request.model_dump_json()
    found = router({"r": hops}).way(request)
    for hop, patch in zip(found.hops, patches, strict=True):
        assert hop.request == ask(**{**asked, **patch})
        assert hop.request.messages is request.messages
    assert request.model_dump_json() == before
