"""Statement by statement: whether some passage has a sentence's words together, and says the same with them.

A measure by words, no judge of logic. A statement's concepts (content words as stems, synonyms together, without what
any writer explains with) are looked for in each window of three sentences of each passage and in all passages together;
half of each is the statement's support. The thresholds are from tests/eval/grounding/development.jsonl.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.reply.draft import ReplyKind
from agent.reply.guardrails.clauses import Reading, clauses_of, read
from agent.reply.guardrails.contradictions import LEAST_CONCEPTS, claims_enough, is_turned_around
from agent.reply.guardrails.sources import Sources
from agent.reply.guardrails.talk import answers_in_talk, is_manners, matter_of, stated
from agent.reply.guardrails.vocabulary import COMMON, is_neutral
from agent.text.visible import folded
from agent.text.words import sentences

LEAST_SUPPORT = 0.55
"""Of an answer's statement. Lower lets more inventions pass, higher withholds more paraphrases."""
LEAST_SUPPORT_OF_TALK = 0.3
"""Of what is said without an article: small talk, a question back, a refusal."""
LEAST_JUDGED = 3
"""A statement of fewer concepts says too little to be judged by its words: a paraphrase of one has another soon."""
_TOGETHER = 0.75
"""So much of what is added must be said together."""
_LEAST_COPIED = 12
_MARKS = re.compile(r"\*\*|[*_`]|^\s*(?:\d{1,2}[.)]|[-+•])\s+")
_HEARD = 0.5
"""What only the conversation has weighs half, and supports nothing: that somebody asked makes it no truth."""
_ADDS = re.compile(r"\b(?:also|as well|including)\b|\btoo\W*$")
"""Words by which something is added to what was said: what they add must be said of it somewhere."""


@dataclass(frozen=True, slots=True)
class Support:
    """`share`: the mean support of the statements, None where nothing was stated in English.

    `weakest` is the first statement under the threshold, `contradicted` the first that a passage turns around.
    """

    share: float | None
    weakest: str | None
    contradicted: str | None
    articles: frozenset[str]
    """Slugs of the articles from which some statement may come."""


def measure(plain: str, sources: Sources, kind: ReplyKind, *, matched: bool = False, wanted: bool = False) -> Support:
    """Measure an English reply without Markdown and addresses.

    Where articles `matched` what was asked, a reply that is called small talk or off topic, or asks back, has nothing
    to state: what it states all the same is measured as an answer's. Where the customer `wanted` something, talk that
    says anything of it is unsupported.
    """
    readings = [(p.slug, read(p.heading_path, p.body)) for p in sources.passages]
    in_talk = kind in (ReplyKind.SMALL_TALK, ReplyKind.OFF_TOPIC, ReplyKind.CLARIFICATION)
    is_lenient = in_talk and not matched
    only_talks = matched and wanted and kind in (ReplyKind.SMALL_TALK, ReplyKind.OFF_TOPIC)
    threshold = LEAST_SUPPORT_OF_TALK if is_lenient else LEAST_SUPPORT
    shares: list[float] = []
    weakest: str | None = None
    contradicted: str | None = None
    used: set[str] = set()
    for sentence in sentences(plain):
        statement = stated(sentence)
        slugs = copied_from(statement, sources)
        if slugs:
            used |= slugs
            shares.append(1.0)
            continue
        if statement.endswith("?"):
            continue
        said, matter = statement.lower(), matter_of(statement)
        if only_talks and weakest is None and answers_in_talk(statement, matter, sources):
            weakest = statement
        if not matter:
            continue
        share, slugs = _support(matter, readings, sources, counts_heard=kind is ReplyKind.CONVERSATION)
        used |= slugs
        if in_talk and is_manners(statement, matter, sources):
            continue
        if len(matter) >= LEAST_JUDGED:
            shares.append(share)
            adds = not is_lenient and bool(_ADDS.search(said))
            if weakest is None and (share < threshold or (adds and _is_scattered(statement, readings, sources))):
                weakest = statement
        if weakest is None and claims_enough(said, (text.folded for text in sources.articles)):
            weakest = statement
        if contradicted is None and is_turned_around(statement, [reading for _, reading in readings], sources):
            contradicted = statement
    return Support(sum(shares) / len(shares) if shares else None, weakest, contradicted, frozenset(used))


def copied_from(statement: str, sources: Sources) -> frozenset[str]:
    """The articles that have the statement word for word, as extractive answers do, also with its heading before it."""
    said = folded(_MARKS.sub("", statement)).strip().rstrip(":")
    if len(said) < _LEAST_COPIED:
        return frozenset()
    heading, _, rest = said.partition(": ")
    return frozenset(
        passage.slug
        for passage, text in zip(sources.passages, sources.articles, strict=True)
        if said in text.folded or (rest and heading in text.folded and rest in text.folded)
    )


def _support(
    matter: frozenset[str], readings: list[tuple[str, Reading]], sources: Sources, *, counts_heard: bool
) -> tuple[float, frozenset[str]]:
    """Support and the articles that it comes from. `counts_heard`: the conversation is a source like a passage."""
    heard_only = matter & (sources.heard - sources.domain)
    said_to_us = heard_only & sources.noted if not counts_heard else heard_only
    asked = len(heard_only - said_to_us) * _HEARD
    weight = len(matter) - len(heard_only - said_to_us) + asked
    everywhere = len(matter & sources.domain) + len(said_to_us)
    best, slugs = len(matter & sources.heard) if counts_heard else len(matter & sources.noted), set[str]()
    for slug, reading in readings:
        together = max((len(matter & window) for window in reading.windows), default=0)
        if together > best:
            best, slugs = together, {slug}
        elif together == best and best:
            slugs.add(slug)
    return (everywhere + min(best, weight)) / (2 * weight), frozenset(slugs)


def _is_scattered(statement: str, readings: list[tuple[str, Reading]], sources: Sources) -> bool:
    """Whether what one of its clauses says together no clause of a passage says together."""
    for clause in clauses_of(statement, frozenset()):
        matter = frozenset(each for each in clause.concepts if not is_neutral(each)) - COMMON
        matter -= sources.heard - sources.domain
        others = (other for _, reading in readings for other in reading.clauses)
        if len(matter) >= LEAST_CONCEPTS and not any(
            len(matter & (other.concepts | other.context)) >= _TOGETHER * len(matter) for other in others
        ):
            return True
    return False
