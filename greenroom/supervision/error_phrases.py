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

_SIZE = r"context (?:length|window|size|limit)"
_PHRASES: tuple[tuple[ErrorClass, frozenset[int], str], ...] = (
    (
        "model_loading",
        _BAD | _BUSY | {404, 425},
        r"\bloading (?:the )?model\b"
        r"|\bmodels?\b.{0,100}?\b(?:is|are) (?:currently |still |now )*(?:being loaded|loading|warming up)\b"
        r"|\bwaiting for (?:the )?model\b|\bmodel (?:is )?not (?:yet )?ready\b"
        r"|\bmodel (?:was |has been |has )?unloaded\b",
    ),
    ("model_not_found", _ANY, r"\bno models? (?:is |are )?(?:currently )?loaded\b"),
    (
        "quota",
        _BAD | _AUTH | {402, 429},
        r"\bcredit balance\b|\binsufficient (?:account )?(?:balance|credits?|funds|quota)\b"
        r"|\b(?:more|any|add|purchase|buy) credits\b|\b(?:used (?:up )?all|out of|no) (?:available |more )?credits\b"
        r"|\b(?:used up|exceeded|reached|exhausted|run out of|out of)\b.{0,60}?"
        r"\b(?:included credits|credits? (?:limit|balance)|free (?:allocation|quota)|monthly|spend(?:ing)? limit"
        r"|call volume quota|api usage limits?|account balance)\b"
        r"|\bbilling (?:hard limit|is not active|must be enabled)|\brequires billing\b|\bpayment required\b"
        r"|\boverdue[- ]payment\b|\bin arrears\b|\btoken quota is (?:insufficient|not enough)\b",
    ),
    (
        "rate_limit",
        frozenset({400, 429, 500, 503}),
        r"^too many (?:tokens|requests), please wait\b|\btokens per (?:day|minute), please wait\b",
    ),
    (
        "context_length",
        _BAD | {403, 413, 500},
        rf"\b(?:exceed\w*|(?:long|larg|great)er than|maximum|too (?:large|long)|overflow\w*|fit|only)\b.{{0,80}}?"
        rf"\b{_SIZE}\b|\b{_SIZE}\b.{{0,80}}?(?:\bexceed|\boverflow|\btoo (?:small|large|long)\b|\bonly \d)"
        r"|\b(?:prompt|input|request|messages?|conversation) (?:is |are )?too (?:long|large for)\b"
        r"|\btoo many (?:input |prompt )?tokens\b(?!.{0,40}\b(?:wait|per|minute)\b)|\btoken limit exceeded\b"
        r"|\b(?:input|prompt) (?:token count|tokens?|length)\b.{0,60}?\bexceed|\bmaximum number of tokens allowed\b"
        r"|\bmaximum (?:allowed )?(?:prompt|input|model|sequence) length\b|\bmodel only supports up to \d"
        r"|\breduce the length of (?:the |your )?(?:messages|prompt|input)|\breduce your prompt\b"
        r"|\btoo large for model with\b|\bmodel token limit\b|\brange of input length\b|\bmust be <= \d+\. given:"
        r"|\bcurrent length is \d+ while limit is\b|\bmax size: \d+ tokens\b|\bexceeds the limit of \d+\b",
    ),
    (
        "content_policy",
        _BAD | {403, 429, 451, 500},
        r"\bcontent (?:management )?(?:policy|policies)\b|\bcontent[- ]filter|\bsafety (?:system|filters?|reasons)\b"
        r"|\bresponsible ai\b|\binput (?:was|is) flagged\b|\bflagged (?:as|for|by)\b|\bmoderation\b"
        r"|\bviolat\w+\b.{0,60}?\b(?:polic\w+|guidelines|terms of (?:use|service))\b|\bprohibited content\b"
        r"|\b(?:sensitive|inappropriate|unsafe|harmful) (?:words|content)\b",
    ),
    (
        "credential",
        _BAD | _AUTH,
        r"\bapi[ _-]?key\b.{0,40}?\b(?:invalid|not valid|incorrect|expired|missing|wrong|revoked|not found)\b"
        r"|\b(?:invalid|incorrect|wrong|missing|expired|no|bad|malformed)\b.{0,30}?\bapi[ _-]?key\b"
        r"|\bsecurity token\b",
    ),
    (
        "credential",
        _AUTH,
        r"\b(?:invalid|expired|missing|no)\b.{0,20}?\b(?:token|auth\w*|credentials?|subscription key)\b"
        r"|\btoken (?:has |is )?expired\b|\bauthentication fail|\bunauth\w+\b|\bsignature (?:expired|does not match)\b",
    ),
    (
        "permission",
        frozenset({400, 401}),
        r"\binsufficient permissions?\b|\b(?:do|does) not have permission\b|\blocation is not supported\b"
        r"|\b(?:country|region)\b.{0,20}?\bnot supported\b",
    ),
    (
        "model_not_found",
        _BAD | {404, 410},
        r"\bmodels?\b.{0,60}?\b(?:not found|not exist|doesn't exist|is not (?:a valid|available)|unavailable"
        r"|has (?:been|reached) (?:the )?(?:deprecated|decommissioned|retired|removed|end)|is deprecated)\b"
        r"|\b(?:not supported|unsupported|unknown|invalid|no such|unrecognized) models?\b(?: name| id)?(?=\W|$)"
        r"(?! (?:input|output|param|setting|config))"
        r"|\bnot a valid model\b|\bmodel (?:identifier|name|id) (?:is|was) (?:invalid|unknown)\b"
        r"|\bsupported (?:api )?model names?\b|\bunexpected model name\b|\bno endpoints found for\b",
    ),
    (
        "overloaded",
        _BUSY,
        r"\boverloaded\b|\b(?:over|at|out of|no|insufficient) capacity\b|\bhigh (?:demand|traffic|load|volume)\b"
        r"|\b(?:server|service|model) (?:is )?(?:too |currently )?busy\b|\b(?:currently|temporarily) unavailable\b"
        r"|\bno more data centers\b|\bpending requests\b|\bsystem resource",
    ),
    (
        "rate_limit",
        _BUSY | {403, 413},
        r"\brate[- ]limit|\btoo many (?:concurrent )?requests\b|\bthrottl"
        r"|\b(?:requests|tokens|calls) (?:per|/) ?(?:second|minute|min|hour|day)\b"
        r"|\bconcurren(?:cy limit|t requests)\b",
    ),
    (
        # Not the model is missing but something that it cannot do; and no second try will change that.
        "invalid_request",
        frozenset({404, 500}),
        r"\b(?:does not|doesn't|that|not) support(?:ed)?\b|\brequires --\w+|\bunknown format\b",
    ),
)
_COMPILED = tuple((found, statuses, re.compile(pattern, re.DOTALL)) for found, statuses, pattern in _PHRASES)

_SPENT = re.compile(r"\bexceeded your current quota\b|\bplan and billing\b|\busage limits?\b|\bdaily limit\b")
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
