"""Sends replies by Twilio, and finds out whether an uncertain send arrived.

Twilio knows no idempotency key for messages, and its list of messages does not show the address for reports, which is
the only thing in a request that is ours alone. So an uncertain send is recognised, in this order:

1. by a report: Twilio calls the address that carries the outbox row's id, with the message's id. That is proof, and
   the courier knows it before it asks here (`OutboxItem.reported_id`).
2. by the list: an outbound message to this recipient from our number, with this text, made since this part was first
   handed over, and whose id belongs to no other send that is known here. As the parts and replies of a conversation
   are sent one after another, nothing else of ours can look like that.

What nobody can prove: that a message which is in no list and of which no report came, twice and spaced, will not
appear later (then the customer reads it twice, and the auditor shows it: its report comes under a second id); and that
somebody who wrote the same words to the same recipient by hand in those seconds is not us.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta

from agent.errors import ProviderAway, ProviderBusy, RecipientOptedOut, SendRejected
from agent.records import OutboxItem
from channels.whatsapp.addresses import our_number_of, to_address
from channels.whatsapp.api import REFUSALS, ListedMessage, Refusal, TwilioApi, code_of
from channels.whatsapp.provider_errors import BUSY, CREDENTIALS, OPTED_OUT, OUTSIDE_WINDOW, describe
from channels.whatsapp.reports import callback_query
from channels.whatsapp.splitting import PART_MAX, to_parts, units

WINDOW_S = 24 * 3600.0
"""How long after the customer's last message anything may be written; later, only a template that WhatsApp approved.
https://www.twilio.com/docs/whatsapp/key-concepts#customer-service-windows"""
VARIABLE_MAX = 1_000
"""How much text a template's variable takes beside the template's own words within WhatsApp's 1,024."""
_CLOCKS_APART = timedelta(seconds=30)
_DISORDER = timedelta(hours=1)
"""How far the list, which begins with the newest, may be from the order in which messages were made."""
_LISTED_MAX = 1_000
_ENDED_BADLY = frozenset({"failed", "undelivered", "canceled"})

KnownIds = Callable[[Collection[str]], Awaitable[set[str]]]
"""Which ids at the provider belong to sends that are known here. Raises DatabaseAway."""


class TwilioSender:
    """Implements ports.SplittingSender."""

    def __init__(self, api: TwilioApi, *, callback_url: str, template: str, known_ids: KnownIds) -> None:
        """`template` is the ContentSid for the time outside the window: its {{1}} is the ticket, its {{2}} the text.
        Empty: what may not be sent then goes to a person."""
        self._api = api
        self._callback_url = callback_url
        self._template = template
        self._known_ids = known_ids

    def split(self, item: OutboxItem) -> tuple[str, ...]:
        if is_open(item):
            return to_parts(item.body, PART_MAX)
        return to_parts(_on_one_line(item.body), VARIABLE_MAX)

    async def send(self, item: OutboxItem) -> str:
        if not is_open(item):
            return await self._send_template(item)
        try:
            return await self._send(item, body=item.text.strip())
        except REFUSALS as error:
            if code_of(error) != OUTSIDE_WINDOW:
                raise _sorted(error) from error
        # Twilio's clock says that the window has closed; nothing was sent.
        return await self._send_template(item)

    async def find_sent(self, item: OutboxItem) -> str | None:
        candidates = await self._find_candidates(item)
        known = await self._known_ids([each.sid for each in candidates])
        ours = [each for each in candidates if each.sid not in known]
        if not ours:
            return None
        found = min(ours, key=lambda each: each.created_at)
        if found.status in _ENDED_BADLY:
            raise SendRejected(describe(found.error_code))
        return found.sid

    async def _find_candidates(self, item: OutboxItem) -> list[ListedMessage]:
        # Without Twilio's filter by date: it looks at when a message was sent, and ours may still wait to be.
        since = item.began_at - _CLOCKS_APART if item.began_at else None
        found, seen = [], 0
        listed = self._api.list_messages(to=to_address(item.identity.value), sent_from=self._our_address(item))
        async for each in listed:
            seen += 1
            if seen > _LISTED_MAX or (since is not None and each.created_at < since - _DISORDER):
                break
            new = since is None or each.created_at >= since
            if new and not each.inbound and _is_said_in(item, each.body):
                found.append(each)
        return found

    async def _send_template(self, item: OutboxItem) -> str:
        text = _on_one_line(item.text)
        if not self._template:
            raise SendRejected(describe(OUTSIDE_WINDOW))
        if units(text) > VARIABLE_MAX:
            raise SendRejected("the customer last wrote more than 24 hours ago, and the text does not fit the template")
        variables = json.dumps({"1": item.ticket_id, "2": text})
        try:
            return await self._send(item, template=self._template, variables=variables)
        except REFUSALS as error:
            raise _sorted(error) from error

    async def _send(self, item: OutboxItem, *, body: str = "", template: str = "", variables: str = "") -> str:
        return await self._api.send(
            to=to_address(item.identity.value),
            sent_from=self._our_address(item),
            callback=f"{self._callback_url}?{callback_query(item)}",
            body=body,
            template=template,
            variables=variables,
        )

    def _our_address(self, item: OutboxItem) -> str:
        return to_address(our_number_of(item.thread_key, self._api.account.number))


def is_open(item: OutboxItem) -> bool:
    """Whether the customer wrote within the last 24 hours, so that anything may be written."""
    return item.since_inbound_s is not None and item.since_inbound_s < WINDOW_S


def _is_said_in(item: OutboxItem, listed: str) -> bool:
    """Whether a listed text is the item's: itself, or in a template, whose words are around the ticket and the text."""
    wanted, seen = _on_one_line(item.text), _on_one_line(listed)
    return wanted == seen or (item.ticket_id in seen and wanted in seen)


def _on_one_line(text: str) -> str:
    """WhatsApp takes neither line breaks nor runs of spaces in a template's variable."""
    return " ".join(text.split())


def _sorted(error: Refusal) -> Exception:
    """Twilio's refusal as what is to be done about it. It certainly sent nothing."""
    code = code_of(error)
    if code in OPTED_OUT:
        return RecipientOptedOut(describe(code))
    if code in BUSY:
        return ProviderBusy(describe(code))
    if code in CREDENTIALS or error.status in (401, 403):
        return ProviderAway("Twilio does not accept the account's credentials")
    return SendRejected(describe(code))
