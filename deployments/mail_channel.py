"""The e-mail channel over the settings: Gmail where its credentials are given, and else a folder and the outbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from agent.ports import Sender
from agent.records import Channel
from agent.workers.waking_loop import StopListening
from channels.gmail.client import GmailAccount, GmailClient
from channels.gmail.drafts import DraftTidier
from channels.gmail.intake import MailIntake, MailLimits, Wake
from channels.gmail.local import LOCAL_AUTHSERV, LocalMailbox, address_of
from channels.gmail.loop import MailboxLoop
from channels.gmail.mailbox import GMAIL_AUTHSERV, Mailbox
from channels.gmail.sender import GmailSender
from channels.gmail.sync import MailboxSync, nothing_left
from channels.stored import StoredSender
from crm.attachments import Attachments
from crm.confirmations import Confirmations
from crm.database import Database
from crm.desk import Desk
from crm.inbox import Inbox
from crm.mailboxes import MAIL_CHANNEL, Mailboxes
from crm.mails import Mails
from crm.notifier import Notifier
from crm.outbox import Outbox
from crm.work import DESK_CHANNEL, OUTBOX_CHANNEL, WorkQueue
from deployments.startup import ReplicaSettings


@dataclass(frozen=True, slots=True)
class MailChannel:
    """The way out and the way in. `close` ends what they share, after both."""

    sender: Sender
    loop: MailboxLoop
    mailbox: Mailbox

    async def close(self) -> None:
        await self.mailbox.close()


def open_mail_channel(settings: ReplicaSettings, database: Database, outbox: Outbox) -> MailChannel:
    """For one replica, on its event loop. Nothing is asked of Google yet."""
    address = address_of(settings.gmail_mailbox)
    if not settings.gmail_credentials_path:
        local = LocalMailbox(settings.mail_folder, address)
        return MailChannel(StoredSender(Channel.EMAIL.value), _loop_over(local, settings, database), local)
    client, mails = GmailClient(gmail_account(settings)), Mails(database)
    sender = GmailSender(client, mails, outbox.remember_draft, address, settings.gmail_display_name)
    tidy = DraftTidier(client, mails).tidy
    loop = _loop_over(client, settings, database, lambda: client.credentials_changed, tidy)
    return MailChannel(sender, loop, client)


def gmail_account(settings: ReplicaSettings) -> GmailAccount:
    return GmailAccount(
        credentials_path=Path(settings.gmail_credentials_path),
        mailbox=address_of(settings.gmail_mailbox),
        topic=settings.gmail_pubsub_topic,
        api_url=settings.gmail_api_url,
        units_per_minute=settings.gmail_units_per_minute,
    )


def _loop_over(
    mailbox: Mailbox,
    settings: ReplicaSettings,
    database: Database,
    credentials_changed: Callable[[], bool] = lambda: False,
    tidy: Callable[[], Awaitable[None]] = nothing_left,
) -> MailboxLoop:
    authserv_id = LOCAL_AUTHSERV if not settings.gmail_credentials_path else GMAIL_AUTHSERV
    address, offline = address_of(settings.gmail_mailbox), not settings.gmail_credentials_path
    store, mails, inbox, queue = (
        Mailboxes(database, poll_s=settings.gmail_poll_s),
        Mails(database),
        Inbox(database),
        WorkQueue(database),
    )
    wake = Wake(
        agents=Notifier(queue).notify,
        desks=Notifier(queue, DESK_CHANNEL).notify,
        couriers=Notifier(queue, OUTBOX_CHANNEL).notify,
    )
    intake = MailIntake(
        address,
        authserv_id,
        mails,
        inbox,
        Desk(database),
        Confirmations(database),
        Attachments(database),
        wake,
        MailLimits(settings.mail_replies_per_hour, settings.mail_unproven_per_hour),
    )

    renew_s = settings.times.mailbox_lease_s / 4

    def make_sync(beat: Callable[[], None]) -> MailboxSync:
        return MailboxSync(
            *(mailbox, store, mails, inbox, intake, beat), renew_every_s=renew_s, from_the_start=offline, tidy=tidy
        )

    async def listen(on_notify: Callable[[], None], on_lost: Callable[[], None]) -> StopListening:
        return await queue.listen(on_notify, MAIL_CHANNEL, on_lost)

    return MailboxLoop(
        address, store, make_sync, listen, settings.times, offline=offline, credentials_changed=credentials_changed
    )
