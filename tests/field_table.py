"""What becomes of each field of a request on each wire, as the codecs really do it: the page docs/wires/fields.md.

    PYTHONPATH=. python tests/field_table.py > docs/wires/fields.md

Each request is checked and encoded as a stream would; the cell says where in the body its values stand then.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from every_wire import KINDS

from greenroom.messages.contracts import Call
from greenroom.messages.invalid import InvalidInput
from greenroom.messages.options import StreamingOptions
from greenroom.messages.request import ChatRequest
from greenroom.providers.registry import codec_for

from codec_run import CodecRun

MODELS = {
    "anthropic": "claude-sonnet-4-5", "anthropic-text": "claude-2.1", "gemini": "gemini-2.5-flash",
    "gemini-interactions": "gemini-2.5-flash", "ollama": "qwen3", "ollama-generate": "qwen3",
    "openai-responses": "gpt-5", "openai-chat": "gpt-5",
}  # fmt: skip
"""What is asked for; other wires look at no model's name."""
MARK = "MARK"
"""Stands in the part that a row is about."""
ASK = {"role": "user", "content": "hi"}
TOOL = {"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}
CALLS = [{"type": "tool_call", "id": f"c{n}", "name": "f", "arguments": '{"a": "b"}'} for n in (1, 2)]
CALLED = {"role": "assistant", "content": CALLS}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


def _image(**fields: Any) -> list[dict[str, Any]]:
    parts = [{"type": "text", "text": "hi"}, {"type": "image", **fields}]
    return [{"role": "user", "content": parts}]


def _results(*errors: bool) -> list[dict[str, Any]]:
    parts = [
        {"type": "tool_result", "tool_call_id": f"c{n + 1}", "content": MARK, "is_error": is_error}
        for n, is_error in enumerate(errors)
    ]
    return [ASK, {"role": "assistant", "content": CALLS[: len(parts)]}, {"role": "tool", "content": parts}]


FIELDS: dict[str, dict[str, Any]] = {
    "temperature": {"temperature": 0.5},
    "temperature above 1": {"temperature": 1.5},
    "top_p": {"top_p": 0.5},
    "max_output_tokens": {"max_output_tokens": 777},
    "stop": {"stop": ["END"]},
    "seed": {"seed": 7},
    "n": {"n": 2},
    "presence_penalty": {"presence_penalty": 0.5},
    "frequency_penalty": {"frequency_penalty": 0.5},
    "logprobs": {"logprobs": True},
    "top_logprobs": {"logprobs": True, "top_logprobs": 3},
    "top_logprobs without logprobs": {"top_logprobs": 3},
    "tools": {"tools": [TOOL]},
    "tools, strict": {"tools": [{**TOOL, "strict": True}]},
    "tool_choice auto": {"tools": [TOOL], "tool_choice": "auto"},
    "tool_choice none": {"tools": [TOOL], "tool_choice": "none"},
    "tool_choice required": {"tools": [TOOL], "tool_choice": "required"},
    "tool_choice by name": {"tools": [TOOL], "tool_choice": {"mode": "function", "name": "f"}},
    "parallel_tool_calls=False": {"tools": [TOOL], "parallel_tool_calls": False},
    "parallel_tool_calls=True": {"tools": [TOOL], "parallel_tool_calls": True},
    "response_format json_object": {"response_format": "json_object"},
    "response_format json_schema": {"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
    "json_schema, strict": {
        "response_format": {"type": "json_schema", "json_schema": SCHEMA, "strict": True, "name": "n1"}
    },
    "json_schema, description": {
        "response_format": {"type": "json_schema", "json_schema": SCHEMA, "description": "d"}
    },
    "options.json_mode": {"options": StreamingOptions(json_mode=True)},
    "options.json_mode with a schema": {
        "options": StreamingOptions(json_mode=True),
        "response_format": {"type": "json_schema", "json_schema": SCHEMA},
    },
    "options.json_mode with text": {
        "options": StreamingOptions(json_mode=True), "response_format": "text",
    },
    "reasoning_effort none": {"reasoning_effort": "none"},
    "reasoning_effort low": {"reasoning_effort": "low"},
    "reasoning_effort high": {"reasoning_effort": "high"},
    "stream=False": {"stream": False},
    "user": {"user": "u1"},
    "extra_body": {"extra_body": {"seed": 5}},
}  # fmt: skip
MESSAGES: dict[str, list[dict[str, Any]]] = {
    "system": [{"role": "system", "content": MARK}, ASK],
    "developer": [{"role": "developer", "content": MARK}, ASK],
    "system in mid-conversation": [
        ASK, {"role": "assistant", "content": "yes"}, {"role": "system", "content": MARK}, ASK
    ],
    "developer in mid-conversation": [
        ASK, {"role": "assistant", "content": "yes"}, {"role": "developer", "content": MARK}, ASK
    ],
    "name": [{"role": "user", "content": "hi", "name": MARK}],
    "image by url": _image(url=f"https://pictures.test/{MARK}.png"),
    "image as data": _image(data=MARK, media_type="image/png"),
    "image as a data: url": _image(url=f"data:image/png;base64,{MARK}"),
    "an earlier answer": [ASK, {"role": "assistant", "content": MARK}, ASK],
    "an empty assistant turn": [ASK, {"role": "assistant", "content": ""}, {"role": "user", "content": MARK}],
    "a last assistant turn": [ASK, {"role": "assistant", "content": MARK}],
    "a refusal": [ASK, {"role": "assistant", "content": [{"type": "refusal", "refusal": MARK}]}, ASK],
    "unsigned reasoning": [
        ASK,
        {"role": "assistant", "content": [{"type": "reasoning", "text": MARK}, {"type": "text", "text": "a"}]},
        ASK,
    ],
    "a call": [ASK, {"role": "assistant", "content": [{**CALLS[0], "name": MARK}]}, *_results(False)[2:]],
    "a tool result": _results(False),
    "two results in one turn": _results(False, False),
    "a result that is an error": _results(True),
    "a call that was cut": [
        ASK, {"role": "assistant", "content": [{**CALLS[0], "name": MARK, "complete": False}]}, ASK
    ],
}  # fmt: skip


class Wire:
    """One codec, asked what it does."""

    def __init__(self, kind: str) -> None:
        self._run = CodecRun(codec_for(kind), kind)
        self._model = MODELS.get(kind, "m")

    def body(self, given: Mapping[str, Any]) -> dict[str, Any]:
        fields = {"model": "p/m", "messages": "hi", **given}
        request = ChatRequest(**fields)
        sent = self._run.codec.encode(self._call(request))
        body: dict[str, Any] = json.loads(sent.body)
        return {**body, "(path)": urlsplit(sent.path).path} if "stream" not in body else body

    def refuses(self, given: Mapping[str, Any], on_unsupported: str = "refuse") -> list[str]:
        """Paths of what is refused."""
        fields = {"model": "p/m", "messages": "hi", **given}
        request = ChatRequest(**fields)
        call = self._call(request)
        options = call.options.replace(on_unsupported=on_unsupported)
        try:
            self._run.codec.check(request, call.target, options)
        except InvalidInput as refused:
            return [problem.path for problem in refused.problems]
        return []

    def _call(self, request: ChatRequest) -> Call:
        call = self._run.call(request)
        options = request.options or call.options
        return replace(call, target=replace(call.target, model=self._model), options=options)


def cell(wire: Wire, name: str) -> str:
    """sent as ...; refused (left out with on_unsupported="drop"); never: refused in any case; "": nothing sent."""
    given: dict[str, Any] = FIELDS[name] if name in FIELDS else {"messages": MESSAGES[name]}
    if wire.refuses(given, "drop"):
        return "never"
    beside = {"tools": given["tools"]} if "tools" in given and name not in ("tools", "tools, strict") else {}
    if name == "tools, strict":
        beside = {"tools": [TOOL]}
    if name == "top_logprobs":
        beside = {"logprobs": True}
    body = wire.body(given)
    if name in FIELDS:
        base = wire.body(beside) if not wire.refuses(beside, "drop") else {}
        sent = [f"`{path}`" for path in differing(body, base)]
    else:
        sent = [f"`{path}`" for path in marked(body)]
    shown = ", ".join(dict.fromkeys(sent))
    if wire.refuses(given):
        return f"refused, or {shown}" if shown else "refused"
    return shown


def differing(body: Any, base: Any, path: str = "") -> Iterator[str]:
    """Paths of what is new or other; "no x" for what is gone."""
    if isinstance(body, dict) and isinstance(base, dict):
        for key in body:
            place = f"{path}.{key}" if path else key
            if key not in base:
                yield place + _value(body[key])
            elif body[key] != base[key]:
                yield from differing(body[key], base[key], place)
        yield from (f"no {path}.{key}" if path else f"no {key}" for key in base if key not in body)
    elif isinstance(body, list) and isinstance(base, list) and len(body) == len(base):
        for one, other in zip(body, base, strict=True):
            yield from differing(one, other, f"{path}[]")
    else:
        yield path + _value(body)


def _value(value: Any) -> str:
    """Words and truth values are shown; numbers and texts of the request are not."""
    if isinstance(value, (bool, str)) and value not in ("u1", ""):
        return f"={json.dumps(value)}"
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        return f".{key}{_value(inner)}"
    return ""


def marked(body: Any, path: str = "", role: str = "") -> Iterator[str]:
    """Paths of the strings that hold the mark, with the role of their turn."""
    if isinstance(body, dict):
        role = body.get("role", role) if isinstance(body.get("role"), str) else role
        for key, inner in body.items():
            yield from marked(inner, f"{path}.{key}" if path else key, role)
    elif isinstance(body, list):
        for inner in body:
            yield from marked(inner, f"{path}[]", role)
    elif isinstance(body, str) and MARK in body:
        yield f"{path} ({role})" if role else path


def table() -> dict[str, dict[str, str]]:
    """By row and kind."""
    wires = {kind: Wire(kind) for kind in KINDS}
    return {name: {kind: cell(wires[kind], name) for kind in KINDS} for name in (*FIELDS, *MESSAGES)}


GROUPS = (
    ("openai-chat", "openai-responses", "anthropic", "gemini"),
    ("gemini-interactions", "ollama", "cohere-chat", "cloudflare-ai"),
    ("openai-completions", "anthropic-text", "ollama-generate"),
)
"""The columns of each table of the page."""
INTRO = """# What becomes of each field of a request

Made by `tests/field_table.py` from what the codecs do, and held against them by a test. A path is a place in the
body that is sent, with the role of its turn in parentheses. The models asked for are {models}; other models and
servers take more or less (their pages say what), and `extra_body` reaches every other field of a wire.

- **refused**: `InvalidInput` before anything is sent. With `on_unsupported="drop"` it is left out and said in the
  log once, or sent as far as the cell says.
- **never**: refused with `on_unsupported="drop"`, too: what would be left asks something else.
- **-**: nothing is sent. The server does so anyway; reasoning that no mark of the wire stands on has no use there.

Whatever the wire: a result that is an error is marked where the wire has a mark (`anthropic`, `gemini`,
`gemini-interactions`); elsewhere its text must say so. `options.json_mode` asks for an object unless the request
names a form of JSON itself. A tool call without one argument in an answer that ran out of tokens is not complete:
nobody knows what was to come. Where the answer ended otherwise, no arguments are `{{}}`.
"""


def page() -> str:
    models = ", ".join(f"`{model}` ({kind})" for kind, model in MODELS.items())
    lines = [INTRO.format(models=models)]
    told = table()
    for kinds in GROUPS:
        lines += [f"| | {' | '.join(f'`{kind}`' for kind in kinds)} |", "|---" * (len(kinds) + 1) + "|"]
        lines += [f"| {row} | {' | '.join(told[row][kind] or '-' for kind in kinds)} |" for row in told]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    print(page(), end="")
