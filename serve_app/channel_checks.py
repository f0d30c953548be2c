"""Which checks each channel has, from the settings of this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from agent.channel_health import Check, CheckResult
from agent.records import Channel
from channels.web_form.check import web_form_checks
from serve_app.settings import Settings

ChecksOf = Callable[[Settings], Sequence[Check]]


@dataclass(frozen=True, slots=True)
class ChannelChecks:
    """What a channel needs and how it is looked at. `needs` are settings by name; `live` are the checks against its
    provider, which mean something only when all of them are set; `guide` says how to get them."""

    needs: Callable[[Settings], Mapping[str, bool]]
    live: ChecksOf
    guide: str


def _form_checks(settings: Settings) -> Sequence[Check]:
    is_production = settings.environment == "production"
    return web_form_checks(settings.base_url, settings.allowed_origins, is_production=is_production)


def _gmail_checks(settings: Settings) -> Sequence[Check]:
    from channels.gmail.check import PushSetup, gmail_checks  # loads Google's client, which only this needs
    from deployments.mail_channel import gmail_account

    push = PushSetup(settings.base_url, settings.gmail_push_account, settings.push_audience, settings.gmail_poll_s)
    return gmail_checks(gmail_account(settings), push)


def _whatsapp_checks(settings: Settings) -> Sequence[Check]:
    from channels.whatsapp.check import whatsapp_checks  # loads Twilio's client, which only this needs
    from deployments.providers import twilio_account

    return whatsapp_checks(twilio_account(settings), settings.base_url, settings.twilio_template_sid)


REGISTRY: Mapping[Channel, ChannelChecks] = {
    Channel.EMAIL: ChannelChecks(
        needs=lambda settings: settings.gmail_credentials,
        live=_gmail_checks,
        guide="docs/howto/gmail.md",
    ),
    Channel.WHATSAPP: ChannelChecks(
        needs=lambda settings: settings.twilio_credentials,
        live=_whatsapp_checks,
        guide="docs/howto/whatsapp.md",
    ),
    Channel.WEB_FORM: ChannelChecks(needs=lambda _: {}, live=_form_checks, guide="docs/howto/embed.md"),
}
"""A channel's adapter is made known here, and nowhere else."""


def checks_of(channel: Channel, settings: Settings) -> list[Check]:
    """First that everything is set that the channel needs, then the channel's own checks."""
    known = REGISTRY[channel]
    needs = known.needs(settings)

    async def check_credentials() -> CheckResult:
        missing = [name for name, is_set in needs.items() if not is_set]
        if not missing:
            return CheckResult(True, f"set: {', '.join(needs)}")
        return CheckResult(
            False,
            f"offline: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set; what goes out is recorded "
            "and nobody is called",
            f"{known.guide} says where to get {'it' if len(missing) == 1 else 'them'}.",
        )

    first = [Check("credentials", check_credentials, blocks=True)] if needs else []
    return [*first, *known.live(settings)]
