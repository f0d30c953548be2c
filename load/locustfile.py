"""The load scenarios for Locust: what can be told to them, and which customers and people there are.

`python -m load.run` runs them against a system of their own; load/README.md says how to aim them at a cluster.
"""

# Locust has no types.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from locust import events
from locust.env import Environment

from load.scenarios.customers import NewCustomer, ReturningCustomer
from load.scenarios.desk import Desk
from load.sent_log import SentLog

__all__ = ["Desk", "NewCustomer", "ReturningCustomer"]


@events.init_command_line_parser.add_listener
def add_arguments(parser: Any) -> None:
    parser.add_argument("--operator-key", env_var="FTE_OPERATOR_KEY", default="", is_secret=True, help="for the desk")
    parser.add_argument("--desks", type=int, default=1, help="people at the desk")
    parser.add_argument("--sent", default="", help="folder in which what was sent is written down for the auditor")


@events.init.add_listener
def prepare(environment: Environment, **_: Any) -> None:
    options = environment.parsed_options
    if options is None:
        return
    Desk.fixed_count = options.desks
    if options.sent:
        file = Path(options.sent) / f"sent-{secrets.token_hex(6)}.jsonl"
        environment.sent_log = SentLog(file.open("a", encoding="utf-8"))
