"""What is a person's to discuss: refunds, discounts, competitors. An article's own words on them may be repeated."""

from __future__ import annotations

import re
from collections.abc import Iterable

from agent.reply.guardrails.gates import Gate

_MONEY_MATTERS = Gate.of(
    "refund|reimburs|chargeback|compensat|discount|promo|coupon|voucher|rebate|cashback|special offer|free "
    "|price match|waive"
    "|erstattung|gutsch|rabatt|rembours|remise|reduction|reembols|descuento|cupon|desconto|cupo|estorn|استرداد|خصم"
    "|قسيم",
    r"\b(?:refund\w*|reimburs\w+|chargebacks?|compensat\w+|discounts?|discount(?:ed)? codes?"
    r"|promo(?:tional)? codes?|coupons?"
    r"|vouchers?|rebates?|cashback|special offers?|free (?:months?|years?|upgrade|trial extension)|price match\w*"
    r"|waive[ds]?"
    r"|(?:\w*ruck)?erstattung\w*|gutschrift\w*|rabatt\w*|gutschein\w*|rembours\w+|remises?|reduction de prix"
    r"|bon de reduction"
    r"|reembols\w+|descuentos?|cupon\w*|descontos?|cupom|cupons|estorn\w+)\b|استرداد|خصم|قسيم\w*",
)
_COMPARES = re.compile(
    r"\b(?:better|worse|cheaper|faster|slower|superior|inferior|more (?:expensive|reliable|powerful)|unlike"
    r"|compared (?:to|with)"
    r"|versus|vs\.?|(?:an?|good|best) alternative|switch(?:ing)? to|recommend|competitors?|rivals?)\b"
)


def money_matters(text: str) -> list[str]:
    """Words of refunds and discounts in a folded text."""
    return _MONEY_MATTERS.find(text)


def competitor_talk(text: str, competitors: Iterable[str], own: str) -> str | None:
    """A competitor that no article names, or one that is compared with us; `text` and `own` are folded."""
    for name in competitors:
        if name.casefold() not in text:
            continue
        pattern = re.compile(rf"(?<!\w){re.escape(name.casefold())}(?!\w)")
        for match in pattern.finditer(text):
            around = text[max(match.start() - 80, 0) : match.end() + 80]
            if not pattern.search(own) or (_COMPARES.search(around) and around.strip() not in own):
                return match[0]
    return None
