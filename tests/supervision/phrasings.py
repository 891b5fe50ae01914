"""What providers send where something is wrong, with where it was seen. Bodies, as they come over the wire.

A row: where seen, status, body, class, seconds to wait. The status 200 stands for an error inside a stream.
"""

from typing import Any

from greenroom.messages.failures import ErrorClass

Row = tuple[str, int, Any, ErrorClass, float | None]


def openai(message: str, kind: str | None = None, code: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def anthropic(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def google(code: int, status: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def rpc(kind: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", **fields}


def violated(*ids: str, value: str = "50") -> dict[str, Any]:
    return rpc("QuotaFailure", violations=[{"quotaId": each, "quotaValue": value} for each in ids])


_PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"
_PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
_SPENT = "You exceeded your current quota, please check your plan and billing details."

RATE_LIMIT: tuple[Row, ...] = (
    ("OpenAI, requests: platform.openai.com/docs/guides/rate-limits", 429, openai(
        "Rate limit reached for gpt-4 in organization org-1 on requests per min (RPM): Limit 10, Used 10, "
        "Requested 1. Please try again in 6s.", "requests", "rate_limit_exceeded"), "rate_limit", 6.0),
    ("OpenAI, tokens", 429, openai(
        "Rate limit reached for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Used 29998, "
        "Requested 12. Please try again in 20ms.", "tokens", "rate_limit_exceeded"), "rate_limit", 0.02),
    ("OpenAI, Responses, inside the stream", 200, {"error": {
        "code": "rate_limit_exceeded", "message": "Rate limit reached. Please try again in 1m30s."}},
        "rate_limit", 90.0),
    ("Azure OpenAI: BerriAI/litellm logs", 429, {"error": {"code": "429", "message":
        "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have "
        "exceeded call rate limit of your current OpenAI S0 pricing tier. Please retry after 38 seconds."}},
        "rate_limit", 38.0),
    ("Anthropic: stackblitz/bolt.new#8589", 429, anthropic("rate_limit_error",
        "This request would exceed the rate limit for your organization (x) of 1,000,000 input tokens per "
        "minute."), "rate_limit", None),
    ("Anthropic, in a stream: anthropics/claude-code#71634", 200,
        anthropic("rate_limit_error", "Rate limited"), "rate_limit", None),
    ("Groq: Aider-AI/aider#3265", 429, openai(
        "Rate limit reached for model `llama` in organization `org_1` service tier `on_demand` on tokens per "
        "minute (TPM): Limit 6000, Used 5870, Requested 658. Please try again in 5.289s.", "tokens",
        "rate_limit_exceeded"), "rate_limit", 5.289),
    ("Groq, a day's tokens", 429, openai(
        "Rate limit reached for model `llama` in organization `org_1` on tokens per day (TPD): Limit 100000, "
        "Used 99336, Requested 1195. Please try again in 7m38.784s.", "tokens", "rate_limit_exceeded"),
        "rate_limit", 458.784),
    ("Mistral", 429, {"object": "error", "message": "Requests rate limit exceeded", "type": "rate_limited",
        "param": None, "code": "1300"}, "rate_limit", None),
    ("Mistral, capacity: litellm exception_mapping_utils.py", 429, {"object": "error", "message":
        "Service tier capacity exceeded for this model.", "type": "service_tier_capacity_exceeded",
        "param": None, "code": "3505"}, "rate_limit", None),
    ("Gemini, per minute: googleapis/python-genai#1875", 429, google(429, "RESOURCE_EXHAUSTED",
        _SPENT, violated(_PER_MINUTE), rpc("RetryInfo", retryDelay="34.4s")), "rate_limit", 34.4),
    ("Gemini, in an array", 429, [google(429, "RESOURCE_EXHAUSTED",
        f"{_SPENT} Please retry in 17.25s.")], "rate_limit", 17.25),
    ("Vertex", 429, google(429, "RESOURCE_EXHAUSTED",
        "Resource exhausted. Please try again later. Please refer to the documentation for more details."),
        "rate_limit", None),
    ("Bedrock: docs.aws.amazon.com/bedrock troubleshooting-api-error-codes", 429, {
        "__type": "com.amazon.coral.service#ThrottlingException",
        "message": "Too many requests, please wait before trying again."}, "rate_limit", None),
    ("Bedrock, tokens: earendil-works/pi overflow.ts", 429, {
        "message": "Too many tokens, please wait before trying again."}, "rate_limit", None),
    ("Cohere: docs.cohere.com/reference/errors", 429, {"message":
        "You are using a Trial key, which is limited to 40 API calls / minute."}, "rate_limit", None),
    ("Cohere, tokens", 429, {"message":
        "trial token rate limit exceeded, limit is 100000 tokens per minute"}, "rate_limit", None),
    ("Together: docs.together.ai/docs/rate-limits", 429, openai(
        "Your request rate is above your dynamic rate.", "dynamic_request_limited"), "rate_limit", None),
    ("Fireworks: GordeyZuev/LEAP#6", 429, {"error": "Too Many Requests", "message":
        "You have exceeded your usage limits. Please try again later or contact Fireworks."},
        "rate_limit", None),
    ("OpenRouter, behind it: continuedev/continue#11250", 429, {"error": {
        "message": "Provider returned error", "code": 429, "metadata": {"provider_name": "Chutes",
        "raw": "model:free is temporarily rate-limited upstream. Please retry shortly."}}}, "rate_limit", None),
    ("OpenRouter, free models", 429, {"error": {"message": "Rate limit exceeded: free-models-per-min.",
        "code": 429, "metadata": {"headers": {"X-RateLimit-Limit": "20", "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1767225630000"}, "provider_name": None}}}, "rate_limit", 30.0),
    ("OpenRouter, inside the stream", 200, {"error": {"code": 429, "message": "Provider returned error"}},
        "rate_limit", None),
    ("xAI", 429, {"code": "Some resource has been exhausted", "error":
        "Too many requests for team t and model grok-4. Your team's rate limit is 8 requests per second."},
        "rate_limit", None),
    ("Cerebras: continuedev/continue#9800", 429, {
        "message": "Tokens per minute limit exceeded - too many tokens processed.",
        "type": "too_many_tokens_error", "param": "quota", "code": "token_quota_exceeded"}, "rate_limit", None),
    ("Moonshot: MoonshotAI/kimi-cli#901", 429, {"error": {"type": "rate_limit_reached_error", "message":
        "We're receiving too many requests at the moment. Please wait a moment and try again."}},
        "rate_limit", None),
    ("Alibaba: model-studio/error-code", 429, openai(
        "Requests rate limit exceeded, please try again later.", "limit_requests", "limit_requests"),
        "rate_limit", None),
    ("Hugging Face", 429, {"error": "Rate limit reached. You reached free usage limit"}, "rate_limit", None),
    ("GitHub Models", 429, {"error": {"code": "RateLimitReached", "message":
        "Rate limit of 10 per 60s exceeded for UserByModelByMinute. Please wait 28 seconds before retrying."}},
        "rate_limit", 28.0),
    ("NVIDIA: NVIDIA/nvcf#1690", 429, {"message": "rate limit exceeded"}, "rate_limit", None),
    ("Cloudflare, a web page's 1015 as JSON", 429, {"title": "Error 1015: You are being rate limited",
        "status": 429, "detail": "You are being rate limited by the owner of this website.",
        "error_code": 1015, "retryable": True, "retry_after": 30}, "rate_limit", 30.0),
    ("OpenRouter's 402 for what is in flight", 402, {"error": {"code": 402, "message": "In-flight budget",
        "metadata": {"headers": {"Retry-After": "3"}}}}, "rate_limit", 3.0),
    ("a gateway, plain text", 429, "Too Many Requests", "rate_limit", None),
    ("nothing but the status", 429, "", "rate_limit", None),
)  # fmt: skip

QUOTA: tuple[Row, ...] = (
    ("OpenAI", 429, openai(_SPENT, "insufficient_quota", "insufficient_quota"), "quota", None),
    ("OpenAI, prepaid: help.openai.com 5955604", 429, openai("No credits.", "insufficient_quota",
        "credit_balance_exhausted"), "quota", None),
    ("OpenAI, project", 429, openai("Project limit.", None, "project_spend_limit_exceeded"), "quota", None),
    ("OpenAI, hard limit", 400, openai("Billing hard limit has been reached", "invalid_request_error",
        "billing_hard_limit_reached"), "quota", None),
    ("Anthropic: protocols 5.3", 400, anthropic("invalid_request_error",
        "Your credit balance is too low to access the Anthropic API."), "quota", None),
    ("Anthropic: anthropics/claude-code#38035", 400, anthropic("invalid_request_error",
        "You have reached your specified API usage limits. You will regain access on 2026-01-01 at 01:00 UTC."),
        "quota", 3600.0),
    ("Anthropic, 402", 402, anthropic("billing_error", "m"), "quota", None),
    ("Gemini, per day", 429, google(429, "RESOURCE_EXHAUSTED", f"{_SPENT} Please retry in 26.3s.",
        violated(_PER_DAY), rpc("RetryInfo", retryDelay="26s")), "quota", None),
    ("Gemini, per day and minute", 429, google(429, "RESOURCE_EXHAUSTED", _SPENT,
        violated(_PER_MINUTE, _PER_DAY), rpc("RetryInfo", retryDelay="18s")), "quota", None),
    ("Google, billing", 403, google(403, "PERMISSION_DENIED", "This API method requires billing to be enabled.",
        rpc("ErrorInfo", reason="BILLING_DISABLED", domain="googleapis.com")), "quota", None),
    ("DeepSeek: api-docs.deepseek.com/quick_start/error_codes", 402, openai("Insufficient Balance",
        "unknown_error", "invalid_request_error"), "quota", None),
    ("OpenRouter", 402, {"error": {"code": 402, "message":
        "This request requires more credits, or fewer max_tokens. You requested up to 65535 tokens."}},
        "quota", None),
    ("xAI", 403, {"code": "The caller does not have permission to execute the specified operation", "error":
        "Your newly created team doesn't have any credits yet."}, "quota", None),
    ("xAI, spent", 429, {"code": "Some resource has been exhausted", "error":
        "Your team t has either used all available credits or reached its monthly spending limit."},
        "quota", None),
    ("Moonshot", 429, {"error": {"type": "exceeded_current_quota_error", "message": "Token quota"}},
        "quota", None),
    ("Alibaba", 400, openai("Access denied, please make sure your account is in good standing.", "Arrearage",
        "Arrearage"), "quota", None),
    ("Cloudflare: developers.cloudflare.com/workers-ai/platform/errors", 429, {"success": False, "errors": [{
        "code": 3036, "message": "You have used up your daily free allocation of 10,000 neurons."}]},
        "quota", None),
    ("Azure API Management", 403, {"statusCode": 403, "message":
        "Out of call volume quota. Quota will be replenished in 2.12:13:14."}, "quota", None),
    ("Together: docs.together.ai/docs/error-codes", 402, "Payment Required", "quota", None),
    ("Groq", 400, openai("Billing is not active", None, "billing_not_active"), "quota", None),
    ("Cohere, trial", 429, {"message": "You are using a Trial key, which is limited to 1000 API calls / month."},
        "quota", None),
    ("Cohere", 402, {"message": "Please add or update your payment method."}, "quota", None),
)  # fmt: skip

CONTEXT_LENGTH: tuple[Row, ...] = tuple(
    (where, status, body, "context_length", None)
    for where, status, body in (
        ("OpenAI", 400, openai("m", "invalid_request_error", "context_length_exceeded")),
        ("OpenAI, Responses, inside the stream", 200, {"error": {"code": "context_length_exceeded"}}),
        ("Anthropic", 400, anthropic(
            "invalid_request_error", "prompt is too long: 213462 tokens > 200000 maximum")),
        ("Anthropic: openclaw/openclaw#20539", 400, anthropic("invalid_request_error",
            "input length and `max_tokens` exceed context limit: 170636 + 34048 > 200000")),
        ("Gemini", 400, google(400, "INVALID_ARGUMENT", "The input token count (1196265) exceeds the maximum "
            "number of tokens allowed (1048575).")),
        ("Vertex: NousResearch/hermes-agent#99701", 400, google(400, "INVALID_ARGUMENT",
            "Unable to submit request because the input token count is 32825 but model only supports up to "
            "32768.")),
        ("Bedrock", 400, {"__type": "ValidationException", "message":
            "Input is too long for requested model."}),
        ("Bedrock, tokens", 400, {"message":
            "Too many input tokens. Max input tokens: 8192, request input token count: 9000"}),
        ("xAI", 400, {"code": "Client specified an invalid argument", "error":
            "This model's maximum prompt length is 131072 but the request contains 537812 tokens."}),
        ("Groq", 400, openai("Please reduce the length of the messages or completion.",
            "invalid_request_error", "context_length_exceeded")),
        ("Together", 422, openai("The input (263000 tokens) is longer than the model's context length "
            "(262144 tokens).", "invalid_request_error")),
        ("Together, 403: docs.together.ai/docs/error-codes", 403, openai(
            "Input token count + max_tokens must be less than the context length; it exceeds the context "
            "length of the model.")),
        ("Mistral", 400, {"object": "error", "type": "invalid_request_prompt", "code": "3051", "message":
            "Prompt contains 65673 tokens and 0 draft tokens, too large for model with 32768 maximum context "
            "length"}),
        ("Cerebras", 400, {"message": "Please reduce the length of the messages or completion. Current length "
            "is 9000 while limit is 8192", "type": "invalid_request_error", "param": "messages",
            "code": "context_length_exceeded"}),
        ("vLLM: earendil-works/pi#5929", 400, openai("This model's maximum context length is 262144 tokens. "
            "However, you requested 0 output tokens and your prompt contains at least 262145 input tokens, for "
            "a total of at least 262145 tokens.", "BadRequestError")),
        ("vLLM, the prompt alone", 400, {"object": "error", "type": "BadRequestError", "code": 400,
            "message": "The decoder prompt (length 53456) is longer than the maximum model length of 32768."}),
        ("SGLang: openclaw/openclaw#129352", 400, {"object": "error", "message":
            "The input (263000 tokens) is longer than the model's context length (262144 tokens).",
            "type": "BadRequest", "code": 400}),
        ("llama.cpp, a status that misleads", 500, {"error": {"code": 500, "type": "server_error",
            "message": "Context size has been exceeded."}}),
        ("LM Studio", 400, {"error": "Trying to keep the first 5000 tokens when context the overflows. However, "
            "the model is loaded with context length of only 4096 tokens."}),
        ("LM Studio, inside the stream", 200, {"error": {"message":
            "The number of tokens to keep from the initial prompt is greater than the context length."}}),
        ("Ollama", 400, {"error": "prompt too long; exceeded max context length by 4 tokens"}),
        ("Copilot", 400, openai("prompt token count of 200000 exceeds the limit of 128000",
            None, "model_max_prompt_tokens_exceeded")),
        ("Moonshot", 400, openai("Your request exceeded model token limit: 131072 (requested: 200000)",
            "invalid_request_error")),
        ("MiniMax", 400, openai("invalid params, context window exceeds limit")),
        ("Poolside: earendil-works/pi#4943", 400, openai(
            "Input length 131393 exceeds the maximum allowed input length of 131040 tokens.")),
        ("a compatible server: earendil-works/pi#5677", 400, openai(
            "Input length (265330) exceeds model's maximum context length (262144).")),
        ("TGI", 422, {"error_type": "validation", "error": "Input validation error: `inputs` tokens + "
            "`max_new_tokens` must be <= 4097. Given: 4090 `inputs` tokens and 512 `max_new_tokens`"}),
        ("GitHub Models", 413, {"error": {"code": "tokens_limit_reached", "message":
            "Request body too large for gpt-4o model. Max size: 8000 tokens."}}),
        ("Cloudflare", 413, {"success": False, "errors": [{"code": 5021, "message": "The estimated number of "
            "input and maximum output tokens (9000) exceeded this model context window limit (8192)."}]}),
        ("Alibaba", 400, openai("<400> InternalError.Algo.InvalidParameter: Range of input length should be "
            "[1, 30720]", "invalid_request_error", "invalid_parameter_error")),
    )
)  # fmt: skip

OTHERS: tuple[Row, ...] = tuple(
    (where, status, body, found, None)
    for where, status, body, found in (
        # content policy
        ("Azure: the prompt", 400, {"error": {"code": "content_filter", "status": 400, "message":
            "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
            "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {
            "jailbreak": {"filtered": True, "detected": True}, "hate": {"filtered": False}}}}},
            "content_policy"),
        ("OpenAI", 400, openai("Your request was rejected as a result of our safety system.",
            "invalid_request_error", "content_policy_violation"), "content_policy"),
        ("OpenAI, reasoning", 400, openai("Invalid prompt: your prompt was flagged as potentially violating our "
            "usage policy.", "invalid_request_error", "invalid_prompt"), "content_policy"),
        ("OpenRouter", 403, {"error": {"code": 403, "message": "m requires moderation on p. Your input was "
            "flagged for violence.", "metadata": {"reasons": ["violence"], "flagged_input": "..."}}},
            "content_policy"),
        ("Alibaba", 400, openai("Input data may contain inappropriate content.", "data_inspection_failed",
            "data_inspection_failed"), "content_policy"),
        ("Vertex", 400, google(400, "INVALID_ARGUMENT", "The prompt contains sensitive words that violate "
            "Google's Responsible AI practices."), "content_policy"),
        ("Anthropic", 400, anthropic("invalid_request_error", "Output blocked by content filtering policy"),
            "content_policy"),
        # the model
        ("OpenAI", 404, openai("m", "invalid_request_error", "model_not_found"), "model_not_found"),
        ("Azure", 404, {"error": {"code": "DeploymentNotFound", "message":
            "The API deployment for this resource does not exist."}}, "model_not_found"),
        ("Ollama", 404, {"error": 'model "qwen3.5:4b" not found, try pulling it first'}, "model_not_found"),
        ("vLLM", 404, {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError",
            "code": 404}, "model_not_found"),
        ("LM Studio: lmstudio-bug-tracker#1730", 400, openai("No models loaded. Please load a model in the "
            "developer page or use the `lms load` command.", "invalid_request_error", "model_not_found"),
            "model_not_found"),
        ("LM Studio, without a code", 404, {"error": "No models loaded."}, "model_not_found"),
        ("Groq", 400, openai("The model `x` has been decommissioned.", "invalid_request_error",
            "model_decommissioned"), "model_not_found"),
        ("Cloudflare", 400, {"errors": [{"code": 5007, "message": "No such model @cf/x or task"}]},
            "model_not_found"),
        ("OpenRouter", 404, {"error": {"code": 404, "message": "No endpoints found for x/y."}},
            "model_not_found"),
        # loading
        ("llama.cpp", 503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
            "model_loading"),
        ("Ollama", 500, {"error": "llm server loading model"}, "model_loading"),
        ("LM Studio: lmstudio-bug-tracker#1492", 400, {"error": "Model is unloaded."}, "model_loading"),
        ("Bedrock", 429, {"__type": "ModelNotReadyException", "message": "The model is not ready."},
            "model_loading"),
        ("a local server", 503, {"error": "The model is still being loaded, try again"}, "model_loading"),
        # overloaded
        ("Anthropic", 529, anthropic("overloaded_error", "Overloaded"), "overloaded"),
        ("Anthropic, inside the stream", 200, anthropic("overloaded_error", "Overloaded"), "overloaded"),
        ("OpenAI", 503, openai("Slow down", "server_error"), "overloaded"),
        ("OpenAI, 429", 429, openai("That model is currently overloaded with other requests.", "server_error"),
            "overloaded"),
        ("Azure", 429, {"error": {"code": "NoCapacity", "message": "The system is currently experiencing high "
            "demand and cannot process your request."}}, "overloaded"),
        ("Moonshot", 429, {"error": {"type": "engine_overloaded_error", "message": "The engine is currently "
            "overloaded"}}, "overloaded"),
        ("Cerebras", 429, {"message": "We're experiencing high traffic right now! Please try again soon.",
            "type": "too_many_requests_error", "param": "queue", "code": "queue_exceeded"}, "overloaded"),
        ("Groq, flex", 498, openai("Flex tier capacity exceeded", None, "capacity_exceeded"), "overloaded"),
        ("Hugging Face", 503, {"error": "Model too busy, unable to get response in less than 60 second(s)"},
            "overloaded"),
        ("Ollama", 503, {"error": "server busy, please try again.  maximum pending requests exceeded"},
            "overloaded"),
        ("Cloudflare", 429, {"errors": [{"code": 3040, "message": "No more data centers to forward the request "
            "to"}]}, "overloaded"),
        ("DeepSeek", 503, "", "overloaded"),
        ("xAI, as 200", 200, {"code": "The service is currently unavailable", "error": "m"}, "overloaded"),
        ("Gemini", 503, google(503, "UNAVAILABLE", "The model is overloaded."), "overloaded"),
        # keys and rights
        ("Gemini", 400, google(400, "INVALID_ARGUMENT", "API key not valid.",
            rpc("ErrorInfo", reason="API_KEY_INVALID", domain="googleapis.com")), "credential"),
        ("xAI", 400, {"code": "invalid-argument", "error": "Incorrect API key provided."}, "credential"),
        ("Bedrock", 403, {"__type": "ExpiredTokenException", "message": "The security token included in the "
            "request is expired"}, "credential"),
        ("OpenAI, region", 403, openai("Country, region, or territory not supported", "request_forbidden",
            "unsupported_country_region_territory"), "permission"),
        ("Gemini, place", 400, google(400, "FAILED_PRECONDITION",
            "User location is not supported for the API use."), "permission"),
        ("Gemini, leaked", 403, google(403, "PERMISSION_DENIED", "Your API key was reported as leaked. Please use "
            "another API key."), "credential"),
        ("Gemini, country", 400, google(400, "FAILED_PRECONDITION", "Gemini API free tier is not available in "
            "your country. Please enable billing on your project in Google AI Studio."), "permission"),
        ("Groq", 400, openai("The model requires terms acceptance.", None, "model_terms_required"),
            "permission"),
        # the server's bad day
        ("OpenAI", 500, openai("The server had an error while processing your request.", "server_error"),
            "transient"),
        ("Anthropic, inside the stream", 200, anthropic("api_error", "Internal server error"), "transient"),
        ("a gateway", 502, "<html><head><title>502 Bad Gateway</title></head></html>", "transient"),
        ("LM Studio, inside the stream: lmstudio-bug-tracker#1347", 200, {"error": {"message":
            "The model has crashed without additional information. (Exit code: null)"}}, "transient"),
        ("Ollama", 500, {"error": "model runner has unexpectedly stopped, this may be due to resource "
            "limitations"}, "transient"),
        ("Ollama, inside the stream", 200, {"error": "an error was encountered while running the model"},
            "transient"),
        ("a gateway, inside the stream", 200, {"error": "Internal Server Error"}, "transient"),
        ("a gateway's own clock, inside the stream", 200, {"error": "upstream request timed out"}, "transient"),
        ("Responses, the whole response", 200, {"status": "failed", "error": {"code": "server_error",
            "message": "m"}}, "transient"),
        ("Cloudflare", 524, "error code: 524", "transient"),
        ("Gemini", 504, google(504, "DEADLINE_EXCEEDED", "m"), "transient"),
        # the request
        ("Anthropic", 413, anthropic("request_too_large", "Request exceeds the maximum size"),
            "invalid_request"),
        ("OpenAI, inside the stream", 200, openai("Unknown parameter: 'x'.", "invalid_request_error"),
            "invalid_request"),
        ("FastAPI", 422, {"detail": [{"loc": ["body", "temperature"], "msg": "too large", "type": "x",
            "input": "rate limit"}]}, "invalid_request"),
        ("OpenAI, output", 400, openai("max_tokens is too large: 100000. This model supports at most 16384 "
            "completion tokens.", "invalid_request_error", "invalid_value"), "invalid_request"),
        ("OpenAI, a name", 400, openai("Invalid 'user': string too long. Expected a string with maximum length "
            "64, but got a string with length 90 instead.", "invalid_request_error",
            "string_above_max_length"), "invalid_request"),
        # a second look, at what sounds like something else
        ("OpenRouter, moderation", 403, {"error": {"code": 403, "message": 'openai/gpt-4 requires moderation on '
            'OpenAI. Your input was flagged for "violence". No credits were charged.'}}, "content_policy"),
        ("Cloudflare, its own gate", 403, {"success": False, "errors": [{"code": 10000,
            "message": "Authentication error"}]}, "credential"),
        ("Cloudflare, in short", 429, {"errors": [{"code": 3040,
            "message": "Capacity temporarily exceeded, please try again."}]}, "overloaded"),
        ("Anthropic, disabled", 400, anthropic("invalid_request_error", "This organization has been disabled."),
            "permission"),
        ("Ollama, inside the stream, its runner gone", 200, {"error": "POST predict: Post "
            '"http://127.0.0.1:1/completion": EOF'}, "transient"),
        ("Responses, a policy", 200, openai("flagged", None, "bio_policy"), "content_policy"),
        ("Responses, an alignment policy", 200, openai("m", None, "misalignment_policy_violation"),
            "content_policy"),
        ("Responses, a picture", 200, openai("m", None, "invalid_image_format"), "invalid_request"),
        ("Responses, a picture elsewhere", 200, openai("m", None, "failed_to_download_image"),
            "invalid_request"),
        ("Responses, a store", 200, openai("timeout", None, "vector_store_timeout"), "transient"),
    )
)  # fmt: skip
