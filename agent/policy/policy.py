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
from agent.policy.meaning import MeaningClassifier, fit_key, leads_of
from agent.policy.moods import CALM, MoodExemplars, MoodReader, read_moods
from agent.policy.rules import ORDINARY, ModelThresholds, PolicyRules, Rule, read_rules
from agent.policy.sentences import normalise, split_parts, split_sentences, without_accents
from agent.ports import Embedder, Embeddings, Float32Array
from agent.records import ReasonCode, Severity, Team
from agent.text.language import is_english, is_plainly_english
from agent.text.smalltalk import small_talk

_EMBED_BATCH = 64
MOODS_FILE = "moods.yaml"
"""Beside the rules, where there is one."""
# So many of the ordinary sentences of the rules are calm exemplars too: most messages are questions.
_CALM_QUESTIONS = 150
# A sentence apart from its message is ambiguous, so the message has a say.
_CONTEXT_WEIGHT = 0.25
# What is like no exemplar at all trails the ordinary by little: without the wording of a reason it needs some likeness
# of its own. Of the development messages that go to a person by meaning, the least has 0.26.
_LEAST_LIKENESS = 0.2
_UNLIKE = -1.0
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
# "Our department is called Customer Refunds": a name without quotes has capitals.
_CALLED = re.compile(r"\b(called|named|titled)((?: (?:[A-Z]|\d)[\w&-]*)+)")
_MODEL_CHANGED = "the embedding model changed while the policy was loaded; load it anew"
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

    The moods are read from `MOODS_FILE` beside `path`. Raises ConfigurationInvalid naming the rule or the mood that is
    wrong, and what the embedder raises.
    """
    rules = await asyncio.to_thread(read_rules, path)
    moods = await asyncio.to_thread(read_moods, path.with_name(MOODS_FILE))
    labels, sentences = zip(*dict.fromkeys(rules.labelled()), strict=True)
    learned = await _embed(sentences, embedder)
    classifier = await asyncio.to_thread(_fit, sentences, labels, learned.vectors, ORDINARY, fits)
    ordinary = [row for row, label in enumerate(labels) if label == ORDINARY]
    calm = ordinary[:: -(-len(ordinary) // _CALM_QUESTIONS)]
    reader = await _load_moods(
        moods, [sentences[row] for row in calm], learned.vectors[calm], learned.model_id, embedder, fits
    )
    return EscalationPolicy(rules, learned.model_id, classifier, reader)


async def _load_moods(
    moods: MoodExemplars | None,
    questions: Sequence[str],
    asked: Float32Array,
    model_id: str,
    embedder: Embedder,
    fits: ArrayStore | None,
) -> MoodReader | None:
    """`questions` are calm whatever the exemplars say, and `asked` are their vectors."""
    lead = None if moods is None else moods.lead.get(model_id)
    if moods is None or lead is None:
        return None
    given = {sentence: mood for mood, sentence in moods.labelled()}
    learned = await _embed(tuple(given), embedder)
    if learned.model_id != model_id:
        raise ConfigurationInvalid(_MODEL_CHANGED)
    known = [row for row, question in enumerate(questions) if question not in given]
    sentences = [*given, *(questions[row] for row in known)]
    labels = [*given.values(), *[CALM] * len(known)]
    vectors = np.concatenate([learned.vectors, asked[known]])
    return MoodReader(await asyncio.to_thread(_fit, sentences, labels, vectors, CALM, fits), lead)


async def _embed(sentences: Sequence[str], embedder: Embedder) -> Embeddings:
    """In batches, by one model. Raises ConfigurationInvalid when it changes, and what the embedder raises."""
    batches = [
        await embedder.embed(sentences[start : start + _EMBED_BATCH])
        for start in range(0, len(sentences), _EMBED_BATCH)
    ]
    model_ids = {batch.model_id for batch in batches}
    if len(model_ids) > 1:
        raise ConfigurationInvalid(_MODEL_CHANGED)
    return Embeddings(model_ids.pop(), np.concatenate([batch.vectors for batch in batches]))


def _fit(
    sentences: Sequence[str], labels: Sequence[str], vectors: Float32Array, ordinary: str, fits: ArrayStore | None
) -> MeaningClassifier:
    if fits is None:
        return MeaningClassifier(sentences, labels, vectors, ordinary=ordinary)
    key = fit_key(sentences, labels, vectors)
    known = fits.load(key)
    classifier = MeaningClassifier(sentences, labels, vectors, ordinary=ordinary, weights=known)
    if known is None or classifier.weights is not known:
        fits.store(key, classifier.weights)
    return classifier


class EscalationPolicy:
    """The rules, ready to judge messages embedded by the model that embedded their exemplars."""

    def __init__(
        self, rules: PolicyRules, model_id: str, classifier: MeaningClassifier, moods: MoodReader | None = None
    ) -> None:
        self._rules = rules
        self._moods = moods
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

    def sentiment(self, text: str, embeddings: Embeddings, by_words: float) -> float:
        """The sentiment of a text, -1 to 1, that words alone give as `by_words`; row 0 of `embeddings` is its vector.

        Small talk has the mood of its words, and so has what another model embedded (invariant 8).
        """
        if self._moods is None or embeddings.model_id != self._model_id or small_talk(text) is not None:
            return by_words
        return self._moods.score(text, embeddings.vectors[0], by_words)

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

    def immediate(
        self,
        text: str,
        embeddings: Embeddings,
        *,
        negative_streak: int = 0,
        leans_on: tuple[str, Float32Array] | None = None,
    ) -> Verdict | None:
        """The verdict before the knowledge is searched, None when the message may be answered.

        `leans_on`: what a terse follow-up means, its earlier question and itself, and the vector of that. "And if I
        lose it?" says too little to be judged alone.

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
        hits = [hit for hit in self._hits(text, embeddings, leans_on) if angry is None or hit.outlasts_anger]
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

    def _hits(self, text: str, embeddings: Embeddings, leans_on: tuple[str, Float32Array] | None) -> Iterator[_Hit]:
        """Every rule that matches somewhere in the message."""
        if embeddings.model_id != self._model_id:
            yield from self._hits_by_wording(self.parts(text) or (text,))
            return
        for judged in self._judge(text, embeddings, leans_on):
            scores, worded = judged.scores, judged.worded
            best = max(scores, key=lambda label: scores[label])
            for label in {best, *worded}:
                if scores[label] >= self._meaning_threshold:
                    like = self._classifier.nearest(label, judged.part, judged.vector)
                    words = f"wording {worded[label].words!r}, " if label in worded else ""
                    evidence = f"{words}like {like!r} ({scores[label]:+.2f})"
                    yield _Hit(ReasonCode(label), scores[label], evidence, worded=label in worded)

    def _judge(
        self, text: str, embeddings: Embeddings, leans_on: tuple[str, Float32Array] | None = None
    ) -> Iterator[_Judged]:
        """The whole of a message, and its parts where their vectors are given."""
        parts = self.parts(text)
        if len(embeddings.vectors) != 1 + len(parts):
            parts = ()
        vectors = embeddings.vectors[: 1 + len(parts)]
        likeness = self._classifier.scores((text, *parts), vectors)
        leads = leads_of(likeness)
        if leans_on is not None:
            meant, vector = leans_on
            leads[0] = _in_context(leads[0], self._classifier.leads((meant,), vector[None, :])[0])
        leads[1:] = _in_context(leads[1:], leads[0])
        unlike = likeness[:, :-1] < _LEAST_LIKENESS
        for place, (part, vector, row, far) in enumerate(
            zip((text, *parts), vectors, leads.tolist(), unlike.tolist(), strict=True)
        ):
            # The whole of a message of several sentences has its wording found in its parts.
            worded = {} if parts and place == 0 else self._find_wording(part)
            scores = {
                label: self._worded_lead(worded[label], lead) if label in worded else _UNLIKE if is_unlike else lead
                for label, lead, is_unlike in zip(self._classifier.labels, row, far, strict=True)
            }
            yield _Judged(part, vector, worded, scores)

    def _worded_lead(self, wording: _Wording, lead: float) -> float:
        return max(lead, _FIRM) if wording.is_enough else lead + self._rules.wording_bonus

    def _hits_by_wording(self, parts: Sequence[str]) -> Iterator[_Hit]:
        for part in parts:
            for label, wording in self._find_wording(part).items():
                yield _Hit(ReasonCode(label), _FIRM, f"wording {wording.words!r}", worded=True)

    def _find_wording(self, part: str) -> dict[str, _Wording]:
        """The rules with a pattern in a sentence of the part, and the words that it found.

        The exemplars are English, and so is what most embedding models know: where another language is written, words
        must do.
        """
        spoken = (_CALLED.sub(r"\1 it", sentence) for sentence in split_sentences(part))
        sentences = [_NAMED.sub(r"\1 it", normalise(sentence)) for sentence in spoken]
        found: dict[str, _Wording] = {}
        for sentence in sentences:
            elsewhere = None if is_plainly_english(sentence) else without_accents(sentence)
            for rule in self._compiled:
                wording = rule.find(sentence, elsewhere)
                label = rule.reason.value
                if wording is not None and not (label in found and found[label].is_enough):
                    found[label] = wording
        return found


def _in_context(leads: NDArray[np.float64], context: NDArray[np.float64]) -> NDArray[np.float64]:
    mixed: NDArray[np.float64] = (1.0 - _CONTEXT_WEIGHT) * leads + _CONTEXT_WEIGHT * context
    return mixed


@dataclass(frozen=True, slots=True)
class _Wording:
    """The words by which a rule matches, and whether they decide alone, whatever the vectors say."""

    words: str
    is_enough: bool


@dataclass(frozen=True, slots=True)
class _Judged:
    """A part of a message: the wording found in it by rule, and how far each rule leads the ordinary."""

    part: str
    vector: Float32Array
    worded: Mapping[str, _Wording]
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
        self._elsewhere = [re.compile(pattern) for pattern in rule.other_languages]
        self._elsewhere_unless = [re.compile(pattern) for pattern in rule.other_languages_unless]

    def find(self, sentence: str, elsewhere: str | None) -> _Wording | None:
        """The words by which the rule matches a normalised sentence.

        `elsewhere`: the same without accents where it may be of another language than English, else None.
        """
        words = _search(self._patterns, self._unless, sentence)
        if elsewhere is not None:
            told = _search(self._elsewhere, self._elsewhere_unless, elsewhere)
            if told is not None or (words is not None and not is_english(sentence)):
                return _Wording(told or words or "", is_enough=True)
        return None if words is None else _Wording(words, is_enough=False)


def _search(patterns: Sequence[re.Pattern[str]], unless: Sequence[re.Pattern[str]], sentence: str) -> str | None:
    for pattern in patterns:
        match = pattern.search(sentence)
        if match is not None:
            return None if any(other.search(sentence) for other in unless) else match.group()
    return None
