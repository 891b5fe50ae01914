"""The providers' own words for their errors, by class: codes, types, exception names.

Compared without case and punctuation: `RateLimitReached`, `rate_limit_reached` and `RATE-LIMIT-REACHED` are one.
Sources: the error pages of OpenAI, Azure OpenAI, Anthropic, Google (google.rpc.Code and ErrorInfo reasons),
Amazon Bedrock, Groq, Mistral, Cohere, Cerebras, DeepSeek, Moonshot, Alibaba Model Studio, OpenRouter,
Cloudflare and xAI; the sources of vLLM and llama.cpp; recorded bodies.
"""

import re

from greenroom.messages.failures import ErrorClass

_WORDS: dict[ErrorClass, str] = {
    "quota": """
        insufficient_quota billing_error billing_hard_limit_reached billing_not_active credit_balance_exhausted
        organization_spend_limit_exceeded project_spend_limit_exceeded organization_usage_limit_exceeded
        enforced_spend_limit_reached exceeded_current_quota_error insufficient_balance insufficient_credits
        insufficient_user_quota NOT_ENOUGH_BALANCE budget_exceeded
        payment_required usage_limit_reached usage_limit_exceeded quota_exceeded
        ServiceQuotaExceededException BILLING_DISABLED Arrearage AllocationQuota.FreeTierOnly
    """,
    "rate_limit": """
        rate_limit_exceeded rate_limit_error rate_limit_reached rate_limit_reached_error rate_limited rate_limit
        too_many_requests too_many_requests_error TooManyRequestsException ThrottlingException
        ThrottledException Throttling Throttling.RateQuota Throttling.AllocationQuota Throttling.BurstRate
        limit_requests limit_burst_rate tokens requests input_tokens output_tokens token_quota_exceeded
        request_quota_exceeded dynamic_request_limited dynamic_token_limited concurrency_limit_exceeded
        service_tier_capacity_exceeded request_tier_capacity_exceeded
    """,
    "overloaded": """
        overloaded_error overloaded engine_overloaded engine_overloaded_error server_overloaded model_overloaded
        insufficient_system_resource unavailable_error unavailable service_unavailable service_unavailable_error
        ServiceUnavailableException server_busy no_capacity capacity_exceeded queue_exceeded slow_down
        The_service_is_currently_unavailable
    """,
    "model_loading": "model_loading model_is_loading model_not_ready ModelNotReadyException",
    "credential": """
        invalid_api_key wrong_api_key incorrect_api_key incorrect_api_key_error API_KEY_INVALID
        authentication_error invalid_authentication_error invalid_authentication unauthenticated unauthorized
        CREDENTIALS_MISSING ACCESS_TOKEN_EXPIRED UnrecognizedClientException InvalidSignatureException
        ExpiredTokenException MissingAuthenticationTokenException IncompleteSignatureException
        InvalidClientTokenId SignatureDoesNotMatch expired_api_key
    """,
    "permission": """
        permission_error permission_denied permission_denied_error AccessDeniedException access_denied forbidden
        ForbiddenException SERVICE_DISABLED API_KEY_SERVICE_BLOCKED API_KEY_HTTP_REFERRER_BLOCKED
        API_KEY_IP_ADDRESS_BLOCKED CONSUMER_SUSPENDED insufficient_permissions Model.AccessDenied
        unsupported_country_region_territory multimodal_not_enabled model_terms_required
        model_permission_blocked_org model_permission_blocked_project organization_restricted
    """,
    "model_not_found": """
        model_not_found model_not_found_error not_found_error not_found invalid_model
        invalid_model_error unknown_model model_not_exist model_not_available model_not_active
        model_not_supported model_decommissioned model_deprecated DeploymentNotFound
        ResourceNotFoundException resource_not_found_error
    """,
    "context_length": """
        context_length_exceeded exceed_context_size_error context_window_exceeded prompt_too_long
        model_context_window_exceeded ContextWindowExceededError tokens_limit_reached TOO_MANY_TOKENS
    """,
    "content_policy": """
        content_filter content_policy_violation ContentPolicyViolationError ResponsibleAIPolicyViolation
        content_filter_error moderation_blocked data_inspection_failed image_content_policy_violation
        PROHIBITED_CONTENT sensitive_words_detected content_blocked bio_policy cyber_policy
        misalignment_policy_violation
    """,
}

_VAGUE_WORDS: dict[ErrorClass, str] = {
    "transient": """
        server_error api_error internal_server_error internal_error internal InternalServerException
        InternalServerError timeout_error request_timeout deadline_exceeded ModelTimeoutException
        ModelErrorException ModelStreamErrorException The_system_encountered_an_unexpected_error
    """,
    "invalid_request": """
        invalid_request_error invalid_request bad_request BadRequestError invalid_argument ValidationException
        ValidationError invalid_parameter_error invalid_value invalid_type unsupported_parameter
        unsupported_value missing_required_parameter invalid_prompt INVALID_REQUEST_BODY
        invalid_image invalid_image_format invalid_base64_image invalid_image_url invalid_image_mode
        image_too_large image_too_small image_parse_error image_file_too_large unsupported_image_media_type
        empty_image_file image_file_not_found failed_to_download_image data_residency_mismatch
        UnprocessableEntityError Client_specified_an_invalid_argument failed_precondition
    """,
    "rate_limit": "resource_exhausted Some_resource_has_been_exhausted",
}
"""Words that say less than the message and the status do. They count where these say nothing."""

_RESAMPLED = "tool_use_failed output_parse_failed json_validate_failed"
"""The model wrote what its own server refused, a tool call or JSON (Groq): asked again it writes another."""


def plain(word: str) -> str:
    """The word as it is compared."""
    return re.sub(r"[^a-z0-9]", "", word.lower())


def _by_word(table: dict[ErrorClass, str]) -> dict[str, ErrorClass]:
    return {plain(word): found for found, words in table.items() for word in words.split()}


CODES = _by_word(_WORDS)
VAGUE = _by_word(_VAGUE_WORDS)
RESAMPLED = frozenset(plain(word) for word in _RESAMPLED.split())
