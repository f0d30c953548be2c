"""Numbers with their units, compared by value: '1,000' is 1000, an hour is 60 minutes, ten is 10.

A number of our own must stand in a passage with the same unit, with the thing that it counts in the same sentence,
and, where both name a plan, for that plan. What the customer said may be said back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from agent.records import Plan
from agent.reply.guardrails.vocabulary import concepts, is_neutral

_NUMBER = re.compile(r"(?<![\w.,:])\d{1,3}(?: \d{3}){1,5}(?![\w.,:])|\d+(?:[.,:']\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:([.,' ])\d{3})(?:\1\d{3})*")
_STEP_NUMBER = re.compile(r"^[ \t]*(?:step\s+)?\d{1,2}[.):](?:\s|$)", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")
_AFTER = re.compile(r"[ -]{0,2}((?:business|working)[ -])?(%|[^\W\d_]{1,20}\.?(?: (?:cent|ciento|cento))?)")
_WORDS_AFTER = re.compile(r"[ -]{0,2}([^\W\d_]{1,20}(?:[ -][^\W\d_]{1,20}){0,2})")

# Seconds, months, bytes and percent do not convert into each other; a month has no number of days.
_UNIT_NAMES: dict[tuple[str, float], str] = {
    ("s", 1): "second seconds sec secs sekunde sekunden seconde secondes segundo segundos ثانية",
    ("s", 60): "minute minutes min mins minuten minuto minutos دقيقة دقائق",
    ("s", 3600): "hour hours hr hrs h stunde stunden heure heures hora horas ساعة ساعات",
    ("s", 86_400): "day days tag tage tagen jour jours dia dias يوم ايام",
    ("s", 604_800): "week weeks woche wochen semaine semaines semana semanas اسبوع اسابيع",
    ("month", 1): "month months monat monate monaten mois mes meses شهر اشهر شهور",
    ("month", 12): "year years jahr jahre jahren an ans annee annees ano anos سنة سنوات",
    ("byte", 1e3): "kb kib ko kilobyte kilobytes",
    ("byte", 1e6): "mb mib mo megabyte megabytes",
    ("byte", 1e9): "gb gib go gigabyte gigabytes",
    ("byte", 1e12): "tb tib terabyte terabytes",
    ("%", 1): "% percent prozent pct per_cent pour_cent por_ciento por_cento",
}
_UNITS = {name.replace("_", " "): unit for unit, names in _UNIT_NAMES.items() for name in names.split()}
_ONE_WORDS = (
    "zero|one|two zwei deux dos dois duas|three drei trois tres|four vier quatre cuatro quatro|five funf cinq cinco"
    "|six sechs seis|seven sieben sept siete sete|eight acht huit ocho oito|nine neun neuf nueve nove"
    "|ten zehn dix diez dez|eleven elf onze once|twelve zwolf douze doce doze|thirteen|fourteen"
    "|fifteen quinze quince|sixteen|seventeen|eighteen|nineteen"
)
_TEN_WORDS = (
    "||twenty zwanzig vingt veinte vinte|thirty dreissig trente treinta trinta|forty vierzig quarante cuarenta quarenta"
    "|fifty funfzig cinquante cincuenta cinquenta|sixty sechzig soixante sesenta sessenta|seventy|eighty|ninety neunzig"
)
_SCALES = {"hundred": 100, "hundert": 100, "thousand": 1_000, "tausend": 1_000, "million": 1_000_000}
_DOZEN = {"dozen": 12}
_SPELLINGS = {
    **{word: value for value, names in enumerate(_ONE_WORDS.split("|")) for word in names.split()},
    **{word: value * 10 for value, names in enumerate(_TEN_WORDS.split("|")) for word in names.split()},
    **_SCALES,
    **_DOZEN,
}
_ENGLISH_WORDS = """
    zero two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million dozen
    """
_ENGLISH = frozenset(_ENGLISH_WORDS.split())
_ANY_SPELLING = "|".join(sorted(_SPELLINGS, key=len, reverse=True))
_SPELLED = re.compile(rf"\b(?:{_ANY_SPELLING})(?:(?:[ -]|(?<=hundred) and |(?<=thousand) and )(?:{_ANY_SPELLING}))*\b")
_IDIOM = re.compile(
    r"\b(?:(?:one|two|three)-(?:way|step|time|click)|in one (?:go|step|place)"
    r"|one (?:by one|of|another|or|more)\b|no one)\b"
)
_RATE = re.compile(
    r"(?:[^.!?;,\n\d]{0,40}?\b(?:per|an?|each|every|pro|par|por|al?)\b|\s?/)\s?"
    r"([^\W\d_]{2,10})\b"
)
_IDENTIFIER = re.compile(r"[^\W\d_]+")
_LISTED = re.compile(r"[^:.!?\n]{0,40}:\s+([^.!?\n]{3,300})")
_VAGUE = re.compile(
    r"\b(?:within|in|for|up to|at least|takes?|after)\s+(?:an?|a few|a couple of|several)\s+"
    r"(?:business |working )?(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?)\b"
)
_PLAN_CONCEPTS = concepts(" ".join(plan.value for plan in Plan))
_PLANS = re.compile(rf"\b(?:{'|'.join(plan.value for plan in Plan)})\b(?! of charge)")
_SAID_BACK = re.compile(
    r"\b(?:mention|sa(?:id|y)|wr(?:ote|ite)|told|ask|describ|not|no|cannot|more than|over|exceed|above|too"
    r"|your (?:\w+ )?\d)"
    r"|n't\b"
)
_FREE_NOUNS = concepts(
    "steps ways options things places cases methods points questions choices moments clicks parts reasons examples "
    "times types kinds sentences possibilities minutes tips ideas articles links"
)
_KINDS = {"s": "time", "month": "time", "byte": "size", "%": "share"}
_MONTH_S = 30 * 86_400.0
_ONE_OF = re.compile(
    r"\b(for|after|within|in|takes?|about|than|over|until|every) (?:an?|another) "
    r"(?=(?:second|minute|hour|day|week|month|year)\b)"
)
_ONE_UNIT = re.compile(r"\ban? (second|minute|hour|day|week|month|year)$")
_SAME_SPAN = {
    "second": "1,?000 milliseconds",
    "minute": "(?:60|sixty) seconds",
    "hour": "(?:60|sixty) minutes",
    "day": "24 hours|twenty-four hours",
    "week": "(?:7|seven) days",
    "month": "(?:30|thirty|31) days",
    "year": "(?:12|twelve) months|365 days",
}
"""What 'within a day' may be in an article."""
_SMALL = 12.0
_CODE_DIGITS = 3
_LARGEST = 10**12
_COMMON = concepts("task board list workspace project day hour minute week month year time")
"""What so many sentences speak of that it joins none."""
_LEAST_MATTER = 2
"""A sentence with so many concepts shares one of them with the sentence that its number is from."""


@dataclass(frozen=True, slots=True)
class Amount:
    """`readings`: what the number may mean as written, '1.000' being 1000 or 1; a version or a time of day is itself.

    `nouns`: what it counts; `sentence`: the concepts of its sentence and its neighbours; `plans`: of which it is said.
    """

    text: str
    start: int
    readings: frozenset[float | str]
    unit: str
    scale: float
    nouns: frozenset[str]
    sentence: frozenset[str]
    plans: frozenset[str]
    rate: tuple[str, float]
    """The unit of 'a minute' in '120 requests a minute'."""
    listed: int
    """How many things a list right after it names: 'three views: Board, List and Calendar'."""

    @property
    def values(self) -> frozenset[float | str]:
        """In the unit's base, rounded, so that an hour meets 60 minutes."""
        return frozenset(
            round(reading * self.scale, 6) if isinstance(reading, float) else reading for reading in self.readings
        )


def amounts_in(text: str) -> list[Amount]:
    """Every number of a folded text, in order. The numbers of steps do not count."""
    body = _STEP_NUMBER.sub(lambda match: " " * len(match[0]), text)
    if "one " in body or "-" in body:
        body = _IDIOM.sub(lambda match: " " * len(match[0]), body)
    parts = _split(body)
    spans = [_spans(part) for part in parts]
    if not any(spans):
        return []
    found: list[Amount] = []
    start = 0
    for index, part in enumerate(parts):
        if spans[index]:
            around = concepts(" ".join(parts[max(index - 1, 0) : index + 2]))
            found += _of_sentence(part, spans[index], start, around)
        start += len(part)
    return found


def vague_periods(text: str) -> list[str]:
    """'within an hour', 'in a few days': periods without a number."""
    return [match[0] for match in _VAGUE.finditer(text)]


def has_period(period: str, text: str) -> bool:
    """Whether a folded text has a vague period, or 'one hour' for 'for an hour'."""
    one = _ONE_UNIT.search(period)
    if one is None:
        return period in text
    return period in text or bool(re.search(rf"\b(?:(?:one|1) {one[1]}|{_SAME_SPAN[one[1]]})\b", text))


def is_repeated(amount: Amount, known: Iterable[Amount], *, english: bool = True) -> bool:
    """Whether our own sources have the same number of the same thing, said about something of the same sentence.

    In another language than the articles' only the number and its unit can be compared.
    """
    return any(_same(amount, other, english=english) for other in known)


def in_figures(text: str) -> str:
    """A folded text with 'for a year' as 'for 1 year'; '120 requests a minute' is a rate and stays."""
    return _ONE_OF.sub(r"\1 1 ", text)


def conflicts(amount: Amount, known: Iterable[Amount]) -> bool:
    """Whether what is known has values of the same kind (time, size, share, code), and none that is the same."""
    every = list(known)
    kind = _KINDS.get(amount.unit)
    if kind is None:
        codes = [other for other in every if _is_code(other)]
        return _is_code(amount) and bool(codes) and not any(other.readings & amount.readings for other in codes)
    if any(not other.unit and other.readings & amount.readings for other in every):
        return False  # 'for 30 days, phones for 90'
    others = [other for other in every if _KINDS.get(other.unit) == kind and other.rate == amount.rate]
    own = _in_base(amount)
    return bool(others) and not any(abs(own - _in_base(other)) <= 0.06 * max(own, _in_base(other)) for other in others)


def _is_code(amount: Amount) -> bool:
    """Whether a number may be a name, as that of an answer of a server: of three digits, written, without a unit."""
    return not amount.unit and len(amount.text) == _CODE_DIGITS and amount.text.isdigit()


def _in_base(amount: Amount) -> float:
    """Its largest reading in seconds, bytes or percent; a month is 30 days."""
    per_unit = _MONTH_S if amount.unit == "month" else 1.0
    readings = [reading for reading in amount.readings if isinstance(reading, float)]
    return max(readings, default=0.0) * amount.scale * per_unit


def is_said_back(amount: Amount, said: Iterable[Amount], sentence: str, domain: frozenset[str]) -> bool:
    """Whether the customer named this number and the sentence says it back to them.

    `domain` holds the concepts of the passages: a number of what the product has is not confirmed because it was asked.
    """
    if not any(amount.readings & other.readings for other in said):
        return False
    claims = bool(amount.unit) or bool(amount.nouns & domain)
    return not claims or bool(_SAID_BACK.search(sentence))


def needs_source(amount: Amount, domain: frozenset[str]) -> bool:
    """A bare digit is a number of clicks or a turn of speech, unless it measures or counts what the product has."""
    if amount.unit:
        return True
    small = all(isinstance(reading, float) and reading <= _SMALL for reading in amount.readings)
    if small and (amount.nouns & _FREE_NOUNS or float(amount.listed) in amount.readings):
        return False
    bare = small and not (amount.text.isdigit() and len(amount.text) > 1)
    return not bare or bool(amount.nouns & domain)


def _split(text: str) -> list[str]:
    """The sentences with what separates them, so that they join to the text."""
    parts: list[str] = []
    start = 0
    for match in _SENTENCE.finditer(text):
        parts.append(text[start : match.end()])
        start = match.end()
    parts.append(text[start:])
    return parts


def _spans(sentence: str) -> list[tuple[int, int, bool]]:
    """Where numbers stand, and whether they are spelled; '1Password' and 'mp4' are names."""
    spans = [(match.start(), match.end(), True) for match in _SPELLED.finditer(sentence)]
    for match in _NUMBER.finditer(sentence):
        before = sentence[match.start() - 1 : match.start()]
        letters = _IDENTIFIER.match(sentence, match.end())
        is_name = letters is not None and letters[0] not in _UNITS and letters[0] not in ("st", "nd", "rd", "th", "x")
        if not is_name and not before.isalpha():
            spans.append((match.start(), match.end(), False))
    return sorted(spans)


def _of_sentence(
    sentence: str, spans: list[tuple[int, int, bool]], offset: int, around: frozenset[str]
) -> list[Amount]:
    plans = _plans_of([(start, end) for start, end, _ in spans], sentence)
    found: list[Amount] = []
    for (start, end, spelled), of_plans in zip(spans, plans, strict=True):
        written = sentence[start:end]
        unit, scale = _unit_after(sentence, end)
        readings = _spelled_value(written) if spelled else _readings(written)
        if spelled and not unit and not _ENGLISH.issuperset(re.split(r"[ -](?:and )?", written)):
            continue  # 'once' is a Spanish number and an English word
        words = _WORDS_AFTER.match(sentence, end)
        if not unit and words is None and found and found[-1].unit:
            unit, scale = found[-1].unit, found[-1].scale  # 'browsers for 30 days, phones for 90'
        rate, listed = _RATE.match(sentence, end), _LISTED.match(sentence, end)
        found.append(
            Amount(
                text=written,
                start=offset + start,
                readings=readings,
                unit=unit,
                scale=scale,
                nouns=concepts(words[1]) - _PLAN_CONCEPTS if words and not unit else frozenset(),
                sentence=around,
                plans=of_plans,
                rate=_UNITS.get(rate[1], ("", 0.0)) if rate else ("", 0.0),
                listed=len(re.split(r",\s*(?:and |or )?|\s(?:and|or)\s", listed[1])) if listed else 0,
            )
        )
    return found


def _unit_after(sentence: str, end: int) -> tuple[str, float]:
    match = _AFTER.match(sentence, end)
    if match is None:
        return "", 1.0
    unit, scale = _UNITS.get(match[2].rstrip("."), _UNITS.get(match[2].split(" ")[0], ("", 1.0)))
    return (f"business {unit}", scale) if match[1] and unit else (unit, scale)


def _plans_of(spans: list[tuple[int, int]], sentence: str) -> list[frozenset[str]]:
    """The plans that each number is said of: those named since the number before it, else those after it."""
    named = [(match.start(), match[0]) for match in _PLANS.finditer(sentence)]
    found: list[frozenset[str]] = []
    previous = 0
    for index, (start, end) in enumerate(spans):
        following = spans[index + 1][0] if index + 1 < len(spans) else len(sentence)
        before = frozenset(name for at, name in named if previous <= at < start)
        after = frozenset(name for at, name in named if end <= at < following)
        found.append(before or (after if not found or not found[-1] else found[-1] | after))
        previous = end
    return found


def _same(amount: Amount, other: Amount, *, english: bool) -> bool:
    if amount.plans and other.plans and not amount.plans & other.plans:
        return False
    if amount.rate[0] and other.rate[0] and amount.rate != other.rate:
        return False
    if amount.unit:
        same = amount.unit == other.unit and bool(amount.values & other.values)
    elif not english or not amount.nouns or amount.nouns & _FREE_NOUNS:
        return bool(amount.readings & other.readings)
    else:
        # What the other counts itself says more than what else its sentence speaks of.
        counted = other.nouns or other.sentence
        same = not other.unit and bool(amount.readings & other.readings and amount.nouns & counted)
    matter = {concept for concept in amount.sentence if not is_neutral(concept)} - _COMMON
    return same and (not english or len(matter) < _LEAST_MATTER or bool(matter & other.sentence))


def _readings(written: str) -> frozenset[float | str]:
    if ":" in written:
        return frozenset({written.lstrip("0")})
    plain = re.sub(r"[ ']", "", written)
    found: set[float | str] = set()
    if grouped := _GROUPED.fullmatch(written):
        found.add(float(written.replace(grouped[1], "")))
    separators = re.findall(r"[.,]", plain)
    if not separators:
        found.add(float(plain))
    elif len(separators) == 1:
        found.add(float(plain.replace(",", ".")))
    elif separators[0] != separators[-1] and separators.count(separators[-1]) == 1:
        found.add(float(plain.replace(separators[0], "").replace(separators[-1], ".")))
    else:
        found.add(plain)
    return frozenset(found)


def _spelled_value(written: str) -> frozenset[float | str]:
    """'two hundred and fifty' is 250."""
    total, group = 0, 0
    for word in re.split(r"[ -]", written):
        if word in _SCALES:
            group = min(max(group, 1) * _SCALES[word], _LARGEST)
            if _SCALES[word] >= 1_000:
                total, group = total + group, 0
        elif word in _DOZEN:
            group = min(max(group, 1) * 12, _LARGEST)
        else:
            group += _SPELLINGS.get(word, 0)
    return frozenset({float(total + group)})
