"""Fixed texts that code sends without a model: they must be right even when everything else fails."""

from __future__ import annotations

from agent.records import Channel

_RECEIVED = {
    Channel.EMAIL: (
        "Thank you for your message. We could not answer it automatically, so a member of our support team "
        "will read it and reply to you personally."
    ),
    Channel.WEB_FORM: (
        "Thank you for your message. We could not answer it automatically, so a member of our support team "
        "will read it and reply here."
    ),
    Channel.WHATSAPP: "Thanks for your message! I couldn't sort this out myself, so a teammate will reply to you here.",
}

_HELD = {
    Channel.EMAIL: "Thank you, your message is with your request. A member of our support team will reply to you.",
    Channel.WEB_FORM: "Thank you, your message is with your request. A member of our support team will reply here.",
    Channel.WHATSAPP: "Got it, I've passed that on. A teammate has your request and will reply to you here.",
}


def received_notice(channel: Channel, away: str = "") -> str:
    """What a customer gets whose message could not be processed and went to a person; `away` as for an
    acknowledgement."""
    return f"{_RECEIVED[channel]}{away and f' {away}'}"


def held_notice(channel: Channel) -> str:
    """What a customer is told once when they write while a person has the conversation."""
    return _HELD[channel]


def consent_notice(*, opted_out: bool) -> str:
    """The one confirmation of an opt-out, which nothing follows until an opt-in, or of an opt-in."""
    if opted_out:
        return "You won't get any more messages from us here. If you change your mind, write START."
    return "Welcome back! You'll get our messages here again. What can I do for you?"
