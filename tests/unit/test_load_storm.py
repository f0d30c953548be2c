"""The plan of a storm: how much of it is new, how much repeated, and whose it is."""

from __future__ import annotations

from collections import Counter

from agent.records import Channel
from load.storm import MAILS_PER_CUSTOMER, WHATSAPP_PER_CUSTOMER, Message, make_plan

TEXTS = ("How do I archive a board?", "Can I export my tasks?")


def test_three_in_ten_webhooks_repeat_another_and_every_channel_has_its_third() -> None:
    plan = make_plan(TEXTS, 1_000, 0.3, seed=1)
    assert len(plan) == 1_000
    unique = set(plan)
    assert len(unique) == 700
    share = Counter(message.channel for message in unique)
    assert max(share.values()) - min(share.values()) <= 1
    assert set(share) == set(Channel)


def test_customers_write_as_often_as_their_channel_allows_and_every_message_says_whose_it_is() -> None:
    unique = set(make_plan(TEXTS, 1_000, 0.3, seed=1))
    per_customer = Counter((message.channel, message.customer) for message in unique)
    most = {channel: max(n for (of, _), n in per_customer.items() if of is channel) for channel in Channel}
    assert most == {
        Channel.WHATSAPP: WHATSAPP_PER_CUSTOMER,
        Channel.EMAIL: MAILS_PER_CUSTOMER,
        Channel.WEB_FORM: 1,
    }
    assert len({(message.channel, message.text[-40:], message.customer, message.number) for message in unique}) == 700


def test_the_same_seed_gives_the_same_storm_and_another_one_another() -> None:
    def planned(seed: int) -> list[Message]:
        return make_plan(TEXTS, 200, 0.3, seed)

    assert planned(3) == planned(3)
    assert planned(3) != planned(4)
    assert planned(3) != sorted(planned(3), key=lambda message: (message.channel, message.customer, message.number))
