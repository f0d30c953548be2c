"""Dates in their many spellings, compared as days: '3 March' is 'March 3rd', '03/03' and '3. März'."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_MONTHS = {
    name: number
    for number, names in enumerate(
        [
            "",
            "january jan januar janvier enero janeiro gennaio يناير",
            "february feb februar fevrier febrero fevereiro فبراير",
            "march mar marz mars marzo marco مارس",
            "april apr avril abril ابريل",
            "may mai mayo maio مايو",
            "june jun juni juin junio junho يونيو",
            "july jul juli juillet julio julho يوليو",
            "august aug aout agosto اغسطس",
            "september sep sept septembre septiembre setembro سبتمبر",
            "october oct oktober octobre octubre outubro اكتوبر",
            "november nov novembre noviembre novembro نوفمبر",
            "december dec dezember decembre diciembre dezembro ديسمبر",
        ]
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DATED = re.compile(
    rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|\.|o)?\s{{0,2}}(?:of |de )?(?P<month>{_MONTH})\b\.?"
    rf"(?:,?\s{{1,2}}(?:de |del )?(?P<year>\d{{4}}))?"
    rf"|\b(?P<month2>{_MONTH})\b\.?\s{{1,2}}(?:the )?(?P<day2>\d{{1,2}})(?:st|nd|rd"
    rf"|th)?\b(?!:)(?:,?\s{{1,2}}(?P<year2>\d{{4}}))?"
    rf"|\b(?P<month3>{_MONTH})\b\.?\s{{1,2}}(?:de )?(?P<year3>(?:19|20)\d\d)\b"
)
_NUMERIC = re.compile(
    r"(?<![\w.:/-])(?:(?P<y>(?:19|20)\d\d)-(?P<m>\d{1,2})-(?P<d>\d{1,2})"
    r"|(?P<a>\d{1,2})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<y2>(?:19|20)?\d\d))(?![\w/-]|\.\d)"
)
_WEEKDAY = re.compile(r"(?:mon|tues|wednes|thurs|fri|satur|sun)day")
_QUARTER = re.compile(r"\bq[1-4](?:\s?/?\s?(?:19|20)\d\d)?\b|\b(?:first|second|third|fourth) quarter\b")
_RELATIVE = re.compile(
    r"\b(?:by|on|until|till|before|next|this|from|every|each|am|bis"
    r"|nachsten|ce|cet|lundi prochain|el|hasta|proximo|ate|na|no)\s+"
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b"
    r"|\b(?:by|until|before|starting)\s+(?:tomorrow|tonight|today|(?:the )?end of (?:the )?(?:day|week|month|year))\b"
    r"|\b(?:tomorrow|next (?:week|month|quarter|year)|later (?:this|next) (?:week|month|year)|end of (?:the )?"
    r"(?:week|month|quarter|year)|coming (?:days|weeks|months)|(?:a )?few (?:days|weeks|months) from now"
    r"|by the weekend)\b"
    r"|\b(?:morgen fruh|bis morgen|nachste (?:woche|tage)|nachsten (?:monat|tagen|montag|freitag)|bis ende der woche"
    r"|demain|la semaine prochaine|le mois prochain|d'ici (?:demain|vendredi|lundi)"
    r"|manana mismo|la proxima semana|la semana que viene|el proximo mes|antes del (?:lunes|viernes)"
    r"|amanha|na proxima semana|no proximo mes|ate (?:sexta|segunda)(?:-feira)?)\b"
    r"|غدا|الاسبوع القادم|الاسبوع المقبل|الشهر القادم"
)


@dataclass(frozen=True, slots=True)
class DateSaid:
    """`days`: the (month, day) that it may be, day 0 for a month alone; empty for a relative date."""

    text: str
    start: int
    days: frozenset[tuple[int, int]]
    year: int | None = None


def dates_in(text: str) -> list[DateSaid]:
    """Every date of a folded text."""
    found = [_dated(match) for match in _DATED.finditer(text)]
    found += [_numeric(match) for match in _NUMERIC.finditer(text)]
    found += [
        DateSaid(match[0], match.start(), frozenset())
        for pattern in (_QUARTER, _RELATIVE)
        for match in pattern.finditer(text)
    ]
    return found


def is_known(date: DateSaid, known: Iterable[DateSaid]) -> bool:
    """Whether a source names the same day; of a year that only one of the two says nothing is known."""
    for other in known:
        if not date.days or not other.days:
            if date.text == other.text:
                return True
        elif date.days & other.days and (date.year is None or other.year is None or date.year == other.year):
            return True
    return False


def is_said_weekday(date: DateSaid, own: str) -> bool:
    """Whether a relative date is a day of the week that the articles name: 'on Mondays' for 'each Monday'."""
    found = _WEEKDAY.search(date.text)
    return not date.days and found is not None and found[0] in own


def _dated(match: re.Match[str]) -> DateSaid:
    month = _MONTHS[match["month"] or match["month2"] or match["month3"]]
    day = int(match["day"] or match["day2"] or 0)
    year = match["year"] or match["year2"] or match["year3"]
    return DateSaid(match[0], match.start(), frozenset({(month, day)}), int(year) if year else None)


def _numeric(match: re.Match[str]) -> DateSaid:
    """Both orders of day and month, where both can be."""
    if match["y"]:
        pairs, year = {(int(match["m"]), int(match["d"]))}, int(match["y"])
    else:
        first, second = int(match["a"]), int(match["b"])
        pairs, year = {(first, second), (second, first)}, int(match["y2"])
        year += 2000 if year < 100 else 0
    days = frozenset((month, day) for month, day in pairs if 1 <= month <= 12 and 1 <= day <= 31)
    return DateSaid(match[0], match.start(), days or frozenset({(0, 0)}), year)


_ABOUT_US = re.compile(
    r"\b(?:releas\w+|launch\w*|available|ready|fixed|shipp\w+|restored|live|resolved|refund\w*|arriv\w+|deliver\w+"
    r"|repaired|deployed)\b"
)


def promises_something(text: str, date: DateSaid) -> bool:
    """Whether a date's sentence says that something of ours happens then: a customer's word is no source of that."""
    start = max(text.rfind(mark, 0, date.start) for mark in ".!?\n") + 1
    end = min((at for mark in "!?\n" if (at := text.find(mark, date.start)) >= 0), default=len(text))
    return bool(_ABOUT_US.search(text, start, end))
