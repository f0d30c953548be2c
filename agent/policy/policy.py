"""When a conversation goes to a person, and to whom: the rules applied to a message (DESIGN, section 5).

Each sentence is compared with the exemplars of all rules and with ordinary questions. A rule matches where it leads
the ordinary by enough; one of its patterns in the sentence makes less enough. So a paraphrase without keywords
matches, and a keyword in an ordinary question does not.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.errors import ConfigurationInvalid
from agent.policy.meaning import MeaningClassifier, fit_key
from agent.policy.rules import ORDINARY, ModelThresholds, PolicyRules, Rule, read_rules
from agent.policy.sentences import normalise, split_parts, split_sentences
from agent.ports import Embedder, Embeddings, Float32Array
from agent.records import ReasonCode, Severity, Team
from agent.text.smalltalk import small_talk

_EMBED_BATCH = 64
# A sentence apart from its message is ambiguous, so the message has a say.
_CONTEXT_WEIGHT = 0.25
# A short message whose nearest reason stays this far below the threshold has no sentence that reaches it: of some 200
# labelled ones that go to a person by their sentences, none that had to was so far below. See docs/quality.md.
_CLEAR_MARGIN = 0.32
_CLEAR_PARTS = 4
# Among reasons that lead by this much the order of the rules decides, else the largest lead.
_FIRM = 0.3
# 'an automation called "Terminate contract"', "a list 'cancelled services'": a name says nothing of the writer's wish.
_NAMED = re.compile(
    r"\b(called|named|titled|labell?ed|tagged|tasks?|cards?|boards?|lists?|columns?|labels?|tags?|fields?|templates?"
    r"|projects?|workspaces?|stages?|status|automations?|forms?) (['\"]).{1,60}?\2"
)
# What an upset message is near to whatever it is about.
_MOODS = frozenset({ReasonCode.ABUSIVE_LANGUAGE, ReasonCode.CHURN_RISK})


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why and to whom. `evidence` quotes the words or names the exemplar that decided."""

    reason_code: ReasonCode
    team: Team
    severity: Severity
    evidence: str


class ArrayStore(Protocol):
    """Where what was computed once is found again; `load` answers None for what it has not."""

    def load(self, key: str) -> NDArray[Any] | None: ...
    def store(self, key: str, array: NDArray[Any]) -> None: ...


async def load_policy(path: Path, embedder: Embedder, fits: ArrayStore | None = None) -> EscalationPolicy:
    """Read the rules and learn their exemplars: seconds of work, the same at every start unless `fits` has it.

    Raises ConfigurationInvalid naming the rule that is wrong, and what the embedder raises.
    """
    rules = await asyncio.to_thread(read_rules, path)
    labels, sentences = zip(*dict.fromkeys(rules.labelled()), strict=True)
    batches = [
        await embedder.embed(sentences[start : start + _EMBED_BATCH])
        for start in range(0, len(sentences), _EMBED_BATCH)
    ]
    model_ids = {batch.model_id for batch in batches}
    if len(model_ids) > 1:
        raise ConfigurationInvalid("the embedding model changed while the policy was loaded; load it anew")
    vectors = np.concatenate([batch.vectors for batch in batches])
    classifier = await asyncio.to_thread(_fit, sentences, labels, vectors, fits)
    return EscalationPolicy(rules, model_ids.pop(), classifier)


def _fit(
    sentences: Sequence[str], labels: Sequence[str], vectors: Float32Array, fits: ArrayStore | None
) -> MeaningClassifier:
    if fits is None:
        return MeaningClassifier(sentences, labels, vectors, ordinary=ORDINARY)
    key = fit_key(sentences, labels, vectors)
    known = fits.load(key)
    classifier = MeaningClassifier(sentences, labels, vectors, ordinary=ORDINARY, weights=known)
    if known is None or classifier.weights is not known:
        fits.store(key, classifier.weights)
    return classifier


class EscalationPolicy:
    """The rules, ready to judge messages embedded by the model that embedded their exemplars."""

    def __init__(self, rules: PolicyRules, model_id: str, classifier: MeaningClassifier) -> None:
        self._rules = rules
        self._model_id = model_id
        self._classifier = classifier
        self._compiled = [_CompiledRule(rule) for rule in rules.rules]
        self._rank = {rule.reason: rank for rank, rule in enumerate(rules.rules)}
        given = self._thresholds(model_id).meaning
        self._meaning_threshold = classifier.calibrate(rules.false_alarms) if given is None else given

    @property
    def model_id(self) -> str:
        """The embedding model whose vectors it compares."""
        return self._model_id

    @property
    def meaning_threshold(self) -> float:
        """The lead over the ordinary from which a reason counts as meant."""
        return self._meaning_threshold

    @property
    def negative_threshold(self) -> float:
        """The sentiment below which an exchange counts as upset."""
        return self._rules.negative_threshold

    def match_threshold(self, model_id: str) -> float:
        """The cosine below which a search matches nothing, for vectors of this model."""
        return self._thresholds(model_id).match

    def parts(self, text: str) -> tuple[str, ...]:
        """The parts of a message that `immediate` judges apart, if their vectors follow the message's own."""
        return split_parts(text)

    def is_clear(self, text: str, embeddings: Embeddings) -> bool:
        """Whether the vector of the whole, row 0, is enough for `immediate`, so that the parts need none of their own.

        True for a short message that is far from every reason and has the wording of none, and where vectors are
        not compared at all.
        """
        parts = self.parts(text)
        if not parts or embeddings.model_id != self._model_id:
            return True
        if len(parts) > _CLEAR_PARTS or any(self._find_wording(part) for part in parts):
            return False
        lead = float(self._classifier.leads((text,), embeddings.vectors[:1]).max())
        return lead < self._meaning_threshold - _CLEAR_MARGIN

    def immediate(self, text: str, embeddings: Embeddings, *, negative_streak: int = 0) -> Verdict | None:
        """The verdict before the knowledge is searched, None when the message may be answered.

        A greeting or thanks alone has no reason. Where anger has lasted (`negative_streak` upset exchanges, this one
        included) it is the reason, unless another is firm or said in its own words: "the worst tool ever" is an
        outburst then, and not the wish to leave or the abuse that it is near to.

        Row 0 of `embeddings` is the vector of `text` (or of what was chosen of a long one). Further rows, if
        any, are those of `parts(text)`, in order. Vectors of another model than the exemplars' are not
        compared (invariant 8): then wording alone decides.
        """
        if small_talk(text) is not None:
            return None
        angry = self.after_attempt(negative_streak=negative_streak, gap_streak=0)
        hits = [hit for hit in self._hits(text, embeddings) if angry is None or hit.outlasts_anger]
        if not hits:
            return angry
        firm = [hit for hit in hits if hit.lead >= _FIRM]
        by_rank = min(firm, key=lambda hit: self._rank[hit.reason], default=None)
        chosen = by_rank or max(hits, key=lambda hit: hit.lead)
        return self.verdict(chosen.reason, chosen.evidence)

    def after_attempt(self, *, negative_streak: int, gap_streak: int) -> Verdict | None:
        """The verdict on exchanges in a row, this one included: upset ones, and ones without a match."""
        if negative_streak >= self._rules.negative_exchanges:
            return self.verdict(ReasonCode.NEGATIVE_SENTIMENT, f"{negative_streak} upset exchanges in a row")
        if gap_streak >= self._rules.gap_searches:
            return self.verdict(ReasonCode.KNOWLEDGE_GAP, f"{gap_streak} searches in a row without a match")
        return None

    def verdict(self, reason: ReasonCode, evidence: str) -> Verdict:
        """Team and severity of a reason that something else than a message's text gave."""
        rule = self._rules.rules[self._rank[reason]]
        return Verdict(reason, rule.team, rule.severity, evidence)

    def _thresholds(self, model_id: str) -> ModelThresholds:
        models = self._rules.embedding_models
        return models.get(model_id, models["other"])

    def lead(self, text: str, embeddings: Embeddings) -> float:
        """How far the nearest reason leads the ordinary, wording included: what the threshold is held against.

        -inf for small talk, which has no reason. `embeddings` as for `immediate`, of the exemplars' model. The shortcut
        of `is_clear` is not taken.
        """
        if small_talk(text) is not None:
            return -math.inf
        return max(max(judged.scores.values()) for judged in self._judge(text, embeddings))

    def _hits(self, text: str, embeddings: Embeddings) -> Iterator[_Hit]:
        """Every rule that matches somewhere in the message."""
        if embeddings.model_id != self._model_id:
            yield from self._hits_by_wording(self.parts(text) or (text,))
            return
        for judged in self._judge(text, embeddings):
            scores, worded = judged.scores, judged.worded
            best = max(scores, key=lambda label: scores[label])
            for label in {best, *worded}:
                if scores[label] >= self._meaning_threshold:
                    like = self._classifier.nearest(label, judged.part, judged.vector)
                    words = f"wording {worded[label]!r}, " if label in worded else ""
                    evidence = f"{words}like {like!r} ({scores[label]:+.2f})"
                    yield _Hit(ReasonCode(label), scores[label], evidence, worded=label in worded)

    def _judge(self, text: str, embeddings: Embeddings) -> Iterator[_Judged]:
        """The whole of a message, and its parts where their vectors are given."""
        parts = self.parts(text)
        if len(embeddings.vectors) != 1 + len(parts):
            parts = ()
        vectors = embeddings.vectors[: 1 + len(parts)]
        leads = self._classifier.leads((text, *parts), vectors)
        leads[1:] = (1.0 - _CONTEXT_WEIGHT) * leads[1:] + _CONTEXT_WEIGHT * leads[0]
        for place, (part, vector, row) in enumerate(zip((text, *parts), vectors, leads, strict=True)):
            # The whole of a message of several sentences has its wording found in its parts.
            worded = {} if parts and place == 0 else self._find_wording(part)
            scores = {
                label: lead + (self._rules.wording_bonus if label in worded else 0.0)
                for label, lead in zip(self._classifier.labels, row.tolist(), strict=True)
            }
            yield _Judged(part, vector, worded, scores)

    def _hits_by_wording(self, parts: Sequence[str]) -> Iterator[_Hit]:
        for part in parts:
            for label, words in self._find_wording(part).items():
                yield _Hit(ReasonCode(label), _FIRM, f"wording {words!r}", worded=True)

    def _find_wording(self, part: str) -> dict[str, str]:
        """The rules with a pattern in a sentence of the part, and the words that it found."""
        sentences = [_NAMED.sub(r"\1 it", normalise(sentence)) for sentence in split_sentences(part)]
        found = ((rule.reason.value, rule.search(sentence)) for rule in self._compiled for sentence in sentences)
        return {label: words for label, words in found if words is not None}


@dataclass(frozen=True, slots=True)
class _Judged:
    """A part of a message: the wording found in it by rule, and how far each rule leads the ordinary."""

    part: str
    vector: Float32Array
    worded: Mapping[str, str]
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Hit:
    reason: ReasonCode
    lead: float
    evidence: str
    worded: bool

    @property
    def outlasts_anger(self) -> bool:
        """Whether it is the reason even after several upset exchanges: said in its own words, or firm and no mood."""
        return self.worded or (self.lead >= _FIRM and self.reason not in _MOODS)


class _CompiledRule:
    def __init__(self, rule: Rule) -> None:
        self.reason = rule.reason
        self._patterns = [re.compile(pattern) for pattern in rule.patterns]
        self._unless = [re.compile(pattern) for pattern in rule.unless]

    def search(self, sentence: str) -> str | None:
        """The words by which the rule matches a normalised sentence."""
        for pattern in self._patterns:
            match = pattern.search(sentence)
            if match is not None:
                return None if any(unless.search(sentence) for unless in self._unless) else match.group()
        return None
