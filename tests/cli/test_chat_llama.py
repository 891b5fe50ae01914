"""`greenroom chat` against a real llama.cpp server: its slot is free after Ctrl-C."""

import signal

from command_line import Runner

from greenroom.providers.local_model import LocalModelServer

from tests_system import wait_until


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
    wait_until(lambda: not any(slot.is_processing for slot in llama_server.slots()))
    assert running.process.returncode == 128 + signal.SIGINT


def test_a_prompt_goes_on_where_the_provider_is_a_completions_endpoint(
    greenroom: Runner, llama_server: LocalModelServer
) -> None:
    key = {"BASE_KEY": llama_server.api_key.get_secret_value()}
    (greenroom.folder / "greenroom.toml").write_text(
        f'default_model = "base/{llama_server.model}"\n'
        f'[providers.base]\nkind = "openai-completions"\nprofile = "llamacpp"\n'
        f'base_url = "{llama_server.base_url}"\napi_key_env = "BASE_KEY"\n'
    )
    arguments = ("chat", "--max-tokens", "8", "--temperature", "0")
    done = greenroom(*arguments, "-", stdin=b"One, two, three,", **key)
    assert (done.code, done.err) == (0, "")
    assert done.out.strip()

    refused = greenroom(*arguments, "--system", "Count.", "One, two,", **key)
    assert (refused.code, refused.out) == (2, "")
    (line,) = refused.err_lines
    assert "a completions endpoint has no roles" in line
