"""Every mail of the mailbox is found, once, whatever Gmail and the network do."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.errors import DatabaseAway, FenceLost, NeedsReauth, ProviderAway
from agent.mail_records import MailboxClaim
from crm.database import Database
from tests.fakes.gmail_server import (
    BROKEN,
    BROKEN_AFTER,
    QUOTA,
    TOO_MANY,
    FakeGmail,
    Fault,
)
from tests.integration.http_spine import deliver_due
from tests.integration.mail_spine import ADDRESS, MailSystem, a_mail, bodies, mail_system, write_credentials


async def cursor(system: MailSystem) -> int:
    return int(await system.value("SELECT cursor FROM mailboxes"))


async def test_mail_from_before_the_mailbox_was_connected_is_not_answered(
    mail_database: Database, gmail: FakeGmail, tmp_path: Path
) -> None:
    gmail.deliver(a_mail("old"))
    async with mail_system(mail_database, gmail, tmp_path) as system:
        gmail.deliver(a_mail("new"))
        await system.sync_once()
        assert await bodies(system) == ["new"]


async def test_a_mail_that_is_gone_again_is_skipped(system: MailSystem) -> None:
    gone = system.gmail.deliver(a_mail("gone"))
    system.gmail.deliver(a_mail("there"))
    system.gmail.delete(gone)
    await system.sync_once()
    assert await bodies(system) == ["there"]
    assert await cursor(system) == system.gmail.history_id


async def test_history_of_many_pages_is_read_to_its_end(system: MailSystem) -> None:
    system.gmail.page_size = 3
    expected = [f"mail {n}" for n in range(10)]
    for body in expected:
        system.gmail.deliver(a_mail(body))
    await system.sync_once()
    assert await bodies(system) == expected
    assert len(system.gmail.called("history.list")) >= 5


async def test_a_page_without_records_does_not_end_the_history(system: MailSystem) -> None:
    """Seen of Gmail: no `history` key and yet a next page."""
    system.gmail.empty_first_page = True
    system.gmail.deliver(a_mail("after an empty page"))
    await system.sync_once()
    assert await bodies(system) == ["after an empty page"]


async def test_history_ids_are_compared_as_numbers(system: MailSystem) -> None:
    """As texts, 9997 would be more than 10000."""
    system.gmail.history_id = 9990
    system.gmail.deliver(a_mail("one"))
    await system.sync_once()
    assert await cursor(system) == 9993
    system.gmail.deliver(a_mail("two"))
    system.gmail.deliver(a_mail("three"))
    system.gmail.deliver(a_mail("four"))
    await system.sync_once()
    assert await cursor(system) == 10002
    assert await bodies(system) == ["one", "two", "three", "four"]


async def test_the_cursor_never_goes_back(system: MailSystem) -> None:
    await system.hint()
    claim = await system.claim()
    assert claim is not None
    before = await cursor(system)
    await system.mailboxes.advance(claim, before - 500)
    assert await cursor(system) == before


async def test_a_forgotten_history_loses_no_mail(system: MailSystem) -> None:
    system.gmail.deliver(a_mail("seen"))
    await system.sync_once()
    for n in range(3):
        system.gmail.deliver(a_mail(f"unseen {n}"))
    system.gmail.page_size = 2
    system.gmail.forget_history()
    await system.sync_once()
    assert await bodies(system) == ["seen", "unseen 0", "unseen 1", "unseen 2"]


async def test_after_a_resync_the_next_sync_reads_on_from_there(system: MailSystem) -> None:
    """A cursor taken from an old mail would be forgotten too, and every sync a resync for ever."""
    system.gmail.deliver(a_mail("one"))
    system.gmail.forget_history()
    await system.sync_once()
    listed = len(system.gmail.called("messages.list"))
    system.gmail.deliver(a_mail("two"))
    await system.sync_once()
    assert await bodies(system) == ["one", "two"]
    assert len(system.gmail.called("messages.list")) == listed == 1


async def test_what_comes_while_mails_are_listed_is_found_by_the_next_sync(system: MailSystem) -> None:
    system.gmail.deliver(a_mail("before"))
    system.gmail.forget_history()
    late: list[str] = []

    def deliver_late(call: object) -> None:
        if getattr(call, "method", "") == "messages.get" and not late:
            late.append(system.gmail.deliver(a_mail("meanwhile")))

    system.gmail.on_call = deliver_late
    await system.sync_once()
    system.gmail.on_call = None
    await system.sync_once()
    assert await bodies(system) == ["before", "meanwhile"]


@pytest.mark.parametrize("fault", [TOO_MANY, QUOTA, BROKEN, BROKEN_AFTER])
async def test_a_sync_that_is_cut_short_is_gone_on_with(system: MailSystem, fault: object) -> None:
    for n in range(3):
        system.gmail.deliver(a_mail(f"mail {n}"))
    await system.hint()
    claim = await system.claim()
    assert claim is not None
    system.gmail.on_call = lambda call: (
        system.gmail.fail("messages.get", fault) if len(system.gmail.called("messages.get")) == 2 else None  # type: ignore[arg-type]
    )
    with pytest.raises(ProviderAway):
        await system.sync.run(claim)
    system.gmail.on_call = None
    assert await bodies(system) == ["mail 0"]
    await system.mailboxes.finish(claim)
    await system.sync_once()
    assert await bodies(system) == ["mail 0", "mail 1", "mail 2"]
    await system.check(settled=False)


async def test_the_same_history_twice_makes_every_mail_once(system: MailSystem) -> None:
    first = await cursor(system)
    for n in range(4):
        system.gmail.deliver(a_mail(f"mail {n}"))
    await system.sync_once()
    async with system.database.connection() as connection:
        await connection.execute("UPDATE mailboxes SET cursor = $1", first)
        await connection.execute("UPDATE mails SET handled_at = NULL, fate = NULL")
    await system.sync_once()
    assert await bodies(system) == [f"mail {n}" for n in range(4)]


async def test_one_sync_at_a_time_reads_a_mailbox(
    system: MailSystem, mail_database: Database, gmail: FakeGmail, tmp_path: Path
) -> None:
    async with mail_system(mail_database, gmail, tmp_path, connect=False) as other:
        await system.hint()
        claims = await asyncio.gather(*(each.claim() for each in (system, other) * 5))
        assert len([claim for claim in claims if claim is not None]) == 1


async def test_who_lost_the_mailbox_moves_no_cursor(system: MailSystem) -> None:
    await system.hint()
    late = await system.claim()
    async with system.database.connection() as connection:
        await connection.execute("UPDATE mailboxes SET lease_until = now() - interval '1 second'")
    new = await system.claim()
    assert late is not None
    assert new is not None
    with pytest.raises(FenceLost):
        await system.mailboxes.advance(late, 10**6)
    with pytest.raises(FenceLost):
        await system.mailboxes.renew(late)
    await system.mailboxes.finish(late)
    assert await system.claim() is None, "the newer one still has it"


async def test_a_hint_in_the_middle_of_a_sync_makes_another_follow(system: MailSystem) -> None:
    await system.hint()
    claim = await system.claim()
    assert claim is not None
    await system.hint()
    await system.mailboxes.finish(claim)
    assert await system.claim() is not None


async def test_a_burst_of_hints_is_one_sync(system: MailSystem) -> None:
    for _ in range(100):
        await system.hint()
    claim = await system.claim()
    assert claim is not None
    await system.mailboxes.finish(claim)
    assert await system.claim() is None
    seconds = await system.mailboxes.seconds_until_due(ADDRESS)
    assert seconds is not None
    assert 100 < seconds <= 180, "then the safety poll"


async def test_mail_is_found_without_any_hint(system: MailSystem) -> None:
    """A watch that expired, or pushes that Google dropped."""
    system.gmail.deliver(a_mail("nobody told of it"))
    async with system.database.connection() as connection:
        await connection.execute("UPDATE mailboxes SET due_at = now()")
    claim = await system.claim()
    assert claim is not None
    await system.sync.run(claim)
    assert await bodies(system) == ["nobody told of it"]


async def test_the_watch_is_renewed_daily_and_its_expiry_kept(system: MailSystem) -> None:
    assert len(system.gmail.called("watch")) == 1
    assert system.gmail.called("watch")[0].body == {"topicName": "t"}
    expires_at = await system.value("SELECT watch_expires_at FROM mailboxes")
    assert timedelta(days=6.9) < expires_at - datetime.now(UTC) <= timedelta(days=7)
    await system.sync_once()
    assert len(system.gmail.called("watch")) == 1
    async with system.database.connection() as connection:
        await connection.execute("UPDATE mailboxes SET watched_at = now() - interval '25 hours'")
    await system.sync_once()
    assert len(system.gmail.called("watch")) == 2


async def test_mail_comes_in_where_gmail_refuses_to_watch(system: MailSystem) -> None:
    async with system.database.connection() as connection:
        await connection.execute("UPDATE mailboxes SET watched_at = NULL")
    system.gmail.fail("watch", Fault(403, "forbidden"))
    system.gmail.deliver(a_mail("still read"))
    await system.sync_once()
    await system.sync_once()
    assert await bodies(system) == ["still read"]
    assert len(system.gmail.called("watch")) == 2, "and it is not asked at every sync"
    [state] = await system.mailboxes.fetch_states()
    assert "would not watch" in state.error
    assert state.mode == "live"


async def test_revoked_credentials_are_seen_and_asked_for_once(system: MailSystem, tmp_path: Path) -> None:
    gmail = system.gmail
    gmail.token_error = "invalid_grant"
    system.client._tokens._credentials.expiry = datetime(2020, 1, 1)  # noqa: DTZ001  # google-auth's are naive
    asked = len(gmail.token_requests)
    gmail.deliver(a_mail("waits"))
    loop = system.loop()
    await system.hint()
    await loop._round()
    [state] = await system.mailboxes.fetch_states()
    assert (state.mode, "invalid_grant" in state.error) == ("needs_reauth", True)
    for _ in range(5):
        await system.hint()
        await loop._round()
        with pytest.raises(NeedsReauth):
            await system.client.fetch_profile()
    assert len(gmail.token_requests) == asked + 1, "no storm"

    gmail.token_error = ""
    write_credentials(tmp_path, refresh_token="another")
    await loop._round()
    [state] = await system.mailboxes.fetch_states()
    assert state.mode == "live"
    assert await bodies(system) == ["waits"]


async def test_credentials_of_another_mailbox_answer_nobody(
    mail_database: Database, gmail: FakeGmail, tmp_path: Path
) -> None:
    async with mail_system(mail_database, gmail, tmp_path, connect=False) as system:
        gmail.address = "somebody@example.com"
        gmail.deliver(a_mail())
        claim = await system.mailboxes.claim(ADDRESS)
        assert claim is not None
        with pytest.raises(NeedsReauth, match="another mailbox"):
            await system.sync.run(claim)
        assert await bodies(system) == []


async def test_after_an_outage_of_the_database_the_own_lease_is_not_waited_for(
    system: MailSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, outages = system.mailboxes.finish, [DatabaseAway("away")]

    async def away_once(claim: MailboxClaim, *, found_late: bool = False) -> None:
        if outages:
            raise outages.pop()
        await real(claim, found_late=found_late)

    monkeypatch.setattr(system.mailboxes, "finish", away_once)
    loop = system.loop()
    system.gmail.deliver(a_mail("one"))
    await system.hint()
    with pytest.raises(DatabaseAway):
        await loop._round()
    system.gmail.deliver(a_mail("two"))
    await loop._round()
    assert await bodies(system) == ["one", "two"]


async def test_a_sync_that_fails_waits_longer_each_time(system: MailSystem) -> None:
    loop = system.loop()
    pauses = []
    for _ in range(3):
        system.gmail.fail("history.list", TOO_MANY)
        async with system.database.connection() as connection:
            await connection.execute("UPDATE mailboxes SET due_at = now(), not_before = NULL")
        await loop._round()
        pauses.append(await system.mailboxes.seconds_until_due(ADDRESS))
        await system.hint()
        assert await system.claim() is None, "a hint does not end the pause"
    assert all(pause is not None for pause in pauses)
    assert pauses[0] >= 6.9, "Gmail asked for 7 s"
    assert pauses[2] > pauses[0]


# What nobody foresaw.


async def test_a_mail_is_read_beside_the_loops_that_share_its_process(
    system: MailSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    from channels.gmail import intake

    read_by: list[int] = []
    real = intake.read_mail

    def read(raw: bytes, *arguments: object, **options: object) -> object:
        read_by.append(threading.get_ident())
        return real(raw, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "read_mail", read)
    system.gmail.deliver(a_mail("hello"))
    await system.sync_once()
    assert read_by
    assert threading.get_ident() not in read_by


async def test_a_mail_that_cannot_be_handled_stops_no_other_and_is_shown_to_people(
    system: MailSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    from channels.gmail import intake

    real = intake.read_mail

    def read(raw: bytes, *arguments: object, **options: object) -> object:
        if b"poison" in raw:
            raise RecursionError
        return real(raw, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "read_mail", read)
    system.gmail.deliver(a_mail("poison"))
    system.gmail.deliver(a_mail("fine"))
    await system.sync_once()
    assert "fine" in await bodies(system)
    [escalation] = await system.rows("SELECT summary, status FROM escalations")
    assert escalation["status"] == "open"
    assert ADDRESS in escalation["summary"]
    assert await cursor(system) == system.gmail.history_id


async def test_an_outage_of_the_database_loses_nothing(system: MailSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    system.gmail.deliver(a_mail("one"))
    system.gmail.deliver(a_mail("two"))
    real, calls = system.mails.record_handled, []

    async def away(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 1:
            raise DatabaseAway("away")
        await real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(system.mails, "record_handled", away)
    await system.hint()
    claim = await system.claim()
    assert claim is not None
    with pytest.raises(DatabaseAway):
        await system.sync.run(claim)
    await system.mailboxes.finish(claim)
    await system.sync_once()
    assert await bodies(system) == ["one", "two"]
    assert await deliver_due(system.database) == 0
