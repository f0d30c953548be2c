"""Which conversation a mail belongs to. What it refers to says where to look, never more: anybody can write any id into
a header, and Gmail threads what it finds there."""

from __future__ import annotations

from collections.abc import Iterable

from agent.mail_records import ReferencedMail
from agent.records import Channel, IdentifierKind, Identity


def find_own_thread(referenced: Iterable[ReferencedMail], sender: Identity) -> ReferencedMail | None:
    """The first of these mails whose conversation is held with the sender; None when none is.

    A conversation of a proven address is joined by mail that proves the same address only. One of an address that
    nobody has proven is joined by the same address: that its writer knows an id of ours is all the proof there is. But
    a conversation of the form is open to whoever sent the form, so that the address must have been proven there.
    """
    for mail in referenced:
        held_with = mail.identity
        if (
            held_with is not None
            and held_with.kind is IdentifierKind.EMAIL
            and held_with.value == sender.value
            and (sender.verified or not held_with.verified)
            and (mail.channel is Channel.EMAIL or (mail.channel is Channel.WEB_FORM and held_with.verified))
        ):
            return mail
    return None


def find_addressed_thread(
    referenced: Iterable[ReferencedMail], recipients: frozenset[str]
) -> tuple[Channel, str] | None:
    """Channel and thread key of the first of these conversations that is held with a recipient of a mail of ours."""
    for mail in referenced:
        is_by_mail = mail.channel is Channel.EMAIL or mail.channel is Channel.WEB_FORM
        if is_by_mail and mail.identity is not None and mail.identity.value in recipients:
            assert mail.channel is not None, "as just seen"
            return mail.channel, mail.thread_key
    return None
