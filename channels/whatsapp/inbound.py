"""A WhatsApp message as Twilio posts or lists it, turned into an InboundMessage.

https://www.twilio.com/docs/messaging/guides/webhook-request. Whatever kind it is, its body is text: what a turn cannot
see is said in square brackets.
"""

from __future__ import annotations

import re

from agent.errors import BadInput
from agent.records import Channel, IdentifierKind, Identity, InboundMessage, MediaReference
from channels.whatsapp.addresses import parse_address, parse_user_id, thread_of, to_address
from channels.whatsapp.consent import consent_of
from channels.whatsapp.signature import Form

MESSAGE_SID = re.compile(r"^(?:SM|MM)[0-9a-fA-F]{32}$")
BODY_MAX = 20_000
"""Far over what Twilio hands on. What is longer is cut, and says so: a customer's message is never refused for it."""
_CUT = "[The message was longer and is cut here.]"
_NAME_MAX = 100
_MEDIA_MAX = 10
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SPACES = re.compile(r"\s+")
_KINDS = {
    "image": "a picture",
    "audio": "a voice message or another recording",
    "video": "a video",
    "text/vcard": "a contact card",
    "text/x-vcard": "a contact card",
    "application/pdf": "a PDF",
}


def parse_inbound(form: Form) -> InboundMessage:
    """Raises BadInput naming the field."""
    sid = form.get("MessageSid") or form.get("SmsMessageSid") or form.get("SmsSid")
    if not MESSAGE_SID.fullmatch(sid):
        raise BadInput("MessageSid", "must be SM or MM and 32 hexadecimal digits")
    media = _media_of(form)
    return to_inbound(
        sid=sid,
        sender=form.get("From") or _address_of(form.get("ExternalUserId")),
        user_id=form.get("ExternalUserId"),
        ours=form.get("To"),
        body=_words_of(form),
        media=media,
        name=form.get("ProfileName"),
        opt_out_type=form.get("OptOutType"),
    )


def to_inbound(
    *,
    sid: str,
    sender: str,
    ours: str,
    body: str,
    media: tuple[MediaReference, ...] = (),
    name: str = "",
    opt_out_type: str = "",
    user_id: str = "",
) -> InboundMessage:
    """What a webhook and the list of messages have in common. A WhatsApp sender is proved by WhatsApp.

    The number is the identity where there is one: it is what replies are known to reach. `user_id` comes beside it.

    Raises BadInput naming the field.
    """
    kind, value = parse_address(sender, "From")
    _, our_number = parse_address(ours, "To")
    words = _CONTROLS.sub("", body.replace("\r\n", "\n").replace("\r", "\n")).strip()
    if len(words) > BODY_MAX:
        words = f"{words[:BODY_MAX]}\n{_CUT}"
    consent = consent_of(words, opt_out_type)
    notes = [] if consent else [f"[The customer sent {_kind_of(each.media_type)}.]" for each in media]
    return InboundMessage(
        channel=Channel.WHATSAPP,
        provider_message_id=sid,
        thread_key=thread_of(value, our_number),
        identity=Identity(kind, value, verified=True, display_name=_clean_name(name)),
        body="\n".join(part for part in (words, *notes) if part) or "[The customer sent a message without text.]",
        media=() if consent else media,
        consent=consent,
        user_id=parse_user_id(user_id) if kind is IdentifierKind.PHONE else "",
    )


def _address_of(user_id: str) -> str:
    found = parse_user_id(user_id)
    return to_address(found) if found else ""


def _words_of(form: Form) -> str:
    """The text; what a button or a list says, where it is not the text already; a place as text."""
    body = form.get("Body")
    parts = [body, *(said for said in (form.get("ButtonText"), form.get("ListTitle")) if said and said not in body)]
    latitude, longitude = form.get("Latitude"), form.get("Longitude")
    if latitude and longitude:
        place = ", ".join(each for each in (form.get("Label"), form.get("Address")) if each)
        where = f"{_number(latitude, 'Latitude')}, {_number(longitude, 'Longitude')}"
        parts.append(f"[Location: {place and f'{place}, '}{where}]")
    return "\n".join(part for part in parts if part)


def _number(text: str, field: str) -> str:
    if not re.fullmatch(r"-?[0-9]{1,3}(?:\.[0-9]{1,20})?", text):
        raise BadInput(field, "must be a number of degrees")
    return text


def _media_of(form: Form) -> tuple[MediaReference, ...]:
    count = form.get("NumMedia") or "0"
    if not re.fullmatch(r"[0-9]{1,2}", count) or int(count) > _MEDIA_MAX:
        raise BadInput("NumMedia", f"must be a number from 0 to {_MEDIA_MAX}")
    media = []
    for number in range(int(count)):
        url = form.get(f"MediaUrl{number}")
        if not url:
            raise BadInput(f"MediaUrl{number}", "is required")
        media.append(MediaReference(url[:2_000], form.get(f"MediaContentType{number}")[:100]))
    return tuple(media)


def _kind_of(media_type: str) -> str:
    plain = media_type.lower().partition(";")[0].strip()
    return _KINDS.get(plain) or _KINDS.get(plain.partition("/")[0]) or "a file"


def _clean_name(name: str) -> str:
    return _SPACES.sub(" ", _CONTROLS.sub("", name)).strip()[:_NAME_MAX]
