"""The limit that a message says was hit, and how much was used of it, in the wordings of the field.

Only where the wording itself names the kind of limit; a number in other words is none.
"""

import re

from greenroom.messages.failures import NamedLimit
from greenroom.messages.quoted import without_quotes

_L, _U = r"(?P<limit>\d{1,15})", r"(?P<used>\d{1,15})"
_CONTEXT = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL)
    for pattern in (
        # vLLM: you requested 9 output tokens and your prompt contains at least 8 input tokens, for a total of ...
        rf"context length (?:is|of)(?: only)? {_L}.{{1,200}}?\btotal of (?:at least )?{_U}",
        # OpenAI, OpenRouter, vLLM
        (
            rf"context length (?:is|of)(?: only)? {_L}.{{1,200}}?"
            rf"(?:requested|resulted in)(?: about| a total of)? {_U}"
        ),
        rf"passed {_U} input tokens.{{1,120}}?context length is(?: only)? {_L}",
        rf"\(length {_U}\) is longer than the maximum model length of {_L}",
        # llama.cpp, Together and SGLang, compatible servers
        rf"\({_U} tokens\) exceeds the available context size \({_L}",
        rf"input \({_U} tokens\) is longer than the model's context length \({_L}",
        rf"input length \(?{_U}\)? exceeds (?:the )?(?:model's )?maximum [a-z ]{{6,40}}(?:of )?\(?{_L}",
        # Anthropic
        rf"prompt is too long: {_U} tokens > {_L}",
        rf"exceed context limit: (?P<first>\d{{1,15}}) \+ (?P<second>\d{{1,15}}) > {_L}",
        # Gemini, Vertex
        rf"input token count \(?(?:is )?{_U}\)? .{{0,20}}?(?:tokens allowed|only supports up to) \(?{_L}",
        rf"input token count \({_U}\) exceeds the maximum number of tokens allowed \({_L}",
        # xAI, Mistral, Copilot, Moonshot, Cerebras
        rf"maximum prompt length is {_L} but the request contains {_U}",
        rf"prompt contains {_U} tokens.{{1,80}}?too large for model with {_L} maximum context",
        rf"prompt token count of {_U} exceeds the limit of {_L}",
        rf"exceeded model token limit: {_L} \(requested: {_U}",
        rf"current length is {_U} while limit is {_L}",
        # Cohere, LM Studio, Cloudflare, Bedrock, TGI, OpenAI Responses
        rf"size limit exceeded by (?P<over>\d{{1,15}}) tokens.{{1,120}}?limit for this model is {_L}",
        rf"keep the first {_U} tokens.{{1,120}}?context length of(?: only)? {_L}",
        rf"tokens \({_U}\) exceeded this model context window limit \({_L}",
        rf"max input tokens: {_L}, request input token count: {_U}",
        rf"must be <= {_L}\. given: (?P<first>\d{{1,15}}) .{{0,20}}?tokens and (?P<second>\d{{1,15}})",
        rf"configured limit of {_L} tokens.{{1,80}}?resulted in {_U}",
        rf"context length (?:is|of)(?: only)? {_L}",
        rf"range of input length should be \[\d{{1,9}}, {_L}\]",
    )
)
_WINDOW_S = {"sec": 1.0, "min": 60.0, "hou": 3600.0, "day": 86400.0, "mon": 2_592_000.0}
_TIME = r"(?P<window>second|sec|minute|min|hour|day|month)"
_RATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # OpenAI, Groq: on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000
        (
            rf"\b(?P<unit>(?:input |output )?tokens|requests) per {_TIME}[^:]{{0,20}}: limit:? {_L}"
            rf"(?:[^,.]{{0,10}}[,.] (?:used|current):? {_U})?(?:[^,]{{0,10}}, requested (?P<asked>\d{{1,15}}))?"
        ),
        # Anthropic: of 30,000 input tokens per minute. Cohere: limited to 40 API calls / minute
        (
            rf"(?:rate limit[^.]{{0,120}}? of|limited to|limit is) {_L} "
            rf"(?P<unit>(?:input |output )?tokens|(?:API )?calls|requests) ?(?:per|/) ?{_TIME}"
        ),
    )
)
_SEPARATORS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def named_limits(message: str) -> tuple[NamedLimit, ...]:
    """The limit that was hit, `context_tokens`, `tokens` or `requests`; none where the message names none."""
    text = _SEPARATORS.sub("", without_quotes(message))
    for pattern in _CONTEXT:
        if found := pattern.search(text):
            return (_limit("context_tokens", found.groupdict()),)
    for pattern in _RATES:
        if found := pattern.search(text):
            told = found.groupdict()
            unit = told["unit"].lower().replace(" ", "_")
            return (_limit("requests" if unit.endswith("calls") else unit, told),)
    return ()


def _limit(name: str, told: dict[str, str | None]) -> NamedLimit:
    numbers = {key: float(value) for key, value in told.items() if value and value.isdecimal()}
    used = numbers.get("used", numbers.get("asked"))
    if "first" in numbers:
        used = numbers["first"] + numbers["second"]
    elif "over" in numbers:
        used = numbers["limit"] + numbers["over"]
    window = told.get("window")
    return NamedLimit(
        name=name, limit=numbers["limit"], used=used, requested=numbers.get("asked"), exceeded=True,
        window_s=_WINDOW_S[window.lower()[:3]] if window else None,
    )  # fmt: skip
