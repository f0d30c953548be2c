"""The e-mail channel on a test's database, with a fake Gmail at the other end."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.mail_records import MailboxClaim
from agent.records import Channel, TurnContext, TurnDecision
from agent.times import Times
from agent.workers.delivery import DeliveryLoop
from channels.gmail.client import GmailAccount, GmailClient
from channels.gmail.drafts import DraftTidier
from channels.gmail.intake import MailIntake, MailLimits, Wake
from channels.gmail.loop import MailboxLoop
from channels.gmail.mailbox import GMAIL_AUTHSERV, Mailbox
from channels.gmail.sender import GmailSender
from channels.gmail.sync import MailboxSync
from crm.attachments import Attachments
from crm.audit import audit
from crm.confirmations import Confirmations
from crm.database import Database
from crm.desk import Desk
from crm.inbox import Inbox
from crm.mailboxes import Mailboxes
from crm.mails import Mails
from crm.outbox import Outbox
from tests.fakes.gmail_server import FakeGmail
from tests.integration.http_spine import answer_due
from tests.integration.spine import reply_to

ADDRESS = "support@example.com"
_numbers = itertools.count(1)


def a_mail(
    text: str = "How do I create a board?",
    *,
    sender: str = "Ada Example <ada@customer.example>",
    to: str = ADDRESS,
    subject: str = "Boards",
    message_id: str | None = None,
    in_reply_to: str = "",
    references: str = "",
    authentic: bool = True,
    **headers: str,
) -> bytes:
    """A mail as Gmail keeps it. `authentic`: Gmail's own verdict on the sender's domain is that it is so."""
    domain = sender.rpartition("@")[2].strip(">")
    verdict = f"dmarc=pass header.from={domain}" if authentic else f"dmarc=fail header.from={domain}"
    lines = {
        "Authentication-Results": f"{GMAIL_AUTHSERV}; {verdict}",
        "From": sender,
        "To": to,
        "Subject": subject,
        "Message-ID": message_id if message_id is not None else f"<{next(_numbers)}@{domain}>",
        "In-Reply-To": in_reply_to,
        "References": references,
        "Content-Type": "text/plain; charset=utf-8",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
    return f"{head}\r\n{text}\r\n".encode()


def write_credentials(folder: Path, **changes: Any) -> Path:
    file = folder / "gmail.json"
    info = {"type": "authorized_user", "refresh_token": "r", "client_id": "c", "client_secret": "s"}
    file.write_text(json.dumps(info | changes), encoding="utf-8")
    return file


def impatient(times: Times) -> Times:
    """What waits between attempts does so for a moment only."""
    return replace(
        times, lookup_pause_s=0.001, mailbox_gap_s=0.0, mailbox_lease_s=300, backoff_first_s=0.001, backoff_cap_s=0.001
    )


@dataclass
class MailSystem:
    """One process' side of the channel; several on one database stand for several replicas."""

    database: Database
    gmail: FakeGmail
    client: GmailClient
    sync: MailboxSync
    intake: MailIntake
    mailboxes: Mailboxes
    mails: Mails
    sender: GmailSender

    async def claim(self) -> MailboxClaim | None:
        return await self.mailboxes.claim(self.gmail.address)

    async def hint(self) -> None:
        await self.mailboxes.record_hint(self.gmail.address)

    async def sync_once(self) -> None:
        """As after a push."""
        await self.hint()
        claim = await self.claim()
        assert claim is not None, "a mailbox that was hinted at is due"
        await self.sync.run(claim)
        await self.mailboxes.finish(claim)

    def loop(self, **options: Any) -> MailboxLoop:
        async def listen(on_notify: Callable[[], None], on_lost: Callable[[], None]) -> Callable[[], Any]:
            async def stop() -> None:
                return None

            return stop

        return MailboxLoop(
            self.gmail.address,
            self.mailboxes,
            lambda beat: self.sync,
            listen,
            self.database.times,
            credentials_changed=lambda: self.client.credentials_changed,
            **options,
        )

    async def answer(self, decide: Callable[[TurnContext], TurnDecision] = reply_to) -> int:
        """Turns of all who are due; nothing is sent yet."""
        return await answer_due(self.database, decide, deliver=False)

    async def deliver(self) -> None:
        """One round of the courier."""
        await self.courier()._round()

    def courier(self) -> DeliveryLoop:
        async def listen(on_notify: Callable[[], None], on_lost: Callable[[], None]) -> Callable[[], Any]:
            async def stop() -> None:
                return None

            return stop

        senders = dict.fromkeys(Channel, self.sender)
        return DeliveryLoop(Outbox(self.database), senders, listen, lambda: None, self.database.times)

    async def rows(self, query: str, *arguments: object) -> list[dict[str, Any]]:
        async with self.database.connection() as connection:
            return [dict(row) for row in await connection.fetch(query, *arguments)]

    async def value(self, query: str, *arguments: object) -> Any:
        async with self.database.connection() as connection:
            return await connection.fetchval(query, *arguments)

    async def check(self, *, settled: bool = True) -> None:
        """What the auditor of every chaos run looks for is not there."""
        report = await audit(self.database, [], settled=settled)
        assert report.clean, str(report)


@asynccontextmanager
async def mail_system(
    database: Database,
    gmail: FakeGmail,
    folder: Path,
    *,
    replies_per_hour: int = 20,
    unproven_per_hour: int = 60,
    mailbox: Callable[[GmailClient], Mailbox] = lambda client: client,
    connect: bool = True,
    **account: Any,
) -> AsyncIterator[MailSystem]:
    """Connected to the mailbox as it is now: what lies there already is not taken in."""
    given = {"credentials_path": write_credentials(folder), "units_per_minute": 1e6, "timeout_s": 60.0, "topic": "t"}
    client = GmailClient(GmailAccount(mailbox=gmail.address, api_url=gmail.url, **(given | account)))
    mailboxes = Mailboxes(database)
    mails, inbox = Mails(database), Inbox(database)
    wake = Wake(agents=lambda: None, desks=lambda: None, couriers=lambda: None)
    intake = MailIntake(
        gmail.address,
        GMAIL_AUTHSERV,
        mails,
        inbox,
        Desk(database),
        Confirmations(database),
        Attachments(database),
        wake,
        MailLimits(replies_per_hour, unproven_per_hour),
    )
    system = MailSystem(
        database=database,
        gmail=gmail,
        client=client,
        sync=MailboxSync(
            mailbox(client), mailboxes, mails, inbox, intake, renew_every_s=0.0, tidy=DraftTidier(client, mails).tidy
        ),
        intake=intake,
        mailboxes=mailboxes,
        mails=mails,
        sender=GmailSender(client, mails, Outbox(database).remember_draft, gmail.address, "Support"),
    )
    await mailboxes.connect(gmail.address)
    if connect:
        await system.sync_once()
    try:
        yield system
    finally:
        await client.close()


async def bodies(system: MailSystem) -> list[str]:
    rows = await system.rows("SELECT body FROM messages WHERE direction = 'inbound' ORDER BY created_at, message_id")
    return [row["body"] for row in rows]
