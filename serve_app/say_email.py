"""`fte say --channel email`: a mail is put into the local mailbox, and a signed push tells of it.

From the push on everything is what Gmail's mail meets: the webhook verifies it, the mailbox is synced from its cursor,
the mail is read, threaded and accepted, and what is answered leaves through the outbox.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr, make_msgid
from pathlib import Path
from typing import Any

from agent.errors import BadInput, ConfigurationInvalid, NotFound
from agent.records import Channel
from channels.addresses import parse_email
from channels.gmail.local import LOCAL_AUTHSERV, address_of, put_mail
from channels.gmail.local_push import make_push, sign_push
from serve_app.commands.operator_door import ask
from serve_app.settings import Settings

WEBHOOK = "/webhooks/gmail"
_THREADS = "threads.json"


def write_mail(settings: Settings, sender: str, name: str, text: str, subject: str, *, goes_on: bool) -> int:
    """Put a mail from `sender` into the local mailbox; its number. `goes_on`: in the thread of the sender's last one.

    Raises BadInput, and ConfigurationInvalid where Gmail is live.
    """
    if settings.gmail_credentials_path:
        raise ConfigurationInvalid(f"Gmail is live here; write a mail to {settings.gmail_mailbox}")
    return put_mail(
        settings.mail_folder, _compose(settings, parse_email(sender, "--from"), name, text, subject, goes_on)
    )


def push_of(settings: Settings, number: int) -> tuple[bytes, dict[str, str]]:
    """Body and headers of the push that tells of a mail. Raises ConfigurationInvalid without a key."""
    key = settings.local_push_key.get_secret_value()
    if not key:
        raise ConfigurationInvalid("there is no key to sign a push with; start the system with `fte up` first")
    headers = {"Authorization": sign_push(key, settings.push_audience), "Content-Type": "application/json"}
    return make_push(address_of(settings.gmail_mailbox), number), headers


def inbound_mails(address: str) -> Iterator[tuple[str, str]]:
    """Of the messages that somebody wrote by mail: the conversation's id and the message's."""
    try:
        found = ask("GET", "/customers/lookup", params={"email": address}, asked="--from")
    except NotFound:
        return
    customers: list[dict[str, Any]] = [each for each in (found["verified"], *found["claimed"]) if each is not None]
    for line in (line for customer in customers for line in customer["conversations"]):
        if line["channel"] == Channel.EMAIL.value:
            conversation = ask("GET", f"/conversations/{line['conversation_id']}")
            for message in conversation["messages"]:
                if message["direction"] == "inbound":
                    yield conversation["conversation_id"], message["message_id"]


def _compose(settings: Settings, address: str, name: str, text: str, subject: str, goes_on: bool) -> bytes:
    """The mail, with the verdict on its sender that a receiving server writes on top: the folder is that server."""
    folder = settings.mail_folder
    threads = _read_threads(folder)
    if goes_on and address not in threads:
        raise BadInput("--from", "has not written from here yet; say it without going on")
    thread = threads[address] if goes_on else {}
    mail = EmailMessage(policy=SMTP)
    domain = address.rpartition("@")[2]
    mail["Authentication-Results"] = f"{LOCAL_AUTHSERV}; dmarc=pass header.from={domain}"
    mail["From"] = formataddr((name, address))
    mail["To"] = address_of(settings.gmail_mailbox)
    mail["Subject"] = f"Re: {thread['subject']}" if thread else subject or text.splitlines()[0][:80]
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=domain)
    if thread:
        mail["In-Reply-To"] = thread["message_id"]
        mail["References"] = thread["message_id"]
    else:
        threads[address] = {"message_id": str(mail["Message-ID"]), "subject": str(mail["Subject"])}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / _THREADS).write_text(json.dumps(threads), encoding="utf-8")
    mail.set_content(text)
    return mail.as_bytes()


def _read_threads(folder: Path) -> dict[str, dict[str, str]]:
    """The first mail of each sender's latest thread."""
    file = folder / _THREADS
    threads: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return threads
