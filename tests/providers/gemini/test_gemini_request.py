"""A ChatRequest as Gemini's HTTP request: paths, headers, and every field mapped, refused or dropped."""

import json
import logging
from dataclasses import replace
from typing import Any

import pytest
from gemini_wire import CODEC, call, chunk, run, sse

from greenroom import ChatRequest, InvalidInput, Message
from greenroom.messages.contracts import Target
from greenroom.messages.options import StreamingOptions
from greenroom.messages.retry_state import RetryState
from greenroom.providers.openai_chat import OpenAIChatCodec
from greenroom.providers.profiles import fitting_profile

TOOL = {
    "name": "add",
    "description": "adds",
    "parameters": {"type": "object", "properties": {"a": {"type": "number"}}},
}
MODEL = "gemini-2.5-flash"


def encoded(model: str = MODEL, resume: RetryState | None = None, **fields: Any) -> dict[str, Any]:
    given = call(ChatRequest(**{"model": f"p/{model}", "messages": "hi", **fields}))
    given = replace(given, target=replace(given.target, model=model))
    body: dict[str, Any] = json.loads(CODEC.encode(given, resume).body)
    return body


def place(base_url: str, model: str = MODEL, stream: bool = True, profile: str | None = None) -> str:
    given = call(ChatRequest(model=f"p/{model}", messages="hi", stream=stream), profile=profile)
    return CODEC.encode(replace(given, target=replace(given.target, model=model, base_url=base_url))).path


VERTEX = "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/google"


@pytest.mark.parametrize(
    ("base_url", "model", "path"),
    [
        ("https://generativelanguage.googleapis.com", MODEL, f"/v1beta/models/{MODEL}"),
        ("https://generativelanguage.googleapis.com/", MODEL, f"/v1beta/models/{MODEL}"),
        ("https://generativelanguage.googleapis.com/v1beta", MODEL, f"/v1beta/models/{MODEL}"),
        ("https://generativelanguage.googleapis.com/v1", MODEL, f"/v1/models/{MODEL}"),
        ("https://generativelanguage.googleapis.com/v1alpha", f"models/{MODEL}", f"/v1alpha/models/{MODEL}"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", MODEL, f"/v1beta/models/{MODEL}"),
        ("https://generativelanguage.googleapis.com/v1beta/models", MODEL, f"/v1beta/models/{MODEL}"),
        ("https://gateway.test/google", "tunedModels/mine", "/google/v1beta/tunedModels/mine"),
        ("", MODEL, f"/v1beta/models/{MODEL}"),
        (VERTEX, MODEL, f"/v1/projects/p/locations/us-east5/publishers/google/models/{MODEL}"),
        (VERTEX, f"publishers/google/models/{MODEL}",
         f"/v1/projects/p/locations/us-east5/publishers/google/models/{MODEL}"),
        ("https://g.test/v1beta", "bad model?x#y:z", "/v1beta/models/bad%20model%3Fx%23y%3Az"),
    ],
)  # fmt: skip
def test_paths(base_url: str, model: str, path: str) -> None:
    assert place(base_url, model) == f"{path}:streamGenerateContent?alt=sse"
    assert place(base_url, model, stream=False) == f"{path}:generateContent"


def test_keys_go_where_the_profile_says() -> None:
    headers = dict(CODEC.encode(call()).headers)
    assert headers["x-goog-api-key"] == "sk-very-secret"
    assert "authorization" not in headers
    token = dict(CODEC.encode(call(profile="vertex")).headers)
    assert token["authorization"] == "Bearer sk-very-secret"
    assert "x-goog-api-key" not in token


def test_profiles_by_address_and_wire() -> None:
    host = "https://generativelanguage.googleapis.com/v1beta/openai"
    assert fitting_profile("mine", None, host).name == "gemini-openai"
    assert fitting_profile("mine", None, host, "gemini").name == "gemini"
    assert fitting_profile("mine", None, host, "openai-chat").name == "gemini-openai"
    assert fitting_profile("mine", None, "https://x.test", "gemini").name == "gemini"


EVERY_FIELD: dict[str, tuple[Any, dict[str, Any] | str]] = {
    "temperature": (0.0, {"generationConfig": {"temperature": 0.0}}),
    "top_p": (0.5, {"generationConfig": {"topP": 0.5}}),
    "max_output_tokens": (9, {"generationConfig": {"maxOutputTokens": 9}}),
    "stop": (["a"], {"generationConfig": {"stopSequences": ["a"]}}),
    "seed": (0, {"generationConfig": {"seed": 0}}),
    "n": (2, {"generationConfig": {"candidateCount": 2}}),
    "presence_penalty": (1.0, {"generationConfig": {"presencePenalty": 1.0}}),
    "frequency_penalty": (1.0, {"generationConfig": {"frequencyPenalty": 1.0}}),
    "logprobs": (True, {"generationConfig": {"responseLogprobs": True}}),
    "top_logprobs": (3, "goes with logprobs=True"),
    "response_format": ("json_object", {"generationConfig": {"responseMimeType": "application/json"}}),
    "reasoning_effort": ("low", {"generationConfig": {
        "thinkingConfig": {"thinkingBudget": 1024, "includeThoughts": True}}}),
    "tools": ([TOOL], {"tools": [{"functionDeclarations": [
        {"name": "add", "description": "adds", "parametersJsonSchema": TOOL["parameters"]}]}]}),
    "parallel_tool_calls": (False, "Gemini may always call in parallel"),
    "user": ("u", "Gemini does not take it"),
    "extra_body": ({"safetySettings": []}, {"safetySettings": []}),
}  # fmt: skip
ELSEWHERE = {
    "messages", "model", "tool_choice", "stream", "options", "request_id", "tenant", "priority",
}  # fmt: skip
"""Of the turns and the path, tested below; or of ours alone, never sent."""


def test_every_field_of_a_request_has_its_policy() -> None:
    assert EVERY_FIELD.keys() | ELSEWHERE == ChatRequest.model_fields.keys()


@pytest.mark.parametrize("name", EVERY_FIELD)
def test_a_field_is_mapped_or_refused(name: str) -> None:
    value, wanted = EVERY_FIELD[name]
    request = ChatRequest(model=f"p/{MODEL}", messages="hi", **{name: value})
    target = Target("p", "gemini", MODEL)
    if isinstance(wanted, str):
        with pytest.raises(InvalidInput, match=wanted):
            CODEC.check(request, target, StreamingOptions())
        return
    CODEC.check(request, target, StreamingOptions())
    contents = [{"role": "user", "parts": [{"text": "hi"}]}]
    assert encoded(**{name: value}) == {"contents": contents, **wanted}


def test_what_is_dropped_is_said(caplog: pytest.LogCaptureFixture) -> None:
    request = ChatRequest(
        model=f"p/{MODEL}", messages=[{"role": "user", "content": "hi", "name": "Ann"}], user="gemini-u"
    )
    with caplog.at_level(logging.WARNING, "greenroom.providers"):
        CODEC.check(request, Target("p", "gemini", MODEL), StreamingOptions(on_unsupported="drop"))
    assert "user is left out of requests to gemini" in caplog.text
    assert "Ann" not in caplog.text


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"messages": [{"role": "system", "content": "s"}]}, "messages"),
        ({"messages": [{"role": "tool", "tool_call_id": "x", "content": "1"}]}, "tool_call_id"),
        ({"n": 9}, "n"),
        ({"stop": list("abcdef")}, "stop"),
        ({"messages": [{"role": "assistant", "content": [
            {"type": "tool_call", "id": "1", "name": "f", "arguments": "[1]"}]},
                       {"role": "user", "content": "x"}]}, "arguments"),
        ({"messages": [{"role": "assistant", "content": [
            {"type": "tool_call", "id": "1", "name": "f", "complete": False}]},
                       {"role": "user", "content": "x"}]}, "messages.0.content.0"),
        ({"messages": [{"role": "system", "content": [{"type": "image", "url": "https://x.test/a.png"}]},
                       {"role": "user", "content": "x"}]}, "messages.0"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(fields: dict[str, Any], path: str) -> None:
    request = ChatRequest(**{"model": f"p/{MODEL}", "messages": "hi", **fields})
    with pytest.raises(InvalidInput) as caught:
        CODEC.check(request, Target("p", "gemini", MODEL), StreamingOptions())
    assert any(path in problem.path for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("model", "effort", "config"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-flash-lite", "high", {"thinkingBudget": 24576, "includeThoughts": True}),
        ("models/gemini-2.5-pro", "minimal", {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemini-2.5-pro", "none", None),
        ("gemini-3-flash-preview", "minimal", {"thinkingLevel": "minimal", "includeThoughts": True}),
        ("gemini-3-pro-preview", "medium", {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-3.1-pro-preview", "medium", {"thinkingLevel": "medium", "includeThoughts": True}),
        ("gemini-3.5-flash", "xhigh", {"thinkingLevel": "high", "includeThoughts": True}),
        ("gemini-flash-latest", "low", {"thinkingLevel": "low", "includeThoughts": True}),
        ("gemini-3-pro", "none", None),
        ("gemini-2.0-flash", "low", None),
        ("gemma-3-27b-it", "low", None),
    ],
)
def test_an_effort_is_what_the_model_s_family_calls_it(model: str, effort: Any, config: Any) -> None:
    request = ChatRequest(model=f"p/{model}", messages="hi", reasoning_effort=effort)
    if config is None:
        with pytest.raises(InvalidInput, match="reasoning_effort"):
            CODEC.check(request, Target("p", "gemini", model), StreamingOptions())
        assert "generationConfig" not in encoded(model, reasoning_effort=effort)
    else:
        CODEC.check(request, Target("p", "gemini", model), StreamingOptions())
        assert encoded(model, reasoning_effort=effort)["generationConfig"] == {"thinkingConfig": config}


@pytest.mark.parametrize(
    ("choice", "strict", "config"),
    [
        (None, None, None),
        ("auto", None, {"mode": "AUTO"}),
        ("none", True, {"mode": "NONE"}),
        ("required", True, {"mode": "ANY"}),
        ({"mode": "function", "name": "add"}, None, {"mode": "ANY", "allowedFunctionNames": ["add"]}),
        (None, True, {"mode": "VALIDATED"}),
    ],
)
def test_tool_choice(choice: Any, strict: bool | None, config: Any) -> None:
    body = encoded(tools=[{**TOOL, "strict": strict}], tool_choice=choice)
    assert body.get("toolConfig") == (None if config is None else {"functionCallingConfig": config})


def test_a_tool_without_parameters_and_a_schema_for_the_answer() -> None:
    body = encoded(
        tools=[{"name": "now"}],
        response_format={"type": "json_schema", "json_schema": {"type": "object"}},
    )
    assert body["tools"] == [{"functionDeclarations": [{"name": "now"}]}]
    assert body["generationConfig"] == {
        "responseJsonSchema": {"type": "object"},
        "responseMimeType": "application/json",
    }


def test_extra_body_is_merged_member_by_member() -> None:
    body = encoded(temperature=0.5, max_output_tokens=5, tools=[TOOL], extra_body={
        "generationConfig": {"topK": 40, "maxOutputTokens": 7, "thinkingConfig": {"thinkingBudget": 1}},
        "tools": [{"googleSearch": {}}],
    })  # fmt: skip
    assert body["generationConfig"] == {
        "temperature": 0.5, "topK": 40, "maxOutputTokens": 7, "thinkingConfig": {"thinkingBudget": 1},
    }  # fmt: skip
    assert body["tools"] == [{"googleSearch": {}}]


CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image", "data": "aGk=", "media_type": "image/png"},
        {"type": "image", "url": "https://x.test/a.jpg?b=c"},
        {"type": "image", "url": "data:image/webp;base64,aGk="},
        {"type": "image", "url": "gs://bucket/object", "media_type": "image/gif"},
    ]},
    {"role": "assistant", "content": "", "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}},
        {"id": "c2", "type": "function", "function": {"name": "see", "arguments": ""}},
    ]},
    {"role": "tool", "tool_call_id": "c1", "content": '{"found": [1]}'},
    {"role": "tool", "tool_call_id": "c2", "content": "plain text"},
    {"role": "developer", "content": "Be exact."},
    {"role": "user", "content": "Go on."},
]  # fmt: skip


def test_a_conversation() -> None:
    body = encoded(messages=CONVERSATION)
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "Be exact."}]}
    user, model, results, last = body["contents"]
    assert user["parts"][1:] == [
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        {"fileData": {"fileUri": "https://x.test/a.jpg?b=c", "mimeType": "image/jpeg"}},
        {"inlineData": {"mimeType": "image/webp", "data": "aGk="}},
        {"fileData": {"fileUri": "gs://bucket/object", "mimeType": "image/gif"}},
    ]
    assert model == {"role": "model", "parts": [
        {"functionCall": {"name": "look", "args": {"at": 1}, "id": "c1"}},
        {"functionCall": {"name": "see", "args": {}, "id": "c2"}},
    ]}  # fmt: skip
    assert results == {"role": "user", "parts": [
        {"functionResponse": {"name": "look", "response": {"found": [1]}, "id": "c1"}},
        {"functionResponse": {"name": "see", "response": {"output": "plain text"}, "id": "c2"}},
    ]}  # fmt: skip
    assert last == {"role": "user", "parts": [{"text": "Go on."}]}


def test_calls_of_other_models_get_the_mark_that_gemini_3_takes() -> None:
    (_, model, *_) = encoded("gemini-3-pro-preview", messages=CONVERSATION)["contents"]
    assert [part.get("thoughtSignature") for part in model["parts"]] == [
        "skip_thought_signature_validator",
        None,
    ]


def test_an_error_of_a_tool_says_so() -> None:
    failed = {
        "role": "tool",
        "content": [{"type": "tool_result", "tool_call_id": "c1", "content": "boom", "is_error": True}],
    }
    (_, _, results, _) = encoded(messages=[*CONVERSATION[:3], failed, CONVERSATION[-1]])["contents"]
    assert results["parts"][0]["functionResponse"]["response"] == {"error": "boom"}


ANSWER = [
    {"text": "Hm.", "thought": True},
    {"text": "Look", "thoughtSignature": "dGV4dA=="},
    {"executableCode": {"language": "PYTHON", "code": "1"}},
    {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "Y2FsbA=="},
    {"functionCall": {"name": "g", "args": {}, "id": "own"}},
]


def test_an_answer_goes_back_as_it_came() -> None:
    message = run(sse(*[chunk(part) for part in ANSWER], chunk(finish="STOP"))).choice.message
    stored = Message.model_validate_json(message.model_dump_json())
    first, second = [part for part in stored.content if part.type == "tool_call"]
    results = [{"role": "tool", "tool_call_id": each.id, "content": "1"} for each in (first, second)]
    _, model, back = encoded(messages=[{"role": "user", "content": "hi"}, stored, *results])["contents"]
    assert model == {"role": "model", "parts": ANSWER}
    assert [part["functionResponse"] for part in back["parts"]] == [
        {"name": "f", "response": {"output": "1"}}, {"name": "g", "response": {"output": "1"}, "id": "own"},
    ]  # fmt: skip


def test_an_answer_goes_to_another_wire_and_back_without_what_cannot_travel() -> None:
    message = run(sse(*[chunk(part) for part in ANSWER], chunk(finish="STOP"))).choice.message
    codec = OpenAIChatCodec()
    request = ChatRequest(model="p/m", messages=[message, {"role": "user", "content": "x"}])
    codec.check(request, Target("p", "openai-chat", "m"), StreamingOptions())
    turn = json.loads(codec.encode(call(request)).body)["messages"][0]
    assert turn["content"] == "Look"
    assert [each["function"]["name"] for each in turn["tool_calls"]] == ["f", "g"]
    assert "c2" not in json.dumps(turn)
    signed = [
        {"type": "reasoning", "text": "other", "signature": "s", "wire": "anthropic"},
        {"type": "reasoning", "text": "unmarked"},
        {"type": "provider", "wire": "anthropic", "item": {"x": 1}},
        {"type": "text", "text": "kept", "signature": "s", "wire": "anthropic"},
    ]
    contents = encoded(messages=[{"role": "assistant", "content": signed}, {"role": "user", "content": "x"}])[
        "contents"
    ]
    assert contents[0] == {"role": "model", "parts": [{"text": "kept"}]}


def state(**fields: Any) -> RetryState:
    request = ChatRequest(model="p/m", messages="hi")
    told = {"stream_id": "s", "request_id": "r", "request": request, "epoch": 1, "provider": "p",
            "model_asked": "m",
            "deadline_left_s": 1.0, "updated_at": 0.0}  # fmt: skip
    return RetryState(**{**told, **fields})


def test_a_cut_answer_is_gone_on_with_in_words() -> None:
    body = encoded(resume=state(mode="instruction", delivered_text="Once upon"), max_output_tokens=10)
    assert body["contents"][1] == {"role": "model", "parts": [{"text": "Once upon"}]}
    assert body["contents"][2]["role"] == "user"
    assert body["generationConfig"]["maxOutputTokens"] == 8


def test_a_paused_answer_is_asked_for_with_its_token() -> None:
    whole = run(sse(chunk({"text": "a"}, {"functionCall": {"name": "f", "args": {}}}, finish="STOP")))
    resume = state(mode="pause", cursor="dG9r", delivered_parts=whole.choice.parts)
    body = encoded(resume=resume)
    assert body["continuationToken"] == "dG9r"
    assert len(body["contents"]) == 1
    decoder = CODEC.start(call(), resume)
    decoded = decoder.feed(sse(chunk({"text": "b"}, {"functionCall": {"name": "g", "args": {}}})), 1, 0.0)
    assert decoded.deltas[0].block == 2
    assert decoded.deltas[1].call_index == 1
