"""The channels' providers as the courier meets them: what sends, how fast, and the loops that fetch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from agent.ports import Sender
from agent.records import Channel, MissedReport, SendRate
from agent.workers.channel_watch import ChannelWatch
from agent.workers.media import MediaLoop
from agent.workers.reconcile import ReconcileLoop
from channels.stored import StoredSender
from channels.whatsapp.api import API_URL, TwilioAccount, TwilioApi
from channels.whatsapp.media import NoMedia, TwilioMedia
from channels.whatsapp.missed import TwilioMissed
from channels.whatsapp.reports import to_report
from channels.whatsapp.sender import TwilioSender
from crm.channel_syncs import ChannelSyncs
from crm.database import Database
from crm.inbox import Inbox
from crm.media import MediaFetches
from crm.notifier import Notifier
from crm.outbox import Outbox
from crm.work import WorkQueue
from deployments.background import Loop
from deployments.mail_channel import open_mail_channel
from deployments.mail_state import alarms_over
from deployments.startup import ReplicaSettings

# WhatsApp takes about one message in six seconds to one recipient, and a few dozen at once; Twilio's 63018 says so.
_RECIPIENT_PER_SECOND, _RECIPIENT_BURST = 1 / 6, 10


@dataclass(frozen=True, slots=True)
class Providers:
    """One per courier replica. A channel without a provider has the stored sender and no rate."""

    senders: Mapping[Channel, Sender]
    rates: Mapping[Channel, SendRate] = field(default_factory=dict)
    apart: frozenset[Channel] = frozenset()
    """Channels that leave through somebody else's server, which may be slow: none of them holds another one up."""
    loops: Mapping[str, Loop] = field(default_factory=dict)
    closers: Sequence[Callable[[], Awaitable[None]]] = ()

    async def close(self) -> None:
        for close in self.closers:
            await close()


def lanes_of(apart: frozenset[Channel]) -> list[frozenset[Channel] | None]:
    """Which channels one delivery loop has: each that is `apart` its own, all others one together; None for all. A
    batch ends with its slowest send, so that a provider that hangs would hold up what has nothing to do with it."""
    if not apart:
        return [None]
    together = frozenset(Channel) - apart
    return [*([together] if together else []), *(frozenset({channel}) for channel in sorted(apart))]


def connect_providers(settings: ReplicaSettings, database: Database, queue: WorkQueue) -> Providers:
    """Real providers where there are credentials, recorded sends elsewhere."""
    outbox = Outbox(database)
    mail = open_mail_channel(settings, database, outbox)
    whatsapp = _connect_whatsapp(settings, database, queue, outbox)
    return Providers(
        senders={channel: StoredSender(channel.value) for channel in Channel}
        | {Channel.EMAIL: mail.sender}
        | dict(whatsapp.senders),
        rates=whatsapp.rates,
        apart=frozenset(whatsapp.senders) | ({Channel.EMAIL} if settings.gmail_credentials_path else frozenset()),
        loops={
            **whatsapp.loops,
            "mailbox": mail.loop,
            "channel watch": ChannelWatch(alarms_over(settings, database), settings.times),
        },
        closers=(*whatsapp.closers, mail.close),
    )


def _connect_whatsapp(settings: ReplicaSettings, database: Database, queue: WorkQueue, outbox: Outbox) -> Providers:
    if not settings.twilio_account_sid:
        media = MediaLoop(MediaFetches(database), {Channel.WHATSAPP: NoMedia()}, settings.times)
        return Providers({}, loops={"media": media})
    account = twilio_account(settings)
    api, source = TwilioApi(account), TwilioMedia(account)
    sender = TwilioSender(
        api,
        callback_url=f"{settings.base_url}/webhooks/whatsapp/status",
        template=settings.twilio_template_sid,
        known_ids=outbox.fetch_known_ids,
    )
    loops: dict[str, Loop] = {
        "media": MediaLoop(MediaFetches(database), {Channel.WHATSAPP: source}, settings.times),
        "reconciler": ReconcileLoop(
            TwilioMissed(api),
            ChannelSyncs(database),
            Inbox(database).accept,
            lambda missed: record_missed_report(outbox, missed),
            Notifier(queue).notify,
            settings.times,
        ),
    }
    return Providers(
        {Channel.WHATSAPP: sender},
        {Channel.WHATSAPP: whatsapp_rate(settings)},
        loops=loops,
        closers=(api.close, source.close),
    )


def twilio_account(settings: ReplicaSettings) -> TwilioAccount:
    return TwilioAccount(
        sid=settings.twilio_account_sid,
        token=settings.twilio_auth_token,
        number=settings.twilio_whatsapp_number,
        api_url=(settings.twilio_api_url or API_URL).rstrip("/"),
    )


def whatsapp_rate(settings: ReplicaSettings) -> SendRate:
    """At most a second's worth leaves at once."""
    return SendRate(
        per_second=settings.twilio_per_second,
        burst=max(1, int(settings.twilio_per_second)),
        recipient_per_second=_RECIPIENT_PER_SECOND,
        recipient_burst=_RECIPIENT_BURST,
    )


async def record_missed_report(outbox: Outbox, missed: MissedReport) -> None:
    """A report that only the list shows; what was not sent from here is nobody's."""
    found = await outbox.find_part(missed.provider_message_id)
    if found is not None:
        code = str(missed.error_code or "")
        await outbox.record_report(to_report(*found, missed.provider_message_id, missed.status, code))
