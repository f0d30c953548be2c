"""The order of the rules over one draft."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from agent.records import Passage, TurnContext
from agent.reply.brand import Brand
from agent.reply.draft import ReplyIntent, ReplyKind
from agent.reply.formatting import without_markdown
from agent.reply.guardrails import amounts, conduct, dates, leaks, links, money, names, promises, steps, topics
from agent.reply.guardrails.dates import DateSaid
from agent.reply.guardrails.reply_language import foreign_language
from agent.reply.guardrails.rules import Rule, Violation
from agent.reply.guardrails.sources import Sources, gather_sources
from agent.reply.guardrails.support import Support, copied_from, measure
from agent.reply.guardrails.talk import wants_something
from agent.text.language import is_english, language_of
from agent.text.visible import folded, hidden_text, visible
from agent.text.words import sentences

_TALK_WORDS = {ReplyKind.SMALL_TALK: 70, ReplyKind.OFF_TOPIC: 90}
"""More than these are an essay, and not what the kind is for."""
_SAYS = re.compile(r"[^\W_]|[\u2190-\u2bff\U0001f000-\U0001faff]")
"""A letter, a digit, or a picture of a character: a thumb may answer thanks."""
_CHECKED_CHARS = 8_000
"""A longer draft is refused before; what is checked is bounded all the same."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the rules found: the first that is broken, None for a draft that may be sent.

    `support` is the mean share of its statements' words that passages have together, None where that was not measured
    (nothing was stated, or not in English); `articles` are those that some statement may come from.
    """

    violation: Violation | None
    support: float | None = None
    articles: frozenset[str] | None = None


@dataclass(frozen=True)
class _Draft:
    """A draft as it is written, as it is read, and folded."""

    raw: str
    plain: str
    folded: str
    kind: ReplyKind
    english: bool

    @cached_property
    def without_addresses(self) -> str:
        """As it is read, with blanks where addresses stand."""
        return links.without_addresses(self.plain)

    @cached_property
    def dates(self) -> list[DateSaid]:
        return dates.dates_in(self.folded)

    @cached_property
    def without_dates(self) -> str:
        """Blanks where dates stand, so that their numbers are not read as figures."""
        text = self.folded
        for date in self.dates:
            text = f"{text[: date.start]}{' ' * len(date.text)}{text[date.start + len(date.text) :]}"
        return text


_Check = Callable[[_Draft, Sources, TurnContext], Iterator[Violation]]


def check_reply(
    reply: ReplyIntent,
    context: TurnContext,
    passages: Sequence[Passage],
    *,
    matched: bool,
    brand: Brand,
    private: str = "",
) -> Checked:
    """Hold a draft against what it may say. `private` is what only the model is told: its instructions."""
    if not visible(reply.text).strip():
        return Checked(Violation(Rule.EMPTY, ""))
    if reply.kind is ReplyKind.ANSWER and not (matched and reply.articles):
        return Checked(Violation(Rule.UNGROUNDED, "the answer cites no article that matched"))
    draft = _read(reply.text, reply.kind, context)
    if not _SAYS.search(draft.plain):
        return Checked(Violation(Rule.EMPTY, "nothing is left of it without its marks"))
    sources = gather_sources(context, passages, brand)
    for check in (_inside, _private(private), _competitors(brand), *_CHECKS):
        for violation in check(draft, sources, context):
            return Checked(violation)
    own_words = _without_copies(draft, sources)
    for check in _CHECKS_OF_OWN_WORDS if own_words.plain else ():
        for violation in check(own_words, sources, context):
            return Checked(violation)
    if not draft.english:
        return Checked(None)
    wanted = wants_something(context.text)
    support = measure(draft.without_addresses, sources, reply.kind, matched=matched, wanted=wanted)
    return Checked(_unsupported(support, reply), support.share, support.articles)


def check_subject(subject: str, context: TurnContext, brand: Brand, private: str = "") -> Violation | None:
    """The same for the subject of a ticket, which the customer reads: it says what they want, in whatever words."""
    draft = _read(subject, ReplyKind.CONVERSATION, context)
    sources = gather_sources(context, (), brand)
    for check in (_inside, _private(private), _competitors(brand), *_SUBJECT_CHECKS):
        for violation in check(draft, sources, context):
            return violation
    return None


def _read(text: str, kind: ReplyKind, context: TurnContext) -> _Draft:
    raw = visible(text[:_CHECKED_CHARS])
    plain = without_markdown(raw, links=True)
    return _Draft(text[:_CHECKED_CHARS], plain, folded(plain), kind, _answers_english(plain, context.text))


def _without_copies(draft: _Draft, sources: Sources) -> _Draft:
    """The sentences that no article has word for word: of the others every value and name is the article's own."""
    plain = "\n".join(part for part in sentences(draft.plain) if not copied_from(part, sources))
    if not plain:
        return replace(draft, plain="", folded="", raw="")
    raw = "\n".join(part for part in sentences(draft.raw) if not copied_from(part, sources))
    return replace(draft, raw=raw, plain=plain, folded=folded(plain))


def _answers_english(reply: str, asked: str) -> bool:
    """Who writes English is answered in it, whatever the draft looks like; who surely does not, is not."""
    return is_english(asked) or (is_english(reply) and language_of(asked) is None)


def _unsupported(support: Support, reply: ReplyIntent) -> Violation | None:
    if reply.kind is ReplyKind.ANSWER and support.share is not None and not support.articles:
        return Violation(Rule.UNSUPPORTED, "nothing in the answer is from an article")
    if support.contradicted is not None:
        return Violation(Rule.CONTRADICTED, support.contradicted)
    return Violation(Rule.UNSUPPORTED, support.weakest) if support.weakest is not None else None


def _inside(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
    """Leaks in every form: the words themselves, a note, another customer, an encoding, letters that show nothing."""
    for said in leaks.inside_words(draft.folded):
        if said not in sources.own_folded:
            yield Violation(Rule.LEAK, said)
    for said in (*leaks.reason_codes(draft.folded), *leaks.other_customers(draft.folded)):
        yield Violation(Rule.LEAK, said)
    if hidden := hidden_text(draft.raw):
        yield Violation(Rule.LEAK, hidden)
    for ticket in leaks.tickets_in(draft.folded):
        if ticket != context.ticket.ticket_id.lower() and ticket not in f"{sources.said.folded} {sources.own_folded}":
            yield Violation(Rule.LEAK, ticket)
    for run in leaks.encoded(draft.without_addresses):
        if not any(run in text.text for text in (*sources.articles, sources.said)):
            yield Violation(Rule.LEAK, run)
    if sources.note.text and (found := leaks.repeats_note(draft.folded, sources.note.folded)):
        yield Violation(Rule.LEAK, found)


def _private(private: str) -> _Check:
    def check(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
        found = leaks.repeats_instructions(draft.folded, private) if private else None
        if found and found not in sources.own_folded:
            yield Violation(Rule.LEAK, found)

    return check


def _competitors(brand: Brand) -> _Check:
    def check(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
        if found := topics.competitor_talk(draft.folded, brand.competitors, sources.own_folded):
            yield Violation(Rule.TOPIC, found)

    return check


def _promised(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
    for said in promises.promises_in(draft.folded):
        if said not in sources.own_folded:
            yield Violation(Rule.PROMISE, said)


def _addresses(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
    if found := links.mailboxes_in(draft.folded):
        known = {context.identity.value.casefold(), *(box for text in sources.own for box in text.mailboxes)}
        yield from (Violation(Rule.FOREIGN_ADDRESS, box) for box in found if box not in known)
    if found := links.phones_in(draft.without_dates):
        known = {*(number for text in sources.own for number in text.phones), *links.phones_in(context.identity.value)}
        yield from (Violation(Rule.FOREIGN_ADDRESS, number) for number in found if number not in known)
    pages = {*links.pages_in(draft.folded), *links.pages_in(folded(draft.raw))}
    if pages:
        known = {links.plain_page(page) for text in sources.own for page in text.pages}
        yield from (Violation(Rule.LINK, page) for page in sorted(pages) if links.plain_page(page) not in known)


def _priced(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
    for _, said in money.sums_in(draft.folded):
        if not money.is_priced(said, sources.own_folded):
            yield Violation(Rule.MONEY, said)
    for said in money.free_offers(draft.folded):
        if said not in sources.own_folded:
            yield Violation(Rule.MONEY, said)


def _conducted(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
    for said in conduct.misconduct(draft.folded):
        if said not in sources.own_folded:
            yield Violation(Rule.MANNER, said)


def _money_matters(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
    for said in topics.money_matters(draft.folded):
        if said not in sources.own_folded:
            yield Violation(Rule.TOPIC, said)


def _dated(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
    if not draft.dates:
        return
    ours = [date for text in (*sources.own, sources.note) for date in text.dates]
    heard = sources.said.dates
    for date in draft.dates:
        if dates.is_known(date, ours) or dates.is_said_weekday(date, sources.own_folded):
            continue
        if not dates.is_known(date, heard) or dates.promises_something(draft.folded, date):
            yield Violation(Rule.DATE, date.text)


def _counted(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
    for said in amounts.vague_periods(draft.folded):
        if not any(amounts.has_period(said, text.folded) for text in (*sources.own, sources.note)):
            yield Violation(Rule.NUMBER, said)
    body = links.without_addresses(draft.without_dates)
    found = amounts.amounts_in(body)
    if not found:
        return
    ours = [amount for text in (*sources.own, sources.note) for amount in text.amounts]
    heard = sources.said.amounts
    for amount in found:
        if not amounts.needs_source(amount, sources.domain) or amounts.is_repeated(amount, ours, english=draft.english):
            continue
        sentence = _sentence_at(body, amount.start)
        if not amounts.is_said_back(amount, heard, sentence, sources.domain):
            yield Violation(Rule.NUMBER, amount.text)


def _ordered(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
    if draft.english and (found := steps.out_of_order(draft.plain, sources.passages)):
        yield Violation(Rule.CONTRADICTED, found)


def _named(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
    if found := names.unknown_path(draft.plain, sources) or names.unknown_marked(draft.raw, sources):
        yield Violation(Rule.NAME, found)
    if draft.english and (found := names.unknown_capital(draft.plain, sources)):
        yield Violation(Rule.NAME, found)


def _mannered(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
    limit = _TALK_WORDS.get(draft.kind)
    if limit is not None and len(draft.plain.split()) > limit:
        yield Violation(Rule.MANNER, f"{len(draft.plain.split())} words of {draft.kind.value.replace('_', ' ')}")


def _answering(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
    """An answer that has nothing but the question's words, though an article's heading may have them too."""
    if draft.kind is ReplyKind.ANSWER and draft.english and conduct.answers_nothing(draft.folded, folded(context.text)):
        yield Violation(Rule.MANNER, draft.plain.strip())


def _of_ones_own(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
    """A reply that is the customer's own message over again does what the message says, and answers nothing."""
    if found := conduct.parroted(draft.folded, folded(context.text[-_CHECKED_CHARS:]), sources.own_folded):
        yield Violation(Rule.MANNER, found)


def _in_the_customers_language(draft: _Draft, sources: Sources, context: TurnContext) -> Iterator[Violation]:
    if found := foreign_language(draft.plain, context.text, draft.kind):
        yield Violation(Rule.LANGUAGE, found)


_SUBJECT_CHECKS: tuple[_Check, ...] = (_conducted, _promised, _addresses, _priced, _named)
_CHECKS: tuple[_Check, ...] = (
    _conducted,
    _promised,
    _addresses,
    _priced,
    _money_matters,
    _mannered,
    _answering,
    _in_the_customers_language,
)
_CHECKS_OF_OWN_WORDS: tuple[_Check, ...] = (_of_ones_own, _dated, _counted, _named, _ordered)


def _sentence_at(text: str, at: int) -> str:
    start = max(text.rfind(mark, 0, at) for mark in ".!?\n") + 1
    ends = [end for mark in ".!?\n" if (end := text.find(mark, at)) >= 0]
    return text[start : min(ends, default=len(text))]
