"""`fte say --channel email`: a mail into the local mailbox, a signed push that tells of it, and the answer awaited.

From the push on everything is what Gmail's mail meets: the webhook verifies it, the mailbox is synced from its cursor,
the mail is read, threaded and accepted, and what is answered leaves through the outbox.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Any

import httpx

from agent.errors import BadInput, ConfigurationInvalid, DependencyAway, NotFound, SignatureInvalid
from channels.addresses import parse_email
from channels.gmail.local import LOCAL_ADDRESS, LOCAL_AUTHSERV, put_mail
from channels.gmail.local_push import make_push, sign_push
from serve_app.commands.operator_door import ask
from serve_app.settings import Settings

_LOOK_EVERY_S = 0.25
_THREADS = "threads.json"


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of what was said. `replies` are empty where nothing is answered, and `reason` says why then."""

    ticket_id: str
    outcome: str
    reason: str
    replies: tuple[str, ...]


def say_by_mail(
    settings: Settings, sender: str, text: str, *, subject: str = "", goes_on: bool = False, timeout_s: float = 60.0
) -> Answer:
    """Write a mail as `sender` and wait for its end. `goes_on`: in the thread of the sender's last mail from here.

    Raises BadInput, ConfigurationInvalid where Gmail is live, DependencyAway when the system does not answer in time.
    """
    if settings.gmail_credentials_path:
        raise ConfigurationInvalid(f"Gmail is live here; write a mail to {settings.gmail_mailbox}")
    key = settings.local_push_key.get_secret_value()
    if not key:
        raise ConfigurationInvalid("there is no key to sign a push with; start the system with `fte up` first")
    address = parse_email(sender, "from")
    mailbox = settings.gmail_mailbox or LOCAL_ADDRESS
    known = {message["message_id"] for message, _ in _messages_of(address)}
    number = put_mail(settings.mail_folder, _compose(settings.mail_folder, mailbox, address, text, subject, goes_on))
    _push(settings, make_push(mailbox, number), sign_push(key, settings.push_audience))
    return _await_answer(address, known, timeout_s)


def _compose(folder: Path, mailbox: str, address: str, text: str, subject: str, goes_on: bool) -> bytes:
    """The mail, with the verdict on its sender that a receiving server writes on top: the folder is that server."""
    thread = _read_threads(folder).get(address, {}) if goes_on else {}
    if goes_on and not thread:
        raise BadInput("from", "has not written from here yet; say it without going on")
    mail = EmailMessage(policy=SMTP)
    domain = address.rpartition("@")[2]
    mail["Authentication-Results"] = f"{LOCAL_AUTHSERV}; dmarc=pass header.from={domain}"
    mail["From"] = address
    mail["To"] = mailbox
    mail["Subject"] = f"Re: {thread['subject']}" if thread else subject or text[:60].partition("\n")[0]
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=domain)
    if thread:
        mail["In-Reply-To"] = thread["message_id"]
        mail["References"] = thread["message_id"]
    mail.set_content(text)
    begun = thread or {"message_id": mail["Message-ID"], "subject": mail["Subject"]}
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / _THREADS).write_text(json.dumps({**_read_threads(folder), address: begun}), encoding="utf-8")
    return mail.as_bytes()


def _read_threads(folder: Path) -> dict[str, dict[str, str]]:
    """The first mail of each sender's latest thread."""
    file = folder / _THREADS
    threads: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return threads


def _push(settings: Settings, body: bytes, authorization: str) -> None:
    address = f"{settings.base_url}/webhooks/gmail"
    try:
        answer = httpx.post(
            address, content=body, headers={"Authorization": authorization}, timeout=10, trust_env=False
        )
    except httpx.HTTPError as error:
        raise DependencyAway(f"{settings.base_url} does not answer; start the system with `fte up`") from error
    if answer.status_code == 403:
        raise SignatureInvalid("the push is refused: is FTE_HOME, API_BASE_URL or FTE_GMAIL_PUSH_AUDIENCE another's?")
    if not answer.is_success:
        raise DependencyAway(f"{address} answers {answer.status_code}; try again")


def _await_answer(address: str, known: set[str], timeout_s: float) -> Answer:
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        for message, conversation in _messages_of(address):
            if message["message_id"] not in known:
                answer = _answer_in(message, conversation)
                if answer is not None:
                    return answer
        time.sleep(_LOOK_EVERY_S)
    raise DependencyAway(f"no answer within {timeout_s:g} s; `fte status` shows what waits")


def _messages_of(address: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The inbound messages of who wrote as this address by mail, each with its conversation."""
    try:
        found = ask("GET", "/customers/lookup", params={"email": address}, asked="the address")
    except NotFound:
        return
    customers = [each for each in (found["verified"], *found["claimed"]) if each is not None]
    for line in (line for customer in customers for line in customer["conversations"]):
        if line["channel"] == "email":
            conversation = ask("GET", f"/conversations/{line['conversation_id']}")
            for message in conversation["messages"]:
                if message["direction"] == "inbound":
                    yield message, conversation


def _answer_in(message: dict[str, Any], conversation: dict[str, Any]) -> Answer | None:
    """None while the message has no end yet, or its reply is still on its way."""
    outcome = next((each for each in conversation["outcomes"] if each["outcome_id"] == message["outcome_id"]), None)
    if outcome is None:
        return None
    replies = [
        each
        for each in conversation["messages"]
        if each["direction"] == "outbound" and each["created_at"] >= message["created_at"]
    ]
    if any(each["delivery"] in ("pending", "sending", "unknown") for each in replies):
        return None
    sent = tuple(each["body"] for each in replies if each["delivery"] == "sent")
    return Answer(conversation["ticket_id"], outcome["kind"], outcome["reason"], sent)
