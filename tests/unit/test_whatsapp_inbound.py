"""What Twilio posts becomes one message: text, places, buttons, files, senders without a number, STOP and START."""

from __future__ import annotations

import pytest

from agent.errors import BadInput
from agent.records import Channel, ConsentChange, IdentifierKind, InboundMessage, MediaReference
from channels.whatsapp.inbound import BODY_MAX, parse_inbound
from channels.whatsapp.signature import Form

SID = "SM" + "0f" * 16
USUAL = {
    "MessageSid": SID,
    "AccountSid": "AC" + "1" * 32,
    "From": "whatsapp:+15550100123",
    "To": "whatsapp:+15550100999",
    "Body": "How do I create a board?",
    "NumMedia": "0",
    "ProfileName": "Ada",
    "WaId": "15550100123",
}


def parse(**changes: str | None) -> InboundMessage:
    fields = {name: value for name, value in (USUAL | changes).items() if value is not None}
    return parse_inbound(Form(list(fields.items())))


def test_a_text_of_a_verified_sender() -> None:
    message = parse()
    assert (message.channel, message.provider_message_id) == (Channel.WHATSAPP, SID)
    assert message.body == "How do I create a board?"
    assert (message.identity.kind, message.identity.value) == (IdentifierKind.PHONE, "+15550100123")
    assert message.identity.verified
    assert message.identity.display_name == "Ada"


def test_a_thread_is_a_sender_at_one_of_our_numbers() -> None:
    assert parse().thread_key == parse(Body="again", MessageSid="SM" + "1" * 32).thread_key
    assert parse().thread_key != parse(To="whatsapp:+15550100998").thread_key
    assert parse().thread_key != parse(From="whatsapp:+15550100124").thread_key


@pytest.mark.parametrize(
    "user", ["US.13491208655302741918", "US.ENT.11815799212886844830", "BR.15x", "DE.a_b-c", "US." + "9" * 127]
)
def test_a_sender_without_a_number_is_its_user_id(user: str) -> None:
    message = parse(From=f"whatsapp:{user}", WaId=None)
    assert (message.identity.kind, message.identity.value) == (IdentifierKind.WHATSAPP_USER, user)
    assert message.thread_key != parse(From=f"whatsapp:{user}x", WaId=None).thread_key


@pytest.mark.parametrize("named", ["US.13491208655302741918", "whatsapp:US.13491208655302741918"])
def test_a_number_stays_the_sender_and_the_user_id_comes_beside_it(named: str) -> None:
    message = parse(ExternalUserId=named, ParentExternalUserId="US.ENT.11815799212886844830", ProfileUsername="ada")
    assert (message.identity.kind, message.identity.value) == (IdentifierKind.PHONE, "+15550100123")
    assert message.user_id == "US.13491208655302741918"
    assert message.thread_key == parse().thread_key


def test_a_sender_whose_number_is_hidden_is_its_user_id_wherever_that_stands() -> None:
    user = "US.13491208655302741918"
    mirrored = parse(From=f"whatsapp:{user}", ExternalUserId=user, WaId=None)
    alone = parse(From=None, ExternalUserId=f"whatsapp:{user}", WaId=None)
    assert mirrored == alone
    assert (alone.identity.kind, alone.identity.value) == (IdentifierKind.WHATSAPP_USER, user)
    assert alone.user_id == ""


@pytest.mark.parametrize("named", ["", "ada", "us.134", "whatsapp:+15550100123", "US.1 or 1=1", "US." + "9" * 600])
def test_a_user_id_that_is_none_costs_no_message(named: str) -> None:
    assert parse(ExternalUserId=named) == parse()


def test_a_message_of_nobody_is_refused() -> None:
    with pytest.raises(BadInput, match="From"):
        parse(From=None, ExternalUserId="ada")


def test_a_messaging_service_changes_nothing() -> None:
    assert parse(MessagingServiceSid="MG" + "2" * 32) == parse()


def test_a_place_is_text() -> None:
    message = parse(Body="", Latitude="52.52", Longitude="-13.4", Label="Office", Address="1 Main St")
    assert message.body == "[Location: Office, 1 Main St, 52.52, -13.4]"


def test_what_a_button_or_a_list_says_is_text_and_said_once() -> None:
    assert parse(Body="", ButtonText="Yes, please", ButtonPayload="yes").body == "Yes, please"
    assert parse(Body="Yes, please", ButtonText="Yes, please").body == "Yes, please"
    assert parse(Body="", ListTitle="Billing", ListId="b").body == "Billing"


def test_files_are_named_in_the_text_and_kept_for_fetching() -> None:
    urls = [f"https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/{SID}/Media/ME{n}" for n in "12"]
    message = parse(
        Body="Look",
        NumMedia="2",
        MediaUrl0=urls[0],
        MediaContentType0="image/jpeg",
        MediaUrl1=urls[1],
        MediaContentType1="text/vcard; charset=utf-8",
    )
    assert message.body == "Look\n[The customer sent a picture.]\n[The customer sent a contact card.]"
    assert message.media == (
        MediaReference(urls[0], "image/jpeg"),
        MediaReference(urls[1], "text/vcard; charset=utf-8"),
    )


def test_a_message_of_nothing_is_said_to_be_that() -> None:
    assert parse(Body="", MessageType="unsupported").body == "[The customer sent a message without text.]"


def test_control_characters_and_line_ends_are_made_plain() -> None:
    assert parse(Body="one\r\ntwo\rthree\x00\x07").body == "one\ntwo\nthree"
    assert parse(ProfileName="A\x00d\n a").identity.display_name == "Ad a"


def test_a_text_without_end_is_cut_and_says_so() -> None:
    body = parse(Body="x" * (BODY_MAX + 1)).body
    assert body == "x" * BODY_MAX + "\n[The message was longer and is cut here.]"
    assert parse(Body="x" * BODY_MAX).body == "x" * BODY_MAX


@pytest.mark.parametrize("word", ["STOP", "stop", " Stop. ", "STOPALL", "unsubscribe", "Cancel", "END", "quit!"])
def test_a_word_that_says_stop_is_an_opt_out_and_is_confirmed(word: str) -> None:
    consent = parse(Body=word).consent
    assert consent is not None
    assert consent.opted_out
    assert "START" in consent.confirmation


@pytest.mark.parametrize("text", ["please stop the sync", "How do I cancel?", "stop it now", "the end", "HELP"])
def test_a_sentence_with_such_a_word_is_a_question(text: str) -> None:
    assert parse(Body=text).consent is None


@pytest.mark.parametrize("word", ["START", "yes", "Unstop"])
def test_a_word_that_says_start_is_an_opt_in(word: str) -> None:
    consent = parse(Body=word).consent
    assert consent is not None
    assert not consent.opted_out


def test_what_twilio_recognised_and_answered_is_not_confirmed_again() -> None:
    assert parse(Body="arret", OptOutType="STOP").consent == ConsentChange(opted_out=True)
    assert parse(Body="commencer", OptOutType="START").consent == ConsentChange(opted_out=False)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"MessageSid": None}, "MessageSid"),
        ({"MessageSid": "SM1'; DROP TABLE"}, "MessageSid"),
        ({"From": "+15550100123"}, "From"),
        ({"From": "whatsapp:"}, "From"),
        ({"From": "whatsapp:ada"}, "From"),
        # A user name, which can pass to somebody else.
        ({"From": "whatsapp:@ada.lovelace"}, "From"),
        ({"From": "whatsapp:ad.lovelace"}, "From"),
        ({"To": None}, "To"),
        ({"NumMedia": "-1"}, "NumMedia"),
        ({"NumMedia": "11"}, "NumMedia"),
        ({"NumMedia": "1"}, "MediaUrl0"),
        ({"Latitude": "north", "Longitude": "1"}, "Latitude"),
    ],
)
def test_bad_input_names_its_field(changes: dict[str, str | None], field: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(**changes)
    assert caught.value.field == field
