"""What `fte say` does: speaks to the running system as a customer on a channel, and follows the answer.

A channel joins by an entry in WAYS. What a provider would sign is signed with the local keys that `fte up` made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx

from agent.errors import BadInput, ConfigurationInvalid, DependencyAway, NotFound, SignatureInvalid
from agent.records import Channel
from channels.addresses import parse_email, parse_phone
from channels.whatsapp.addresses import to_address
from channels.whatsapp.signature import SIGNATURE_HEADER, Form, WebhookDoor
from serve_app.commands.operator_door import ask
from serve_app.say_email import WEBHOOK, inbound_mails, push_of, write_mail
from serve_app.settings import Settings

SAMPLE_NUMBER = "+15550100999"
"""Ours in the offline mode."""
_LOOK_FIRST_S, _LOOK_MAX_S = 0.1, 0.5

FindConversation = Callable[[], str | None]
"""The id of the conversation that what was said belongs to; None while it is not there."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What a customer says. `sender` is their address on the channel. Of mail only: its subject, and whether it goes on
    in the thread of the sender's last one."""

    sender: str
    name: str
    text: str
    subject: str = ""
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """How a channel is spoken on. `say` raises what its door answers."""

    say: Callable[[Settings, Saying], FindConversation]
    default_sender: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The end of what was said: `replies` as they were delivered, none where `outcome` sends nothing."""

    conversation_id: str
    ticket_id: str
    outcome: str
    reason: str
    replies: tuple[str, ...]


def say_by_whatsapp(settings: Settings, saying: Saying) -> FindConversation:
    """Posts what Twilio would post, signed with the local token."""
    if settings.twilio_account_sid and not settings.twilio_api_url:
        raise ConfigurationInvalid(
            "a Twilio account is configured, and the answer would be sent to a real phone; write from a phone instead"
        )
    if not settings.twilio_auth_token.get_secret_value():
        raise ConfigurationInvalid("there is no local Twilio token yet; start the system with `fte up`")
    number = parse_phone(saying.sender, "--from")
    form = Form(
        [
            ("MessageSid", f"SM{uuid4().hex}"),
            ("AccountSid", settings.twilio_account_sid or f"AC{'0' * 32}"),
            ("From", to_address(number)),
            ("To", to_address(settings.twilio_whatsapp_number or SAMPLE_NUMBER)),
            ("Body", saying.text),
            ("NumMedia", "0"),
            ("ProfileName", saying.name),
        ]
    )
    path = "/webhooks/whatsapp"
    signature = WebhookDoor(settings.twilio_auth_token, settings.base_url).sign(path, form)
    _post(
        settings,
        path,
        content=urlencode([(name, form.get(name)) for name in form]),
        headers={"Content-Type": "application/x-www-form-urlencoded", SIGNATURE_HEADER: signature},
    )
    return lambda: _latest_conversation({"phone": number}, Channel.WHATSAPP)


def say_by_web_form(settings: Settings, saying: Saying) -> FindConversation:
    """Submits the support form."""
    submitted = _post(
        settings,
        "/support/submit",
        json={
            "name": saying.name,
            "email": parse_email(saying.sender, "--from"),
            "subject": saying.text.splitlines()[0][:80],
            "message": saying.text,
        },
        headers={"Idempotency-Key": uuid4().hex},
    ).json()
    return lambda: str(ask("GET", f"/tickets/{submitted['ticket_id']}")["conversation_id"])


def say_by_mail(settings: Settings, saying: Saying) -> FindConversation:
    """Puts a mail into the local mailbox and posts the push that Gmail would have Pub/Sub post, signed with the local
    key."""
    address = parse_email(saying.sender, "--from")
    known = {message_id for _, message_id in inbound_mails(address)}
    number = write_mail(settings, saying.sender, saying.name, saying.text, saying.subject, goes_on=saying.goes_on)
    body, headers = push_of(settings, number)
    _post(settings, WEBHOOK, content=body, headers=headers)
    return lambda: next((place for place, message_id in inbound_mails(address) if message_id not in known), None)


WAYS: Mapping[Channel, Way] = {
    Channel.EMAIL: Way(say_by_mail, "customer@example.com"),
    Channel.WHATSAPP: Way(say_by_whatsapp, "+15550100"),
    Channel.WEB_FORM: Way(say_by_web_form, "customer@example.com"),
}


def follow(find: FindConversation, text: str, timeout_s: float) -> Iterator[str | Answered]:
    """Each reply when it has been delivered, then the end. Raises DependencyAway when it does not come in time."""
    until = time.monotonic() + timeout_s
    pause_s, shown = _LOOK_FIRST_S, 0
    while True:
        conversation_id = find()
        conversation = ask("GET", f"/conversations/{conversation_id}") if conversation_id else None
        if conversation is not None:
            said, replies = _since_said(conversation["messages"], text)
            delivered = [each["body"] for each in replies if each["delivery"] == "sent"]
            yield from delivered[shown:]
            shown = len(delivered)
            if said is not None and said["outcome_id"] and all(_has_ended(each) for each in replies):
                yield _to_end(conversation, said["outcome_id"], delivered)
                return
        if time.monotonic() + pause_s > until:
            raise DependencyAway(f"no answer within {timeout_s:g} s; `fte status` shows what the system does")
        time.sleep(pause_s)
        pause_s = min(1.5 * pause_s, _LOOK_MAX_S)


def _since_said(messages: list[dict[str, Any]], text: str) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Our message, the last one with these words, and what was answered after it. Of a mail, what was read as its new
    words may be less than was written."""
    for place in range(len(messages) - 1, -1, -1):
        if messages[place]["direction"] == "inbound" and messages[place]["body"] in text:
            return messages[place], [each for each in messages[place + 1 :] if each["direction"] == "outbound"]
    return None, []


def _has_ended(message: dict[str, Any]) -> bool:
    return message["delivery"] in ("sent", "failed", "cancelled")


def _to_end(conversation: dict[str, Any], outcome_id: str, replies: list[str]) -> Answered:
    outcome = next(each for each in conversation["outcomes"] if each["outcome_id"] == outcome_id)
    return Answered(
        conversation_id=conversation["conversation_id"],
        ticket_id=conversation["ticket_id"],
        outcome=outcome["kind"],
        reason=outcome["reason"],
        replies=tuple(replies),
    )


def _latest_conversation(params: dict[str, str], channel: Channel) -> str | None:
    """The newest conversation of who proved the address."""
    try:
        customer = ask("GET", "/customers/lookup", params=params, asked="--from")["verified"]
    except NotFound:
        return None
    lines = customer["conversations"] if customer else []
    return next((line["conversation_id"] for line in lines if line["channel"] == channel.value), None)


def _post(settings: Settings, path: str, **request: Any) -> httpx.Response:
    """Raises DependencyAway, SignatureInvalid or BadInput as the system answers."""
    try:
        answer = httpx.post(f"{settings.base_url}{path}", timeout=10, trust_env=False, **request)
    except httpx.HTTPError as error:
        raise DependencyAway(f"{settings.base_url} does not answer; start the system with `fte up`") from error
    match answer.status_code:
        case 403:
            raise SignatureInvalid(
                "the running system does not accept the signature; is FTE_HOME or API_BASE_URL another's?"
            )
        case 422:
            problem = answer.json()["detail"][0]
            raise BadInput(problem["field"], problem["problem"])
    if not answer.is_success:
        raise DependencyAway(f"{settings.base_url} answers {answer.status_code}; try again")
    return answer
