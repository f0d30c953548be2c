"""Sums of money in any currency, and what is said to cost nothing: only articles may name a price."""

from __future__ import annotations

import re

from agent.reply.guardrails.gates import Gate

_SYMBOL = r"[$€£¥₹₽₩₺₦₴₫₱฿₪₸₡₲₵₭₮₼₾﷼￥¢]"
_CODE = (
    r"(?:usd|eur|gbp|jpy|cny|rmb|inr|pkr|bdt|lkr|aud|cad|nzd|chf|sek|nok|dkk|pln|czk|huf|ron|bgn|try|rub|uah|brl"
    r"|mxn|ars|clp"
    r"|cop|pen|zar|ngn|kes|ghs|egp|mad|tnd|aed|sar|qar|kwd|ils|krw|sgd|hkd|twd|thb|idr|myr|php|vnd|btc|eth|usdt"
    r"|us\$|rs\.?|r\$)"
)
_WORD = (
    r"(?:dollars?|bucks?|euros?|pounds?|quid|pence|cents?|francs?|rupees?|yen|yuan|won|lira|pesos?|rea(?:is|l)"
    r"|kron(?:er|or|a|e)"
    r"|zloty\w*|rubles?|rand|dirhams?|riyals?|dinars?|dolares|dolar|libras?|euro|franken|dollar|centimes?|centavos?"
    r"|دولار\w*|يورو|ريال\w*|درهم\w*|جنيه\w*)"
)
_FIGURE = r"\d[\d.,' ]{0,14}(?:\d|\b)"
_SPELLED = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty|seventy"
    r"|eighty|ninety|hundred|thousand|million)"
)
_MONEY = re.compile(
    rf"{_SYMBOL} ?{_FIGURE}|(?<!\w){_CODE} ?{_FIGURE}"
    rf"|(?<![\d.,]){_FIGURE} ?(?:k|million)? ?(?:{_SYMBOL}|(?:us |canadian |australian )?(?:{_CODE}|{_WORD})(?!\w))"
    rf"|\b{_SPELLED}(?:[ -]{_SPELLED}){{0,4}} (?:us )?{_WORD}(?!\w)"
)
_MAY_COUNT = re.compile(rf"\d|\b{_SPELLED} ")
_COSTS_NOTHING = Gate.of(
    "free|cost|charge|complimentary|on the house|kosten|gratuit|frais|coste|cargo|custo|graca|مجان",
    r"\b(?:free of charge|for free|at no (?:extra |additional )?(?:cost|charge)|no (?:extra |additional )?(?:cost"
    r"|charge)s?"
    r"|costs? nothing|complimentary|on the house|without (?:extra |additional )?(?:cost|charge)|kostenlos\w*|kostenfrei"
    r"|gratuit\w*|sans frais|sin (?:coste|costo|cargo)|sem custo|de graca)\b|مجان\w*",
)
_DIGITS = re.compile(r"\d[\d.,']*")


def sums_in(text: str) -> list[tuple[int, str]]:
    """Every sum of a folded text as its place and its words."""
    if not _MAY_COUNT.search(text):
        return []
    return [(match.start(), match[0]) for match in _MONEY.finditer(text)]


def free_offers(text: str) -> list[str]:
    return _COSTS_NOTHING.find(text)


def is_priced(said: str, own: str) -> bool:
    """Whether the articles name this sum: as it is written, or its figure beside the same or no other currency."""
    if said in own:
        return True
    figures = {_plain(found) for found in _DIGITS.findall(said)}
    return any(figures & {_plain(found) for found in _DIGITS.findall(other)} for _, other in sums_in(own)) and bool(
        figures
    )


def _plain(figure: str) -> str:
    figure = re.sub(r"[.,](?=\d{3}(?:\D|$))|'", "", figure.rstrip(".,"))
    return figure.replace(",", ".")
