"""What is read from one mail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a mail counts as automatic: stable codes, described in docs/reference/mail.md."""

    BOUNCE = "bounce"
    DELAY = "delivery_delay"
    DELIVERY_REPORT = "delivery_report"
    READ_RECEIPT = "read_receipt"
    REPORT = "report"
    OWN_MAIL = "own_mail"
    OWN_ADDRESS = "own_address"
    AUTO_SUBMITTED = "auto_submitted"
    AUTO_HEADER = "auto_header"
    VACATION = "vacation"
    CALENDAR_REPLY = "calendar_reply"
    MAILING_LIST = "mailing_list"
    BULK = "bulk"
    NULL_SENDER = "null_sender"
    MAILER_DAEMON = "mailer_daemon"
    NO_REPLY = "no_reply"


class Verdict(StrEnum):
    """What the receiving server says about the author's domain."""

    PASS = "pass"  # noqa: S105 - a result of RFC 8601, not a secret
    FAIL = "fail"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address as it was written, with the decoded name beside it. Either may be empty."""

    address: str = ""
    name: str = ""

    @property
    def domain(self) -> str:
        """What follows the last @, in lower case; empty without one."""
        return self.address.rpartition("@")[2].lower() if "@" in self.address else ""


@dataclass(frozen=True, slots=True)
class MailAttachment:
    """A part of a mail that is not its text. `name` is safe as the name of a file: no path, no control characters."""

    name: str
    content_type: str
    content: bytes
    inline: bool = False
    """The mail's own text shows it: a picture of its HTML."""

    @property
    def size_bytes(self) -> int:
        return len(self.content)


@dataclass(frozen=True, slots=True)
class Authentication:
    """The verdict on `domain`, the author's, and what it rests on: `dmarc`, or an aligned `dkim` or `spf`.

    `path` is the network (CIDR) from which our receiving server took a mail of a domain that publishes nothing by which
    its mail could be known; empty for all other mail, and where that cannot be told.
    """

    verdict: Verdict = Verdict.NONE
    method: str = ""
    domain: str = ""
    path: str = ""

    @property
    def passed(self) -> bool:
        return self.verdict is Verdict.PASS


@dataclass(frozen=True, slots=True)
class ReadMail:
    """One mail, read. Message ids keep their angle brackets; what a mail does not say is empty.

    `text` is what the customer newly wrote; `full_text` everything that the mail shows, with quotes and
    signatures. `text` is empty only where `full_text` is.
    """

    sender: Mailbox
    reply_to: Mailbox | None
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    subject: str
    text: str
    full_text: str
    quoted_removed: bool
    html_only: bool
    automatic: bool
    automatic_reason: str
    bounce: bool
    """A message of ours was not delivered, for good. A notice that it is only late is `delayed`."""
    delayed: bool
    bounced_recipient: str
    """Who did not get it, of a bounce or a delay: the first of several."""
    bounced_message_id: str
    message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    """Oldest first, as the References header has them."""
    thread_index: str
    """Outlook's thread header, which an answer continues."""
    authentication: Authentication
    attachments: tuple[MailAttachment, ...]

    @property
    def answered_ids(self) -> tuple[str, ...]:
        """The messages that this one may answer, likeliest first: In-Reply-To, then References from the newest."""
        return tuple(dict.fromkeys([*filter(None, [self.in_reply_to]), *reversed(self.references)]))
