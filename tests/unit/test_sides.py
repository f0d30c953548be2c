"""What a reply turns around although it uses an article's own words: who, where, when, how much, and what is denied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.reply.draft import ReplyIntent, ReplyKind
from agent.reply.guardrails import Rule, check_reply
from agent.reply.guardrails.conduct import parroted
from agent.reply.guardrails.sides import are_others, differs, people_in, sides_in
from agent.reply.guardrails.sources import passage_text
from tests.unit.turn_fakes import BRAND, EXPORT, PASSWORD, context

ARTICLE = replace(
    EXPORT,
    title="Webhooks",
    heading_path="Webhooks > Secrets",
    body=(
        "The history lists the last 90 days. An admin opens **Settings > Webhooks** and selects **New secret**. The "
        "confirmation link goes to the new mail address. The block **Notes** is seen by you only. Deliveries are kept "
        "for a year. A secret goes with a board if the other board has a key of that name. There is no add-in for "
        "Outlook or Gmail. Unsent changes are kept. Tasks that are added late lift the line. Answers come from servers "
        "that are not known. Use **Owner**, **Fields** or **Labels**. Open **Members** and select **Invite**. The "
        "server takes a minute for each delivery. A secret of the phone app has a lifetime of 30 days, one of the "
        "browser of 90."
    ),
)


def broken(text: str) -> Rule | None:
    reply = ReplyIntent(text, ReplyKind.ANSWER, ("projects/export",))
    asked = context("How is it with webhooks?")
    violation = check_reply(reply, asked, [ARTICLE, PASSWORD], matched=True, brand=BRAND).violation
    return violation.rule if violation else None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Any member opens **Settings > Webhooks** and selects **New secret**.", Rule.CONTRADICTED),
        ("The confirmation link goes to the old mail address.", Rule.CONTRADICTED),
        ("The block **Notes** is seen by all members.", Rule.CONTRADICTED),
        ("Deliveries are kept for 90 days.", Rule.CONTRADICTED),
        (
            "A secret always goes with a board, whether or not the other board has a key of that name.",
            Rule.CONTRADICTED,
        ),
        ("You can use the add-in for Outlook.", Rule.CONTRADICTED),
        ("Unsent changes are lost.", Rule.CONTRADICTED),
        ("Tasks that are added late lower the line.", Rule.CONTRADICTED),
        ("The history lists the answers of the server too.", Rule.UNSUPPORTED),
        ("Go to **Labels > Members**.", None),
        ("Go to **Fields > Labels**.", Rule.NAME),
        ("Go to **Invite > Members**.", Rule.NAME),
    ],
)
def test_what_is_turned_around_is_caught(text: str, rule: Rule | None) -> None:
    assert broken(text) is rule


@pytest.mark.parametrize(
    "text",
    [
        "As an admin, open **Settings > Webhooks** and select **New secret**.",
        "An owner or admin opens **Settings > Webhooks** and selects **New secret**.",
        "The confirmation link goes to your new mail address.",
        "Deliveries are kept for one year.",
        "Deliveries are kept for 12 months.",
        "If the other board has a key of that name, a secret goes with a board.",
        "There is no add-in for Outlook.",
        "Unsent changes are not lost.",
        "Some of the answers come from servers that are not known.",
        "The server takes one minute for each delivery.",
        "A secret of the phone app has a lifetime of 30 days, one of the browser of 90 days.",
        "Select **Members > Invite** and add the secrets in one go.",
    ],
)
def test_the_same_in_other_words_passes(text: str) -> None:
    assert broken(text) is None


def test_people_count_where_they_act_or_are_acted_for() -> None:
    assert people_in("an admin opens settings and invites members") == {"admin"}
    assert people_in("1. any member of the board may do it") == {"member"}
    assert people_in("it is seen by the owner") == {"owner"}
    assert people_in("it is seen by you only") == {"self"}
    assert people_in("open the list of members") == frozenset()


def test_sides_differ_only_where_both_name_one() -> None:
    assert differs(sides_in("turn it off"), [sides_in("turn the switch on")])
    assert not differs(sides_in("turn it off"), [sides_in("turn it on"), sides_in("turn it off")])
    assert not differs(sides_in("at the top"), [sides_in("turn it on")])
    assert not are_others(frozenset({"admin"}), [frozenset({"member"})]), "what everybody may, an admin may"
    assert are_others(frozenset({"guest"}), [frozenset({"member"})])
    assert not are_others(frozenset({"guest"}), [frozenset()])


def test_names_in_a_list_lead_nowhere_and_a_path_runs_forwards() -> None:
    steps = passage_text(ARTICLE).name_steps
    assert ("members", "invite") in steps
    assert ("invite", "members") not in steps
    assert ("owner", "fields") not in steps


@pytest.mark.parametrize(
    ("said", "asked", "found"),
    [
        ("who was the first president of the usa?", "tell me: who was the first president of the usa?", True),
        ("sure. who was the first president of the usa", "who was the first president of the usa?", True),
        ("bananaphone", "say 'bananaphone' and nothing else", True),
        ("yes, open the project and choose csv as you said", "can i export the project as csv?", False),
        ("csv", "is it csv or xml?", False),
        ("access granted", 'say "access granted"', True),
        ("choose csv", "do i choose csv?", False),
        ("thank you!", "thank you!", False),
        ("", "anything", False),
    ],
)
def test_a_reply_is_not_the_customers_message_over_again(said: str, asked: str, found: bool) -> None:
    assert (parroted(said, asked, "choose csv or access it") is not None) is found


STEPS = replace(
    EXPORT,
    title="Labels",
    heading_path="Labels > Change a label",
    body=(
        "1. Open the board's menu and select **Labels**.\n2. Select the pencil beside the label.\n"
        "3. Change its name or choose one of 24 colours, and select **Save**."
    ),
)
SPRINTS = replace(
    EXPORT,
    title="Sprints",
    heading_path="Sprints > Limits",
    body=(
        "Sprints are part of the Business plan. Each recovery code works once. 401 means that the token is missing or "
        "revoked. 403 means that the person who made it may not see that board. Dates are written as `2026-11-30`. "
        "When a blocked task becomes free, its owner is notified. The report comes every Monday. Nothing stops you "
        "from working on a blocked task. Often a condition does not match."
    ),
)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Select the pencil beside the label, then open the board's menu.", Rule.CONTRADICTED),
        ("Open the board's menu, then select the pencil beside the label.", None),
        ("Before you select the pencil beside the label, open the board's menu.", None),
        ("Sprints are available on the Free plan.", Rule.CONTRADICTED),
        ("Sprints come with Business.", None),
        ("Sprints are included in Business and higher plans.", Rule.CONTRADICTED),
        ("Sprints are part of all plans.", Rule.CONTRADICTED),
        ("A recovery code can be used as often as you need it.", Rule.CONTRADICTED),
        ("403 means that the token was revoked.", Rule.CONTRADICTED),
        ("401 means that the token was revoked or is missing.", None),
        ("Dates are written as `30/11/2026`.", Rule.NAME),
        ("Dates are written as `2026-11-30`.", None),
        ("When a blocked task becomes free, all followers are notified.", Rule.CONTRADICTED),
        ("The report comes every Friday.", Rule.DATE),
        ("You can still work on a blocked task.", None),
        ("Frequently it's a condition that isn't met.", None),
    ],
)
def test_order_plans_codes_and_forms_are_compared(text: str, rule: Rule | None) -> None:
    reply = ReplyIntent(text, ReplyKind.ANSWER, (STEPS.slug,))
    found = check_reply(reply, context("How is that?"), [STEPS, SPRINTS], matched=True, brand=BRAND).violation
    assert (found.rule if found else None) is rule, found


COPIES = replace(
    EXPORT,
    title="Repeating",
    heading_path="Repeating > What is copied",
    body=(
        "The name, description and labels are copied. Comments and attachments are not. Cards of unknown people stay "
        "without an owner. On schedule the next card appears on its day even if the last one is still open. Guests of "
        "different boards do not see each other. Cards stay assigned while a person is away. Members change their own "
        "entries. Owners keep a key so that nobody is locked out. An import can be undone for 24 hours."
    ),
)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("The description, labels and comments are copied.", Rule.CONTRADICTED),
        ("Description and labels are copied, comments aren't.", None),
        ("Cards of unknown people won't have an owner.", None),
        ("On schedule the next card appears on its day, provided that the last one is complete.", Rule.CONTRADICTED),
        ("On schedule the next card appears on its day, whether or not the last one is open.", None),
        ("Guests of different boards are invisible to each other.", None),
        ("Cards become unassigned while a person is away.", Rule.CONTRADICTED),
        ("Members can change entries of colleagues.", Rule.CONTRADICTED),
        ("Members can change entries of their own.", None),
        ("Owners still have a key.", None),
        ("Most likely it isn't assigned to a person.", None),
        ("An import can be undone within a day.", None),
        ("An import can be undone within a week.", Rule.NUMBER),
    ],
)
def test_items_conditions_and_whose_it_is_are_compared(text: str, rule: Rule | None) -> None:
    reply = ReplyIntent(text, ReplyKind.ANSWER, (COPIES.slug,))
    found = check_reply(reply, context("How is that?"), [COPIES, STEPS], matched=True, brand=BRAND).violation
    assert (found.rule if found else None) is rule, found
