"""The servers that greenroom knows: the wire of each, and where its dialect differs from it.

A fact stands here when a recording or the server's own documentation shows it. Third parties add theirs
with `register_profile`.
"""

from urllib.parse import urlsplit

from greenroom.messages.frozen import FrozenMap
from greenroom.messages.invalid import InvalidInput, Problem
from greenroom.messages.wording import nearest
from greenroom.providers.profile import Profile

GENERIC = Profile(
    name="generic", key_env=("OPENAI_API_KEY",), base_url_env=("OPENAI_BASE_URL",), think_tags=False
)

_BUILT_IN = (
    GENERIC,
    Profile(
        name="openai", base_url="https://api.openai.com/v1", hosts=("api.openai.com",),
        key_env=("OPENAI_API_KEY",), base_url_env=("OPENAI_BASE_URL",),
        request_id_header="x-client-request-id",
        max_tokens_field="max_completion_tokens", developer_role=True, always_finishes=True,
    ),
    Profile(
        name="azure", hosts=("openai.azure.com", "services.ai.azure.com"), key_env=("AZURE_OPENAI_API_KEY",),
        base_url_env=("AZURE_OPENAI_ENDPOINT",), auth_header="api-key",
        request_id_header="x-ms-client-request-id", own_model_names=True,
        max_tokens_field="max_completion_tokens", developer_role=True, always_finishes=True,
        responses_root="/openai/v1",
    ),
    Profile(
        name="openai-responses", kind="openai-responses", base_url="https://api.openai.com/v1",
        key_env=("OPENAI_API_KEY",), base_url_env=("OPENAI_BASE_URL",),
        request_id_header="x-client-request-id",
        max_tokens_field="max_output_tokens", developer_role=True, completions=False,
    ),
    Profile(
        # Its Responses API refuses `background`.
        name="xai", base_url="https://api.x.ai/v1", hosts=("api.x.ai",), key_env=("XAI_API_KEY",),
        base_url_env=("XAI_BASE_URL",), excludes_reasoning=True, always_finishes=True, background=False,
        # Requests are limited per second; a minute's may not be spent in a burst.
        limit_windows_s={"requests": 1.0, "tokens": 60.0},
    ),
    Profile(
        # The same host speaks OpenAI's chat wire as well: for providers whose configuration says so.
        # What it leaves unread: https://platform.claude.com/docs/en/api/openai-sdk
        name="anthropic-openai", base_url="https://api.anthropic.com/v1", hosts=("api.anthropic.com",),
        key_env=("ANTHROPIC_API_KEY",), completions=False,
        unsupported=frozenset({"n", "seed", "presence_penalty", "frequency_penalty", "logprobs",
        "top_logprobs", "response_format", "reasoning_effort", "user"}),
    ),
    Profile(
        # Its own wire, not OpenAI's chat: what a model takes stands in anthropic/models.py.
        name="anthropic", kind="anthropic", base_url="https://api.anthropic.com/v1",
        hosts=("api.anthropic.com",), key_env=("ANTHROPIC_API_KEY",), base_url_env=("ANTHROPIC_BASE_URL",),
        auth_header="x-api-key", completions=False,
    ),
    Profile(
        # The older wire of the same server, for models that are gone there and live on behind gateways.
        name="anthropic-text", kind="anthropic-text", base_url="https://api.anthropic.com/v1",
        key_env=("ANTHROPIC_API_KEY",), auth_header="x-api-key", completions=False,
    ),
    Profile(
        name="groq", base_url="https://api.groq.com/openai/v1", hosts=("api.groq.com",),
        key_env=("GROQ_API_KEY",),
        base_url_env=("GROQ_BASE_URL",), max_tokens_field="max_completion_tokens", think_tags=True,
        always_finishes=True, unsupported=frozenset({"n", "logprobs", "top_logprobs"}), completions=False,
        responses_root="/openai/v1", responses_unsupported=frozenset({"logprobs", "top_logprobs"}),
        background=False, encrypted_reasoning=False,
        limit_windows_s={"requests": 86400.0, "tokens": 60.0},
    ),
    Profile(
        # Usage comes unasked in the last chunk; stream_options is refused (422).
        name="mistral", base_url="https://api.mistral.ai/v1", hosts=("api.mistral.ai",),
        key_env=("MISTRAL_API_KEY",),
        base_url_env=("MISTRAL_BASE_URL",), stream_options=False, renames=FrozenMap({"seed": "random_seed"}),
        prefix="flag", prefix_echo=True, always_finishes=True, unsupported=frozenset({"user", "logprobs",
        "top_logprobs"}),
    ),
    Profile(
        # `prefix` works below /beta only.
        name="deepseek", base_url="https://api.deepseek.com", hosts=("api.deepseek.com",),
        key_env=("DEEPSEEK_API_KEY",),
        base_url_env=("DEEPSEEK_BASE_URL",), reasoning_field="reasoning_content", always_finishes=True,
    ),
    Profile(
        name="deepseek-beta", base_url="https://api.deepseek.com/beta", key_env=("DEEPSEEK_API_KEY",),
        reasoning_field="reasoning_content", prefix="flag", always_finishes=True,
    ),
    Profile(
        name="openrouter", base_url="https://openrouter.ai/api/v1", hosts=("openrouter.ai",),
        key_env=("OPENROUTER_API_KEY",), base_url_env=("OPENROUTER_BASE_URL",),
        reasoning_field="reasoning_details", responses_root="/api/v1", background=False,
    ),
    Profile(
        name="together", base_url="https://api.together.xyz/v1", hosts=("api.together.xyz",
        "api.together.ai"),
        key_env=("TOGETHER_API_KEY", "TOGETHER_AI_API_KEY"), base_url_env=("TOGETHER_BASE_URL",),
        think_tags=True, limit_windows_s={"requests": 1.0, "tokens": 1.0},
    ),
    Profile(
        name="fireworks", base_url="https://api.fireworks.ai/inference/v1", hosts=("api.fireworks.ai",),
        key_env=("FIREWORKS_API_KEY",), base_url_env=("FIREWORKS_BASE_URL",), think_tags=True,
    ),
    Profile(
        name="cerebras", base_url="https://api.cerebras.ai/v1", hosts=("api.cerebras.ai",),
        key_env=("CEREBRAS_API_KEY",),
        base_url_env=("CEREBRAS_BASE_URL",), max_tokens_field="max_completion_tokens", think_tags=True,
        unsupported=frozenset({"presence_penalty", "frequency_penalty"}),
    ),
    Profile(
        name="perplexity", base_url="https://api.perplexity.ai", hosts=("api.perplexity.ai",),
        key_env=("PERPLEXITY_API_KEY", "PPLX_API_KEY"), base_url_env=("PERPLEXITY_BASE_URL",),
        think_tags=True, completions=False,
    ),
    Profile(
        # Any JSON object can only be asked for by a schema: response_format takes text and json_schema.
        name="lmstudio", base_url="http://127.0.0.1:1234/v1", hosts=(":1234",),
        key_env=("LMSTUDIO_API_KEY", "LM_API_TOKEN"),
        base_url_env=("LMSTUDIO_BASE_URL",), local=True, json_object=False, think_tags=True,
        always_finishes=True, background=False, encrypted_reasoning=False,
    ),
    Profile(
        name="ollama", base_url="http://127.0.0.1:11434/v1", hosts=(":11434", "ollama.com"), paths=("/v1",),
        key_env=("OLLAMA_API_KEY",),
        base_url_env=("OLLAMA_BASE_URL", "OLLAMA_HOST"), local=True, think_tags=True,
        unsupported=frozenset({"n", "tool_choice"}), responses_unsupported=frozenset({"tool_choice"}),
        background=False, encrypted_reasoning=False,
    ),
    Profile(
        # Ollama's own wire; the profile above is its OpenAI-compatible one.
        name="ollama-native", kind="ollama", base_url="http://127.0.0.1:11434", hosts=("ollama.com",),
        key_env=("OLLAMA_API_KEY",), base_url_env=("OLLAMA_NATIVE_BASE_URL",), local=True,
        completions=False,
    ),
    Profile(
        name="cohere-openai", base_url="https://api.cohere.ai/compatibility/v1", paths=("/compatibility/v1",),
        hosts=("api.cohere.com", "api.cohere.ai"), key_env=("COHERE_API_KEY", "CO_API_KEY"),
        completions=False,
    ),
    Profile(
        name="cohere", kind="cohere-chat", base_url="https://api.cohere.com",
        hosts=("api.cohere.com", "api.cohere.ai"), key_env=("COHERE_API_KEY", "CO_API_KEY"),
        base_url_env=("COHERE_BASE_URL", "CO_API_URL"), completions=False,
    ),
    Profile(
        name="cloudflare-openai", hosts=("api.cloudflare.com",), paths=("/ai/v1",),
        key_env=("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY"), think_tags=True, completions=False,
    ),
    Profile(
        # The account stands in the base URL.
        name="cloudflare", kind="cloudflare-ai", hosts=("api.cloudflare.com",),
        key_env=("CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY"), base_url_env=("CLOUDFLARE_AI_BASE_URL",),
        think_tags=True, completions=False,
    ),
    Profile(
        name="vllm", base_url="http://127.0.0.1:8000/v1", key_env=("VLLM_API_KEY",),
        base_url_env=("VLLM_BASE_URL",),
        local=True, think_tags=True, prefix="continue_final", always_finishes=True,
    ),
    Profile(
        name="sglang", base_url="http://127.0.0.1:30000/v1", hosts=(":30000",), key_env=("SGLANG_API_KEY",),
        base_url_env=("SGLANG_BASE_URL",), local=True, think_tags=True, prefix="continue_final",
        always_finishes=True,
    ),
    Profile(
        name="llamacpp", base_url="http://127.0.0.1:8080/v1", hosts=(":8080",), key_env=("LLAMA_API_KEY",),
        base_url_env=("LLAMACPP_BASE_URL",), local=True, think_tags=True, prefix="trailing",
        always_finishes=True, background=False, encrypted_reasoning=False,
    ),
    Profile(
        name="gemini-openai", base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        hosts=("generativelanguage.googleapis.com",), paths=("/openai",),
        key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        completions=False,
    ),
    Profile(
        name="gemini-interactions", kind="gemini-interactions",
        base_url="https://generativelanguage.googleapis.com/v1beta",
        hosts=("generativelanguage.googleapis.com",), key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        auth_header="x-goog-api-key", completions=False, server_cursor=True,
    ),
    Profile(
        name="gemini", kind="gemini", base_url="https://generativelanguage.googleapis.com/v1beta",
        hosts=("generativelanguage.googleapis.com",), key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        base_url_env=("GOOGLE_GEMINI_BASE_URL", "GEMINI_BASE_URL"), auth_header="x-goog-api-key",
        completions=False,
    ),
    Profile(
        # Below .../projects/P/locations/L/publishers/google, which the configuration gives. The key is a token.
        name="vertex", kind="gemini", hosts=("aiplatform.googleapis.com",), completions=False,
    ),
)  # fmt: skip

_profiles: dict[str, Profile] = {profile.name: profile for profile in _BUILT_IN}


def register_profile(profile: Profile) -> None:
    """From now on `profile=` may name it; one of the same name is replaced, also a built-in one."""
    given: object = profile
    if not isinstance(given, Profile):
        example = "profile_for('vllm').replace(name='ours', think_tags=False)"
        raise InvalidInput.at("profile", f"must be a Profile, such as {example}", given)
    _profiles[profile.name] = profile


def profile_names() -> tuple[str, ...]:
    return tuple(sorted(_profiles))


def profile_for(name: str | None, base_url: str = "") -> Profile:
    """The profile of that name, else the one that knows the URL's host, else the plain one.

    Raises InvalidInput for a name that nobody registered.
    """
    if name is not None:
        found = _profiles.get(name)
        if found is None:
            known = f"unknown profile{nearest(name, profile_names())}; known: {', '.join(profile_names())}"
            raise InvalidInput("profile", [Problem("profile", repr(name), known)])
        return found
    return _by_url(base_url) or GENERIC


def fitting_profile(
    provider: str, profile: str | None, base_url: str | None, kind: str | None = None
) -> Profile:
    """The profile of a configured provider: the one that is named; else that of the provider's own name, where
    its URL is the profile's own, its servers may stand anywhere, or it has a wire of its own and the URL's
    path is not another one's; else the one that knows the URL; else the one of that wire; else the plain one.
    Raises InvalidInput for a profile that nobody registered.
    """
    if profile is not None:
        return profile_for(profile)
    by_name = _profiles.get(provider)
    found = _by_url(base_url or "", kind)
    if by_name is not None:
        by_path = kind is None and found is not None and _has_path(found, base_url or "")
        if base_url is None or by_name.local or (_has_own_wire(by_name, kind) and not by_path):
            return by_name
    if found is None and kind is not None:
        found = next((known for known in _profiles.values() if known.kind == kind), None)
    return found or GENERIC


def _has_own_wire(profile: Profile, kind: str | None) -> bool:
    """What the profile tells is its wire more than its server: a gateway under that name speaks it too."""
    return profile.kind != GENERIC.kind and kind in (None, profile.kind)


def _by_url(base_url: str, kind: str | None = None) -> Profile | None:
    """The newest that knows the URL's host; before all others one of this wire, then one with the URL's path."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    address = f"{host}:{parts.port}" if host and parts.port else ""
    known = (profile for profile in reversed(_profiles.values()) if _knows(profile, host, address))
    return max(known, key=lambda p: (p.kind == kind, _has_path(p, base_url)), default=None)


def _has_path(profile: Profile, base_url: str) -> bool:
    return bool(profile.paths) and urlsplit(base_url).path.rstrip("/").endswith(profile.paths)


def _knows(profile: Profile, host: str, address: str) -> bool:
    return any(
        address.endswith(end) if end.startswith(":") else host == end or host.endswith(f".{end}")
        for end in profile.hosts
    )
