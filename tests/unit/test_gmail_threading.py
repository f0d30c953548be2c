"""What a mail refers to says where to look for its conversation, and never more."""

from __future__ import annotations

from uuid import uuid4

import pytest

from agent.mail_records import ReferencedMail
from agent.records import Channel, ConversationId, IdentifierKind, Identity
from channels.gmail.threading import find_addressed_thread, find_own_thread, find_unproven


def held_with(address: str, *, verified: bool = True, channel: Channel = Channel.EMAIL) -> ReferencedMail:
    identity = Identity(IdentifierKind.EMAIL, address, verified)
    return ReferencedMail(uuid4(), ConversationId(uuid4()), channel, f"thread of {address}", identity)


def sender(address: str, *, verified: bool = True) -> Identity:
    return Identity(IdentifierKind.EMAIL, address, verified)


def test_a_reply_joins_its_conversation() -> None:
    assert find_own_thread([held_with("ada@example.com")], sender("ada@example.com")) == "thread of ada@example.com"


def test_forged_references_do_not_join_another_customers_thread() -> None:
    assert find_own_thread([held_with("ada@example.com")], sender("mallory@example.com")) is None


def test_a_forged_sender_does_not_join_the_thread_of_who_proved_the_address() -> None:
    assert find_own_thread([held_with("ada@example.com")], sender("ada@example.com", verified=False)) is None


def test_who_never_proved_an_address_goes_on_in_the_own_thread() -> None:
    assert find_own_thread([held_with("ada@example.com", verified=False)], sender("ada@example.com", verified=False))


def test_a_later_reference_counts_where_an_earlier_one_is_somebody_elses() -> None:
    mails = [ReferencedMail(uuid4()), held_with("bob@example.com"), held_with("ada@example.com")]
    assert find_own_thread(mails, sender("ada@example.com")) == "thread of ada@example.com"


def test_a_reply_from_another_spelling_of_the_mailbox_joins_its_conversation() -> None:
    mails = [held_with("Ada.Lovelace@gmail.com")]
    assert find_own_thread(mails, sender("adalovelace+x@googlemail.com")) == "thread of Ada.Lovelace@gmail.com"
    assert find_own_thread([held_with("a.da@example.com")], sender("ada@example.com")) is None


def test_a_mail_joins_no_conversation_of_whatsapp() -> None:
    mails = [held_with("ada@example.com", channel=Channel.WHATSAPP)]
    assert find_own_thread(mails, sender("ada@example.com")) is None
    assert find_addressed_thread(mails, frozenset({"ada@example.com"})) is None


@pytest.mark.parametrize(("confirmed", "proved"), [(True, True), (True, False), (False, True), (False, False)])
def test_a_mail_joins_a_forms_conversation_with_proof_on_both_sides_only(confirmed: bool, proved: bool) -> None:
    mails = [held_with("ada@example.com", verified=confirmed, channel=Channel.WEB_FORM)]
    joined = find_own_thread(mails, sender("ada@example.com", verified=proved)) is not None
    assert joined == (confirmed and proved)


def test_a_machines_mail_joins_no_forms_conversation() -> None:
    mails = [held_with("ada@example.com", channel=Channel.WEB_FORM)]
    assert find_own_thread(mails, sender("ada@example.com"), joins_forms=False) is None


def test_a_persons_mail_to_a_customer_of_the_form_is_about_the_forms_conversation() -> None:
    claimed = held_with("ada@example.com", verified=False, channel=Channel.WEB_FORM)
    confirmed = held_with("ada@example.com", channel=Channel.WEB_FORM)
    assert find_addressed_thread([claimed], frozenset({"ada@example.com"})) is None
    found = find_addressed_thread([confirmed], frozenset({"ada@example.com"}))
    assert found == (Channel.WEB_FORM, "thread of ada@example.com")


def test_a_persons_mail_is_about_the_conversation_of_whom_it_is_to() -> None:
    mails = [held_with("bob@example.com"), held_with("ada@example.com")]
    found = find_addressed_thread(mails, frozenset({"ada@example.com", "x@example.com"}))
    assert found == (Channel.EMAIL, "thread of ada@example.com")
    assert find_addressed_thread(mails, frozenset({"colleague@example.com"})) is None


def test_a_proven_mail_may_prove_only_a_claim_of_its_own_address_by_mail() -> None:
    claim = held_with("ada@example.com", verified=False)
    assert find_unproven([held_with("bob@example.com", verified=False), claim], sender("Ada@example.com"))
    assert find_unproven([claim], sender("ada@example.com", verified=False)) is None
    assert find_unproven([claim], sender("mallory@example.com")) is None
    assert find_unproven([held_with("ada@example.com")], sender("ada@example.com")) is None
    form = held_with("ada@example.com", verified=False, channel=Channel.WEB_FORM)
    assert find_unproven([form], sender("ada@example.com")) is None, "its link alone proves a form's"
