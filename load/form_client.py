"""Customers of the web form: they submit, write on and read, and remember what they sent for the auditor."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field

from load.http_client import HttpClient, Response
from load.sent_log import SentLine


@dataclass(frozen=True, slots=True)
class Ticket:
    ticket_id: str
    access_token: str


@dataclass(slots=True)
class FormClient:
    http: HttpClient
    sent: list[SentLine] = field(default_factory=list)

    async def submit(self, text: str) -> Ticket | None:
        """A new customer; None when it was not accepted."""
        key = secrets.token_hex(12)
        answer = await self._post("/support/submit", submission(key, text), key)
        ok = answer is not None and answer.status == 201
        self.sent.append(SentLine.of(key, text, acknowledged=ok))
        if answer is None or not ok:
            return None
        body = json.loads(answer.body)
        return Ticket(body["ticket_id"], body["access_token"])

    async def write_on(self, ticket: Ticket, text: str) -> bool:
        key = secrets.token_hex(12)
        path = f"/support/ticket/{ticket.ticket_id}/messages"
        answer = await self._post(path, json.dumps({"message": text}).encode(), key, ticket.access_token)
        ok = answer is not None and answer.status == 201
        self.sent.append(SentLine.of(key, text, acknowledged=ok, ticket_id=ticket.ticket_id))
        return ok

    async def count_replies(self, ticket: Ticket) -> int:
        """Delivered replies of the ticket. Raises ConnectionError."""
        headers = {"Authorization": f"Bearer {ticket.access_token}"}
        answer = await self.http.request("GET", f"/support/ticket/{ticket.ticket_id}", headers=headers)
        if answer.status != 200:
            raise ConnectionError(f"the ticket's page answered {answer.status}")
        return sum(message["direction"] == "outbound" for message in json.loads(answer.body)["messages"])

    async def _post(self, path: str, body: bytes, key: str, token: str = "") -> Response | None:
        headers = {"Idempotency-Key": key} | ({"Authorization": f"Bearer {token}"} if token else {})
        try:
            return await self.http.request("POST", path, body, headers)
        except (OSError, TimeoutError):
            return None


def submission(key: str, text: str) -> bytes:
    """The body of a submission by a customer who is named after the key."""
    number = hashlib.sha256(key.encode()).hexdigest()[:10]
    return json.dumps(
        {
            "name": "Load Test",
            "email": f"customer-{number}@example.com",
            "subject": "A question",
            "category": "general",
            "priority": "medium",
            "message": text,
        }
    ).encode()
