"""What channels do: deliver messages, again and again."""

from __future__ import annotations

import dataclasses

from agent.errors import Conflict
from agent.records import (
    Channel,
    ConsentChange,
    CustomerId,
    IdentifierKind,
    Identity,
    InboundMessage,
    Screening,
    Suspicion,
)
from crm.inbox import Inbox
from tests.integration.machine.actor import Actor, choose
from tests.integration.machine.model import ConversationModel, Operation, Outcome, WorkModel

FIRST_UNPROVEN = 9
"""From this thread on nobody vouches for who wrote."""


class Channels(Actor):
    def accept(self, thread: int) -> Operation:
        """A new message of a thread: three are WhatsApp senders, three mails of two people, three forms, and three
        mails in one name for which nobody vouches."""
        if thread >= FIRST_UNPROVEN:
            return self._accept_unproven(thread - FIRST_UNPROVEN)
        number = len(self.model.sent)
        channel = (Channel.WHATSAPP, Channel.EMAIL, Channel.WEB_FORM)[thread % 3]
        which = thread // 3 % 3
        identity = {
            Channel.WHATSAPP: Identity(IdentifierKind.PHONE, f"+1555010{which}", verified=True),
            Channel.EMAIL: Identity(IdentifierKind.EMAIL, f"person{which % 2}@example.com", verified=True),
            Channel.WEB_FORM: Identity(IdentifierKind.EMAIL, "person0@example.com", verified=False),
        }[channel]
        thread_key = identity.value if channel is Channel.WHATSAPP else f"thread-{which}"
        return self._accept(InboundMessage(channel, f"key-{number}", thread_key, identity, f"message {number}"))

    def _accept_unproven(self, which: int) -> Operation:
        """Two come by a path that may be remembered, one by none."""
        key = f"key-{len(self.model.sent)}"
        self._world.side_statement(
            "INSERT INTO mails (mailbox, direction, provider_key, root_id, sender_path) "
            "VALUES ('support@example.com', 'inbound', $1, uuidv7(), $2) ON CONFLICT DO NOTHING",
            key,
            "203.0.113.0/24" if which < 2 else "",
        )
        identity = Identity(IdentifierKind.EMAIL, "person0@example.com", verified=False)
        return self._accept(InboundMessage(Channel.EMAIL, key, f"claimed-{which}", identity, f"message {key}"))

    def speak_of_consent(self, thread: int, *, opted_out: bool) -> Operation:
        """STOP or START of one of the WhatsApp senders: it ends at once, whoever has the conversation."""
        number = len(self.model.sent)
        identity = Identity(IdentifierKind.PHONE, f"+1555010{thread % 3}", verified=True)
        return self._accept(
            InboundMessage(
                Channel.WHATSAPP,
                f"key-{number}",
                identity.value,
                identity,
                f"message {number}",
                consent=ConsentChange(opted_out, "So be it."),
            )
        )

    def spam(self) -> Operation:
        """A request of the form that looks like spam: always a customer and a thread of its own."""
        number = len(self.model.sent)
        identity = Identity(IdentifierKind.EMAIL, "person0@example.com", verified=False)
        screening = Screening((Suspicion.HIDDEN_FIELD,), per_recipient=1_000, per_sender=1_000)
        key = f"key-{number}"
        return self._accept(
            InboundMessage(Channel.WEB_FORM, key, f"spam-{number}", identity, f"message {number}", screening=screening)
        )

    def redeliver(self, pick: int) -> Operation | None:
        key = choose(sorted(self.model.sent), pick)
        return self._accept(self.model.sent[key][0]) if key else None

    def reuse_key(self, pick: int) -> Operation | None:
        """The same key with another request, which must not change what is stored."""
        key = choose(sorted(self.model.stored), pick)
        if key is None:
            return None
        message = dataclasses.replace(self.model.sent[key][0], request_hash=b"x" * 32, body="something else")

        def expect(outcome: Outcome) -> None:
            assert isinstance(outcome, Conflict)

        return Operation(lambda database: Inbox(database).accept(message), expect)

    def _accept(self, message: InboundMessage) -> Operation:
        key = message.provider_message_id
        self.model.sent.setdefault(key, (message, False))
        says_new = message.consent is not None and (message.consent.opted_out or self._has_opted_out(message.identity))

        def expect(accepted: Outcome) -> None:
            model = self.model
            assert accepted.duplicate == (key in model.stored)
            if accepted.duplicate:
                return
            model.stored.add(key)
            model.arrivals.setdefault(accepted.conversation_id, []).append(key)
            model.work.setdefault(accepted.customer_id, WorkModel(0, False))
            known = model.conversations.get(accepted.conversation_id)
            if known is None:
                opted_out = self._world.stored_conversations()[accepted.conversation_id].opted_out
                model.conversations[accepted.conversation_id] = ConversationModel(
                    accepted.customer_id, "open", None, 0, opted_out
                )
            else:
                assert known.customer_id == accepted.customer_id
                known.state = "open" if known.state == "resolved" else known.state
            if says_new:
                self._expect_consent(accepted.customer_id)

        def absorb(accepted: Outcome) -> None:
            if not isinstance(accepted, Exception):
                self.model.sent[key] = (message, True)

        return Operation(lambda database: Inbox(database).accept(message), expect, absorb)

    def _has_opted_out(self, identity: Identity) -> bool:
        rows = self._world.side_statement(
            "SELECT FROM customer_identifiers "
            "WHERE value = $1 AND verified_at IS NOT NULL AND opted_out_at IS NOT NULL",
            identity.value,
        )
        return bool(rows)

    def _expect_consent(self, customer_id: CustomerId) -> None:
        """A running turn has lost; what the identity said is compared by the auditor."""
        work = self.model.work[customer_id]
        work.fence, work.leased = work.fence + 1, False
        stored = self._world.stored_conversations()
        for conversation_id, conversation in self.model.conversations.items():
            conversation.opted_out = stored[conversation_id].opted_out
