"""Replies leave through Gmail as drafts: made, remembered, then sent. A sent draft is gone, so it never leaves twice.

https://developers.google.com/workspace/gmail/api/guides/drafts: "When the draft is sent, the draft is automatically
deleted and a new message with an updated ID is created with the SENT system label."
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Protocol

from agent.errors import BadInput, DatabaseAway, NotFound, ProviderAway, SendAmbiguous, SendRejected
from agent.mail_records import OutgoingMail, ThreadSoFar
from agent.ports import RememberDraft
from agent.records import Author, OutboxItem
from channels.gmail.client import SentMail
from channels.gmail.stores import SentMails
from channels.gmail.tokens import mail_token
from channels.mail.automatic import TOKEN_HEADER
from channels.mail.records import Mailbox
from channels.mail.writing import compose_new, compose_reply, make_message_id

_LOG = logging.getLogger(__name__)


class Drafts(Protocol):
    """The part of client.GmailClient that sending needs."""

    async def create_draft(self, raw: bytes, thread_id: str) -> str: ...

    async def send_draft(self, draft_id: str) -> tuple[str, str]: ...

    async def draft_exists(self, draft_id: str) -> bool: ...

    async def find_draft(self, message_id: str) -> str | None: ...

    async def find_sent(self, message_id: str, header: str, value: str, recipient: str) -> SentMail | None: ...

    async def fetch_sent(self, mail_id: str, header: str) -> SentMail | None: ...


class GmailSender:
    """Implements ports.Sender for the e-mail channel."""

    def __init__(
        self, gmail: Drafts, mails: SentMails, remember_draft: RememberDraft, mailbox: str, display_name: str
    ) -> None:
        """`mailbox` and `display_name` are whom customers see as the sender."""
        self._gmail = gmail
        self._mails = mails
        self._remember_draft = remember_draft
        self._from = Mailbox(mailbox, display_name)

    async def send(self, item: OutboxItem) -> str:
        """Implements Sender.send. Raises also LeaseLost, DatabaseAway."""
        draft_id = item.provider_draft
        if not draft_id:
            draft_id = await self._make_draft(item)
            await self._remember_draft(item, draft_id)
        try:
            mail_id, thread_id = await self._gmail.send_draft(draft_id)
        except NotFound as error:
            raise SendAmbiguous("the draft is gone: it was sent, or a person deleted it") from error
        await self._learn_id(item, mail_id, thread_id)
        return self._key_of(mail_id)

    async def find_sent(self, item: OutboxItem) -> str | None:
        """Implements Sender.find_sent. What is not found here and has a draft is sent by that draft or not at all."""
        sent = await self._gmail.find_sent(
            self._message_id_of(item), TOKEN_HEADER, mail_token(item.send_token), item.identity.value
        )
        if sent is None:
            if item.provider_draft and not await self._gmail.draft_exists(item.provider_draft):
                _LOG.warning("a draft is gone and its mail is not found yet")
            return None
        message_id = sent.headers.get("message-id", self._message_id_of(item))
        await self._mails.record_sent(item.outbox_id, self._key_of(sent.mail_id), sent.thread_id, message_id)
        return self._key_of(sent.mail_id)

    async def _make_draft(self, item: OutboxItem) -> str:
        thread = await self._mails.fetch_thread(item.conversation_id, item.outbox_id)
        message_id = self._message_id_of(item)
        subject = thread.subject or item.subject
        raw = self._compose(item, thread, subject)
        await self._mails.record_outgoing(
            OutgoingMail(item.outbox_id, self._from.address, message_id, thread.references, thread.root_id, subject)
        )
        if item.attempts > 1:
            left = await self._gmail.find_draft(message_id)
            if left is not None:
                return left
        # Gmail takes a mail into a thread by its references, and knows threads of the same mailbox only.
        knows_thread = thread.references and thread.mailbox == self._from.address
        thread_id = thread.provider_thread if knows_thread else ""
        try:
            return await self._gmail.create_draft(raw, thread_id)
        except NotFound:
            # A person deleted the thread; the customer's own mail program still sorts the reply by its references.
            return await self._gmail.create_draft(raw, "")

    def _compose(self, item: OutboxItem, thread: ThreadSoFar, subject: str) -> bytes:
        """Raises SendRejected for what no mail can be written to."""
        to = Mailbox(item.identity.value, item.identity.display_name)
        token, now = mail_token(item.send_token), datetime.now(UTC)
        try:
            if thread.root_id is None:
                return compose_new(
                    sender=self._from,
                    to=to,
                    subject=subject,
                    text=item.body,
                    token=token,
                    sent_at=now,
                    ticket_id=item.ticket_id,
                )
            return compose_reply(
                sender=self._from,
                to=to,
                subject=subject,
                text=item.body,
                token=token,
                sent_at=now,
                in_reply_to=thread.in_reply_to,
                references=thread.references,
                thread_index=thread.thread_index,
                ticket_id=item.ticket_id,
                automatic=item.author is Author.FTE,
            )
        except BadInput as error:
            raise SendRejected(f"no mail can be written to it ({error.field})") from error

    async def _learn_id(self, item: OutboxItem, mail_id: str, thread_id: str) -> None:
        """Which Message-ID the mail really has; where that cannot be asked now, the mailbox's history tells later."""
        message_id = self._message_id_of(item)
        try:
            sent = await self._gmail.fetch_sent(mail_id, TOKEN_HEADER)
            if sent is not None:
                message_id = sent.headers.get("message-id", message_id)
            await self._mails.record_sent(item.outbox_id, self._key_of(mail_id), thread_id, message_id)
        except (ProviderAway, DatabaseAway):
            _LOG.info("what became of a sent mail's Message-ID will be seen in the mailbox")

    def _message_id_of(self, item: OutboxItem) -> str:
        """The same for every attempt. The token is stored before any send, so the mail is known as ours by it."""
        return make_message_id(mail_token(item.send_token), self._from)

    def _key_of(self, mail_id: str) -> str:
        return f"{self._from.address}/{mail_id}"
