"""The child program: llama.cpp's own HTTP server on a free port of 127.0.0.1, while its parent lives.

Started by `server.py`, by this file's path, so it imports nothing of greenroom. The protocol:

    stdin    one line, the API key (never on the command line, where every user of the machine could read it);
             then nothing: end of file means that the parent is gone, by kill -9 too, and this process ends
    stdout   one JSON line {"address": "http://127.0.0.1:PORT"}, once the model is loaded
    stderr   everything llama.cpp says; a file, cut when it grows over LOG_MAX_BYTES
"""

import argparse
import faulthandler
import json
import os
import select
import signal
import sys
from typing import Any, NoReturn

LOG_MAX_BYTES = 16 << 20
PROMPT_CACHE_MAX_MIB = 256  # llama.cpp's own default is 8 GiB
_LOOK_EVERY_S = 5.0


def main() -> NoReturn:
    """Serves until stdin closes or SIGTERM comes; ends at once then: nothing needs to be saved."""
    options = _options()
    parent = os.getppid()
    ready = os.dup(1)
    os.dup2(2, 1)  # whatever prints, prints into the log
    faulthandler.enable()
    # The constructor below holds the GIL while it loads, so only default actions can interrupt it.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.alarm(options.load_timeout_s)
    api_key = sys.stdin.readline().strip()
    if not api_key:
        sys.exit("no API key on stdin")
    server = _start_llama(options, api_key)
    signal.alarm(0)
    os.write(ready, json.dumps({"address": server.listening_address}).encode() + b"\n")
    os.close(ready)
    _wait_for_the_end(parent)
    os._exit(0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Serve a GGUF model on loopback until stdin closes.")
    parser.add_argument("model", help="path of the GGUF file")
    parser.add_argument("--alias", required=True, help="the model's name in requests")
    parser.add_argument("--slots", type=int, default=4, help="requests served at once")
    parser.add_argument("--context-tokens", type=int, default=8192, help="over all slots")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--load-timeout-s", type=int, default=60)
    return parser.parse_args()


def _start_llama(options: argparse.Namespace, api_key: str) -> Any:
    """The running server, its model loaded. Exits when llama.cpp cannot: it has said why in the log."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.model_alias = {options.alias}
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.api_keys = [api_key]
    params.n_ctx, params.n_parallel = options.context_tokens, options.slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.cache_ram_mib = PROMPT_CACHE_MAX_MIB
    params.use_jinja = params.endpoint_slots = params.endpoint_metrics = params.offline = True
    params.ui = False
    try:
        return xllamacpp.Server(params)
    except RuntimeError as error:
        sys.exit(str(error))  # a traceback would push llama.cpp's own words out of the parent's message


def _wait_for_the_end(parent: int) -> None:
    """Returns when the parent has gone. A process it forked may hold stdin open, so the pid counts too."""
    while os.getppid() == parent:
        readable, _, _ = select.select([0], [], [], _LOOK_EVERY_S)
        if readable and not os.read(0, 4096):
            return
        cut_log(2, LOG_MAX_BYTES)


def cut_log(log: int, max_bytes: int) -> None:
    """Empties a log over its bound. It is open for appending, so the next line starts at 0."""
    if os.fstat(log).st_size > max_bytes:
        os.ftruncate(log, 0)


if __name__ == "__main__":
    main()
