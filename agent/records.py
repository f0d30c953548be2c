"""The words of the system as frozen records. They cross process borders, so they hold plain values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType
from uuid import UUID

CustomerId = NewType("CustomerId", UUID)
IdentifierId = NewType("IdentifierId", UUID)
ConversationId = NewType("ConversationId", UUID)
MessageId = NewType("MessageId", UUID)
OutcomeId = NewType("OutcomeId", UUID)
OutboxId = NewType("OutboxId", UUID)
EscalationId = NewType("EscalationId", UUID)
MergeId = NewType("MergeId", UUID)
ConfirmationId = NewType("ConfirmationId", UUID)
TicketId = NewType("TicketId", str)


class Channel(StrEnum):
    EMAIL = "email"
    WHATSAPP = "whatsapp"
    WEB_FORM = "web_form"


class IdentifierKind(StrEnum):
    """What sort of address an identifier is; (kind, value) is its key, never the value alone."""

    EMAIL = "email"
    PHONE = "phone"
    WHATSAPP_USER = "whatsapp_user"


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Author(StrEnum):
    CUSTOMER = "customer"
    FTE = "fte"
    PERSON = "person"


class ConversationState(StrEnum):
    OPEN = "open"
    ESCALATED = "escalated"
    RESOLVED = "resolved"


class TicketStatus(StrEnum):
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Priority(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    URGENT = "urgent"


class Plan(StrEnum):
    """What a customer has of the product; people answer sooner on some."""

    FREE = "free"
    PRO = "pro"
    BUSINESS = "business"
    ENTERPRISE = "enterprise"


class Category(StrEnum):
    GENERAL = "general"
    TECHNICAL = "technical"
    BILLING = "billing"
    ACCOUNT = "account"
    BUG_REPORT = "bug_report"
    FEEDBACK = "feedback"


class ReasonCode(StrEnum):
    """Why a conversation goes to a person."""

    PRICING_INQUIRY = "pricing_inquiry"
    REFUND_REQUEST = "refund_request"
    LEGAL_ISSUE = "legal_issue"
    CANCELLATION_REQUEST = "cancellation_request"
    SECURITY_CONCERN = "security_concern"
    ABUSIVE_LANGUAGE = "abusive_language"
    CUSTOMER_REQUESTED = "customer_requested"
    TECHNICAL_EMERGENCY = "technical_emergency"
    CHURN_RISK = "churn_risk"
    NEGATIVE_SENTIMENT = "negative_sentiment"
    KNOWLEDGE_GAP = "knowledge_gap"
    TOOL_FAILURE = "tool_failure"
    POLICY_RESTRICTION = "policy_restriction"
    TAKEN_OVER = "taken_over"
    """A person took the conversation over unasked. No rule of the policy leads to this one or those below."""
    UNHAPPY_SILENCE = "unhappy_silence"
    """The customer's last word was an upset one, and nothing came since our answer."""
    NOT_SOLVED = "not_solved"
    """Asked whether a resolved request is solved, the customer said no."""
    UNPROVEN_SENDER = "unproven_sender"
    """Nobody vouches for who wrote a mail, and its address could not be asked to confirm itself."""


class Team(StrEnum):
    BILLING = "billing"
    LEGAL = "legal"
    SECURITY = "security"
    TECHNICAL = "technical"
    GENERAL = "general"


class Severity(StrEnum):
    P1 = "P1"
    P2 = "P2"
    P3 = "P3"


class EscalationStatus(StrEnum):
    OPEN = "open"
    TAKEN = "taken"
    HANDED_BACK = "handed_back"
    RESOLVED = "resolved"


class OutcomeKind(StrEnum):
    """The one end that every inbound message has (invariant 5)."""

    REPLY = "reply"
    ESCALATION = "escalation"
    HELD = "held"
    SUPPRESSED = "suppressed"
    DEAD_LETTER = "dead_letter"


class OutboxState(StrEnum):
    HELD = "held"
    """Written to an address that nobody has proved; it leaves when its owner confirms it."""
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    FAILED = "failed"
    CANCELLED = "cancelled"


class OutboxKind(StrEnum):
    """What an outbox row delivers. All but a message leave by mail beside a conversation of another channel."""

    MESSAGE = "message"
    COPY = "copy"
    """A message once more, for whoever confirmed the address."""
    CONFIRMATION = "confirmation"
    """The request to confirm an address that was only claimed: fixed text, made when it is sent."""


class FailureCause(StrEnum):
    """Retry budgets count these apart, so that an outage never dead-letters what is innocent."""

    CRASH = "crash"
    DEPENDENCY = "dependency"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who wrote, as the channel attests it. `verified` only when the channel itself proved the address."""

    kind: IdentifierKind
    value: str
    verified: bool
    display_name: str = ""


class Suspicion(StrEnum):
    """Why a request of the form waits in quarantine."""

    HIDDEN_FIELD = "hidden_field"
    TOO_FAST = "too_fast"
    RECIPIENT_RATE = "recipient_rate"
    SENDER_RATE = "sender_rate"


@dataclass(frozen=True, slots=True)
class Screening:
    """What accept must know to screen a request: what looked odd already, and an hour's limits.

    `sender` is a keyed hash of the network address that it came from, None where that is not known.
    """

    suspicions: tuple[Suspicion, ...]
    per_recipient: int
    per_sender: int
    sender: bytes | None = None


@dataclass(frozen=True, slots=True)
class MediaReference:
    """A file that a message names at its provider. `media_type` is what the provider says it is."""

    url: str
    media_type: str


@dataclass(frozen=True, slots=True)
class ConsentChange:
    """The customer's word on being written to: no turn handles it. `confirmation` is the one text that answers it,
    empty where the provider has answered already."""

    opted_out: bool
    confirmation: str = ""


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """One customer message, normalised by its channel, before it is stored.

    `provider_message_id` is the deduplication key within `channel`; `thread_key` names the conversation at the
    provider (a mail thread, a WhatsApp sender, one form submission). `request_hash` is the SHA-256 of the
    request where the sender may repeat a key with another body. `user_id` is the channel's own id of the sender, where
    it names one beside the address.
    """

    channel: Channel
    provider_message_id: str
    thread_key: str
    identity: Identity
    body: str
    subject: str = ""
    category: Category | None = None
    priority: Priority | None = None
    request_hash: bytes | None = None
    synthetic: bool = False
    screening: Screening | None = None
    media: tuple[MediaReference, ...] = ()
    consent: ConsentChange | None = None
    user_id: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What accept committed. `duplicate` means that an earlier delivery had stored it already."""

    customer_id: CustomerId
    conversation_id: ConversationId
    message_id: MessageId
    ticket_id: TicketId
    ticket_status: TicketStatus
    expected_response_minutes: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to run one customer's turn: valid while `fence` is still the work row's."""

    customer_id: CustomerId
    fence: int
    holder: str
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message of a conversation. `sentiment` is -1 to 1, set for inbound messages that a turn has scored."""

    message_id: MessageId
    conversation_id: ConversationId
    channel: Channel
    direction: Direction
    author: Author
    body: str
    created_at: datetime
    seq: int | None = None
    sentiment: float | None = None


@dataclass(frozen=True, slots=True)
class Ticket:
    ticket_id: TicketId
    status: TicketStatus
    category: Category
    priority: Priority
    subject: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TurnContext:
    """All that a turn may know, read in one snapshot after the claim.

    `burst` is the run of queued messages, in `seq` order, that this turn answers together. `history` is at most
    the last 20 earlier messages, oldest first: of the customer across channels when the identity is verified, of
    this conversation alone when not (invariant 7). `negative_streak` counts earlier exchanges in a row below the
    sentiment threshold; `gap_streak` earlier exchanges in a row without a knowledge match. `colleague_note` is what the
    person who last handed the conversation back wants the FTE to know.
    """

    customer_id: CustomerId
    conversation_id: ConversationId
    channel: Channel
    state: ConversationState
    owner_epoch: int
    identity: Identity
    customer_name: str
    plan: str
    ticket: Ticket
    burst: tuple[StoredMessage, ...]
    history: tuple[StoredMessage, ...] = ()
    negative_streak: int = 0
    gap_streak: int = 0
    held_notice_sent: bool = False
    opted_out: bool = False
    colleague_note: str = ""
    burst_began_at: datetime | None = None
    queue_wait_ms: float = 0.0

    @property
    def text(self) -> str:
        """The burst as one text: what the customer asks now."""
        return "\n".join(message.body for message in self.burst)


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk of an article that a search found.

    `similarity` is the cosine of query and chunk (-1 to 1; NaN when only full text found it); `score` is the
    fused rank score by which results are ordered, higher is better.
    """

    slug: str
    title: str
    heading_path: str
    body: str
    similarity: float
    score: float
    url: str = ""
    on_our_page: bool = False
    """Whether `url` is a page that this system serves: its sections have anchors."""


@dataclass(frozen=True, slots=True)
class EscalationRequest:
    """A decision to hand the conversation to a person. `summary` is written for that person."""

    reason_code: ReasonCode
    team: Team
    severity: Severity
    summary: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """One step of the decision trace: what was called, with what, what came back, and how long it took.

    `seen` is what a person needs to judge the step: the passages of a search with their scores, what made a rule
    decide. It holds a customer's data and is for operators only.
    """

    name: str
    arguments: Mapping[str, Any]
    result: str
    duration_ms: float
    seen: Mapping[str, Any] = field(default_factory=dict)


class FallbackCause(StrEnum):
    """Why a turn went on without the configured language model."""

    AWAY = "away"
    """It did not answer in this turn."""
    RESTING = "resting"
    """It failed so often before that it was not asked."""
    CEILING = "ceiling"
    """The day's ceiling left no room for the call."""


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What a turn took of the configured language model. `cost_micros` is in millionths of the prices' currency.

    Where the server tells no usage of a call that it may have worked on, the estimate made before the call counts.
    `reservation_id` names what the day's ceiling holds for the turn until this is settled.
    """

    model: str
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_micros: int = 0
    ms: float = 0.0
    fallback: FallbackCause | None = None
    problem: str = ""
    """Why it fell back, or why a person has to answer in its place, in a sentence that quotes no customer."""
    reservation_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class TurnDecision:
    """What a turn decided, to be committed whole.

    `reply` is the text that the customer gets, already formatted for the channel; empty when nothing is sent.
    `sentiments` are in the order of the burst. `stages` maps stage names to milliseconds.
    """

    kind: OutcomeKind
    reason: str = ""
    reply: str = ""
    escalation: EscalationRequest | None = None
    category: Category | None = None
    priority: Priority | None = None
    subject: str | None = None
    sentiments: tuple[float, ...] = ()
    negative_streak: int = 0
    gap_streak: int = 0
    articles: tuple[str, ...] = ()
    trace: tuple[ToolCall, ...] = ()
    stages: Mapping[str, float] = field(default_factory=dict)
    model_calls: int = 0
    resolves: bool = False
    """The customer confirms that it is solved: the reply ends the conversation."""
    model_use: ModelUse | None = None
    """None where no language model is configured, or the turn did not come to it."""


class ResolutionKind(StrEnum):
    """How sure it is that a resolved conversation is solved."""

    ASSUMED = "assumed"
    """A person ended it, or nothing came any more."""
    CONFIRMED = "confirmed"
    """The customer said so."""


class CommitStatus(StrEnum):
    COMMITTED = "committed"
    NEWER_MESSAGES = "newer_messages"


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One outbound message that the courier holds a lease on. `send_token` is stored before any send."""

    outbox_id: OutboxId
    conversation_id: ConversationId
    channel: Channel
    identity: Identity
    thread_key: str
    subject: str
    ticket_id: TicketId
    body: str
    send_token: str
    attempts: int
    lease: int
    was_unknown: bool
    provider_draft: str = ""
    """The draft at the provider that an earlier attempt has made of it; empty when there is none."""
    author: Author = Author.FTE
    kind: OutboxKind = OutboxKind.MESSAGE
    confirmation_id: ConfirmationId | None = None
    """Of a request to confirm: what its link confirms."""
    asked_at: datetime | None = None
    """Of a request to confirm: when it was asked for."""
    parts: tuple[str, ...] = ()
    """How the body is divided where it is over the provider's limit; empty when it is sent whole."""
    part: int = 0
    """Which of them this is about: those before it have arrived."""
    began_at: datetime | None = None
    """When this part was first handed to the provider."""
    since_inbound_s: float | None = None
    """How long ago the customer last wrote in this thread."""
    reported_id: str = ""
    """The provider's id of this part, when the provider has reported on it before the courier knew that it arrived."""
    wait_s: float = 0.0
    """How long it waits for its place in the provider's rate."""

    @property
    def text(self) -> str:
        """What is sent now: the part, or the whole body."""
        return self.parts[self.part] if self.parts else self.body


class ReportedEnd(StrEnum):
    """How a provider's report ends a part that it had taken and did not deliver."""

    FAILED = "failed"
    OPTED_OUT = "opted_out"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a provider reports of one part of a send. `rank` orders statuses: of all that came, the highest holds.

    `summary` is for the person who sees to a part that was not delivered; it names neither words nor addresses.
    """

    outbox_id: OutboxId
    part: int
    provider_message_id: str
    status: str
    rank: int
    error_code: int | None = None
    end: ReportedEnd | None = None
    summary: str = ""


class ReportEffect(StrEnum):
    """What a report changed."""

    UNKNOWN = "unknown"
    """It is about nothing that is stored."""
    DOUBLED = "doubled"
    """The part had arrived already, under another id: it was sent twice."""
    FAILED = "failed"
    OPTED_OUT = "opted_out"
    MOVED = "moved"
    """The courier has something to do now."""
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class MissedReport:
    """A report as a provider's list shows it; whose it is, its id tells."""

    provider_message_id: str
    status: str
    error_code: int | None


@dataclass(frozen=True, slots=True)
class SendRate:
    """How fast a provider takes sends: of one sender, and to one recipient; `burst` may leave at once."""

    per_second: float
    burst: int
    recipient_per_second: float
    recipient_burst: int


@dataclass(frozen=True, slots=True)
class MediaFetch:
    """A file to be fetched from its provider into a conversation."""

    media_id: UUID
    channel: Channel
    conversation_id: ConversationId
    message_key: str
    """The message's id at the provider."""
    url: str
    media_type: str
    attempts: int


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file as it is kept: a name that is safe to save under, and what its content is."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Article:
    """A knowledge article as parsed from its file. `slug` is its path relative to the folder, without extension."""

    slug: str
    title: str
    body: str
    content_hash: bytes
    url: str = ""
    last_verified_at: datetime | None = None
    valid_until: datetime | None = None
    """The moment from which it may no longer be right."""
    category: str = ""
    published: bool = True
    """Whether it is for customers."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of an article under the embedding model's token limit. `heading_path` is 'Title > Section'."""

    position: int
    heading_path: str
    body: str
