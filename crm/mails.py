"""Mails: what was found in mailboxes, what was sent, and which conversation each belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from agent.mail_records import MailFate, OutgoingMail, ReferencedMail, SeenMail, ThreadSoFar
from agent.records import Channel, ConversationId, IdentifierKind, Identity, OutboxId, OutboxKind
from crm.database import Database
from crm.queries import load_queries

_QUERIES = load_queries("mails")
_OUTBOX_QUERIES = load_queries("outbox")
_BOUNCED = "the mail came back: its address could not be reached"


class Mails:
    """Every method raises DatabaseAway."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch_handled(self, provider_keys: Sequence[str]) -> set[str]:
        """Those that need nothing more."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_handled"], list(provider_keys))
        return {row["provider_key"] for row in rows}

    async def fetch_referenced(
        self, message_ids: Sequence[str], mailbox: str, provider_thread: str
    ) -> list[ReferencedMail]:
        """The known mails of these, in their order, and then those of the provider's thread, the latest first."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_referenced"], list(message_ids), mailbox, provider_thread)
        return [_to_referenced(row) for row in rows]

    async def record_seen(self, mail: SeenMail, root_id: UUID | None) -> None:
        """Keep a mail before anything is made of it. `root_id` is that of what it refers to, None for nothing known."""
        async with self._database.connection() as connection:
            await connection.execute(
                _QUERIES["record_seen"],
                mail.mailbox,
                "outbound" if mail.ours else "inbound",
                mail.provider_key,
                mail.provider_thread,
                mail.message_id,
                list(mail.references),
                root_id,
                mail.subject,
                mail.thread_index,
                mail.raw,
                mail.sender_path,
            )

    async def record_handled(self, provider_key: str, fate: MailFate, reason: str = "") -> None:
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["record_handled"], provider_key, fate.value, reason)

    async def record_outgoing(self, mail: OutgoingMail) -> None:
        """Keep what identifies a mail of ours, before it is sent."""
        async with self._database.connection() as connection:
            await connection.execute(
                _QUERIES["record_outgoing"],
                mail.mailbox,
                mail.outbox_id,
                mail.message_id,
                list(mail.references),
                mail.root_id,
                mail.subject,
            )

    async def record_sent(self, outbox_id: OutboxId, provider_key: str, provider_thread: str, message_id: str) -> None:
        """Keep what the provider made of a mail of ours."""
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["record_sent_mail"], outbox_id, provider_key, provider_thread, message_id)

    async def fetch_own(self, token: str, message_id: str) -> OutboxId | None:
        """The outbox row of a mail that carries our token or a Message-ID of ours."""
        async with self._database.connection() as connection:
            outbox_id = await connection.fetchval(_QUERIES["fetch_own"], token, message_id)
        return None if outbox_id is None else OutboxId(outbox_id)

    async def fetch_thread(self, conversation_id: ConversationId, outbox_id: OutboxId) -> ThreadSoFar:
        """What the reply of this outbox row goes on from: the customer's latest mail, and ours since."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_thread"], conversation_id, outbox_id)
        return _to_thread(rows)

    async def count_replies(self, address: str, root_id: UUID | None) -> int:
        """Replies of the FTE within the last hour to the address, or in the mails' thread, whichever are more."""
        async with self._database.connection() as connection:
            return int(await connection.fetchval(_QUERIES["count_replies"], address, root_id))

    async def record_bounce(self, provider_key: str, bounced_message_id: str, summary: str) -> ConversationId | None:
        """End the reply that bounced and hand its conversation to a person, who reads the summary; None for a mail that
        is not ours.

        An address that cannot be asked to confirm itself, as one that was typed wrong, is nobody's work.
        """
        async with self._database.transaction() as connection:
            bounced = await connection.fetchrow(_QUERIES["fetch_bounced"], bounced_message_id)
            if bounced is None:
                return None
            conversation_id: UUID = await connection.fetchval(
                _OUTBOX_QUERIES["lock_newest_conversation"], bounced["conversation_id"]
            )
            await connection.execute(_QUERIES["tie_bounce"], provider_key, bounced["outbox_id"])
            ended = await connection.fetchrow(_QUERIES["record_bounced"], bounced["outbox_id"], _BOUNCED)
            if ended is not None and OutboxKind(bounced["kind"]) is not OutboxKind.CONFIRMATION:
                await connection.execute(
                    _OUTBOX_QUERIES["escalate_undeliverable"],
                    conversation_id,
                    bounced["outcome_id"],
                    summary,
                )
        return ConversationId(conversation_id)

    async def tie(self, provider_key: str, outbox_id: OutboxId) -> None:
        """Tie a mail that a person wrote to the outbox row that stands for it."""
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["tie_mail"], provider_key, outbox_id)

    async def fetch_left_drafts(self, limit: int) -> list[tuple[OutboxId, str]]:
        """Drafts at the provider of what is not sent any more."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_QUERIES["fetch_left_drafts"], limit)
        return [(OutboxId(row["outbox_id"]), row["provider_draft"]) for row in rows]

    async def forget_draft(self, outbox_id: OutboxId, draft_id: str) -> None:
        async with self._database.connection() as connection:
            await connection.execute(_QUERIES["forget_draft"], outbox_id, draft_id)

    async def fetch_newest_conversation(self, channel: Channel, thread_key: str) -> ConversationId | None:
        """The conversation in which a thread of mails goes on."""
        async with self._database.connection() as connection:
            found = await connection.fetchval(_QUERIES["fetch_newest_conversation"], channel.value, thread_key)
        return None if found is None else ConversationId(found)


def _to_referenced(row: asyncpg.Record) -> ReferencedMail:
    if row["conversation_id"] is None:
        return ReferencedMail(row["root_id"])
    return ReferencedMail(
        root_id=row["root_id"],
        conversation_id=ConversationId(row["conversation_id"]),
        channel=Channel(row["channel"]),
        thread_key=row["thread_key"],
        identity=Identity(IdentifierKind(row["identifier_kind"]), row["identifier_value"], row["verified"]),
    )


def _to_thread(rows: Sequence[asyncpg.Record]) -> ThreadSoFar:
    """The chain that RFC 5322, 3.6.4 asks for: the parent's references, the parent, and what came after it."""
    if not rows:
        return ThreadSoFar()
    first, last = rows[0], rows[-1]
    chain = [*first["reference_ids"], *(row["message_id"] for row in rows)]
    return ThreadSoFar(
        subject=first["subject"],
        thread_index=first["thread_index"],
        in_reply_to=last["message_id"],
        references=tuple(dict.fromkeys(each for each in chain if each)),
        root_id=first["root_id"],
        mailbox=last["mailbox"],
        provider_thread=last["provider_thread"],
    )
