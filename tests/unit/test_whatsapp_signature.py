"""Signatures are over the public address that is configured, and every field; whatever else is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr

from agent.errors import BadInput, SignatureInvalid
from channels.whatsapp.signature import Form, WebhookDoor, parse_form

TOKEN = "12345"


def sign(address: str, pairs: list[tuple[str, str]]) -> str:
    """By Twilio's own words: the address, then each field's name and value, in the order of the names."""
    text = address + "".join(name + value for name, value in sorted(set(pairs)))
    return base64.b64encode(hmac.new(TOKEN.encode(), text.encode(), hashlib.sha1).digest()).decode()


def door(base_url: str = "https://support.example.com") -> WebhookDoor:
    return WebhookDoor(SecretStr(TOKEN), base_url)


def test_twilios_own_example_is_let_in() -> None:
    """The example of https://www.twilio.com/docs/usage/security."""
    pairs = [
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("Digits", "1234"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ]
    WebhookDoor(SecretStr("12345"), "https://mycompany.com").check(
        "/myapp.php", "foo=1&bar=2", Form(pairs), "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    )


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("https://support.example.com", "https://support.example.com/webhooks/whatsapp"),
        ("https://support.example.com/", "https://support.example.com/webhooks/whatsapp"),
        ("https://support.example.com:8443", "https://support.example.com:8443/webhooks/whatsapp"),
        ("https://example.com/help/desk", "https://example.com/help/desk/webhooks/whatsapp"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/webhooks/whatsapp"),
        # Twilio is not of one mind about the port that everybody has.
        ("https://support.example.com", "https://support.example.com:443/webhooks/whatsapp"),
    ],
)
def test_the_address_is_the_configured_one_with_its_port_and_path(base_url: str, address: str) -> None:
    pairs = [("Body", "hi"), ("From", "whatsapp:+15550100123")]
    door(base_url).check("/webhooks/whatsapp", "", Form(pairs), sign(address, pairs))


@pytest.mark.parametrize(
    "wrong",
    [
        "http://support.example.com/webhooks/whatsapp",
        "https://support.example.com/help/webhooks/whatsapp",
        "https://other.example.com/webhooks/whatsapp",
        "https://support.example.com/webhooks/whatsapp?x=1",
    ],
)
def test_a_signature_over_another_address_is_refused(wrong: str) -> None:
    pairs = [("Body", "hi")]
    with pytest.raises(SignatureInvalid):
        door().check("/webhooks/whatsapp", "", Form(pairs), sign(wrong, pairs))


@pytest.mark.parametrize(
    "pairs",
    [
        [("Body", ""), ("ProfileName", "")],
        [("MediaUrl", "b"), ("MediaUrl", "a"), ("Body", "x")],
        [("Body", "Grüße 😀 +&=")],
        [],
    ],
)
def test_empty_repeated_and_foreign_fields_count_as_they_are(pairs: list[tuple[str, str]]) -> None:
    form = parse_form(urlencode(pairs).encode())
    door().check("/webhooks/whatsapp", "", form, sign("https://support.example.com/webhooks/whatsapp", pairs))


def test_the_query_counts_as_it_was_sent() -> None:
    pairs = [("MessageStatus", "read")]
    address = "https://support.example.com/webhooks/whatsapp/status?outbox=a%2Fb&part=0"
    door().check("/webhooks/whatsapp/status", "outbox=a%2Fb&part=0", Form(pairs), sign(address, pairs))


def test_a_changed_field_a_missing_signature_and_another_token_are_refused() -> None:
    pairs = [("Body", "hi")]
    good = sign("https://support.example.com/webhooks/whatsapp", pairs)
    for form, signature in ((Form([("Body", "ha")]), good), (Form(pairs), ""), (Form(pairs), "ü" + good)):
        with pytest.raises(SignatureInvalid):
            door().check("/webhooks/whatsapp", "", form, signature)
    with pytest.raises(SignatureInvalid):
        WebhookDoor(SecretStr("54321"), "https://support.example.com").check(
            "/webhooks/whatsapp", "", Form(pairs), good
        )


def test_without_a_token_nobody_is_let_in() -> None:
    pairs = [("Body", "hi")]
    address = "https://support.example.com/webhooks/whatsapp"
    forged = base64.b64encode(hmac.new(b"", (address + "Bodyhi").encode(), hashlib.sha1).digest()).decode()
    with pytest.raises(SignatureInvalid):
        WebhookDoor(SecretStr(""), "https://support.example.com").check("/webhooks/whatsapp", "", Form(pairs), forged)


@pytest.mark.parametrize("body", [b"Body=\xff\xfe", b"Body=%ff%fe", "Body=ü".encode(), b"a=1&" * 300])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput):
        parse_form(body)
