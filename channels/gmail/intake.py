"""What becomes of a mail in the mailbox: a customer's message, one that is not answered, a bounce, a person's words."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from agent.errors import BadInput, Conflict
from agent.log_fields import log_extra, log_fields
from agent.mail_records import MailFate, ReferencedMail, SeenMail
from agent.records import Accepted, Channel, IdentifierKind, Identity, InboundMessage, Screening
from channels.addresses import parse_email
from channels.gmail.mailbox import DRAFT, SENT, SPAM, TRASH, FoundMail
from channels.gmail.stores import Files, MailStore, MessageInbox, People, Proofs
from channels.gmail.threading import find_addressed_thread, find_own_thread, find_unproven
from channels.gmail.tokens import find_token
from channels.mail.reading import read_mail
from channels.mail.records import ReadMail, Reason

_LOG = logging.getLogger(__name__)
_BODY_MAX, _SUBJECT_MAX, _NAME_MAX = 100_000, 300, 200
_FILES_MAX, _FILES_MAX_BYTES, _FILE_NAME_MAX = 50, 50 * 1024 * 1024, 200
_DOMAIN_MAX = 253
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,60}")
# What Postgres cannot store: NUL, and halves of pairs that broken mail leaves.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Reports about mail, and our own: no customer's words, and no ticket.
_NOBODYS_WORDS = frozenset(
    {
        Reason.DELAY,
        Reason.DELIVERY_REPORT,
        Reason.READ_RECEIPT,
        Reason.REPORT,
        Reason.MAILER_DAEMON,
        Reason.OWN_MAIL,
        Reason.OWN_ADDRESS,
    }
)
_NOBODY_READS = frozenset({DRAFT, SPAM, TRASH, "CHAT"})

REPLY_CAP = "reply_cap"
"""Why a message is not answered that would be one too many in an hour."""
NO_SENDER = "no_sender"
"""Why a person's mail is not answered: its author's address is none that we can write to."""
_NOBODY = Identity(IdentifierKind.EMAIL, "unreadable@fte.invalid", verified=False)
# As many as are asked to confirm themselves (ask_to_confirm in crm), so that what goes on here is answered.
_UNPROVEN_PER_ADDRESS = 3


@dataclass(frozen=True, slots=True)
class Wake:
    """Called after a commit; each returns at once."""

    agents: Callable[[], None]
    desks: Callable[[], None]
    couriers: Callable[[], None]


@dataclass(frozen=True, slots=True)
class MailLimits:
    """Within an hour: replies to one address and in one thread, before a person is asked instead; and conversations
    that mail begins for which nobody vouches, before the next ones wait in quarantine."""

    replies: int
    unproven: int


class MailIntake:
    """One mailbox's. A mail that comes again changes nothing, whatever became of it and wherever that was cut off."""

    def __init__(
        self,
        mailbox: str,
        authserv_id: str,
        mails: MailStore,
        inbox: MessageInbox,
        people: People,
        proofs: Proofs,
        files: Files,
        wake: Wake,
        limits: MailLimits,
    ) -> None:
        """`authserv_id`: under which name the mailbox's server says whose mail is authentic."""
        self._mailbox = mailbox
        self._authserv_id = authserv_id
        self._mails = mails
        self._inbox = inbox
        self._people = people
        self._proofs = proofs
        self._files = files
        self._wake = wake
        self._limits = limits

    def key_of(self, mail_id: str) -> str:
        """Under which a mail is stored; ids of one mailbox mean nothing in another."""
        return f"{self._mailbox}/{mail_id}"

    async def take_in(self, found: FoundMail) -> MailFate | None:
        """Make of a mail what it is; None for drafts, spam and trash, which may still become something.

        Raises DatabaseAway.
        """
        if found.labels & _NOBODY_READS:
            return None
        # What a person sends from the mailbox comes from our own address and is no machine's for that.
        is_sent = SENT in found.labels
        own_addresses = frozenset() if is_sent else frozenset({self._mailbox})
        # Seconds where somebody sent a log of megabytes: the loops beside this one go on.
        mail = await asyncio.to_thread(read_mail, found.raw, own_addresses, authserv_id=self._authserv_id)
        seen = SeenMail(
            mailbox=self._mailbox,
            provider_key=self.key_of(found.mail_id),
            provider_thread=found.thread_id,
            message_id=_storable(mail.message_id),
            references=tuple(_storable(each) for each in mail.references),
            subject=_storable(mail.subject)[:_SUBJECT_MAX],
            thread_index=_storable(mail.thread_index),
            raw=found.raw,
            ours=is_sent,
            sender_path=mail.authentication.path,
        )
        if seen.ours:
            return await self._take_in_sent(seen, mail)
        return await self._take_in_received(seen, mail)

    async def _take_in_sent(self, seen: SeenMail, mail: ReadMail) -> MailFate:
        """Our own by the token that was stored before it was sent; else a person's who works in the mailbox."""
        outbox_id = await self._mails.fetch_own(find_token(seen.raw, seen.message_id), seen.message_id)
        if outbox_id is not None:
            await self._mails.record_sent(outbox_id, seen.provider_key, seen.provider_thread, seen.message_id)
            return MailFate.SENT
        referenced = await self._referenced_by(seen, mail)
        await self._mails.record_seen(seen, _root_of(referenced))
        recipients = frozenset(each.address.lower() for each in (*mail.to, *mail.cc))
        thread = None if mail.automatic else find_addressed_thread(referenced, recipients)
        conversation_id = None if thread is None else await self._mails.fetch_newest_conversation(*thread)
        if conversation_id is None:
            await self._mails.record_handled(seen.provider_key, MailFate.IGNORED, mail.automatic_reason)
            return MailFate.IGNORED
        with log_fields(conversation_id=conversation_id, channel=Channel.EMAIL):
            written = await self._people.record_written_elsewhere(
                conversation_id, self._mailbox, _text_of(mail), _token_of(seen.provider_key), seen.provider_key
            )
            await self._mails.tie(seen.provider_key, written)
            await self._mails.record_handled(seen.provider_key, MailFate.PERSON)
            self._wake.desks()
            _LOG.info("a person answered by mail and has the conversation now")
        return MailFate.PERSON

    async def _take_in_received(self, seen: SeenMail, mail: ReadMail) -> MailFate:
        referenced = await self._referenced_by(seen, mail)
        await self._mails.record_seen(seen, _root_of(referenced))
        if mail.bounce:
            return await self._take_in_bounce(seen, mail)
        sender = _sender_of(mail)
        if sender is None and not mail.automatic:
            return await self._take_in_unanswerable(seen, mail)
        if sender is None or mail.automatic_reason in _NOBODYS_WORDS:
            reason = mail.automatic_reason
            await self._mails.record_handled(seen.provider_key, MailFate.IGNORED, reason)
            _LOG.info("a mail that nobody wrote to us is kept and not handled", extra=log_extra(reason=reason))
            return MailFate.IGNORED
        if not mail.automatic:
            await self._prove(sender, mail, referenced)
        # What a machine answers to a copy of an answer is no word in the form's conversation.
        thread_key = find_own_thread(referenced, sender, joins_forms=not mail.automatic)
        message = InboundMessage(
            channel=Channel.EMAIL,
            provider_message_id=seen.provider_key,
            thread_key=thread_key or f"mail:{seen.provider_key}",
            identity=sender,
            body=_text_of(mail),
            subject=seen.subject,
            screening=None if thread_key or sender.verified else self._screening(),
        )
        accepted, reason = await self._store(message, mail, referenced)
        about = log_extra(
            conversation_id=accepted.conversation_id,
            ticket_id=accepted.ticket_id,
            message_ids=[accepted.message_id],
            channel=Channel.EMAIL,
            reason=reason,
        )
        await self._attach(accepted, mail)
        fate = MailFate.SUPPRESSED if reason else MailFate.MESSAGE
        await self._mails.record_handled(seen.provider_key, fate, reason)
        _LOG.info("a mail is stored and not answered" if reason else "a message was accepted", extra=about)
        return fate

    async def _take_in_unanswerable(self, seen: SeenMail, mail: ReadMail) -> MailFate:
        """A person wrote, and only a person can answer: from the mailbox, to an address that is none to us."""
        message = _message_of_nobody(seen.provider_key, _text_of(mail), seen.subject)
        author = _storable(mail.sender.address)[:100] or "none"
        summary = (
            f"No answer can be sent to the address of this mail's author ({author}). "
            f"Look for it in the mailbox {self._mailbox} (Gmail's id {seen.provider_key.rpartition('/')[2]})."
        )
        accepted = await self._inbox.suppress(message, NO_SENDER, for_people=summary)
        await self._attach(accepted, mail)
        await self._mails.record_handled(seen.provider_key, MailFate.SUPPRESSED, NO_SENDER)
        self._wake.desks()
        _LOG.warning("a mail's author cannot be written to; a person is told of it")
        return MailFate.SUPPRESSED

    async def _prove(self, sender: Identity, mail: ReadMail, referenced: Sequence[ReferencedMail]) -> None:
        """Who answers a mail of ours from the address that it went to has it, and had written what it answers to."""
        conversation_id = find_unproven(referenced, sender)
        if conversation_id is None:
            return
        named = [_storable(each) for each in mail.answered_ids]
        if await self._proofs.confirm_by_reply(conversation_id, named) == "confirmed":
            self._wake.couriers()
            _LOG.info("an address was confirmed by a reply", extra=log_extra(conversation_id=conversation_id))

    def _screening(self) -> Screening:
        """Anybody can write anybody's address: whoever floods a mailbox so must not make it flood others."""
        sender = hashlib.sha256(f"mailbox:{self._mailbox}".encode()).digest()
        return Screening((), per_recipient=_UNPROVEN_PER_ADDRESS, per_sender=self._limits.unproven, sender=sender)

    async def _store(
        self, message: InboundMessage, mail: ReadMail, referenced: Sequence[ReferencedMail]
    ) -> tuple[Accepted, str]:
        """The committed message, and why it is not answered, empty where it is."""
        if mail.automatic:
            return await self._inbox.suppress(message, mail.automatic_reason), mail.automatic_reason
        replies = await self._mails.count_replies(message.identity.value, _root_of(referenced))
        if replies >= self._limits.replies:
            accepted = await self._inbox.suppress(message, REPLY_CAP, for_people=_loop_summary(replies))
            self._wake.desks()
            return accepted, REPLY_CAP
        accepted = await self._inbox.accept(message)
        self._wake.agents()
        return accepted, ""

    async def _take_in_bounce(self, seen: SeenMail, mail: ReadMail) -> MailFate:
        """Recorded on what bounced, which must be named: by its recipient alone anybody could end anybody's mail."""
        summary = f"A reply came back: {_storable(mail.bounced_recipient) or 'the customer'} could not be reached."
        for message_id in dict.fromkeys((mail.bounced_message_id, *mail.answered_ids)):
            conversation_id = await self._mails.record_bounce(seen.provider_key, message_id, summary)
            if conversation_id is not None:
                self._wake.desks()
                _LOG.warning("a reply bounced", extra=log_extra(conversation_id=conversation_id))
                break
        else:
            _LOG.warning("a bounce tells of no mail of ours")
        await self._mails.record_handled(seen.provider_key, MailFate.BOUNCE, mail.automatic_reason)
        return MailFate.BOUNCE

    async def _referenced_by(self, seen: SeenMail, mail: ReadMail) -> list[ReferencedMail]:
        named = [_storable(each) for each in mail.answered_ids]
        return await self._mails.fetch_referenced(named, seen.mailbox, seen.provider_thread)

    async def _attach(self, accepted: Accepted, mail: ReadMail) -> None:
        for each in mail.attachments:
            declared = each.content_type.lower()
            if not each.content:
                continue
            try:
                await self._files.add(
                    accepted.conversation_id,
                    _storable(each.name)[-_FILE_NAME_MAX:] or "file",
                    declared if _MEDIA_TYPE.fullmatch(declared) else "application/octet-stream",
                    each.content,
                    count_max=_FILES_MAX,
                    total_max_bytes=_FILES_MAX_BYTES,
                )
            except Conflict:
                _LOG.warning("a conversation has no room for more files; the mail itself keeps them")
                return


async def take_in_unread(intake: MailIntake, inbox: MessageInbox, mails: MailStore, found: FoundMail) -> None:
    """For a mail that handling failed on: it is kept, and a person sees that it is there. Raises DatabaseAway."""
    key = intake.key_of(found.mail_id)
    mailbox = key.rpartition("/")[0]
    seen = SeenMail(mailbox, key, found.thread_id, "", (), "", "", found.raw)
    await mails.record_seen(seen, None)
    message = _message_of_nobody(key, "(A mail that could not be read; it is in the mailbox.)")
    summary = f"A mail could not be handled. Look for it in the mailbox {mailbox} (Gmail's id {found.mail_id})."
    await inbox.suppress(message, "unreadable", for_people=summary)
    await mails.record_handled(key, MailFate.SUPPRESSED, "unreadable")


def _message_of_nobody(provider_key: str, body: str, subject: str = "") -> InboundMessage:
    """Of somebody who cannot be written to; each is a conversation of its own."""
    thread_key = f"mail:{provider_key}"
    return InboundMessage(Channel.EMAIL, provider_key, thread_key, _NOBODY, body, subject)


def _root_of(referenced: Sequence[ReferencedMail]) -> UUID | None:
    return referenced[0].root_id if referenced else None


def _sender_of(mail: ReadMail) -> Identity | None:
    """Who wrote, proven only where the receiving server vouches for the author's domain."""
    try:
        address = parse_email(_ascii_domain(mail.sender.address))
    except BadInput:
        return None
    name = _storable(mail.sender.name)[:_NAME_MAX]
    return Identity(IdentifierKind.EMAIL, address, mail.authentication.passed, name)


def _ascii_domain(address: str) -> str:
    """A domain in another alphabet in its form for servers (RFC 5890); what has none stays as it is."""
    local, _, domain = address.rpartition("@")
    if domain.isascii() or len(domain) > _DOMAIN_MAX:
        return address
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return address


def _text_of(mail: ReadMail) -> str:
    """What was newly written; of a mail without words, its subject. The whole mail is kept beside it."""
    text = _storable(mail.text or mail.full_text or mail.subject).strip() or "(A mail without words.)"
    if len(text) <= _BODY_MAX:
        return text
    note = f"\n[…] The mail goes on; it has {len(text)} characters."
    return text[: _BODY_MAX - len(note)] + note


def _storable(text: str) -> str:
    return _UNSTORABLE.sub("\ufffd", text)


def _token_of(provider_key: str) -> str:
    """A send token for what was not sent by us; the same mail has the same one."""
    return f"mail-{hashlib.sha256(provider_key.encode()).hexdigest()[:32]}"


def _loop_summary(replies: int) -> str:
    return (
        f"The FTE has sent {replies} replies within an hour to this address or in this thread, as two machines do that "
        "answer each other, and now waits for a person. Look whether a person writes; hand back, and it answers again."
    )
