"""What makes a request of the form wait for a person, and what must not."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr, ValidationError
from starlette.requests import Request

from agent.records import Suspicion
from channels.web_form.screening import MIN_FILL_MS, suspicions_of
from channels.web_form.submission import FormRequest, hash_request
from deployments.web.senders import Senders
from tests.unit.test_submission import GOOD

LINKS = ["See https://spam.example or www.spam.example", "HTTP://a.example http://a.example", "[URL=x]", '<a href="x">']


def request(**changes: object) -> FormRequest:
    return FormRequest.model_validate_json(json.dumps({**GOOD, **changes}))


def test_filled_hidden_field_is_suspicious_by_itself() -> None:
    assert suspicions_of(request(website="https://spam.example")) == (Suspicion.HIDDEN_FIELD,)
    assert suspicions_of(request(website="x" * 10_000)) == (Suspicion.HIDDEN_FIELD,), "too long is not refused"
    assert suspicions_of(request(website="  ")) == ()


@pytest.mark.parametrize("text", LINKS)
@pytest.mark.parametrize("field", ["name", "subject", "message"])
def test_links_within_seconds_are_suspicious(field: str, text: str) -> None:
    assert suspicions_of(request(elapsed_ms=MIN_FILL_MS - 1, **{field: text})) == (Suspicion.TOO_FAST,)
    assert suspicions_of(request(elapsed_ms=MIN_FILL_MS, **{field: text})) == ()


def test_fast_hand_alone_is_not_and_neither_is_one_pasted_address() -> None:
    assert suspicions_of(request(elapsed_ms=0)) == ()
    assert suspicions_of(request(elapsed_ms=0, message="https://app.example/board/7 does not load")) == ()


@pytest.mark.parametrize("text", LINKS)
def test_who_tells_no_time_is_not_judged_by_it(text: str) -> None:
    assert suspicions_of(request(message=text)) == ()
    assert suspicions_of(request(message=text, elapsed_ms=None)) == ()


@pytest.mark.parametrize(
    ("field", "value"), [("elapsed_ms", -1), ("elapsed_ms", "5"), ("elapsed_ms", 1.5), ("website", 1)]
)
def test_observations_are_checked(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        request(**{field: value})


def test_repetition_may_have_taken_longer() -> None:
    assert hash_request(request(elapsed_ms=10)) == hash_request(request(elapsed_ms=99_000, website="x"))


CLIENT = "203.0.113.9"
CHAINS = [
    ([], "127.0.0.1", [CLIENT], None),
    (["127.0.0.0/8"], "127.0.0.1", [CLIENT], CLIENT),
    (["127.0.0.0/8"], "127.0.0.1", [f"{CLIENT}, 10.0.0.5"], "10.0.0.5"),
    (["127.0.0.0/8", "10.0.0.0/8"], "127.0.0.1", [f"{CLIENT}, 10.0.0.5"], CLIENT),
    (["127.0.0.0/8", "10.0.0.0/8"], "127.0.0.1", [CLIENT, "10.0.0.5"], CLIENT),
    (["10.0.0.0/8"], "10.1.2.3", [f"198.51.100.1, {CLIENT}"], CLIENT),
    (["10.0.0.0/8"], CLIENT, ["198.51.100.1"], None),
    (["10.0.0.0/8"], CLIENT, [f"198.51.100.1, {CLIENT}"], CLIENT),
    (["10.0.0.0/8"], "10.1.2.3", [], None),
    (["10.0.0.0/8"], "10.1.2.3", ["10.9.9.9"], None),
    (["10.0.0.0/8"], "10.1.2.3", ["unknown"], None),
    (["10.0.0.0/8"], "10.1.2.3", [f"{CLIENT}, unknown"], None),
    (["10.0.0.0/8"], "", [CLIENT], None),
    (["10.0.0.0/8"], "::ffff:10.1.2.3", [f"::ffff:{CLIENT}"], CLIENT),
    (["fd00::/8"], "fd00::1", ["2001:db8::7"], "2001:db8::7"),
]


@pytest.mark.parametrize(("trusted", "peer", "forwarded", "address"), CHAINS)
def test_address_is_the_last_one_before_the_trusted_proxies(
    trusted: list[str], peer: str, forwarded: list[str], address: str | None
) -> None:
    found = Senders(trusted, SecretStr("secret")).find_address(peer, forwarded)
    assert (str(found) if found else None) == address


def came_from(address: str) -> Request:
    headers = [(b"x-forwarded-for", address.encode())]
    return Request({"type": "http", "client": ("127.0.0.1", 1), "headers": headers})


def test_sender_is_a_keyed_hash_and_a_customer_of_ipv6_is_one_sender() -> None:
    senders, others = (Senders(["127.0.0.1"], SecretStr(secret)) for secret in ("one", "two"))
    mark = senders.identify(came_from(CLIENT))
    assert mark is not None
    assert len(mark) == 16
    assert mark == senders.identify(came_from(CLIENT))
    assert mark not in (senders.identify(came_from("203.0.113.10")), others.identify(came_from(CLIENT)))
    assert senders.identify(came_from("2001:db8::1")) == senders.identify(came_from("2001:db8::ffff:2"))
    assert senders.identify(came_from("2001:db8::1")) != senders.identify(came_from("2001:db8:0:1::1"))
