"""What an operator sees of a running system: figures of its replicas, and a message's way through the logs."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from deployments.measures import GAUGES, HISTOGRAMS
from serve_app.supervisor.run_folder import Ports, RunFolder
from tests.serve.system import RunningSystem

PATIENCE_S = 240.0


def test_replicas_export_what_they_know(system: RunningSystem) -> None:
    system.wait_for_reply(system.ask("How do I create a board?", "figures@example.com"))
    address = f"http://127.0.0.1:{Ports(system.copy.first_port).ray_metrics}/metrics"
    # A counter is exported once it has counted, and perhaps no lock was ever late.
    expected = {f"ray_{name}" for name in GAUGES.keys() | HISTOGRAMS.keys()}
    # Who exports what; replicas do so one after another, and each its figures one by one.
    holders = {
        "ray_fte_replica_connections_in_use": {"Ingress", "Agent", "Dispatcher", "Courier"},
        "ray_fte_replica_turns_room": {"Agent"},
        "ray_fte_replica_ticket_streams": {"Ingress"},
        "ray_fte_replica_loop_beat_age_seconds": {"Dispatcher", "Courier"},
        "ray_fte_replica_embed_seconds": {"Embedding"},
    }
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = deployments_by_metric(httpx.get(address, timeout=30, trust_env=False).text)
        if expected <= found.keys() and {name: found[name] for name in holders} == holders:
            break
        assert time.monotonic() < deadline, (expected - found.keys(), found)
        time.sleep(0.5)


def test_a_message_is_followed_through_the_logs_by_its_ids(system: RunningSystem) -> None:
    question = system.ask("How do I invite a colleague to a board?", "followed@example.com")
    system.wait_for_reply(question)
    folder = RunFolder(system.home).ray_logs
    expected = ["a message was accepted", "a turn was committed", "a reply was delivered"]
    deadline = time.monotonic() + PATIENCE_S
    while sorted(lines_about(folder, question.ticket_id)) != sorted(expected):
        assert time.monotonic() < deadline, lines_about(folder, question.ticket_id)
        time.sleep(0.2)
    accepted, turn = (record_of(folder, question.ticket_id, message) for message in expected[:2])
    assert accepted["deployment"] == "Ingress"
    assert (turn["deployment"], turn["outcome"]) == ("Agent", "reply")
    assert accepted["message_ids"] == turn["message_ids"]
    assert accepted["conversation_id"] == turn["conversation_id"]


def deployments_by_metric(text: str) -> dict[str, set[str]]:
    return {
        family.name: {sample.labels.get("deployment", "") for sample in family.samples}
        for family in text_string_to_metric_families(text)
    }


def records(folder: Path) -> list[dict[str, Any]]:
    """Whole lines of all replicas."""
    found = []
    for file in folder.glob("worker-*.err"):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                found.append(json.loads(line))
    return found


def lines_about(folder: Path, ticket_id: str) -> list[str]:
    return [each["message"] for each in records(folder) if each.get("ticket_id") == ticket_id]


def record_of(folder: Path, ticket_id: str, message: str) -> dict[str, Any]:
    (record,) = (each for each in records(folder) if (each.get("ticket_id"), each["message"]) == (ticket_id, message))
    return record
