"""Tokens of tickets: the same for the same ticket, useless for any other. And those that confirm an address."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pydantic import SecretStr

from agent.errors import NotFound
from agent.records import ConfirmationId
from channels.web_form.tokens import ConfirmationTokens, TicketTokens

TICKET = "TF-20260101-0001"
CONVERSATION = UUID(int=7)
tokens = TicketTokens(SecretStr("one secret"))


def test_token_is_the_same_in_every_process_with_the_secret() -> None:
    assert tokens.issue(TICKET, CONVERSATION) == TicketTokens(SecretStr("one secret")).issue(TICKET, CONVERSATION)
    assert tokens.opens(tokens.issue(TICKET, CONVERSATION), TICKET, CONVERSATION)


def test_token_opens_nothing_else() -> None:
    token = tokens.issue(TICKET, CONVERSATION)
    assert not tokens.opens(token, "TF-20260101-0002", CONVERSATION)
    assert not tokens.opens(token, TICKET, UUID(int=8))
    assert not TicketTokens(SecretStr("another secret")).opens(token, TICKET, CONVERSATION)


@pytest.mark.parametrize("wrong", ["", "x", "ä" * 43, "\ud800", "A" * 43, "A" * 10_000])
def test_wrong_tokens_open_nothing(wrong: str) -> None:
    assert not tokens.opens(wrong, TICKET, CONVERSATION)


def test_token_fits_a_url_and_does_not_show_the_secret() -> None:
    token = tokens.issue(TICKET, CONVERSATION)
    assert len(token) == 43
    assert token.replace("-", "").replace("_", "").isalnum()
    assert "one secret" not in repr(tokens) + str(vars(tokens))


CONFIRMATION = ConfirmationId(UUID(int=9))
NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER = NOW + timedelta(days=7)
confirming = ConfirmationTokens(SecretStr("one secret"))


def test_confirmation_is_read_until_it_ends() -> None:
    token = confirming.issue(CONFIRMATION, LATER)
    assert confirming.read(token, NOW) == CONFIRMATION
    assert ConfirmationTokens(SecretStr("one secret")).read(token, LATER - timedelta(seconds=1)) == CONFIRMATION
    with pytest.raises(NotFound, match="expired"):
        confirming.read(token, LATER)


def test_confirmation_of_another_secret_is_not_ours() -> None:
    with pytest.raises(NotFound):
        ConfirmationTokens(SecretStr("another secret")).read(confirming.issue(CONFIRMATION, LATER), NOW)


def test_no_character_of_a_confirmation_can_be_changed() -> None:
    token = confirming.issue(CONFIRMATION, LATER)
    for place in range(len(token) - 1):  # the last one has bits that say nothing
        changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        with pytest.raises(NotFound):
            confirming.read(changed, NOW)


def test_tokens_serve_one_purpose() -> None:
    """A confirmation opens no ticket, and an access token confirms nothing."""
    access = tokens.issue(TICKET, CONVERSATION)
    with pytest.raises(NotFound):
        confirming.read(access, NOW)
    assert not tokens.opens(confirming.issue(CONFIRMATION, LATER), TICKET, CONVERSATION)


@pytest.mark.parametrize("wrong", ["", "x", "ä" * 75, "\ud800", "A" * 75, "A" * 10_000, "=", "a b"])
def test_wrong_confirmations_confirm_nothing(wrong: str) -> None:
    with pytest.raises(NotFound):
        confirming.read(wrong, NOW)
