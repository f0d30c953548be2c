"""What the HTTP application needs from outside, in one record."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from fastapi import Request
from pydantic import SecretStr

from agent.channel_health import ChannelMode
from agent.records import Channel
from agent.text.synonyms import Synonyms
from channels.web_form.confirmation_mail import ConfirmationMails
from channels.web_form.tokens import ConfirmationTokens, TicketTokens
from channels.whatsapp.signature import WebhookDoor
from crm.articles import Articles
from crm.attachments import Attachments
from crm.channel_alarms import ChannelAlarms
from crm.confirmations import Confirmations
from crm.customer_views import CustomerViews
from crm.database import Database
from crm.desk import Desk
from crm.desk_views import DeskViews
from crm.escalations import Escalations
from crm.inbox import Inbox
from crm.knowledge import PostgresKnowledge
from crm.mailboxes import MAIL_CHANNEL, Mailboxes
from crm.merge import Merges
from crm.metrics import Metrics
from crm.notifier import Notifier
from crm.outbox import Outbox
from crm.quarantine import Quarantine
from crm.resolutions import Surveys
from crm.service_rules import RememberedRules, ServiceRulesStore
from crm.totals import SystemTotals
from crm.user_ids import WhatsAppUserIds
from crm.views import TicketViews
from crm.work import DESK_CHANNEL, OUTBOX_CHANNEL, WorkQueue
from deployments.channel_states import OFFLINE, ChannelFacts, ChannelStates, StateReader, facts_of
from deployments.help_center.pages import HelpPages
from deployments.web.ack_log import AckLog
from deployments.web.desk_streams import DeskStreams
from deployments.web.key_guesses import KeyGuesses
from deployments.web.pushes import Pushes, no_pushes
from deployments.web.reply_streams import ReplyStreams
from deployments.web.senders import Senders
from deployments.web.sessions import DeskSessions
from deployments.web.uploads import Uploads

CLOSED_DOOR = WebhookDoor(SecretStr(""), "")

HealthProbe = Callable[[], Awaitable[Mapping[str, Any]]]
"""Answers plain values about one part of the system; what it raises is shown as that part's problem."""


@dataclass(frozen=True, slots=True)
class FormLimits:
    """Requests an hour before the next ones wait for a person: to one e-mail address, from one network address."""

    per_recipient: int = 100
    per_sender: int = 300


@dataclass(frozen=True, slots=True)
class IngressServices:
    """One per replica. `wake_dispatcher`, `wake_courier`, `wake_desks` and `wake_mailbox` return at once."""

    inbox: Inbox
    outbox: Outbox
    user_ids: WhatsAppUserIds
    whatsapp: WebhookDoor
    desk: Desk
    tickets: TicketViews
    desk_views: DeskViews
    customer_views: CustomerViews
    quarantine: Quarantine
    rules: ServiceRulesStore
    remembered_rules: RememberedRules
    surveys: Surveys
    attachments: Attachments
    uploads: Uploads
    confirmations: Confirmations
    merges: Merges
    channel_states: ChannelStates
    escalations: Escalations
    metrics: Metrics
    totals: SystemTotals
    streams: ReplyStreams
    desk_streams: DeskStreams
    sessions: DeskSessions
    guesses: KeyGuesses
    acks: AckLog
    tokens: TicketTokens
    confirmation_tokens: ConfirmationTokens
    confirmation_mails: ConfirmationMails
    senders: Senders
    pushes: Pushes
    mailboxes: Mailboxes
    form_limits: FormLimits
    wake_dispatcher: Callable[[], None]
    wake_courier: Callable[[], None]
    wake_desks: Callable[[], None]
    wake_mailbox: Callable[[], None]
    operator_key: SecretStr
    allowed_origins: tuple[str, ...] = ()
    mail_is_offline: bool = True
    help_pages: HelpPages | None = None
    """None where this system shows no articles."""
    probes: Mapping[str, HealthProbe] = field(default_factory=dict)

    async def close(self) -> None:
        """End what runs in the background; the database stays open, it belongs to the caller."""
        await self.streams.close()
        await self.desk_streams.close()
        await self.acks.close()


def connect_services(
    database: Database,
    *,
    operator_key: SecretStr,
    token_secret: SecretStr,
    allowed_origins: tuple[str, ...] = (),
    trusted_proxies: tuple[str, ...] = (),
    form_limits: FormLimits = FormLimits(),
    pushes: Pushes | None = None,
    base_url: str = "http://127.0.0.1:8000",
    channel_facts: Mapping[Channel, ChannelFacts] | None = None,
    channel_readers: Mapping[Channel, StateReader] | None = None,
    channel_alarms: ChannelAlarms | None = None,
    whatsapp: WebhookDoor = CLOSED_DOOR,
    probes: Mapping[str, HealthProbe] | None = None,
    shows_articles: bool = True,
    synonyms: Synonyms | None = None,
) -> IngressServices:
    """The services over one database. `base_url` is what customers' links begin with; without `channel_facts` every
    provider is offline, and without `pushes` none of Gmail's is let in. `synonyms` are those of the search."""
    facts = channel_facts or facts_of(gmail=OFFLINE, twilio=OFFLINE)
    queue = WorkQueue(database)
    confirmation_tokens = ConfirmationTokens(token_secret)
    tickets = TicketViews(database)
    remembered_rules = RememberedRules(database)
    escalations = Escalations(database, remembered_rules)
    metrics = Metrics(database)
    return IngressServices(
        inbox=Inbox(database),
        outbox=Outbox(database),
        user_ids=WhatsAppUserIds(database),
        whatsapp=whatsapp,
        desk=Desk(database),
        tickets=tickets,
        desk_views=DeskViews(database),
        customer_views=CustomerViews(database),
        quarantine=Quarantine(database),
        rules=ServiceRulesStore(database),
        remembered_rules=remembered_rules,
        surveys=Surveys(database),
        attachments=Attachments(database),
        uploads=Uploads(),
        confirmations=Confirmations(database),
        merges=Merges(database),
        channel_states=ChannelStates(database, facts, channel_readers, channel_alarms),
        escalations=escalations,
        metrics=metrics,
        totals=SystemTotals(database, alarms=channel_alarms),
        streams=ReplyStreams(tickets, queue),
        desk_streams=DeskStreams(escalations, queue),
        sessions=DeskSessions(operator_key),
        guesses=KeyGuesses(),
        acks=AckLog(metrics.record_acks),
        tokens=TicketTokens(token_secret),
        confirmation_tokens=confirmation_tokens,
        confirmation_mails=ConfirmationMails(confirmation_tokens, base_url, database.times.confirmation_s),
        senders=Senders(trusted_proxies, token_secret),
        pushes=pushes or no_pushes(),
        mailboxes=Mailboxes(database),
        form_limits=form_limits,
        wake_dispatcher=Notifier(queue).notify,
        wake_courier=Notifier(queue, OUTBOX_CHANNEL).notify,
        wake_desks=Notifier(queue, DESK_CHANNEL).notify,
        wake_mailbox=Notifier(queue, MAIL_CHANNEL).notify,
        operator_key=operator_key,
        allowed_origins=allowed_origins,
        mail_is_offline=facts[Channel.EMAIL].mode is ChannelMode.OFFLINE,
        help_pages=_make_help_pages(database, base_url, synonyms) if shows_articles else None,
        probes=probes or {},
    )


def _make_help_pages(database: Database, base_url: str, synonyms: Synonyms | None) -> HelpPages:
    return HelpPages(Articles(database), PostgresKnowledge(database, synonyms=synonyms), base_url)


def services_of(request: Request) -> IngressServices:
    """The services of the application that handles `request`."""
    return cast(IngressServices, request.app.state.services)
