"""The mail that asks an address to confirm itself, and the page behind its link."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from pydantic import SecretStr

from agent.records import (
    Channel,
    ConfirmationId,
    ConversationId,
    IdentifierKind,
    Identity,
    OutboxId,
    OutboxItem,
    OutboxKind,
    TicketId,
)
from channels.stored import StoredSender
from channels.web_form.confirmation_mail import ConfirmationMails, ConfirmingSender
from channels.web_form.confirmation_page import (
    confirmation_texts,
    load_confirmation_files,
    render_confirmation_pages,
)
from channels.web_form.form_page import load_page_files
from channels.web_form.form_texts import load_texts
from channels.web_form.tokens import ConfirmationTokens

ASKED_AT = datetime(2026, 1, 2, tzinfo=UTC)
CONFIRMATION = ConfirmationId(UUID(int=3))
TICKET = TicketId("TF-20260102-0001")
TOKENS = ConfirmationTokens(SecretStr("one secret"))
MAILS = ConfirmationMails(TOKENS, "https://support.example.com", 7 * 24 * 3600)
LANGUAGES = list(load_texts())


def item(kind: OutboxKind) -> OutboxItem:
    return OutboxItem(
        outbox_id=OutboxId(UUID(int=1)),
        conversation_id=ConversationId(UUID(int=2)),
        channel=Channel.EMAIL,
        identity=Identity(IdentifierKind.EMAIL, "ada@example.com", verified=False),
        thread_key="thread",
        subject="BUY NOW",
        ticket_id=TICKET,
        body="",
        send_token="token",
        attempts=1,
        lease=1,
        was_unknown=False,
        kind=kind,
        confirmation_id=CONFIRMATION,
        asked_at=ASKED_AT,
    )


class Recording(StoredSender):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__("email")
        self.items: list[OutboxItem] = []

    async def send(self, item: OutboxItem) -> str:
        self.items.append(item)
        return await super().send(item)


def test_mail_names_the_ticket_in_every_language_and_has_one_link() -> None:
    subject, body = MAILS.write(CONFIRMATION, TICKET, ASKED_AT)
    assert subject == f"Your request {TICKET}: please confirm your address"
    assert body.count(TICKET) == len(LANGUAGES) + 1  # and in the link
    (link,) = re.findall(r"https?://\S+", body)
    assert link == MAILS.link(CONFIRMATION, TICKET, ASKED_AT)
    assert "{" not in subject + body


def test_link_keeps_its_token_where_no_server_sees_it_and_ends_in_a_week() -> None:
    address = urlsplit(MAILS.link(CONFIRMATION, TICKET, ASKED_AT))
    assert (address.netloc, address.path, address.query) == ("support.example.com", "/support/confirm", "")
    (token,) = parse_qs(address.fragment)["token"]
    assert TOKENS.read(token, ASKED_AT + timedelta(days=7, seconds=-1)) == CONFIRMATION
    with pytest.raises(Exception, match="expired"):
        TOKENS.read(token, ASKED_AT + timedelta(days=7))


async def test_nothing_of_the_form_is_echoed_to_an_address_that_is_not_confirmed() -> None:
    sender = Recording()
    await ConfirmingSender(sender, MAILS).send(item(OutboxKind.CONFIRMATION))
    (sent,) = sender.items
    assert "BUY NOW" not in sent.subject + sent.body
    assert (sent.subject, sent.body) == MAILS.write(CONFIRMATION, TICKET, ASKED_AT)


@pytest.mark.parametrize("kind", [OutboxKind.MESSAGE, OutboxKind.COPY])
async def test_everything_else_leaves_as_it_is(kind: OutboxKind) -> None:
    sender = Recording()
    plain = replace(item(kind), confirmation_id=None, asked_at=None)
    assert await ConfirmingSender(sender, MAILS).send(plain) == "email:token"
    assert sender.items == [plain]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Open the menu and choose Export. It takes a minute, and then the file is there.", "please tell us:"),
        ("Öffnen Sie das Menü und wählen Sie Export. Das dauert eine Minute, und dann ist die Datei da.", "uns bitte:"),
        ("開いてください。", "please tell us:"),
    ],
)
async def test_an_answer_on_the_word_of_an_earlier_confirmation_has_the_link_under_it(answer: str, said: str) -> None:
    sender = Recording()
    await ConfirmingSender(sender, MAILS).send(replace(item(OutboxKind.MESSAGE), body=answer))
    (sent,) = sender.items
    assert sent.subject == "BUY NOW"
    assert sent.body.startswith(f"{answer}\n\n")
    assert sent.body.endswith(f"{said}\n{MAILS.link(CONFIRMATION, TICKET, ASKED_AT)}")


def test_mail_is_the_same_when_it_is_written_again() -> None:
    """So that what was handed to a provider and what is looked for there agree."""
    assert MAILS.write(CONFIRMATION, TICKET, ASKED_AT) == MAILS.write(CONFIRMATION, TICKET, ASKED_AT)


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_has_every_text_in_every_language(language: str) -> None:
    english, texts = confirmation_texts()["en"], confirmation_texts()[language]
    assert list(texts) == list(english)
    for key, text in texts.items():
        assert text.strip() == text != "", key
        assert sorted(re.findall(r"\{[a-z_]+\}", text)) == sorted(re.findall(r"\{[a-z_]+\}", english[key])), key
        if language != "en" and len(english[key].split()) > 2:
            assert text != english[key], f"{key} is not translated"


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_has_no_inline_script_style_or_handler_and_only_its_own_files(language: str) -> None:
    page = render_confirmation_pages()[language].content.decode()
    assert not re.search(r"style=|<style|\{\{|\son[a-z]+=", page)
    assert re.findall(r"<script ([^>]*)>", page) == ['type="module" src="/assets/confirm.js"']
    files = load_page_files() | load_confirmation_files()
    assert set(re.findall(r'"/assets/([^"]+)"', page)) <= files.keys()
    assert re.findall(r'href="/support/confirm\?lang=([a-z]+)"', page) == LANGUAGES
    assert f'<html lang="{language}" dir="{load_texts()[language]["direction"]}">' in page


def test_page_asks_nothing_of_the_server_by_itself() -> None:
    """What answers is bound to the two buttons; nothing runs a request when the page is opened."""
    script = load_confirmation_files()["confirm.js"].content.decode()
    assert script.count("fetch(") == 1
    assert re.findall(r"(?<!function )answer\((?:true|false)\)", script) == ["answer(true)", "answer(false)"]
    assert "<form" not in render_confirmation_pages()["en"].content.decode()
