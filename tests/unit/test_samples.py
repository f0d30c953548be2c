"""The sample conversations and the company profile: plainly invented, whole, and in agreement with the articles."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from agent.errors import BadInput, ConfigurationInvalid
from agent.records import Channel, OutcomeKind, Team
from crm.samples import Moment, to_shifts
from serve_app.samples import Conversation, Done, Written, read_samples
from serve_app.seeding import check_may_seed
from serve_app.settings import CHECKOUT, Settings

KNOWLEDGE = CHECKOUT / "knowledge"
FILE = KNOWLEDGE / "sample_conversations.yaml"
START = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def samples() -> tuple[Conversation, ...]:
    return read_samples(FILE)


def written(samples: tuple[Conversation, ...]) -> list[Written]:
    return [step for each in samples for step in each.steps if isinstance(step, Written)]


def test_customers_are_plainly_invented(samples: tuple[Conversation, ...]) -> None:
    addresses = {each.address for each in samples}
    assert len(addresses) >= 20
    # +15550100 is whom people try the system as.
    assert {a for a in addresses if not re.fullmatch(r"[a-z]+@example\.com|\+1555010[1-9]", a)} == set()
    assert {each.name.split()[-1] for each in samples} == {"Sample"}


def test_every_channel_team_outcome_and_deed_occurs(samples: tuple[Conversation, ...]) -> None:
    assert {each.channel for each in samples} == set(Channel)
    assert {step.team for step in written(samples) if step.team} == set(Team)
    assert {step.outcome for step in written(samples)} == {
        OutcomeKind.REPLY, OutcomeKind.ESCALATION, OutcomeKind.HELD,
    }  # fmt: skip
    deeds = {step.does for each in samples for step in each.steps if isinstance(step, Done)}
    assert deeds == {"take", "reply", "hand_back", "resolve"}
    assert max(len(step.customer) for step in written(samples)) > 1


def test_articles_and_teams_are_named_where_they_belong(samples: tuple[Conversation, ...]) -> None:
    for step in written(samples):
        assert (step.team is not None) == (step.outcome is OutcomeKind.ESCALATION), step
        assert not step.article or (KNOWLEDGE / "articles" / f"{step.article}.md").exists(), step


def test_message_ids_are_the_same_each_time_and_of_one_message_each(samples: tuple[Conversation, ...]) -> None:
    ids = [message.provider_message_id for each in samples for burst in each.messages() for message in burst]
    again = [message.provider_message_id for each in read_samples(FILE) for b in each.messages() for message in b]
    assert ids == again
    assert len(set(ids)) == len(ids)


WELL = """
conversations:
  - key: a
    channel: email
    name: A Sample
    address: a@example.com
    steps:
      - {minutes_ago: 10, customer: [hello], outcome: reply}
      - {minutes_ago: 5, operator: desk, does: reply, text: hi}
"""


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("minutes_ago: 5", "minutes_ago: 10"), "less long ago"),
        (("text: hi", "text: ' '"), "a reply needs a text"),
        (("channel: email", "channel: whatsapp"), "WhatsApp has a number"),
        (("channel: email", "channel: fax"), "channel"),
        (("[hello]", "[]"), "customer"),
        (("does: reply", "does: shout"), "does"),
        (("  - key: a", "  - key: 'A b'"), "key"),
        (("conversations:", "conversation:"), "conversations"),
        (("conversations:", "conversations: ["), "cannot be read"),
        (("      - {minutes_ago: 10, customer: [hello], outcome: reply}\n", ""), "the customer writes first"),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, change: tuple[str, str], problem: str) -> None:
    file = tmp_path / "samples.yaml"
    file.write_text(WELL)
    assert len(read_samples(file)) == 1
    file.write_text(WELL.replace(*change))
    with pytest.raises(BadInput, match=problem):
        read_samples(file)


@pytest.mark.parametrize(
    ("address", "key", "problem"),
    [("a@example.com", "b", "of the same customer"), ("b@example.com", "a", "same key")],
)
def test_conversations_of_a_customer_follow_each_other(tmp_path: Path, address: str, key: str, problem: str) -> None:
    document = yaml.safe_load(WELL)
    [first] = document["conversations"]
    document["conversations"].append({**first, "key": key, "address": address})
    file = tmp_path / "samples.yaml"
    file.write_text(yaml.safe_dump(document))
    with pytest.raises(BadInput, match=problem):
        read_samples(file)


def test_samples_are_refused_where_they_do_harm() -> None:
    check_may_seed(Settings())
    secret = "a" * 30
    production = Settings(environment="production", FTE_OPERATOR_KEY=secret, FTE_TOKEN_SECRET=secret)
    with pytest.raises(ConfigurationInvalid, match="production"):
        check_may_seed(production)
    twilio = {"twilio_account_sid": "AC1", "twilio_whatsapp_number": "+15550100999"}
    gmail = {"gmail_credentials_path": "/credentials.json", "FTE_GMAIL_MAILBOX": "support@example.com"}
    for given in (twilio, gmail):
        with pytest.raises(ConfigurationInvalid, match="provider"):
            check_may_seed(Settings(**given))


def test_steps_go_where_they_belong_in_the_past_and_never_overlap() -> None:
    second, minute = timedelta(seconds=1), timedelta(minutes=1)
    moments = [
        Moment(START, START - 10 * minute),
        Moment(START + second, START - 5 * minute),
        # It took so long that its place is before the end of the step before it.
        Moment(START + 8 * minute, START - 4 * minute),
        Moment(START + 9 * minute, START + 20 * minute),
    ]
    shifts = to_shifts(moments)
    assert shifts == [10 * minute, 5 * minute + second, 5 * minute + second, timedelta()]
    moved = [moment.began_at - shift for moment, shift in zip(moments, shifts, strict=True)]
    assert moved == sorted(moved)


def test_the_profile_names_the_plans_and_no_price() -> None:
    profile = (KNOWLEDGE / "company_profile.md").read_text(encoding="utf-8")
    features = (KNOWLEDGE / "articles" / "plan-features.md").read_text(encoding="utf-8")
    sentence = re.search(r"has the plans (\w+), (\w+), (\w+) and (\w+)\.", features)
    assert sentence is not None
    assert "{}, {}, {} and {}.".format(*sentence.groups()) in profile
    assert not re.search(r"[$€£]|\d", re.sub(r"\(.*?\)", "", profile))


def test_the_profile_says_what_each_team_decides() -> None:
    profile = (KNOWLEDGE / "company_profile.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \|", profile.partition("## Support")[2], re.MULTILINE)
    assert set(rows) - {"team"} == set(Team)
