"""The chat codec under test."""

from greenroom.providers.openai_chat import OpenAIChatCodec

from codec_run import DONE, CodecRun, Outcome

__all__ = ["CODEC", "DONE", "Outcome", "call", "run"]

CODEC = OpenAIChatCodec()
_RUN = CodecRun(CODEC, "openai-chat")
call, run = _RUN.call, _RUN.run
