"""The form's model: what it lets in, what it refuses, and what becomes of it."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.errors import BadInput
from agent.records import Category, Channel, IdentifierKind, Identity, Priority
from channels.addresses import parse_email, parse_phone
from channels.web_form.submission import (
    FollowUp,
    Submission,
    hash_request,
    parse_idempotency_key,
    to_follow_up,
    to_inbound,
)

GOOD = {
    "name": "Ada Example",
    "email": "Ada@Example.com",
    "subject": "Boards",
    "category": "technical",
    "priority": "high",
    "message": "How do I create a board?",
}


def parse(**changes: object) -> Submission:
    return Submission.model_validate_json(json.dumps({**GOOD, **changes}))


def problem_fields(**changes: object) -> set[object]:
    with pytest.raises(ValidationError) as caught:
        parse(**changes)
    return {error["loc"][0] for error in caught.value.errors()}


def test_submission_becomes_a_message_of_an_unverified_identity() -> None:
    message = to_inbound(parse(), "key-1")
    assert message.identity == Identity(
        IdentifierKind.EMAIL, "Ada@Example.com", verified=False, display_name="Ada Example"
    )
    assert message.channel is Channel.WEB_FORM
    assert message.category is Category.TECHNICAL
    assert message.priority is Priority.HIGH
    assert message.body == "How do I create a board?"


def test_each_submission_is_a_conversation_of_its_own_under_the_same_key() -> None:
    first, second = to_inbound(parse(), "key-1"), to_inbound(parse(), "key-1")
    assert first.thread_key != second.thread_key
    assert first.provider_message_id == second.provider_message_id
    assert first.request_hash == second.request_hash


def test_case_of_an_address_is_kept_and_makes_no_other_request() -> None:
    shouted = parse(email="ADA@EXAMPLE.COM")
    assert to_inbound(shouted, "key-1").identity.value == "ADA@EXAMPLE.COM"
    assert hash_request(shouted) == hash_request(parse())


def test_follow_up_keeps_the_conversation_and_its_keys_are_of_their_own() -> None:
    identity = Identity(IdentifierKind.EMAIL, "ada@example.com", verified=False)
    message = to_follow_up(
        FollowUp(message="more"), "key-1", channel=Channel.WEB_FORM, thread_key="thread", identity=identity
    )
    assert message.thread_key == "thread"
    assert message.provider_message_id != to_inbound(parse(), "key-1").provider_message_id


def test_white_space_around_texts_and_line_ends_do_not_matter() -> None:
    assert parse(name="  Ada ", message="a\r\nb\rc\n") == parse(name="Ada", message="a\nb\nc")


def test_hash_tells_other_bodies_apart() -> None:
    assert hash_request(parse()) == hash_request(parse())
    assert hash_request(parse()) != hash_request(parse(priority="low"))


def test_category_and_priority_have_defaults() -> None:
    submission = Submission.model_validate_json(
        json.dumps({key: value for key, value in GOOD.items() if key not in ("category", "priority")})
    )
    assert (submission.category, submission.priority) == (Category.GENERAL, Priority.MEDIUM)


@pytest.mark.parametrize("field", ["name", "email", "subject", "category", "priority", "message"])
@pytest.mark.parametrize("value", [None, 7, 1.5, True, [], {}, ["a"], {"a": "b"}])
def test_wrong_type_is_refused(field: str, value: object) -> None:
    assert problem_fields(**{field: value}) == {field}


@pytest.mark.parametrize("field", ["name", "email", "subject", "message"])
@pytest.mark.parametrize("value", ["", "   ", "\n\t", "\u200b\u200d", "a\x00b", "a\x1bb", "a\x7fb", "a\x85b"])
def test_blank_texts_and_control_characters_are_refused(field: str, value: str) -> None:
    assert problem_fields(**{field: value}) == {field}


@pytest.mark.parametrize("field", ["name", "subject"])
@pytest.mark.parametrize("value", ["a\nBcc: b@example.com", "a\rb", "a\tb", "a\u2028b"])
def test_one_line_fields_take_one_line(field: str, value: str) -> None:
    assert problem_fields(**{field: value}) == {field}


@pytest.mark.parametrize(
    ("field", "longest"), [("name", 100), ("subject", 200), ("message", 5_000)], ids=lambda each: str(each)
)
def test_texts_have_a_longest_length_in_characters(field: str, longest: int) -> None:
    assert len(getattr(parse(**{field: "😀" * longest}), field)) == longest
    assert problem_fields(**{field: "a" * (longest + 1)}) == {field}


@pytest.mark.parametrize("address", ["a@b.co", "first.last+tag@sub.example.org", "x'y_z@xn--bcher-kva.example"])
def test_good_addresses_are_taken(address: str) -> None:
    assert parse(email=address).email == address


@pytest.mark.parametrize(
    "address",
    [
        "plain",
        "@example.com",
        "a@",
        "a@b",
        "a@b.c",
        "a@@b.co",
        "a b@c.de",
        ".a@b.co",
        "a.@b.co",
        "a..b@c.de",
        "a@-b.co",
        "a@b-.co",
        "a@b..co",
        "a@127.0.0.1",
        "<a@b.co>",
        "a@b.co\nBcc: c@d.ef",
        "'; DROP TABLE customers; --@b.co",
        "a" * 250 + "@b.co",
        "ä@b.co",
    ],
)
def test_bad_addresses_are_refused_by_form_and_lookup_alike(address: str) -> None:
    assert problem_fields(email=address) == {"email"}
    with pytest.raises(BadInput):
        parse_email(address)


def test_unknown_fields_are_refused() -> None:
    assert problem_fields(is_admin=True) == {"is_admin"}


@pytest.mark.parametrize("text", ["Robert'); DROP TABLE tickets;--", "<script>alert(1)</script>", "{{7*7}}", "😀 ñ ﷽"])
def test_markup_and_sql_are_words_like_others(text: str) -> None:
    assert parse(name=text, subject=text, message=text).message == text


@given(st.text(max_size=60))
def test_any_text_is_taken_or_refused_and_never_changed_inside(text: str) -> None:
    try:
        taken = Submission.model_validate({**GOOD, "message": text}, strict=False).message
    except ValidationError:
        return
    assert taken == re.sub(r"\r\n?", "\n", text).strip()


def test_keys_are_visible_ascii_or_made_afresh() -> None:
    assert parse_idempotency_key("3f1c-42") == "3f1c-42"
    assert parse_idempotency_key(None) != parse_idempotency_key(None)
    for bad in ("", " ", "a b", "ä", "a\n", "x" * 201):
        with pytest.raises(BadInput):
            parse_idempotency_key(bad)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("+1 (555) 010-0123", "+15550100123"),
        ("0044 20 7946 0000", "+442079460000"),
        ("+15550100123", "+15550100123"),
    ],
)
def test_phone_numbers_have_one_form(typed: str, stored: str) -> None:
    assert parse_phone(typed) == stored


@pytest.mark.parametrize("typed", ["", "555", "+0123456789", "+1555010012345678", "+1555abc0123", "5550100123"])
def test_other_numbers_are_refused(typed: str) -> None:
    with pytest.raises(BadInput):
        parse_phone(typed)
