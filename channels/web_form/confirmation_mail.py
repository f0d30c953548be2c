"""The mail that asks an address to confirm itself. It goes to somebody who may never have written, so it is fixed text:
nothing of the request, of a form or of a mail, is in it, only the ticket's number and the link.

An answer that leaves on the word of an earlier confirmation ends with the same link, by which its reader says that
somebody else asked.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from agent.ports import Sender
from agent.records import ConfirmationId, OutboxItem, OutboxKind, TicketId
from agent.text.language import language_of
from channels.web_form.confirmation_page import confirmation_link, confirmation_texts
from channels.web_form.form_texts import FALLBACK
from channels.web_form.tokens import ConfirmationTokens

_DAY_S = 24 * 3600
_SUBJECT = "Your request {ticket}: please confirm your address"
"""Later answers come in the same thread of mails, under the same subject."""


class ConfirmationMails:
    """Writes the mails. The link's token is made when the mail is, and is stored nowhere."""

    def __init__(self, tokens: ConfirmationTokens, base_url: str, open_for_s: float) -> None:
        """`base_url` is where customers reach this system; a link ends `open_for_s` after it was asked for."""
        self._tokens = tokens
        self._base_url = base_url
        self._open_for = timedelta(seconds=open_for_s)

    def link(self, confirmation_id: ConfirmationId, ticket_id: TicketId, asked_at: datetime) -> str:
        token = self._tokens.issue(confirmation_id, asked_at + self._open_for)
        return confirmation_link(self._base_url, ticket_id, token)

    def write(self, confirmation_id: ConfirmationId, ticket_id: TicketId, asked_at: datetime) -> tuple[str, str]:
        """Subject and body, in every language that the form has, English first: nobody knows whose address it is."""
        texts = confirmation_texts()
        days = max(1, round(self._open_for.total_seconds() / _DAY_S))
        said = {
            language: f"{each['mail']} {each['mail_end']}".format(ticket=ticket_id, days=days)
            for language, each in texts.items()
        }
        link = self.link(confirmation_id, ticket_id, asked_at)
        first, *others = [said.pop(FALLBACK), *said.values()]
        return _SUBJECT.format(ticket=ticket_id), "\n\n".join([first, link, *others])

    def write_under(self, answer: str, confirmation_id: ConfirmationId, ticket_id: TicketId, asked_at: datetime) -> str:
        """The answer with the link under it, in its language where the form has that, else in English."""
        texts = confirmation_texts()
        said = texts.get(language_of(answer) or FALLBACK, texts[FALLBACK])["not_asked"]
        return f"{answer}\n\n{said}\n{self.link(confirmation_id, ticket_id, asked_at)}"


class ConfirmingSender:
    """Implements ports.Sender around another one: a request to confirm gets its words here, on its way out, and an
    answer that an earlier confirmation lets leave gets its link."""

    def __init__(self, sender: Sender, mails: ConfirmationMails) -> None:
        self._sender = sender
        self._mails = mails

    async def send(self, item: OutboxItem) -> str:
        return await self._sender.send(self._worded(item))

    async def find_sent(self, item: OutboxItem) -> str | None:
        return await self._sender.find_sent(self._worded(item))

    def _worded(self, item: OutboxItem) -> OutboxItem:
        if item.kind is OutboxKind.CONFIRMATION:
            assert item.confirmation_id is not None, "a request to confirm names what it is of"
            assert item.asked_at is not None, "and since when"
            subject, body = self._mails.write(item.confirmation_id, item.ticket_id, item.asked_at)
            return replace(item, subject=subject, body=body)
        if item.confirmation_id is None or item.asked_at is None:
            return item
        body = self._mails.write_under(item.body, item.confirmation_id, item.ticket_id, item.asked_at)
        return replace(item, body=body)
