"""What a reply may repeat, taken apart once: the passages found, the facts of the ticket, and what was said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from agent.article_pages import section_address
from agent.records import Author, Passage, TurnContext
from agent.reply.brand import Brand
from agent.reply.guardrails import amounts, dates, links
from agent.reply.guardrails.amounts import Amount
from agent.reply.guardrails.dates import DateSaid
from agent.reply.guardrails.vocabulary import concepts
from agent.text.visible import folded, visible
from agent.text.words import words

_SAID_CHARS = 12_000
_MARKS = re.compile(r"\*\*|[*_`]")
_BOLD = re.compile(r"\*\*([^*\n]{1,120})\*\*")
_LISTING = re.compile(r",? ?(?:(?:and|or) )?")
_SPACES = re.compile(r"[ \t]+")


def without_marks(text: str) -> str:
    """Without Markdown's marks of emphasis and code."""
    return _MARKS.sub("", text)


class Text:
    """One text, read as far as some rule asks. Not changed after it is made.

    `addresses` are pages that may be named with it; nothing else of them counts as said.
    """

    def __init__(self, text: str, addresses: Sequence[str] = ()) -> None:
        self.text = visible(text)
        self._addresses = addresses

    @cached_property
    def folded(self) -> str:
        """For matching: without marks of Markdown, so that `**Settings > Security**` is 'settings > security'."""
        return _SPACES.sub(" ", without_marks(folded(self.text)).replace("→", ">").replace("›", ">"))

    @cached_property
    def unmarked(self) -> str:
        """As it is written, without marks of Markdown."""
        return without_marks(self.text)

    @cached_property
    def name_steps(self) -> frozenset[tuple[str, str]]:
        """The last word of each name in bold, and the first of a name that comes after it.

        Names beside each other in a list lead nowhere: 'use **Owner**, **Fields** or **Labels**'.
        """
        found = [(match.start(), match.end(), match[1].split(">")) for match in _BOLD.finditer(self.text)]
        between = [self.text[one[1] : other[0]] for one, other in pairwise(found)]
        listed = {index for index, joined_by in enumerate(between, start=1) if _LISTING.fullmatch(joined_by)}
        steps: set[tuple[str, str]] = set()
        for index, (_, _, path) in enumerate(found):
            ends = [folded(step).split()[-1] for step in path if folded(step).split()]
            for later in range(index + 1, len(found)):
                if listed.issuperset(range(index + 1, later + 1)):
                    continue
                starts = [folded(step).split()[0] for step in found[later][2] if folded(step).split()]
                steps.update((end, start) for end in ends for start in starts)
        return frozenset(steps)

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(words(self.text))

    @cached_property
    def concepts(self) -> frozenset[str]:
        return concepts(self.text)

    @cached_property
    def dates(self) -> tuple[DateSaid, ...]:
        return tuple(dates.dates_in(self.folded))

    @cached_property
    def amounts(self) -> tuple[Amount, ...]:
        return tuple(amounts.amounts_in(amounts.in_figures(self.folded)))

    @cached_property
    def pages(self) -> tuple[str, ...]:
        return (*links.pages_in(self.folded), *(folded(address) for address in self._addresses))

    @cached_property
    def mailboxes(self) -> tuple[str, ...]:
        return tuple(links.mailboxes_in(self.folded))

    @cached_property
    def phones(self) -> tuple[str, ...]:
        return tuple(links.phones_in(self.folded))


def passage_text(passage: Passage) -> Text:
    """What a reply may repeat of a passage: its words, and the address of its article and of its section."""
    return _text_of(passage.title, passage.heading_path, passage.body, passage.url, section_address(passage))


@lru_cache(maxsize=1024)
def _text_of(title: str, heading_path: str, body: str, *addresses: str) -> Text:
    """Kept over turns: the same passages are found again and again, and articles are nobody's secret."""
    known = tuple(dict.fromkeys(address for address in addresses if address))
    return Text(f"{title}.\n{heading_path}.\n{body}", known)


@dataclass(frozen=True)
class Sources:
    """`articles` in the order of the passages; `facts` of the turn's own ticket; `said` by either side."""

    passages: tuple[Passage, ...]
    articles: tuple[Text, ...]
    facts: Text
    said: Text
    ours: Text
    """What we wrote before, and whom we write to."""
    note: Text
    """What a colleague wrote for the FTE: its matter may be passed on."""

    @property
    def own(self) -> tuple[Text, ...]:
        return (*self.articles, self.facts)

    @cached_property
    def own_folded(self) -> str:
        return "\n".join(text.folded for text in self.own)

    @cached_property
    def domain(self) -> frozenset[str]:
        """The concepts of the articles."""
        return frozenset().union(*(text.concepts for text in self.articles)) if self.articles else frozenset()

    @cached_property
    def heard(self) -> frozenset[str]:
        """The concepts of the conversation and the ticket."""
        return self.said.concepts | self.note.concepts | self.facts.concepts

    @cached_property
    def noted(self) -> frozenset[str]:
        """The concepts of a colleague's note and of the ticket, which are as good as an article's."""
        return self.note.concepts | self.facts.concepts

    @cached_property
    def trusted_words(self) -> frozenset[str]:
        """The words of the articles, of the ticket, of a colleague, and of what we wrote before."""
        return frozenset().union(*(text.words for text in (*self.own, self.note, self.ours)))


def gather_sources(context: TurnContext, passages: Sequence[Passage], brand: Brand) -> Sources:
    ticket = context.ticket
    facts = (
        f"{ticket.ticket_id}\n{ticket.status.value.replace('_', ' ')}\n{context.plan}\n{ticket.created_at:%Y-%m-%d}\n"
        f"{brand.company} {brand.product} {brand.assistant_name}"
    )
    # A subject and a name are whatever somebody typed: no facts of ours.
    said = [message.body for message in (*context.history, *context.burst)] + [ticket.subject, context.customer_name]
    return Sources(
        passages=tuple(passages),
        articles=tuple(passage_text(passage) for passage in passages),
        facts=Text(facts),
        said=Text("\n".join(body[:_SAID_CHARS] for body in said if body)),
        ours=Text(
            "\n".join([*(m.body for m in context.history if m.author is not Author.CUSTOMER), context.customer_name])
        ),
        note=Text(context.colleague_note),
    )
