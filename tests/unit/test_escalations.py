"""Each reason on each channel: who gets it, how urgently, what they read, and what the customer is told."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from agent.policy.rules import UNRULED, read_rules
from agent.records import Channel, OutcomeKind, Priority, ReasonCode, Severity, Team
from agent.reply.acknowledgements import acknowledgement
from agent.reply.brand import Brand
from agent.reply.formatting import EMAIL_WORDS, WEB_FORM_WORDS, WHATSAPP_CHARS
from agent.turn.turn import run_turn
from tests.unit.turn_fakes import FakePolicy, FakeVerdict, context, services

KNOWLEDGE = Path(__file__).parents[2] / "knowledge"
RULES = {rule.reason: rule for rule in read_rules(KNOWLEDGE / "escalation_rules.yaml").rules}
BRAND = Brand.load(KNOWLEDGE / "brand_voice.md")
URGENT = {ReasonCode.LEGAL_ISSUE, ReasonCode.ABUSIVE_LANGUAGE, ReasonCode.SECURITY_CONCERN}
WORDS = "Here is what I have to say about it"


def test_every_reason_that_the_policy_can_find_has_its_team_and_severity() -> None:
    assert set(RULES) == set(ReasonCode) - UNRULED
    for reason, rule in RULES.items():
        assert rule.severity is (Severity.P2 if reason in URGENT else Severity.P3), reason


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize("reason", list(RULES))
async def test_an_escalation_has_all_that_a_person_and_the_customer_need(reason: ReasonCode, channel: Channel) -> None:
    rule = RULES[reason]
    policy = FakePolicy(FakeVerdict(reason, rule.team, rule.severity, "what gave it away"))
    decision = await run_turn(
        context(WORDS, channel=channel, customer_name="Robin Miller"), replace(services(policy=policy), brand=BRAND)
    )
    assert decision.kind is OutcomeKind.ESCALATION
    request = decision.escalation
    assert request is not None
    assert (request.reason_code, request.team, request.severity) == (reason, rule.team, rule.severity)
    # Where data is lost or nobody can work, minutes count.
    soon = Priority.HIGH if reason in URGENT else Priority.MEDIUM
    assert decision.priority is (Priority.URGENT if reason is ReasonCode.TECHNICAL_EMERGENCY else soon)
    assert request.summary.startswith(f"{reason.value}: what gave it away")
    assert WORDS in request.summary

    assert acknowledgement(reason, channel).split(". ")[-1].strip(". ") in decision.reply, "nothing was cut off"
    assert "colleague" in decision.reply
    assert reason.value not in decision.reply
    assert not re.search(r"\b(P[123]|escalat\w*|team of|tool|policy)\b", decision.reply)
    assert not any(f"{team.value} team" in decision.reply.lower() for team in Team)
    match channel:
        case Channel.EMAIL:
            assert decision.reply.startswith("Dear Robin")
            assert "TF-20260302-0001" in decision.reply
            assert len(decision.reply.split()) <= EMAIL_WORDS
        case Channel.WHATSAPP:
            assert decision.reply.startswith("Hi Robin!")
            assert len(decision.reply) <= WHATSAPP_CHARS
            assert "regards" not in decision.reply
        case Channel.WEB_FORM:
            assert decision.reply.startswith("Hello Robin")
            assert len(decision.reply.split()) <= WEB_FORM_WORDS


@pytest.mark.parametrize("channel", list(Channel))
def test_each_reason_is_told_in_its_own_words(channel: Channel) -> None:
    texts = [acknowledgement(reason, channel) for reason in ReasonCode]
    assert len(set(texts)) == len(texts)
