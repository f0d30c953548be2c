"""Somebody outside of the cluster, run inside a stand-in for a pod: `python -c TEXT code|fetch|ask URL [TOKEN]`."""

from __future__ import annotations

import json
import sys
import time
import uuid
from typing import Any

import httpx

_PATIENCE_S = 240.0
_QUESTION = {
    "name": "Ada Example",
    "email": "ada@example.com",
    "subject": "A question",
    "category": "general",
    "priority": "medium",
    "message": "How do I invite a colleague to my workspace?",
}


def main(what: str, url: str, token: str = "") -> None:
    if what == "ask":
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as http:
            sys.stdout.write(json.dumps(ask(http)))
    else:
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        answer = httpx.get(url, timeout=60, trust_env=False, headers=bearer)
        sys.stdout.write(str(answer.status_code) if what == "code" else answer.raise_for_status().text)


def ask(http: httpx.Client) -> list[str]:
    """Ask as the form's page does, and wait for what is answered; a 503 is tried again."""
    key = {"Idempotency-Key": str(uuid.uuid4())}
    ticket = _insist(lambda: http.post("/support/submit", json=_QUESTION, headers=key))
    bearer = {"Authorization": f"Bearer {ticket['access_token']}"}
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        messages = _insist(lambda: http.get(f"/support/ticket/{ticket['ticket_id']}", headers=bearer))["messages"]
        if replies := [message["body"] for message in messages if message["direction"] == "outbound"]:
            return replies
        time.sleep(0.1)
    raise TimeoutError("no reply")


def _insist(request: Any) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE_S
    while (answer := request()).status_code == httpx.codes.SERVICE_UNAVAILABLE and time.monotonic() < deadline:
        time.sleep(0.2)
    body: dict[str, Any] = answer.raise_for_status().json()
    return body


if __name__ == "__main__":
    main(*sys.argv[1:])
