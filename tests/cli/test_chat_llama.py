"""`greenroom chat` against a real llama.cpp server: its slot is free at once after Ctrl-C."""

import signal
import time

from command_line import Runner

from greenroom.providers.local_model import LocalModelServer

FREE_WITHIN_S = 5.0


def test_ctrl_c_frees_the_server_s_slot(greenroom: Runner, llama_server: LocalModelServer) -> None:
    environ = {
        "OPENAI_BASE_URL": llama_server.base_url,
        "OPENAI_API_KEY": llama_server.api_key.get_secret_value(),
    }
    question = "Tell me a very long story about a whale."
    with greenroom.on_terminal(
        "chat", "--json-events", "--model", f"openai/{llama_server.model}", question, **environ
    ) as running:
        # Whatever the model says: its words are drawn by chance.
        running.until("err", '"type":"text"')
        assert any(slot.is_processing for slot in llama_server.slots())
        running.typed("\x03")
        assert running.end() == 130
    assert "greenroom: cancelled; the server was told to stop. about " in running.err
    give_up_at = time.monotonic() + FREE_WITHIN_S
    while any(slot.is_processing for slot in llama_server.slots()):
        assert time.monotonic() < give_up_at
    assert running.process.returncode == 128 + signal.SIGINT
