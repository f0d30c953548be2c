"""What an operator must see to in a channel: found from what its loops stored, shown everywhere, said once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.channel_health import WHAT_TO_DO, AlarmKind
from agent.records import Channel
from agent.workers.channel_watch import ChannelWatch
from channels.gmail.mailbox import INBOX
from crm.channel_alarms import ChannelAlarms
from crm.database import Database
from crm.outbox import Outbox
from deployments.mail_state import alarm_probe
from deployments.web.services import IngressServices
from serve_app.cli import app
from tests.e2e.sites import serving_commands
from tests.fakes.gmail_server import FakeGmail
from tests.integration.http_spine import OPERATOR_KEY, http_client, services_for
from tests.integration.mail_spine import ADDRESS, MailSystem, a_mail, mail_system


@pytest.fixture
async def watched(mail_database: Database, gmail: FakeGmail, tmp_path: Path) -> AsyncIterator[MailSystem]:
    """A mailbox of which Gmail is to tell."""
    async with mail_system(mail_database, gmail, tmp_path, topic="projects/p/topics/t") as system:
        yield system


def alarms_of(system: MailSystem) -> ChannelAlarms:
    return ChannelAlarms(system.database, ADDRESS, expects_pushes=True)


async def kinds(system: MailSystem) -> list[AlarmKind]:
    return [each.kind for each in await alarms_of(system).fetch()]


async def poll(system: MailSystem) -> None:
    """A sync that no push asked for, as the loop runs it."""
    await system.rows("UPDATE mailboxes SET due_at = now() - interval '1 s', not_before = NULL RETURNING mailbox")
    claim = await system.claim()
    assert claim is not None
    await system.mailboxes.finish(claim, found_late=await system.sync.run(claim))


async def age(system: MailSystem, columns: str, days: int) -> None:
    changes = ", ".join(f"{column} = {column} - $1::interval" for column in columns.split())
    await system.rows(f"UPDATE mailboxes SET {changes} RETURNING mailbox", timedelta(days=days))


async def test_a_channel_that_works_raises_nothing(watched: MailSystem) -> None:
    watched.gmail.deliver(a_mail())
    await watched.sync_once()
    await poll(watched)
    assert await kinds(watched) == []


async def test_a_watch_that_was_not_renewed_for_days_is_told_of_before_it_ends(watched: MailSystem) -> None:
    await watched.sync_once()
    await age(watched, "watched_at watch_expires_at connected_at", 3)
    [alarm] = await alarms_of(watched).fetch()
    assert (alarm.kind, alarm.channel) == (AlarmKind.WATCH_NOT_RENEWED, Channel.EMAIL)
    assert "stops on" in alarm.detail
    await age(watched, "watched_at watch_expires_at", 5)
    [alarm] = await alarms_of(watched).fetch()
    assert "any more" in alarm.detail
    await watched.sync_once()  # which renews it
    assert await kinds(watched) == []


async def test_a_renewal_that_gmail_refuses_is_told_of_until_one_succeeds(watched: MailSystem) -> None:
    await watched.mailboxes.record_not_watched(ADDRESS, "Gmail would not watch the mailbox: no")
    [alarm] = await alarms_of(watched).fetch()
    assert (alarm.kind, alarm.detail) == (AlarmKind.WATCH_REFUSED, "Gmail would not watch the mailbox: no")
    await age(watched, "watched_at", 1)
    await watched.sync_once()
    assert await kinds(watched) == []


async def test_polls_that_find_mail_of_which_no_push_told_show_a_broken_subscription(watched: MailSystem) -> None:
    await watched.sync_once()
    for number in range(3):
        assert await kinds(watched) == []
        watched.gmail.deliver(a_mail(f"hello {number}"), (INBOX,), age_s=120)
        await poll(watched)
    [alarm] = await alarms_of(watched).fetch()
    assert alarm.kind is AlarmKind.PUSHES_MISSING
    assert "3 times" in alarm.detail
    assert alarm.since is not None
    await watched.sync_once()  # a push
    assert await kinds(watched) == []


async def test_a_poll_that_is_only_faster_than_its_push_proves_nothing(watched: MailSystem) -> None:
    await watched.sync_once()
    for number in range(4):
        watched.gmail.deliver(a_mail(f"hello {number}"), (INBOX,))
        await poll(watched)
    # And what lies elsewhere is not told of by pushes that a filter keeps from the inbox.
    for number in range(4):
        watched.gmail.deliver(a_mail(f"archived {number}"), ("CATEGORY_UPDATES",), age_s=120)
        await poll(watched)
    assert await kinds(watched) == []


async def test_without_a_topic_nobody_expects_a_push(watched: MailSystem) -> None:
    await watched.sync_once()
    await age(watched, "watched_at watch_expires_at connected_at", 9)
    assert await ChannelAlarms(watched.database, ADDRESS, expects_pushes=False).fetch() == []


async def test_refused_credentials_are_an_alarm_until_new_ones_work(watched: MailSystem) -> None:
    await watched.hint()
    claim = await watched.claim()
    assert claim is not None
    await watched.mailboxes.record_failed(claim, "Google no longer accepts the credentials", 0.0, needs_reauth=True)
    [alarm] = await alarms_of(watched).fetch()
    assert (alarm.kind, alarm.detail) == (AlarmKind.NEEDS_REAUTH, "Google no longer accepts the credentials")
    await watched.sync_once()
    assert await kinds(watched) == []


async def test_searches_that_find_nothing_again_and_again_are_told_of(system: MailSystem) -> None:
    for number in range(2):
        system.gmail.deliver(a_mail(f"hello {number}", sender=f"ada{number}@customer.example"))
        await system.sync_once()
        await system.answer()
    outbox = Outbox(system.database)
    for item in await outbox.claim(10):
        await outbox.record_unknown(item, "no answer")
    for expected in ([], [AlarmKind.SENDS_NOT_FOUND]):
        assert await kinds(system) == []
        await system.rows("UPDATE outbox SET due_at = now() - interval '1 s' RETURNING outbox_id")
        for item in await outbox.claim(10):
            assert item.was_unknown
            await outbox.record_not_found(item)
        assert await kinds(system) == expected
    [alarm] = await alarms_of(system).fetch()
    assert "4 searches" in alarm.detail
    await system.rows("UPDATE outbox SET vain_at = vain_at - interval '61 min' RETURNING outbox_id")
    assert await kinds(system) == []


async def test_an_alarm_is_said_once_when_it_begins_and_once_when_it_ends_by_one_of_all_couriers(
    watched: MailSystem, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="agent.workers.channel_watch")
    couriers = [ChannelWatch(alarms_of(watched), watched.database.times) for _ in range(2)]

    async def look() -> list[str]:
        caplog.clear()
        for courier in [*couriers, *couriers]:
            await courier._round()
        return [record.getMessage() for record in caplog.records]

    assert await look() == []
    await watched.mailboxes.record_not_watched(ADDRESS, "Gmail would not watch the mailbox: no")
    advice = WHAT_TO_DO[AlarmKind.WATCH_REFUSED]
    assert await look() == [f"a channel needs a look: Gmail would not watch the mailbox: no. {advice}"]
    assert await look() == []
    await age(watched, "watched_at", 1)
    await watched.sync_once()
    assert await look() == ["a channel's trouble is over: watch_refused"]
    assert await look() == []


async def test_an_alarm_is_as_old_as_its_trouble_however_often_that_is_tried_again(watched: MailSystem) -> None:
    await watched.mailboxes.record_not_watched(ADDRESS, "Gmail would not watch the mailbox: no")
    await alarms_of(watched).note()
    told_at = await watched.value("SELECT raised_at FROM channel_alarms")
    await watched.mailboxes.record_not_watched(ADDRESS, "Gmail would not watch the mailbox: no")
    [alarm] = await alarms_of(watched).fetch()
    assert alarm.since == told_at


@pytest.fixture
async def services(watched: MailSystem) -> IngressServices:
    alarms = alarms_of(watched)
    return services_for(watched.database, channel_alarms=alarms, probes={"channels": alarm_probe(alarms)})


async def test_an_alarm_is_seen_where_operators_look(watched: MailSystem, services: IngressServices) -> None:
    async with http_client(services) as client:
        key = {"Authorization": f"Bearer {OPERATOR_KEY}"}
        assert (await client.get("/health/detailed", headers=key)).json()["status"] == "ok"
        await watched.mailboxes.record_not_watched(ADDRESS, "Gmail would not watch the mailbox: no")
        health = (await client.get("/health/detailed", headers=key)).json()
        assert health["problems"] == ["channels: email: Gmail would not watch the mailbox: no"]
        rows = {row["channel"]: row for row in (await client.get("/channels", headers=key)).json()["channels"]}
        assert [each["kind"] for each in rows["email"]["alarms"]] == ["watch_refused"]
        assert rows["whatsapp"]["alarms"] == []
        metrics = (await client.get("/metrics")).text
    assert 'fte_channel_alarm{alarm="watch_refused",channel="email"} 1.0' in metrics
    assert 'fte_channel_alarm{alarm="needs_reauth",channel="email"} 0.0' in metrics


async def test_the_command_shows_what_needs_a_look_and_what_helps(
    watched: MailSystem, services: IngressServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    await watched.mailboxes.record_not_watched(ADDRESS, "Gmail would not watch the mailbox: no")
    async with serving_commands(services, monkeypatch):
        shown = await asyncio.to_thread(CliRunner().invoke, app, ["channels"])
    assert shown.exit_code == 0, shown.output
    assert "! email: Gmail would not watch the mailbox: no (for " in shown.stdout
    assert WHAT_TO_DO[AlarmKind.WATCH_REFUSED] in shown.stdout
