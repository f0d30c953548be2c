"""Identifiers: found by what they mean, kept as they were written, one customer for each that was proved."""

from __future__ import annotations

import asyncio
import uuid

import asyncpg
import pytest

from agent.records import Accepted, Channel, IdentifierKind, Identity, InboundMessage
from channels.addresses import mailbox_key
from crm.audit import audit
from crm.customer_views import CustomerViews
from crm.database import Database
from crm.inbox import Inbox
from crm.merge import Merges
from crm.migrations import SQL_FOLDER
from crm.user_ids import WhatsAppUserIds
from tests.integration.spine import form_message, mail_message, reply_to, whatsapp_message
from tests.integration.test_turns import begin, fetch_value


@pytest.mark.parametrize(
    ("kind", "written", "key"),
    [
        ("email", "ada@example.com", "ada@example.com"),
        ("email", " Ada@Example.COM ", "ada@example.com"),
        ("email", "a.da@example.com", "a.da@example.com"),
        ("email", "ada+news@example.com", "ada+news@example.com"),
        ("email", "A.d.a@Gmail.com", "ada@gmail.com"),
        ("email", "ada@googlemail.com", "ada@gmail.com"),
        ("email", "a.d.a+shop+more@googlemail.com", "ada@gmail.com"),
        ("email", "ada@gmail.com.example.com", "ada@gmail.com.example.com"),
        ("email", "ada@notgmail.com", "ada@notgmail.com"),
        ("email", "+ada@gmail.com", "+ada@gmail.com"),
        ("email", "...@gmail.com", "...@gmail.com"),
        ("email", "a@b@gmail.com", "a@b@gmail.com"),
        ("email", "not an address", "not an address"),
        ("phone", "+15550100123", "+15550100123"),
        ("phone", "+1 (555) 010-0123", "+15550100123"),
        ("phone", "0015550100123", "+15550100123"),
        ("phone", "15550100123", "+15550100123"),
        ("phone", "unknown", "unknown"),
        ("whatsapp_user", "US.13491208655302741918", "US.13491208655302741918"),
        ("whatsapp_user", "us.13491208655302741918", "us.13491208655302741918"),
    ],
)
async def test_key_is_what_the_provider_reads_an_address_as(
    database: Database, kind: str, written: str, key: str
) -> None:
    assert await fetch_value(database, "SELECT identifier_key($1, $2)", kind, written) == key
    if kind == "email":
        assert mailbox_key(written) == key, "Python and Postgres have one rule"


def mail_from(address: str, thread: str | None = None) -> InboundMessage:
    return InboundMessage(
        channel=Channel.EMAIL,
        provider_message_id=uuid.uuid4().hex,
        thread_key=thread or uuid.uuid4().hex,
        identity=Identity(IdentifierKind.EMAIL, address, verified=True),
        body="hello",
    )


async def held_with(database: Database, accepted: Accepted) -> str:
    """The address that a reply in the conversation goes to."""
    return await fetch_value(
        database,
        "SELECT i.value FROM conversations c JOIN customer_identifiers i USING (identifier_id) "
        "WHERE conversation_id = $1",
        accepted.conversation_id,
    )


async def test_spellings_of_one_mailbox_are_one_customer_and_each_is_answered_as_it_was_written(
    database: Database,
) -> None:
    inbox = Inbox(database)
    spellings = ["Ada.Lovelace@gmail.com", "adalovelace+taskflow@googlemail.com", "ada.lovelace@GMAIL.com"]
    accepted = [await inbox.accept(mail_from(address)) for address in (*spellings, spellings[1])]
    assert len({each.customer_id for each in accepted}) == 1
    assert [await held_with(database, each) for each in accepted] == [
        spellings[0],
        spellings[1],
        spellings[0],  # the case of letters makes no other mailbox
        spellings[1],
    ]
    assert await fetch_value(database, "SELECT count(*) FROM customer_identifiers") == 2


async def test_dots_and_tags_tell_mailboxes_apart_where_the_provider_does(database: Database) -> None:
    inbox = Inbox(database)
    addresses = ["ada.lovelace@example.com", "adalovelace@example.com", "adalovelace+x@example.com"]
    accepted = [await inbox.accept(mail_from(address)) for address in addresses]
    assert len({each.customer_id for each in accepted}) == 3


async def test_spellings_that_arrive_at_once_make_one_customer(database: Database) -> None:
    spellings = [f"ada.love{'.' * (n % 2)}lace+{n}@gmail.com" for n in range(12)]
    results = await asyncio.gather(*(Inbox(database).accept(mail_from(address)) for address in spellings))
    assert len({each.customer_id for each in results}) == 1
    assert await fetch_value(database, "SELECT count(*) FROM customer_identifiers WHERE alias_of IS NULL") == 1
    assert [await held_with(database, each) for each in results] == spellings


async def test_what_a_form_claims_in_another_spelling_is_still_a_claim(database: Database) -> None:
    inbox = Inbox(database)
    proved = await inbox.accept(mail_message("ada@gmail.com"))
    for address in ("ada@gmail.com", "a.d.a@gmail.com"):
        message = form_message()
        identity = Identity(IdentifierKind.EMAIL, address, verified=False)
        claimed = await inbox.accept(InboundMessage(**{**_fields(message), "identity": identity}))
        assert claimed.customer_id != proved.customer_id
        _, _, context = await begin(database, claimed.customer_id)
        assert not context.identity.verified
        assert context.history == ()


def _fields(message: InboundMessage) -> dict[str, object]:
    return {name: getattr(message, name) for name in InboundMessage.__dataclass_fields__}


async def test_operators_find_a_customer_by_any_spelling(database: Database) -> None:
    proved = await Inbox(database).accept(mail_from("Ada.Lovelace@gmail.com"))
    found = await CustomerViews(database).fetch_customers(IdentifierKind.EMAIL, "adalovelace+x@googlemail.com")
    assert found.verified is not None
    assert found.verified.customer_id == proved.customer_id
    assert [each.value for each in found.verified.identifiers] == ["Ada.Lovelace@gmail.com"]


async def test_sender_without_a_phone_number_is_a_customer_of_its_own(database: Database) -> None:
    inbox = Inbox(database)
    user = Identity(IdentifierKind.WHATSAPP_USER, "US.13491208655302741918", verified=True)
    first = await inbox.accept(InboundMessage(Channel.WHATSAPP, "SM1", user.value, user, "hi"))
    again = await inbox.accept(InboundMessage(Channel.WHATSAPP, "SM2", user.value, user, "hi again"))
    phone = await inbox.accept(whatsapp_message("+13491208655302"))
    assert first.customer_id == again.customer_id != phone.customer_id
    turns, claim, context = await begin(database, first.customer_id)
    assert context.identity == Identity(IdentifierKind.WHATSAPP_USER, user.value, verified=True)
    await turns.commit(claim, context, reply_to(context), allow_rerun=False)


USER = "US.13491208655302741918"


async def by_user_id(database: Database, key: str, user: str = USER) -> Accepted:
    """A message of a sender who hides the number."""
    identity = Identity(IdentifierKind.WHATSAPP_USER, user, verified=True)
    return await Inbox(database).accept(InboundMessage(Channel.WHATSAPP, key, user, identity, "hi"))


async def test_who_hides_the_number_later_stays_the_same_customer_and_is_answered_where_they_wrote(
    database: Database,
) -> None:
    shown = await Inbox(database).accept(whatsapp_message("+15550100123"))
    ids = WhatsAppUserIds(database)
    for _ in range(2):
        await ids.learn(shown.customer_id, USER)
    hidden = await by_user_id(database, "SM9")
    assert hidden.customer_id == shown.customer_id
    assert hidden.conversation_id != shown.conversation_id
    _, _, context = await begin(database, shown.customer_id)
    assert context.identity.kind is IdentifierKind.PHONE
    report = await audit(database, [], settled=False)
    assert report.clean, str(report)


async def test_who_hid_the_number_and_shows_it_becomes_one_customer(database: Database) -> None:
    hidden = await by_user_id(database, "SM1")
    shown = await Inbox(database).accept(whatsapp_message("+15550100123"))
    assert hidden.customer_id != shown.customer_id
    await WhatsAppUserIds(database).learn(shown.customer_id, USER)
    [merge] = await Merges(database).fetch()
    assert (merge.source_id, merge.target_id) == (hidden.customer_id, shown.customer_id)
    assert (await by_user_id(database, "SM2")).customer_id == shown.customer_id
    report = await audit(database, [], settled=False)
    assert report.clean, str(report)
    # And what was found so is taken back as any link.
    await Merges(database).undo(merge.merge_id, "grace")
    assert (await by_user_id(database, "SM3")).customer_id == hidden.customer_id


async def test_a_number_that_comes_with_another_user_id_links_nothing(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """It may have changed hands: the newcomer must not find the first one's history once the number is hidden."""
    shown = await Inbox(database).accept(whatsapp_message("+15550100123"))
    await WhatsAppUserIds(database).learn(shown.customer_id, USER)
    await WhatsAppUserIds(database).learn(shown.customer_id, "US.999")
    assert "changed hands" in caplog.text
    assert (await by_user_id(database, "SM9", "US.999")).customer_id != shown.customer_id


async def test_a_user_id_learned_twenty_times_at_once_is_one_identifier(database: Database) -> None:
    shown = await Inbox(database).accept(whatsapp_message("+15550100123"))
    await asyncio.gather(*(WhatsAppUserIds(database).learn(shown.customer_id, USER) for _ in range(20)))
    async with database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM customer_identifiers WHERE kind = 'whatsapp_user'") == 1


async def test_stored_rows_get_their_keys_and_who_was_stored_twice_becomes_one(
    postgres_server, database_url: str
) -> None:
    """The migration, on a database of the version before it."""
    name = f"old_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(postgres_server.dsn("postgres"))
    await admin.execute(f'CREATE DATABASE "{name}"')
    connection = await asyncpg.connect(postgres_server.dsn(name))
    try:
        await connection.execute("CREATE EXTENSION vector")
        paths = sorted((SQL_FOLDER / "migrations").glob("*.sql"))
        this = next(number for number, path in enumerate(paths) if path.name == "0013_identity_links.sql")
        for path in paths[:this]:
            await connection.execute(path.read_text(encoding="utf-8"))
        accept = (
            "SELECT (accept_message('email', $1, $1, 'email', $2, $3, '', '', 'hello', null, null, null, false, "
            "interval '72 hours')).customer_id"
        )
        first = await connection.fetchval(accept, "k1", "ada.lovelace@gmail.com", True)
        second = await connection.fetchval(accept, "k2", "adalovelace@gmail.com", True)
        third = await connection.fetchval(accept, "k3", "adalovelace+x@googlemail.com", True)
        claim = await connection.fetchval(accept, "k4", "adalovelace@gmail.com", False)
        other = await connection.fetchval(accept, "k5", "a.da@example.com", True)
        assert len({first, second, third, claim, other}) == 5
        for path in paths[this:]:
            await connection.execute(path.read_text(encoding="utf-8"))
        owners = dict(await connection.fetch("SELECT provider_message_id, customer_id FROM messages"))
        assert owners == {"k1": first, "k2": first, "k3": first, "k4": claim, "k5": other}
        held = dict(
            await connection.fetch(
                "SELECT thread_key, value FROM conversations JOIN customer_identifiers USING (identifier_id)"
            )
        )
        assert held["k3"] == "adalovelace+x@googlemail.com"
        claimed = [
            row[0] for row in await connection.fetch("SELECT customer_id FROM customer_identifiers WHERE claimed")
        ]
        assert claimed == [claim]
        assert await connection.fetchval(accept, "k6", "ada.lovelace+y@gmail.com", True) == first
    finally:
        await connection.close()
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()
