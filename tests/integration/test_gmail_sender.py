"""Replies leave through Gmail in their thread, and once, whatever happens between here and there."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from agent.errors import NeedsReauth, ProviderAway, ProviderBusy, SendAmbiguous, SendRejected
from agent.records import OutboxItem
from channels.gmail.transport import SignedHttp
from crm.database import Database
from crm.desk import Desk
from crm.outbox import Outbox
from tests.fakes.gmail_server import (
    BROKEN,
    BROKEN_AFTER,
    CUT_AFTER,
    CUT_BEFORE,
    QUOTA,
    SILENT_AFTER,
    TOO_MANY,
    FakeGmail,
    Fault,
    serve_gmail,
)
from tests.integration.mail_spine import ADDRESS, MailSystem, a_mail, mail_system
from tests.waiting import until


async def ask(system: MailSystem, raw: bytes | None = None) -> None:
    """A mail comes, and its reply is written and waits in the outbox."""
    system.gmail.deliver(raw or a_mail("How?", message_id="<m1@customer.example>"))
    await system.sync_once()
    assert await system.answer() == 1


async def deliver_until_sent(system: MailSystem, rounds: int = 30) -> None:
    for _ in range(rounds):
        await system.deliver()
        if await system.value("SELECT state FROM outbox") in ("sent", "failed"):
            return
    raise AssertionError(f"still {await system.value('SELECT state FROM outbox')} after {rounds} rounds")


async def item_of(system: MailSystem) -> OutboxItem:
    (item,) = await Outbox(system.database).claim(1)
    return item


def sent_mail(system: MailSystem) -> EmailMessage:
    [mail] = system.gmail.sent()
    parsed = message_from_bytes(mail.raw, policy=policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


async def test_a_reply_goes_into_its_thread(system: MailSystem) -> None:
    await ask(
        system,
        a_mail("How?", message_id="<m2@customer.example>", references="<m0@x.example> <m1@x.example>", subject="Grüße"),
    )
    await system.deliver()
    mail = sent_mail(system)
    assert mail["Subject"] == "Re: Grüße"
    assert mail["In-Reply-To"] == "<m2@customer.example>"
    assert mail["References"].split() == ["<m0@x.example>", "<m1@x.example>", "<m2@customer.example>"]
    assert mail["To"] == "Ada Example <ada@customer.example>"
    assert mail["From"] == f"Support <{ADDRESS}>"
    assert mail["Auto-Submitted"] == "auto-replied"
    [token] = await system.rows("SELECT send_token, provider_message_id FROM outbox")
    assert token["send_token"] in mail["Message-ID"]
    assert len({each.thread_id for each in system.gmail.mails.values()}) == 1
    assert token["provider_message_id"] == f"{ADDRESS}/{system.gmail.sent()[0].mail_id}"
    assert {part.get_content_type() for part in mail.walk()} >= {"text/plain", "text/html"}


async def test_the_chain_grows_with_what_we_said(system: MailSystem) -> None:
    await ask(system)
    await system.deliver()
    first = system.gmail.sent()[0].headers["message-id"].strip()
    system.gmail.deliver(
        a_mail(
            "And?", message_id="<m2@customer.example>", in_reply_to=first, references=f"<m1@customer.example> {first}"
        )
    )
    await system.sync_once()
    await system.answer()
    await system.deliver()
    mail = system.gmail.sent()[1]
    assert mail.headers["references"].split() == ["<m1@customer.example>", first, "<m2@customer.example>"]


async def test_a_persons_second_word_refers_to_the_first(system: MailSystem) -> None:
    await ask(system)
    desk, conversation = Desk(system.database), await system.value("SELECT conversation_id FROM conversations")
    await desk.reply(conversation, "grace", "One.")
    await desk.reply(conversation, "grace", "Two.")
    await system.deliver()
    await system.deliver()
    one, two = (message_from_bytes(mail.raw) for mail in system.gmail.sent())
    assert two["In-Reply-To"].strip() == one["Message-ID"].strip()
    assert one["Auto-Submitted"] is None, "a person wrote it"


async def test_a_thread_that_a_person_deleted_in_gmail_is_begun_anew(system: MailSystem) -> None:
    await ask(system)
    for mail_id in list(system.gmail.mails):
        system.gmail.delete(mail_id)
    await system.deliver()
    assert sent_mail(system)["In-Reply-To"] == "<m1@customer.example>"


async def test_the_draft_is_remembered_before_it_is_sent(system: MailSystem) -> None:
    await ask(system)
    remembered: list[object] = []
    gmail = system.gmail

    def look(call: object) -> None:
        if getattr(call, "method", "") == "drafts.send":
            remembered.append(dict(gmail.drafts))

    gmail.on_call = look
    await system.deliver()
    assert await system.value("SELECT provider_draft FROM outbox") in remembered[0]  # type: ignore[operator]


def wait_shortly_for(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """For the answer to this request only: all others may take as long as a busy machine makes them."""
    send = SignedHttp._send

    def send_with_its_patience(http: SignedHttp, uri: str, *more: Any) -> Any:
        http._http.timeout = 0.5 if path in uri else 60.0
        return send(http, uri, *more)

    monkeypatch.setattr(SignedHttp, "_send", send_with_its_patience)


# What may go wrong between our request and Gmail's answer. In each case the customer has exactly one mail at the end.


@pytest.mark.parametrize("fault", [SILENT_AFTER, CUT_AFTER, BROKEN_AFTER], ids=["no answer", "cut", "500"])
async def test_a_send_that_gmail_took_and_did_not_confirm_is_found_and_not_repeated(
    system: MailSystem, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault is SILENT_AFTER:
        wait_shortly_for(monkeypatch, "/drafts/send")
    await ask(system)
    system.gmail.fail("drafts.send", fault)
    await system.deliver()
    assert await system.value("SELECT state FROM outbox") == "unknown"
    await until(lambda: len(system.gmail.sent()) == 1)  # by a server that was slower than we had patience, too
    await deliver_until_sent(system)
    assert len(system.gmail.sent()) == 1
    assert len(system.gmail.called("drafts.send")) == 1
    await system.check()


@pytest.mark.parametrize("fault", [CUT_BEFORE, BROKEN], ids=["cut", "500"])
async def test_a_send_that_never_arrived_is_looked_for_twice_and_repeated(system: MailSystem, fault: Fault) -> None:
    await ask(system)
    system.gmail.fail("drafts.send", fault)
    await deliver_until_sent(system)
    assert len(system.gmail.sent()) == 1
    assert len(system.gmail.called("drafts.create")) == 1, "the same draft"
    assert len(system.gmail.called("drafts.send")) == 2
    assert len(system.gmail.called("drafts.get")) == 2, "two looks"
    await system.check()


async def test_a_search_that_does_not_know_the_mail_yet_does_not_lead_to_a_second_one(system: MailSystem) -> None:
    """Gmail's search lags behind; but the draft is gone, and it alone could be sent."""
    await ask(system)
    system.gmail.rewrite_message_ids = True
    system.gmail.fail("drafts.send", CUT_AFTER)
    system.gmail.fail("messages.list", *[Fault(500)] * 0)
    blind = {"left": 6}
    real = system.gmail._search

    def search(query: dict[str, list[str]], *, drafts: bool = False) -> list[dict[str, object]]:
        if blind["left"] > 0:
            blind["left"] -= 1
            return []
        return real(query, drafts=drafts)

    system.gmail._search = search  # type: ignore[method-assign]
    await deliver_until_sent(system)
    assert len(system.gmail.sent()) == 1
    assert await system.value("SELECT state FROM outbox") == "sent"
    await system.check()


async def test_a_mail_under_another_message_id_is_found_by_our_header(system: MailSystem) -> None:
    await ask(system)
    system.gmail.rewrite_message_ids = True
    system.gmail.fail("drafts.send", CUT_AFTER)
    await deliver_until_sent(system)
    assert len(system.gmail.sent()) == 1
    assert await system.value("SELECT rewritten_id FROM mails WHERE direction = 'outbound'") != ""


async def test_a_draft_of_which_nobody_was_told_is_used_by_the_next_attempt(system: MailSystem) -> None:
    await ask(system)
    system.gmail.fail("drafts.create", CUT_AFTER)
    await deliver_until_sent(system)
    assert len(system.gmail.sent()) == 1
    assert system.gmail.drafts == {}
    assert len(system.gmail.called("drafts.create")) == 1


async def test_a_courier_that_died_after_sending_leaves_one_mail(system: MailSystem) -> None:
    """Killed between Gmail's accept and our commit: its lease runs out."""
    await ask(system)
    await system.sender.send(await item_of(system))
    async with system.database.connection() as connection:
        await connection.execute("UPDATE outbox SET lease_until = now() - interval '1 second'")
    await deliver_until_sent(system)
    assert len(system.gmail.sent()) == 1
    await system.check()


async def test_a_draft_that_a_person_deleted_ends_with_a_person(system: MailSystem) -> None:
    await ask(system)
    system.gmail.fail("drafts.send", CUT_BEFORE)
    await system.deliver()
    system.gmail.delete_draft(await system.value("SELECT provider_draft FROM outbox"))
    await deliver_until_sent(system, rounds=60)
    assert await system.value("SELECT state FROM outbox") == "failed"
    assert system.gmail.sent() == []
    assert await system.value("SELECT status FROM escalations") == "open"
    await system.check()


@pytest.mark.parametrize(
    ("method", "fault", "kind"),
    [
        ("drafts.send", TOO_MANY, ProviderBusy),
        ("drafts.send", QUOTA, ProviderBusy),
        ("drafts.send", Fault(400, "invalidArgument"), SendRejected),
        ("drafts.send", Fault(403, "insufficientPermissions"), NeedsReauth),
        ("drafts.send", BROKEN, SendAmbiguous),
        ("drafts.send", Fault(404, "notFound"), SendAmbiguous),
        ("drafts.create", BROKEN, ProviderAway),
        ("drafts.create", CUT_AFTER, ProviderAway),
        ("drafts.create", Fault(400, "invalidArgument"), SendRejected),
        ("drafts.create", TOO_MANY, ProviderBusy),
    ],
)
async def test_gmails_answers_are_sorted(system: MailSystem, method: str, fault: Fault, kind: type[Exception]) -> None:
    await ask(system)
    system.gmail.fail(method, fault)
    with pytest.raises(kind) as refused:
        await system.sender.send(await item_of(system))
    assert type(refused.value) is kind
    assert "customer@example.com" not in str(refused.value), "Google's sentences name people"


@pytest.mark.parametrize(("asked", "waited_s"), [("7", 7), ("99999999999", 600), ("soon", 0)])
async def test_how_long_gmail_asks_to_wait_is_told(system: MailSystem, asked: str, waited_s: float) -> None:
    await ask(system)
    system.gmail.fail("drafts.send", replace(TOO_MANY, headers=(("Retry-After", asked),)))
    with pytest.raises(ProviderBusy) as refused:
        await system.sender.send(await item_of(system))
    assert refused.value.pause_s == waited_s


async def test_a_server_that_is_not_there_is_away_and_nothing_is_in_doubt(
    mail_database: Database, tmp_path: Path
) -> None:
    with serve_gmail(FakeGmail(address=ADDRESS)) as gmail:
        async with mail_system(mail_database, gmail, tmp_path) as system:
            await ask(system)
            item = await item_of(system)
            gmail_url, gmail.url = gmail.url, "http://127.0.0.1:9"
            assert gmail_url != gmail.url
            async with mail_system(mail_database, gmail, tmp_path, connect=False) as unreachable:
                with pytest.raises(ProviderAway):
                    await unreachable.sender.send(item)
                with pytest.raises(ProviderAway):
                    await unreachable.client.send_draft("r-1")


async def test_who_may_not_be_written_to_by_mail_is_a_persons_case(system: MailSystem) -> None:
    await ask(system)
    async with system.database.connection() as connection:
        await connection.execute("UPDATE customer_identifiers SET value = 'no address at all'")
    await system.deliver()
    assert await system.value("SELECT state FROM outbox") == "failed"
    assert await system.value("SELECT status FROM escalations") == "open"


async def test_a_token_that_ran_out_early_is_renewed_once(system: MailSystem) -> None:
    await ask(system)
    asked = len(system.gmail.token_requests)
    system.gmail.fail("drafts.create", Fault(401, "authError"))
    await deliver_until_sent(system)
    assert len(system.gmail.token_requests) == asked + 1
    assert len(system.gmail.sent()) == 1


# Drafts of what is not sent any more.


async def left_as_a_draft(system: MailSystem) -> None:
    """A reply whose draft was made and not sent, and then a person takes over."""
    await ask(system)
    system.gmail.fail("drafts.send", TOO_MANY)
    await system.deliver()
    assert len(system.gmail.drafts) == 1
    await Desk(system.database).take(await system.value("SELECT conversation_id FROM conversations"), "grace")
    assert await system.value("SELECT state FROM outbox") == "cancelled"


async def test_the_draft_of_a_cancelled_reply_is_deleted(system: MailSystem) -> None:
    await left_as_a_draft(system)
    await system.sync_once()
    assert system.gmail.drafts == {}
    assert system.gmail.sent() == []
    await system.sync_once()
    assert len(system.gmail.called("drafts.delete")) == 1, "and then forgotten"
    await system.check()


@pytest.mark.parametrize("fault", [BROKEN, CUT_BEFORE, TOO_MANY, Fault(403, "insufficientPermissions")])
async def test_a_draft_that_cannot_be_deleted_now_stops_no_sync_and_is_tried_again(
    system: MailSystem, fault: Fault
) -> None:
    await left_as_a_draft(system)
    system.gmail.fail("drafts.delete", fault)
    system.gmail.deliver(a_mail("another one"))
    await system.sync_once()
    assert len(system.gmail.drafts) == 1
    assert await system.value("SELECT count(*) FROM messages WHERE body = 'another one'") == 1
    await system.sync_once()
    assert system.gmail.drafts == {}


async def test_a_draft_that_is_gone_already_is_forgotten(system: MailSystem) -> None:
    await left_as_a_draft(system)
    system.gmail.fail("drafts.delete", CUT_AFTER)
    for _ in range(3):
        await system.sync_once()
    assert system.gmail.drafts == {}
    assert await system.value("SELECT provider_draft FROM outbox") is None
    assert len(system.gmail.called("drafts.delete")) == 2


async def test_a_draft_that_may_still_be_sent_stays(system: MailSystem) -> None:
    await ask(system)
    system.gmail.fail("drafts.send", TOO_MANY)
    await system.deliver()
    await system.sync_once()
    assert len(system.gmail.drafts) == 1
    await system.rows("UPDATE outbox SET due_at = now() RETURNING outbox_id")
    await deliver_until_sent(system)
    assert len(system.gmail.sent()) == 1
