"""The chat codec under test."""

from greenroom.providers.openai_chat import OpenAIChatCodec

from codec_run import DONE, CodecRun, Outcome

__all__ = ["CODEC", "DONE", "Outcome", "body_of", "call", "problems", "run"]

CODEC = OpenAIChatCodec()
_RUN = CodecRun(CODEC, "openai-chat")
call, run = _RUN.call, _RUN.run
body_of, problems = _RUN.body_of, _RUN.problems
