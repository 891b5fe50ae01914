"""What the providers say in words where their codes say nothing, by class. First match wins.

A phrase is believed only beside a status with which a provider says it: a 400 that repeats "rate limit" out of
somebody's prompt is still a bad request. What the message quotes is not searched at all.
"""

import re

from greenroom.messages.failures import ErrorClass
from greenroom.messages.quoted import without_quotes

_BAD = frozenset({400, 422})
_AUTH = frozenset({401, 403})
_BUSY = frozenset({429, 500, 502, 503, 504, 529})
_ANY = _BAD | _AUTH | _BUSY | {402, 404, 410, 413, 424, 425, 451}

_SIZE = r"context (?:length|window|size|limit)\b"
_NEAR = r"(?:(?!\. |; ).){0,60}?"
"""Not past the end of a sentence."""
_END = r"(?=[:.,;]|$| (?!input|output|param|setting|config|type|version))"
"""The model itself, not something of it."""
_PHRASES: tuple[tuple[ErrorClass, frozenset[int], tuple[str, ...]], ...] = (
    (
        "transient",
        frozenset({400, 500}),
        (r"model has crashed\b", r"(?:model|llama) runner (?:has|process)\b"),
    ),
    (
        "model_loading",
        _BAD | _BUSY | {404, 425},
        (
            r"loading (?:the )?model\b",
            r"models?\b.{0,100}?\b(?:is|are) (?:currently |still |now )*(?:being loaded|loading|warming up)\b",
            r"(?:waiting|wait) for (?:the )?model\b",
            r"model (?:is )?not (?:yet )?ready\b",
            r"model (?:is |was |has been |has )?unloaded\b",
        ),
    ),
    ("model_not_found", _ANY, (r"no models? (?:is |are )?(?:currently )?loaded\b",)),
    (
        "quota",
        _BAD | _AUTH | {402, 429},
        (
            r"credit balance\b",
            r"insufficient (?:account )?(?:balance|credits?|funds|quota)\b",
            r"(?:more|any|add|purchase|buy) credits\b",
            r"(?:used (?:up )?all|out of|no) (?:available |more )?credits\b(?! (?:were|have been)\b)",
            (
                r"(?:used up|exceeded|reached|exhausted|run out of|out of)\b.{0,60}?\b(?:included credits|monthly"
                r"|credits? (?:limit|balance)|free (?:allocation|quota)|spend(?:ing)? limit|call volume quota"
                r"|api usage limits?|account balance)\b"
            ),
            r"billing (?:hard limit|is not active|must be enabled)",
            r"requires billing\b",
            r"payment required\b",
            r"overdue[- ]payment\b",
            r"in arrears\b",
            r"token quota is (?:insufficient|not enough)\b",
        ),
    ),
    (
        # Bedrock's throttling, beside its ValidationException for a prompt of too many tokens.
        "rate_limit",
        frozenset({400, 429, 500, 503}),
        (r"too many (?:tokens|requests)(?: per day)?, please wait\b",),
    ),
    (
        "context_length",
        _BAD | {403, 413, 500},
        (
            r"(?:exceed\w*|(?:long|larg|great)er than|maximum|too (?:large|long)|overflow\w*|not fit)\b.{0,80}?\b"
            + _SIZE,
            _SIZE + r".{0,80}?(?:\bexceed|\boverflow|\btoo (?:small|large|long)\b|\bonly \d)",
            r"context the overflows\b",
            r"(?:prompt|input|request|messages?|conversation) (?:is |are )?too (?:long|large for)\b",
            r"too many (?:input |prompt )?tokens\b(?!.{0,40}\b(?:wait|per|minute)\b)",
            r"token limit exceeded\b",
            r"(?:input|prompt) (?:token count|tokens?|length)\b.{0,60}?\bexceed",
            r"number of input tokens exceed",
            r"maximum number of tokens allowed\b",
            r"maximum (?:allowed )?(?:prompt|input|model|sequence) length\b",
            r"model only supports up to \d",
            r"reduce the length of (?:the |your )?(?:messages|prompt|input)",
            r"reduce your prompt\b",
            r"too large for model with\b",
            r"model token limit\b",
            r"range of input length\b",
            r"must be <= \d+\. given:",
            r"current length is \d+ while limit is\b",
            r"max size: \d+ tokens\b",
            r"max input tokens: \d",
            r"token count of \d+ exceeds the limit\b",
        ),
    ),
    (
        "content_policy",
        _BAD | {403, 429, 451, 500},
        (
            r"content (?:management )?(?:policy|policies)\b",
            r"content[- ]filter",
            r"safety (?:system|filters?|reasons)\b",
            r"responsible ai\b",
            r"input (?:was|is) flagged\b",
            r"flagged (?:as|for|by)\b",
            r"(?:requires|failed|blocked by|rejected by)\b.{0,30}?\bmoderation\b",
            r"violat\w+\b.{0,60}?\b(?:polic\w+|guidelines|terms of (?:use|service))\b",
            r"prohibited content\b",
            r"(?:sensitive|inappropriate|unsafe|harmful) (?:words|content)\b",
        ),
    ),
    (
        "credential",
        _BAD | _AUTH,
        (
            r"api[ _-]?key\b.{0,40}?\b(?:invalid|not valid|incorrect|expired|missing|wrong|revoked|not found)\b",
            r"(?:invalid|incorrect|wrong|missing|expired|no|bad|malformed)\b.{0,30}?\bapi[ _-]?key\b",
            r"api[ _-]?key\b.{0,40}?\bleaked\b",
            r"security token\b",
        ),
    ),
    (
        "credential",
        _AUTH,
        (
            r"(?:invalid|expired|missing|no)\b.{0,20}?\b(?:token|auth\w*|credentials?|subscription key)\b",
            r"token (?:has |is )?expired\b",
            r"authentication (?:fail|error\b)",
            r"unauth\w+\b",
            r"signature (?:expired|does not match)\b",
        ),
    ),
    (
        "permission",
        frozenset({400, 401}),
        (
            r"insufficient permissions?\b",
            r"(?:do|does) not have permission\b",
            r"location is not supported\b",
            r"not available in your (?:country|region)\b",
            r"(?:country|region)\b.{0,20}?\bnot supported\b",
            r"(?:organization|account|workspace|project) (?:has been|is|was) (?:disabled|suspended|deactivated)\b",
        ),
    ),
    (
        "model_not_found",
        _BAD | {404, 410},
        (
            r"models?\b" + _NEAR + r"\b(?:not found|(?:not|doesn't) exist|is not available|unavailable)\b",
            r"models?\b" + _NEAR + r"\b(?:has been|is|was) (?:deprecated|decommissioned|retired|removed)\b",
            r"models?\b" + _NEAR + r"\breached (?:the|its) end\b",
            r"(?:not supported|unsupported|unknown|invalid|no such|unrecognized) model(?: name| id)?" + _END,
            r"not a valid model\b",
            r"model (?:identifier|name|id) (?:is|was) (?:invalid|unknown)\b",
            r"supported (?:api )?model names?\b",
            r"unexpected model name\b",
            r"no endpoints found for\b",
        ),
    ),
    (
        "overloaded",
        _BUSY,
        (
            r"overloaded\b",
            r"(?:over|at|out of|no|insufficient) capacity\b",
            r"capacity (?:is )?temporarily exceeded\b",
            r"high (?:demand|traffic|load|volume)\b",
            r"(?:server|service|model) (?:is )?(?:too |currently )?busy\b",
            r"(?:currently|temporarily) unavailable\b",
            r"no more data centers\b",
            r"pending requests\b",
        ),
    ),
    ("overloaded", _BUSY - {429}, (r"slow down\b",)),  # OpenAI's 503; beside a 429 it is the limit's word
    (
        "rate_limit",
        _BUSY | {403, 413},
        (
            r"rate[- ]limit",
            r"too many (?:concurrent )?requests\b",
            r"throttl",
            r"(?:requests|tokens|calls) (?:per|/) ?(?:second|minute|min|hour|day)\b",
            r"concurren(?:cy limit|t requests)\b",
            r"(?:request|token|qps|rpm|tpm) limit (?:reached|exceeded)\b",
        ),
    ),
    (
        # Not the model is missing but something that it cannot do; and no second try will change that.
        "invalid_request",
        frozenset({404, 500}),
        (
            r"(?:does not|doesn't|that|not) support(?:ed)?\b",
            r"requires --\w+",
            r"unknown format\b",
        ),
    ),
    (
        # Inside a stream, without a status: the server's own bad moment.
        "transient",
        frozenset(),
        (
            r"(?:internal|unexpected|unknown|server) (?:server )?error\b",
            r"error (?:has )?occurred\b",
            r"error was encountered\b",
            r"server had an error\b",
            r"timed? ?out\b",
            r"eof$",
        ),
    ),
)
_COMPILED = tuple(
    (found, statuses, re.compile("|".join(rf"(?<!\w)(?:{each})" for each in alternatives)))
    for found, statuses, alternatives in _PHRASES
)

_SPENT = re.compile(r"\bexceeded your current quota\b|\bplan and billing\b|\bdaily limit\b|余额不足|欠费")
"""Of an account that has nothing left; and Google's of a rate, beside the seconds until it comes back."""


def by_phrase(message: str, status: int | None, comes_back: bool) -> ErrorClass | None:
    """The class that the message's own words name, or None.

    `status` None: nobody told one. `comes_back`: the provider told when to come again.
    """
    text = " ".join(without_quotes(message).lower().split())
    if status in (None, 402, 403, 429) and not comes_back and _SPENT.search(text):
        return "quota"
    for found, statuses, pattern in _COMPILED:
        if (status is None or status in statuses) and pattern.search(text):
            return found
    return None
