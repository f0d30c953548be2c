"""Which conversation a mail belongs to. What it refers to says where to look, never more: anybody can write any id into
a header, and Gmail threads what it finds there."""

from __future__ import annotations

from collections.abc import Iterable

from agent.mail_records import ReferencedMail
from agent.records import Channel, ConversationId, IdentifierKind, Identity
from channels.addresses import mailbox_key


def find_own_thread(referenced: Iterable[ReferencedMail], sender: Identity, *, joins_forms: bool = True) -> str | None:
    """The thread key of the first of these conversations that is held with the sender; None when none is.

    A conversation of a proven address is joined by mail that proves the same address only, in whatever spelling. One
    of an address that nobody has proven is joined by the same address: that its writer knows an id of ours is all the
    proof there is. A form's conversation, whose answers also go by mail, is joined by proof on both sides or not at
    all, and with `joins_forms` only.
    """
    for mail in referenced:
        held_with = mail.identity
        if held_with is None or not _same_mailbox(held_with, sender.value):
            continue
        if mail.channel is Channel.EMAIL and (sender.verified or not held_with.verified):
            return mail.thread_key
        if mail.channel is Channel.WEB_FORM and joins_forms and sender.verified and held_with.verified:
            return mail.thread_key
    return None


def find_unproven(referenced: Iterable[ReferencedMail], sender: Identity) -> ConversationId | None:
    """The first of these conversations by mail that a proven sender's own address only claims to hold; a reply there
    may prove it."""
    for mail in referenced:
        held_with = mail.identity
        if held_with is None or held_with.verified or mail.channel is not Channel.EMAIL or not sender.verified:
            continue
        if _same_mailbox(held_with, sender.value):
            return mail.conversation_id
    return None


def find_addressed_thread(
    referenced: Iterable[ReferencedMail], recipients: frozenset[str]
) -> tuple[Channel, str] | None:
    """Channel and thread key of the first of these conversations that is held with a recipient of a mail of ours.

    A form's conversation only where the address was proven: its page shows what is stored there.
    """
    for mail in referenced:
        held_with = mail.identity
        if held_with is None or not any(_same_mailbox(held_with, recipient) for recipient in recipients):
            continue
        if mail.channel is Channel.EMAIL or (mail.channel is Channel.WEB_FORM and held_with.verified):
            return mail.channel, mail.thread_key
    return None


def _same_mailbox(held_with: Identity, address: str) -> bool:
    return held_with.kind is IdentifierKind.EMAIL and mailbox_key(held_with.value) == mailbox_key(address)
