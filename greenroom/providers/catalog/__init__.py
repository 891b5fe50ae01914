"""Lists of models, as each dialect of servers gives them: pure readers and the blocking requests around them.

A source is picked by the wire's kind, then by the profile, else it is OpenAI's (`providers/model_sources.py`).
Nothing that a server sends makes a reader raise anything but ModelListError; lists, pages and entries are
bounded.

Several threads load it at once, each for its own provider: so they import this package and nothing below it, or
they would come upon each other's half of it.
"""

from greenroom.providers.catalog.anthropic import AnthropicModelSource
from greenroom.providers.catalog.gemini import GeminiModelSource
from greenroom.providers.catalog.lmstudio import LMStudioModelSource
from greenroom.providers.catalog.ollama import OllamaModelSource
from greenroom.providers.catalog.openai import OpenAIModelSource

__all__ = [
    "AnthropicModelSource",
    "GeminiModelSource",
    "LMStudioModelSource",
    "OllamaModelSource",
    "OpenAIModelSource",
]
