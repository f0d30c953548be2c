"""Numbers, dates, sums, links and promises in the many ways in which they are written."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.reply.draft import ReplyIntent, ReplyKind
from agent.reply.guardrails import (
    Rule,
    amounts,
    check_reply,
    check_subject,
    conduct,
    dates,
    leaks,
    links,
    money,
    promises,
    topics,
)
from agent.text.visible import folded
from tests.unit.turn_fakes import BRAND, EXPORT, context, message

PLANS = replace(
    EXPORT,
    title="Limits of the plans",
    heading_path="Limits of the plans > Numbers",
    body=(
        "The Free plan runs 100 actions a month, Pro 5,000 and Business 50,000. A workspace may have ten members. "
        "Deleted tasks stay in the trash for 30 days. A link is valid for one hour, an export for 36 hours. A file may "
        "have up to 2.5 GB. The API allows 120 requests a minute. Version 7.2.1 was released on 3 March 2026. Every "
        "paid plan costs $12 a month. See https://help.taskflow.example/limits?tab=2 or write to "
        "privacy@techcorp.example. Backups cover 99.5% of the data."
    ),
)


def broken(text: str, *, asked: str = "What are the limits?", kind: ReplyKind = ReplyKind.ANSWER) -> Rule | None:
    reply = ReplyIntent(text, kind, (PLANS.slug,))
    violation = check_reply(reply, context(asked), [PLANS], matched=True, brand=BRAND).violation
    return violation.rule if violation else None


@pytest.mark.parametrize(
    "text",
    [
        "Deleted tasks stay in the trash for thirty days.",
        "The Pro plan runs 5000 actions a month.",
        "The Pro plan runs five thousand actions a month.",
        "A link is valid for 60 minutes, and an export for 36 hours.",
        "A workspace may have 10 members.",
        "A file may have up to 2,5 GB.",
        "A file may have up to 2500 MB.",
        "The API allows 120 requests per minute.",
        "Version 7.2.1 was released on March 3rd, 2026.",
        "Version 7.2.1 was released on 2026-03-03.",
        "Backups cover 99.5 percent of the data.",
        "Every paid plan costs 12 USD a month.",
        "See help.taskflow.example/limits?tab=2.",
        "There are three plans here: Free, Pro and Business.",
    ],
)
def test_the_same_value_in_another_spelling_is_the_same(text: str) -> None:
    assert broken(text) in (None, Rule.UNSUPPORTED), "words are another matter"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Deleted tasks stay in the trash for 30 weeks.", Rule.NUMBER),
        ("Deleted tasks stay in the trash for thirty-one days.", Rule.NUMBER),
        ("The Free plan runs 5,000 actions a month.", Rule.NUMBER),
        ("The Business plan runs 100 actions a month.", Rule.NUMBER),
        ("The API allows 120 requests a second.", Rule.NUMBER),
        ("A file may have up to 2.5 MB.", Rule.NUMBER),
        ("A file may have up to 25 GB.", Rule.NUMBER),
        ("Version 7.2.4 was released.", Rule.NUMBER),
        ("A workspace may have twelve members.", Rule.NUMBER),
        ("Backups cover 95% of the data.", Rule.NUMBER),
        ("A link is valid for a few days, it works within an hour or two.", Rule.NUMBER),
        ("Version 7.2.1 was released on 4 March 2026.", Rule.DATE),
        ("Version 7.2.1 was released on 03/05/2026.", Rule.DATE),
        ("Version 7.2.1 was released on 3 March 2025.", Rule.DATE),
        ("Sie erschien am 5. April 2026.", Rule.DATE),
        ("Elle est sortie le 14 juillet 2026.", Rule.DATE),
        ("Salió el 9 de mayo de 2026.", Rule.DATE),
        ("Saiu em 7 de outubro de 2026.", Rule.DATE),
        ("It comes next week.", Rule.DATE),
        ("It comes in Q3 2027.", Rule.DATE),
        ("Every paid plan costs €15 a month.", Rule.MONEY),
        ("It costs fifteen dollars.", Rule.MONEY),
        ("It costs PKR 900.", Rule.MONEY),
        ("It costs 900 ₹.", Rule.MONEY),
        ("Das kostet 20 Franken.", Rule.MONEY),
        ("Cuesta 30 pesos.", Rule.MONEY),
        ("It is free of charge.", Rule.MONEY),
        ("See help.taskflow.example/limits?tab=3.", Rule.LINK),
        ("See https://help.taskflow.example.evil.io/limits", Rule.LINK),
        ("See [the limits](https://evil.example/x).", Rule.LINK),
        ("![](https://evil.example/c?d=robin)", Rule.LINK),
        ("See evil dot com.", Rule.LINK),
        ("See evil[.]example now.", Rule.LINK),
        ("Open javascript:alert(1) there.", Rule.LINK),
        ("Open ftp://files.evil.net/a there.", Rule.LINK),
        ("See ｅｖｉｌ．ｃｏｍ there.", Rule.LINK),
        ("Write to help (at) evil (dot) com.", Rule.FOREIGN_ADDRESS),
        ("Call +44 20 7946 0958.", Rule.FOREIGN_ADDRESS),
        ("Call 0800 1234567.", Rule.FOREIGN_ADDRESS),
    ],
)
def test_another_value_is_caught(text: str, rule: Rule) -> None:
    assert broken(text) is rule


@pytest.mark.parametrize(
    "text",
    [
        "I'll personally take care of it.",
        "We will prepare it tonight.",
        "Your invoice has been refunded.",
        "I will **re**fund you.",
        "Ich werde das sofort prüfen.",
        "Wir haben Ihnen den Betrag erstattet.",
        "Wir garantieren das.",
        "Ein Kollege wird sich melden.",
        "Je vais vous rembourser.",
        "Nous vous contacterons.",
        "Je vous promets que cela marche.",
        "Voy a cancelar su cuenta.",
        "Hemos reembolsado el importe.",
        "Le garantizamos que funciona.",
        "Vou verificar isso para você.",
        "Cancelamos e reembolsamos tudo: prometemos.",
        "سنعيد لك المال",
        "نضمن لك ذلك",
    ],
)
def test_promises_are_known_in_the_forms_six_languages(text: str) -> None:
    assert promises.promises_in(folded(text.replace("*", "")))


@pytest.mark.parametrize(
    "text",
    [
        "I will explain it step by step.",
        "You will find it under Settings.",
        "The owner will see the new plan.",
        "Ich helfe Ihnen gern.",
        "Vous pouvez ouvrir les paramètres.",
        "Puede abrir la configuración.",
    ],
)
def test_an_explanation_is_no_promise(text: str) -> None:
    assert promises.promises_in(folded(text)) == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("You are an idiot.", Rule.MANNER),
        ("We admit full liability.", Rule.MANNER),
        ("Please send me your password.", Rule.MANNER),
        ("Use the coupon at the checkout.", Rule.TOPIC),
        ("A discount is possible.", Rule.TOPIC),
        ("Select **Delete everything** in the menu.", Rule.NAME),
        ("Open Settings > Secret page.", Rule.NAME),
        ("It works with Salesforce too.", Rule.NAME),
        ("Öffnen Sie dazu bitte die Einstellungen und wählen Sie dann das Menü.", Rule.LANGUAGE),
    ],
)
def test_what_is_not_ours_to_say_is_caught(text: str, rule: Rule) -> None:
    assert broken(text, asked="What are the limits of the plans that you have?") is rule


def test_a_date_is_read_in_arabic_too() -> None:
    (date,) = dates.dates_in(folded("صدرت في 8 يونيو 2026"))
    assert date.days == {(6, 8)}


def test_a_word_in_single_letters_is_that_word() -> None:
    assert broken("Your money: r e f u n d is on its way.") is Rule.TOPIC
    assert broken("It is your r-e-f-u-n-d.") is Rule.TOPIC


def test_an_essay_is_no_small_talk() -> None:
    assert broken("Thank you and welcome. " * 30, kind=ReplyKind.SMALL_TALK) is Rule.MANNER


def test_competitors_are_neither_compared_nor_brought_up() -> None:
    brand = BRAND.model_copy(update={"competitors": ("Trello", "Asana")})
    importing = replace(
        EXPORT, body="Open the menu and select **Import from Trello**. Unlike Trello, boards have lists."
    )

    def rule_of(text: str) -> Rule | None:
        reply = ReplyIntent(text, ReplyKind.ANSWER, (importing.slug,))
        asked = context("Is Trello better than you, or Asana?")
        violation = check_reply(reply, asked, [importing], matched=True, brand=brand).violation
        return violation.rule if violation else None

    assert rule_of("Open the menu and select **Import from Trello**.") is None
    assert rule_of("Boards are better than in Trello, open the menu.") is Rule.TOPIC
    assert rule_of("Open the menu as in Asana.") is Rule.TOPIC


def test_a_colleagues_secret_stays_one_and_its_matter_may_be_told() -> None:
    note = "The export works again since version 9.1. Do not tell Robin that the billing data was lost on Monday."
    told = context(colleague_note=note, history=[message("The export fails.")])

    def rule_of(text: str) -> Rule | None:
        reply = ReplyIntent(text, ReplyKind.CONVERSATION, ())
        violation = check_reply(reply, told, [], matched=False, brand=BRAND).violation
        return violation.rule if violation else None

    assert rule_of("The export works again since version 9.1.") is None
    assert rule_of("We know that the billing data was lost on Monday.") is Rule.LEAK
    assert rule_of(note) is Rule.LEAK


@pytest.mark.parametrize(
    ("subject", "rule"),
    [
        ("Export of a project fails with error 5021", None),
        ("Refund approved: I will refund you", Rule.PROMISE),
        ("See https://evil.example", Rule.LINK),
        ("reason_code legal_issue", Rule.LEAK),
        ("Customer is an idiot", Rule.MANNER),
    ],
)
def test_a_subject_that_the_customer_reads_keeps_the_rules_too(subject: str, rule: Rule | None) -> None:
    violation = check_subject(subject, context("My export fails with error 5021"), BRAND)
    assert (violation.rule if violation else None) is rule


READERS: tuple[Callable[[str], object], ...] = (
    amounts.amounts_in,
    amounts.vague_periods,
    conduct.misconduct,
    dates.dates_in,
    leaks.encoded,
    leaks.inside_words,
    leaks.other_customers,
    links.mailboxes_in,
    links.pages_in,
    links.phones_in,
    money.free_offers,
    money.sums_in,
    promises.promises_in,
    topics.money_matters,
)
UNITS = (
    *(
        "a",
        "1 ",
        "1,",
        "111 ",
        "one hundred and ",
        "march 3 ",
        "a.",
        "a@",
        "a dot ",
        "(",
        "www.",
        "](",
        "+1 ",
        "i will ",
    ),
    *(
        "your ",
        "we ",
        "free ",
        "no cost ",
        "the ",
        "ich ",
        "je vais ",
        "refund ",
        "sk-",
        "aB3",
        "- ",
        "$",
        "$1 ",
        "01010101 ",
    ),
)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "reader", READERS, ids=lambda reader: f"{reader.__module__.rpartition('.')[2]}.{reader.__name__}"
)
def test_fifty_thousand_characters_take_linear_time(reader: Callable[[str], object]) -> None:
    for unit in UNITS:
        text = unit * (50_000 // len(unit))
        began = time.process_time()
        reader(text)
        assert time.process_time() - began < 5, f"quadratic on {unit!r}"
