"""Which conversation a mail belongs to. What it refers to says where to look, never more: anybody can write any id into
a header, and Gmail threads what it finds there."""

from __future__ import annotations

from collections.abc import Iterable

from agent.mail_records import ReferencedMail
from agent.records import Channel, IdentifierKind, Identity


def find_own_thread(referenced: Iterable[ReferencedMail], sender: Identity) -> str | None:
    """The thread key of the first of these conversations that is held with the sender; None when none is.

    A conversation of a proven address is joined by mail that proves the same address only. One of an address that
    nobody has proven is joined by the same address: that its writer knows an id of ours is all the proof there is.
    """
    for mail in referenced:
        held_with = mail.identity
        if (
            mail.channel is Channel.EMAIL
            and held_with is not None
            and held_with.kind is IdentifierKind.EMAIL
            and held_with.value == sender.value
            and (sender.verified or not held_with.verified)
        ):
            return mail.thread_key
    return None


def find_addressed_thread(referenced: Iterable[ReferencedMail], recipients: frozenset[str]) -> str | None:
    """The thread key of the first of these conversations that is held with one of the recipients of a mail of ours."""
    for mail in referenced:
        if mail.channel is Channel.EMAIL and mail.identity is not None and mail.identity.value in recipients:
            return mail.thread_key
    return None
